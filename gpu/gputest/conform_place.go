package gputest

import (
	"github.com/interlude-run/interlude/gpu/engine"
)

// Cells that are moved to other positions, behind other cells.

// Cells that stay where they are stay what they are, and what is decoded behind them is
// what it was.
func placeInPlace(r *rig) {
	src := r.fed(r.tokens(2*r.unit + 3))
	for _, from := range []int{0, 1, r.g.Granule + 1, r.unit - 1, r.unit + 2} {
		n := r.unit + 1
		dst := r.fed(r.tokens(from))
		r.place(engine.Placement{Src: src, From: from, N: n, Dst: dst, At: from})
		r.sameBits("placed", r.read(dst, from, from+n), r.read(src, from, from+n))
		r.release(dst)
	}
	before := r.readAll(src)
	n := len(r.context(src))
	dst := r.new()
	r.place(engine.Placement{Src: src, N: n, Dst: dst})
	r.sameBits("the source", r.readAll(src), before)
	for range 3 {
		token := r.tokens(1)
		r.same("logits behind placed cells", r.feed(dst, token), r.feed(src, token), 0)
	}
	r.sameBits("placed, and decoded behind it", r.readAll(dst), r.readAll(src))
}

// K and V of the first layer follow from the token and its position alone, so
// there moved cells are as good as a prefill. In every layer V stays, to the bit, and K
// comes back when it is turned back.
func placeRotates(r *rig) {
	src := r.fed(r.tokens(r.unit + r.g.Granule + 5))
	before := r.readAll(src)
	for _, tc := range []struct{ from, n, to int }{
		{0, r.g.Granule + 3, 1},
		{0, r.unit + 2, r.unit + 5},
		{r.unit - 2, r.g.Granule, 3},
		{5, r.unit, 2*r.unit - 1},
		{r.g.Granule, 1, 0},
	} {
		prefix := r.tokens(tc.to)
		dst := r.fed(prefix)
		kept := r.readAll(dst)
		r.place(engine.Placement{Src: src, From: tc.from, N: tc.n, Dst: dst, At: tc.to})
		moved, was := r.read(dst, tc.to, tc.to+tc.n), r.read(src, tc.from, tc.from+tc.n)
		r.sameBits("cells before the placed", r.read(dst, 0, tc.to), kept)
		r.same("V at two positions", moved.V, was.V, 0)
		r.differ("K at two positions", moved.K, was.K)

		prefilled := r.fed(r.context(dst))
		want := r.read(prefilled, tc.to, tc.to+tc.n)
		r.same("K of the first layer", layer(r.g, moved.K, 0), layer(r.g, want.K, 0), r.o.Rotate)
		r.same("V of the first layer", layer(r.g, moved.V, 0), layer(r.g, want.V, 0), r.o.First)

		back := r.fed(r.tokens(tc.from))
		r.place(engine.Placement{Src: dst, From: tc.to, N: tc.n, Dst: back, At: tc.from})
		r.sameKV("turned there and back", r.read(back, tc.from, tc.from+tc.n), was, 2*r.o.Rotate, 0)
		for _, seq := range []engine.Seq{dst, prefilled, back} {
			r.release(seq)
		}
	}
	r.sameBits("source", r.readAll(src), before)
}

// A middle is taken out: what follows it moves up, behind the fork of what was before it,
// from the very sequence whose spans the fork shares.
func placeWithoutTheMiddle(r *rig) {
	src := r.fed(r.tokens(2*r.unit + r.g.Granule + 2))
	ctx := r.context(src)
	for _, cut := range [][2]int{{r.unit + 1, r.unit + 2}, {r.g.Granule / 2, r.unit + 3}, {r.unit, 2*r.unit + 1}} {
		a, b := cut[0], cut[1]
		before := r.readAll(src)
		seq := r.fork(src, a)
		r.place(engine.Placement{Src: src, From: b, N: len(ctx) - b, Dst: seq, At: a})
		r.sameBits("the source of a fork and of what follows it", r.readAll(src), before)
		r.sameBits("before what was taken out", r.read(seq, 0, a), r.read(src, 0, a))
		r.same("V behind what was taken out", r.read(seq, a, len(ctx)-b+a).V, r.read(src, b, len(ctx)).V, 0)
		prefilled := r.fed(r.context(seq))
		got, want := r.readAll(seq), r.readAll(prefilled)
		r.same("K of the first layer", layer(r.g, got.K, 0), layer(r.g, want.K, 0), r.o.Rotate)
		r.same("V of the first layer", layer(r.g, got.V, 0), layer(r.g, want.V, 0), r.o.First)
		r.release(seq)
		r.release(prefilled)
	}
}

