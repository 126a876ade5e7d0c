package gputest

import (
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Forks and truncations: a sequence is its context, whatever it went through.

// cuts are the places where something could go wrong in a context of n cells.
func (r *rig) cuts(n int) []int {
	s, q := r.unit, r.g.Granule
	cuts := []int{0, 1, q - 1, q, s - 1, s, s + 1, s + q, 2*s - 1, 2 * s, 2*s + 1, n}
	slices.Sort(cuts)
	return slices.DeleteFunc(slices.Compact(cuts), func(c int) bool { return c > n })
}

func forkContinuesAsFresh(r *rig) {
	src := r.fed(r.tokens(2*r.unit + r.g.Granule + 2))
	before := r.readAll(src)
	for _, n := range r.cuts(len(r.context(src))) {
		child := r.fork(src, n)
		r.sameBits(fmt.Sprintf("fork at %d", n), r.readAll(child), r.read(src, 0, n))
		r.feed(child, r.tokens(3))
		r.fresh(fmt.Sprintf("fork at %d", n), child)
		r.release(child)
	}
	r.sameBits("forked sequence", r.readAll(src), before)
	r.fresh("forked sequence", src)
}

func forkAndParentDiverge(r *rig) {
	parent := r.fed(r.tokens(r.unit + 3))
	child := r.fork(parent, r.unit+2)
	grandchild := r.fork(child, r.unit+1)
	for range 2 {
		for _, seq := range []engine.Seq{parent, child, grandchild} {
			r.feed(seq, r.tokens(r.g.Granule-1))
		}
	}
	r.fresh("parent", parent)
	r.fresh("child", child)
	r.fresh("grandchild", grandchild)
}

func parentRewritten(r *rig) {
	for _, n := range r.cuts(2*r.unit + 2) {
		parent := r.fed(r.tokens(2*r.unit + 2))
		child := r.fork(parent, 2*r.unit+1)
		before := r.readAll(child)
		r.truncate(parent, n)
		r.feed(parent, r.tokens(r.g.Granule+3))
		what := fmt.Sprintf("parent truncated to %d", n)
		r.sameBits("child of "+what, r.readAll(child), before)
		r.fresh(what, parent)
		r.fresh("child of "+what, child)
		r.release(parent)
		r.release(child)
	}
}

func forkOutlivesParent(r *rig) {
	parent := r.fed(r.tokens(r.unit + 1))
	child := r.fork(parent, r.unit+1)
	before := r.readAll(child)
	r.release(parent)
	r.fed(r.tokens(2 * r.unit)) // takes the place of whatever was given back
	r.sameBits("orphan", r.readAll(child), before)
	r.fresh("orphan", child)
	r.truncate(child, r.unit/2) // its own again: cut in place
	r.fresh("orphan cut", child)
}

func forksShareSpansOnce(r *rig) {
	base := r.fed(r.tokens(2*r.unit + 1))
	fork := func(n int) engine.Seq {
		before := r.e.Memory().Used
		seq := r.fork(base, n)
		if cost, want := r.e.Memory().Used-before, r.g.Bytes(n)-r.g.Bytes(r.g.Shared(n)); cost != want {
			r.Errorf("a fork of %d cells costs %d bytes, want %d", n, cost, want)
		}
		return seq
	}
	forks := []engine.Seq{fork(2*r.unit + 1), fork(2*r.unit + 1), fork(2*r.unit + 1)}
	whole, below := fork(2*r.unit), fork(r.unit-1)
	r.release(base)
	for _, seq := range append(forks, whole, below) {
		r.feed(seq, r.tokens(2))
	}
	r.fresh("fork of whole spans", whole)
	r.fresh("fork of less than a span", below)
	r.fresh("fork", forks[2])
}

func forkRefused(r *rig) {
	src := r.fed(r.tokens(5))
	r.refused(engine.ErrSequenceExists, r.e.Fork(src, src, 1))
	r.refused(engine.ErrRange, r.e.Fork(src, 0, 1))
	r.refused(engine.ErrRange, r.e.Fork(src, 7, 6))
	r.refused(engine.ErrRange, r.e.Fork(src, 7, -1))
}

func truncateContinuesAsFresh(r *rig) {
	for _, n := range r.cuts(2*r.unit + 2) {
		seq := r.fed(r.tokens(2*r.unit + 2))
		before := r.read(seq, 0, n)
		r.truncate(seq, n)
		r.sameBits(fmt.Sprintf("truncated to %d", n), r.readAll(seq), before)
		r.feed(seq, r.tokens(4))
		r.fresh(fmt.Sprintf("truncated to %d", n), seq)
		r.release(seq)
	}
}

func truncateGivesBack(r *rig) {
	seq := r.fed(r.tokens(r.unit + 1))
	r.reserve(seq, 3*r.unit)
	for _, n := range slices.Backward(r.cuts(r.unit + 1)) {
		r.truncate(seq, n)
		if used, want := r.e.Memory().Used, r.g.Bytes(n); used != want {
			r.Errorf("truncated to %d, %d bytes are used, want %d", n, used, want)
		}
	}
	r.refused(engine.ErrRange, r.e.Truncate(seq, 1))
	r.refused(engine.ErrRange, r.e.Truncate(seq, -1))
}
