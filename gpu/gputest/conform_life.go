package gputest

import (
	"errors"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Lifecycle, capacity, and what a step refuses.

func names(r *rig) {
	r.refused(engine.ErrRange, r.e.New(0))
	seq := r.new()
	r.refused(engine.ErrSequenceExists, r.e.New(seq))
	r.feed(seq, r.tokens(3))
	r.refused(engine.ErrSequenceExists, r.e.New(seq))
	r.release(seq)
	r.named = seq - 1 // so that it is the next name given
	r.feed(r.new(), r.tokens(2))
	r.fresh("a name used again", seq)
}

func unknownSequences(r *rig) {
	const ghost = 7
	known := r.fed(r.tokens(4))
	if n, c := r.e.Len(ghost), r.e.Capacity(ghost); n != -1 || c != -1 {
		r.Errorf("length %d and capacity %d, want -1", n, c)
	}
	for name, err := range map[string]error{
		"reserve":      r.e.Reserve(ghost, 1),
		"fork":         r.e.Fork(ghost, 8, 0),
		"truncate":     r.e.Truncate(ghost, 0),
		"release":      r.e.Release(ghost),
		"set sampling": r.e.SetSampling(ghost, engine.Sampling{}, nil),
		"step":         r.stepErr(engine.Item{Seq: ghost, Tokens: r.tokens(1)}),
		"save":         second(r.e.Save(ghost, 0, 0)),
		"load":         r.e.Load(ghost, engine.Saved{Data: make([]byte, r.g.CellBytes), Cells: 1}),
		"read":         second(r.e.Read(ghost, nil)),
		"place from":   r.e.Place(engine.Placement{Src: ghost, Dst: known, N: 1, At: 4}),
		"place in":     r.e.Place(engine.Placement{Src: known, Dst: ghost, N: 1}),
		"patch":        r.stepErr(engine.Item{Seq: ghost, Tokens: r.tokens(1), At: []int{0}}),
	} {
		if !errors.Is(err, engine.ErrNoSuchSequence) {
			r.Errorf("%s: got error %v, want %v", name, err, engine.ErrNoSuchSequence)
		}
	}
	r.audit()
}

func second[T any](_ T, err error) error { return err }

func capacityIsReserved(r *rig) {
	seq := r.new()
	for _, cells := range []int{1, r.g.Granule, r.g.Granule + 1, 2, 0, r.unit + 1, 3 * r.unit} {
		r.reserve(seq, cells)
	}
	r.refused(engine.ErrRange, r.e.Reserve(seq, -1))
	r.reserve(seq, r.g.MaxContext+1) // too long

	short := r.new()
	r.reserve(short, 1)
	tokens := r.tokens(r.g.Granule + 1)
	r.refused(engine.ErrCapacity, r.stepErr(engine.Item{Seq: short, Tokens: tokens}))
	r.step(engine.Item{Seq: short, Tokens: tokens[:r.g.Granule-1]})
	r.refused(engine.ErrCapacity, r.stepErr(engine.Item{Seq: short, Tokens: tokens[:2]}))
	r.step(engine.Item{Seq: short, Tokens: tokens[:1]})
	r.refused(engine.ErrCapacity, r.stepErr(engine.Item{Seq: short, Tokens: tokens[:1]}))
	r.feed(short, tokens)
	r.fresh("reserved bit by bit", short)
}

func poolIsFull(r *rig) {
	seq := r.fed(r.tokens(r.g.Granule + 2))
	before := r.readAll(seq)
	parent := r.fed(r.tokens(r.unit))
	child, longer := r.fork(parent, r.unit), r.fork(parent, r.unit)
	r.reserve(longer, 2*r.unit)
	r.fill(0)
	for range 2 {
		if r.reserve(seq, 2*r.g.Granule+1) {
			r.Fatalf("the suite's ledger is wrong: there is room")
		}
		if r.fork(seq, 1) != 0 {
			r.Fatalf("the suite's ledger is wrong: there is room")
		}
	}
	r.sameBits("in a full pool", r.readAll(seq), before)
	empty := r.fork(seq, 0)
	if r.truncate(child, r.unit-1) && r.g.Shared(r.unit) > 0 {
		r.Fatalf("the suite's ledger is wrong: there is no room for a copy of a cut span")
	}
	if !r.truncate(longer, r.unit-1) {
		r.Fatalf("the suite's ledger is wrong: what is given back makes the room")
	}
	r.sameBits("cut in a full pool", r.readAll(longer), r.read(parent, 0, r.unit-1))
	for _, done := range []engine.Seq{parent, child, longer} {
		r.release(done)
	}
	r.reserve(empty, r.g.Granule)
	r.feed(seq, r.tokens(r.g.Granule))
}

// Every second granule of the pool is free: there is room for whatever is no
// more than that, but in no one place.
func roomDespiteHoles(r *rig) {
	keep := r.fed(r.tokens(r.g.Granule))
	before := r.readAll(keep)
	r.fill(4 * r.unit)
	data := r.save(keep, 0, r.g.Granule)
	var copies, rest []engine.Seq
	for r.ledger.freeCells() >= r.g.Granule {
		seq := r.new()
		r.reserve(seq, r.g.Granule)
		r.load(seq, data, r.context(keep))
		copies = append(copies, seq)
	}
	for i, seq := range copies {
		if i%2 == 0 {
			r.release(seq)
		} else {
			rest = append(rest, seq)
		}
	}
	long := r.new()
	if !r.reserve(long, (r.ledger.freeCells()/r.g.Granule-1)*r.g.Granule) {
		r.Fatalf("the suite's ledger is wrong: there is no room")
	}
	if !r.reserve(rest[0], 2*r.g.Granule) { // the last granule, for a range with neighbours
		r.Fatalf("the suite's ledger is wrong: there is no room")
	}
	for _, seq := range append(rest, keep) {
		r.sameBits("after the pool was rearranged", r.readAll(seq), before)
	}
}

func stepIsAllOrNothing(r *rig) {
	good, other := r.fed(r.tokens(5)), r.fed(r.tokens(3))
	r.reserve(good, 2*r.g.Granule)
	before := r.readAll(good)
	ok := engine.Item{Seq: good, Tokens: r.tokens(2)}
	for _, tc := range []struct {
		item engine.Item
		want error
	}{
		{engine.Item{Seq: other, Tokens: []engine.Token{-1}}, engine.ErrRange},
		{engine.Item{Seq: other, Tokens: []engine.Token{1, engine.Token(r.g.Vocab)}}, engine.ErrRange},
		{engine.Item{Seq: other}, engine.ErrRange},
		{engine.Item{Seq: good, Tokens: r.tokens(1)}, engine.ErrRange},
		{engine.Item{Seq: 7, Tokens: r.tokens(1)}, engine.ErrNoSuchSequence},
		{engine.Item{Seq: other, Tokens: r.tokens(r.g.Granule)}, engine.ErrCapacity},
	} {
		r.refused(tc.want, r.stepErr(ok, tc.item))
		r.refused(tc.want, r.stepErr(tc.item, ok))
	}
	r.reserve(other, r.g.MaxStep+3)
	r.refused(engine.ErrRange, r.stepErr(engine.Item{Seq: other, Tokens: r.tokens(r.g.MaxStep - 1)}, ok))
	r.refused(engine.ErrRange, r.e.Step([]engine.Item{ok}, nil))
	r.sameBits("after refused steps", r.readAll(good), before)
	r.fresh("after refused steps", good)
	r.fresh("after refused steps", other)
}

func emptyStep(r *rig) {
	seq := r.fed(r.tokens(2))
	r.must(r.e.Step(nil, nil))
	r.fresh("after an empty step", seq)
}