func placeWithin(r *rig) {
	seq := r.fed(r.tokens(r.g.Granule + 3))
	n := len(r.context(seq))
	was := r.readAll(seq)
	r.place(engine.Placement{Src: seq, From: 1, N: n - 1, Dst: seq, At: n})
	r.sameBits("cells before the placed", r.read(seq, 0, n), was)
	prefilled := r.fed(r.context(seq))
	got, want := r.readAll(seq), r.readAll(prefilled)
	r.same("K of the first layer", layer(r.g, got.K, 0), layer(r.g, want.K, 0), r.o.Rotate)
}

// Saved cells are placed as those are that they were saved from, and so are parts of them.
func placeSaved(r *rig) {
	src := r.fed(r.tokens(2*r.unit + 5))
	ctx, from, n := r.context(src), 3, r.unit+r.g.Granule
	saved := r.save(src, from, n)
	for _, tc := range []struct{ skip, n, to int }{{0, n, from}, {0, n, from + 7}, {2, n - 5, 1}, {r.g.Granule, 4, 2*r.unit + 1}, {4, r.unit, 4 + from}} {
		prefix := r.tokens(tc.to / 2) // and holes behind it
		tokens := ctx[from+tc.skip:][:tc.n]
		want, got, packed := r.fed(prefix), r.fed(prefix), r.fed(prefix)
		r.place(engine.Placement{Src: src, From: from + tc.skip, N: tc.n, Dst: want, At: tc.to})
		part := saved.Part(tc.skip, tc.n)
		small := r.e.Pack(part)
		r.placed(engine.Placement{Saved: &part, From: from + tc.skip, N: tc.n, Dst: got, At: tc.to}, tokens)
		r.placed(engine.Placement{Saved: &small, From: from + tc.skip, N: tc.n, Dst: packed, At: tc.to}, tokens)
		r.sameBits("placed from a saved copy", r.readAll(got), r.readAll(want))
		r.sameBits("placed from a packed copy", r.readAll(packed), r.readAll(want))
		for _, seq := range []engine.Seq{want, got, packed} {
			r.release(seq)
		}
	}
}

// What is left out is zeros, also in memory that others have used.
func placeLeavesHoles(r *rig) {
	src := r.fed(r.tokens(r.unit + 2))
	for _, seq := range r.poison() {
		r.release(seq)
	}
	for _, tc := range []struct{ had, at, n int }{{0, 1, 3}, {3, r.g.Granule, r.g.Granule + 1}, {r.unit - 1, 2*r.unit + 3, 5}, {2, r.unit + 1, 0}} {
		seq := r.fed(r.tokens(tc.had))
		was := r.readAll(seq)
		r.place(engine.Placement{Src: src, From: 1, N: tc.n, Dst: seq, At: tc.at})
		r.sameBits("before a hole", r.read(seq, 0, tc.had), was)
		hole := r.read(seq, tc.had, tc.at)
		zero := engine.KV{K: make([]float32, len(hole.K)), V: make([]float32, len(hole.V))}
		r.sameBits("a hole", hole, zero)
		r.same("V behind a hole", r.read(seq, tc.at, tc.at+tc.n).V, r.read(src, 1, 1+tc.n).V, 0)
		if n := tc.at + tc.n; n <= r.g.MaxStep {
			r.patch(seq, upTo(0, n), r.tokens(n))
			r.fresh("patched around a hole", seq)
		}
		r.release(seq)
	}
}

