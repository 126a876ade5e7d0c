package gputest

import (
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// randomWalk does anything to a few sequences in a pool that is nearly full.
func randomWalk(r *rig) {
	w := newWalk(r, func(n int, _ string) int { return r.random.IntN(n) })
	for i := range r.o.Walk {
		w.step()
		if i%10 == 0 {
			w.contents()
		}
	}
	w.contents()
	for _, seq := range r.ledger.names() {
		if !slices.Contains(w.live, seq) {
			r.release(seq) // makes room for fresh ones
		}
	}
	for _, seq := range w.live {
		r.truncate(seq, min(len(r.context(seq)), r.unit+3))
		r.fresh("after a random walk", seq)
	}
}

// walk is a sequence of random operations, of which every cell that was ever
// written is known as it was read then.
type walk struct {
	*rig
	choose func(n int, what string) int // 0 ≤ choice < n
	live   []engine.Seq
	cells  map[engine.Seq][]engine.KV // one for each

	// next, if known, is the token that a greedy sequence with that context
	// gets.
	next func(ctx []engine.Token) engine.Token
}

// newWalk leaves 6 units of the pool to walk in.
func newWalk(r *rig, choose func(n int, what string) int) *walk {
	r.fill(6 * r.unit)
	return &walk{rig: r, choose: choose, cells: map[engine.Seq][]engine.KV{}}
}

func (w *walk) step() {
	w.Helper()
	if len(w.live) == 0 {
		w.begin()
		return
	}
	seq := w.live[w.choose(len(w.live), "sequence")]
	n := len(w.context(seq))
	switch w.choose(12, "operation") {
	case 0:
		if len(w.live) < 8 {
			w.begin()
		}
	case 1, 2:
		w.reserve(seq, w.choose(4*w.unit+2, "cells"))
	case 3, 4, 5, 6:
		w.grow(seq, 1+w.choose(min(w.g.MaxStep, w.unit/2), "tokens"))
	case 7:
		if len(w.live) >= 8 {
			return
		}
		at := w.choose(n+1, "fork at")
		if child := w.fork(seq, at); child != 0 {
			w.live = append(w.live, child)
			w.cells[child] = slices.Clone(w.cells[seq][:at])
		}
	case 8, 9:
		if to := w.choose(n+1, "truncate to"); w.truncate(seq, to) {
			w.cells[seq] = slices.Clone(w.cells[seq][:to])
		}
	case 10:
		w.end(seq)
	case 11:
		w.restore(seq, w.choose(n+1, "restore from"))
	}
}

func (w *walk) begin() { w.live = append(w.live, w.new()) }

func (w *walk) end(seq engine.Seq) {
	w.release(seq)
	delete(w.cells, seq)
	w.live = slices.DeleteFunc(w.live, func(s engine.Seq) bool { return s == seq })
}

// grow appends as much of n tokens as there is capacity for, and is refused
// what is more.
func (w *walk) grow(seq engine.Seq, n int) {
	w.Helper()
	have, room := len(w.context(seq)), w.e.Capacity(seq)-len(w.context(seq))
	tokens := w.tokens(n)
	if n > room {
		w.refused(engine.ErrCapacity, w.stepErr(engine.Item{Seq: seq, Tokens: tokens}))
		tokens = tokens[:room]
	}
	if len(tokens) == 0 {
		return
	}
	out := w.rig.step(engine.Item{Seq: seq, Tokens: tokens, Sample: true})[0]
	if w.next != nil {
		if want := w.next(w.context(seq)); out.Token != want {
			w.Fatalf("sampled %d after %v, want %d", out.Token, w.context(seq), want)
		}
	}
	w.note(seq, have)
}

// restore saves the cells from there on, truncates, and loads them again.
func (w *walk) restore(seq engine.Seq, from int) {
	w.Helper()
	n := len(w.context(seq))
	tail := slices.Clone(w.context(seq)[from:])
	data := w.save(seq, from, n-from)
	if !w.truncate(seq, from) {
		return
	}
	if w.reserve(seq, n) {
		w.load(seq, data, tail)
	} else {
		w.cells[seq] = slices.Clone(w.cells[seq][:from])
	}
}

// note reads the cells from there on.
func (w *walk) note(seq engine.Seq, from int) {
	w.Helper()
	n := len(w.context(seq))
	w.cells[seq] = append(w.cells[seq], perCell(w.g, w.read(seq, from, n), n-from)...)
}

// contents demands that every cell is as it was written.
func (w *walk) contents() {
	w.Helper()
	for _, seq := range w.live {
		for i, got := range perCell(w.g, w.readAll(seq), len(w.context(seq))) {
			want := w.cells[seq][i]
			if !slices.Equal(got.K, want.K) || !slices.Equal(got.V, want.V) {
				w.Fatalf("cell %d of sequence %d is not as it was written", i, seq)
			}
		}
	}
}

// perCell takes the K and V of n cells apart.
func perCell(g engine.Geometry, kv engine.KV, n int) []engine.KV {
	cells := make([]engine.KV, n)
	dim := g.HeadDim
	for i := range cells {
		for head := range g.Layers * g.KVHeads {
			at := (head*n + i) * dim
			cells[i].K = append(cells[i].K, kv.K[at:at+dim]...)
			cells[i].V = append(cells[i].V, kv.V[at:at+dim]...)
		}
	}
	return cells
}