// A delta belongs to the cells where they come from: to add it and to move them is what it
// is to move their sum.
func placeAddsDeltas(r *rig) {
	src := r.fed(r.tokens(r.unit + 3))
	from, n := 2, r.unit
	was := r.read(src, from, from+n)
	d := r.delta(was)
	sum := r.fed(r.tokens(from))
	r.place(engine.Placement{Src: src, From: from, N: n, Dst: sum, At: from, Delta: &d})
	r.sameKV("with deltas, in place", r.read(sum, from, from+n), plus(was, d), r.o.Delta, r.o.Delta)
	for _, to := range []int{r.g.Granule + 1, r.unit + 5, 0} {
		prefix := r.tokens(to)
		plain, with, moved := r.fed(prefix), r.fed(prefix), r.fed(prefix)
		p := engine.Placement{Src: src, From: from, N: n, Dst: plain, At: to}
		r.place(p)
		p.Dst, p.Delta = with, &d
		r.place(p)
		r.place(engine.Placement{Src: sum, From: from, N: n, Dst: moved, At: to})
		got := r.read(with, to, to+n)
		r.sameKV("with deltas, moved", got, r.read(moved, to, to+n), r.o.Delta, 0)
		r.same("V with deltas, moved", got.V, plus(was, d).V, r.o.Delta)
		probe := r.tokens(1)
		r.differ("logits with and without deltas", r.feed(plain, probe), r.feed(with, probe))
		for _, seq := range []engine.Seq{plain, with, moved} {
			r.release(seq)
		}
	}
	r.sameBits("source", r.read(src, from, from+n), was)
}

func placeRefused(r *rig) {
	src, dst := r.fed(r.tokens(6)), r.fed(r.tokens(3))
	saved := r.save(src, 0, 6)
	longer := saved
	longer.Cells++
	was := r.readAll(dst)
	full := r.e.Capacity(dst)
	for _, p := range []engine.Placement{
		{From: -1, N: 2, At: 3}, {From: 0, N: -1, At: 3}, {From: 0, N: 7, At: 3}, {From: 7, N: 0, At: 3},
		{N: 2, At: 2}, {N: 2, At: -1}, {N: 0, At: 2},
		{N: 2, At: 3, Delta: &engine.KV{}},
		{N: 2, At: 3, Delta: &engine.KV{K: make([]float32, 2*r.values()), V: make([]float32, r.values())}},
		{N: 2, At: 3, Delta: &engine.KV{K: make([]float32, 3*r.values()), V: make([]float32, 2*r.values())}},
		{Saved: &saved, N: 5, At: 3}, {Saved: &saved, N: 7, At: 3}, {Saved: &longer, N: 7, At: 3},
		{Saved: &saved, N: 6, At: 3, From: -1}, {Saved: &saved, N: 6, At: 3, From: r.g.MaxContext - 5},
	} {
		p.Src, p.Dst = src, dst
		r.refused(engine.ErrRange, r.e.Place(p))
	}
	for _, p := range []engine.Placement{{N: 2, At: full - 1}, {N: 1, At: full}, {N: 0, At: full + 1}, {Saved: &saved, N: 6, At: full - 2}} {
		p.Src, p.Dst = src, dst
		r.refused(engine.ErrCapacity, r.e.Place(p))
	}
	for _, at := range []int{r.g.MaxContext + 1, r.g.MaxContext - 1, int(^uint(0) >> 1)} {
		r.refused(engine.ErrTooLong, r.e.Place(engine.Placement{Src: src, N: 2, Dst: dst, At: at}))
	}
	r.sameBits("after refused placements", r.readAll(dst), was)
	n := min(6, full-3)
	r.place(engine.Placement{Src: src, N: n, Dst: dst, At: full - n}) // to the very end
	r.sameBits("before what was placed at the end", r.read(dst, 0, 3), was)
}
