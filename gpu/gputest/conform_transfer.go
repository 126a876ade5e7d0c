package gputest

import (
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Cells as values: copied out and in, moved to other positions, added to,
// computed again.

func saveAndLoad(r *rig) {
	src := r.fed(r.tokens(r.unit + r.g.Granule + 3))
	ctx, n := r.context(src), len(r.context(src))
	data, before := r.save(src, 0, n), r.readAll(src)

	dst := r.new()
	r.reserve(dst, n)
	half := n / 2
	r.load(dst, r.save(src, 0, half), ctx[:half])
	r.load(dst, r.save(src, half, n-half), ctx[half:])
	r.load(dst, engine.Saved{}, nil)
	r.sameBits("loaded", r.readAll(dst), before)
	if !slices.Equal(r.save(dst, 0, n).Data, data.Data) {
		r.Errorf("saved again, the bytes differ")
	}
	r.fresh("loaded", dst)

	// Parts of what was saved at once.
	parts := r.new()
	r.reserve(parts, n)
	r.load(parts, data.Part(0, 3), ctx[:3])
	packed := r.e.Pack(data.Part(3, half))
	if int64(len(packed.Data)) != int64(half)*r.g.CellBytes || packed.Cells != half {
		r.Fatalf("%d cells are packed as %d in %d bytes", half, packed.Cells, len(packed.Data))
	}
	r.load(parts, packed.Part(0, 1), ctx[3:4])
	r.load(parts, packed.Part(1, half-1), ctx[4:3+half])
	r.load(parts, data.Part(2, n-2).Part(1+half, n-3-half), ctx[3+half:])
	r.sameBits("loaded in parts", r.readAll(parts), before)
	r.release(parts)

	// Offload and restore the tail of the same sequence, with another one in
	// its memory meanwhile.
	tail := r.save(src, half, n-half)
	r.truncate(src, half)
	r.fed(r.tokens(n))
	r.reserve(src, n)
	r.load(src, tail, slices.Clone(ctx[half:n]))
	r.sameBits("restored", r.readAll(src), before)
	r.fresh("restored", src)

	for _, bad := range [][2]int{{-1, 2}, {0, -1}, {0, n + 2}, {n + 2, 0}} {
		_, err := r.e.Save(src, bad[0], bad[1])
		r.refused(engine.ErrRange, err)
	}
}

func loadRefused(r *rig) {
	src := r.fed(r.tokens(r.g.Granule + 1))
	data := r.save(src, 0, r.g.Granule+1)
	dst := r.new()
	r.refused(engine.ErrCapacity, r.e.Load(dst, data))
	r.reserve(dst, r.g.Granule)
	r.refused(engine.ErrCapacity, r.e.Load(dst, data))
	for _, bad := range []engine.Saved{
		{Data: data.Data[1:], Cells: 1}, {Data: data.Data, From: -1, Cells: 1}, {Data: data.Data, Cells: -1},
		{Data: data.Data, From: 1, Cells: data.Cells}, {Data: data.Data, From: data.Cells + 1}, {Cells: 1},
	} {
		r.refused(engine.ErrRange, r.e.Load(dst, bad))
	}
}

func read(r *rig) {
	seq := r.fed(r.tokens(r.unit + 4))
	all, n := r.readAll(seq), r.unit+4
	cells := []int{n - 1, 0, r.unit, 3, 3}
	some, err := r.e.Read(seq, cells)
	r.must(err)
	dim := r.g.HeadDim
	for head := range r.g.Layers * r.g.KVHeads {
		for i, c := range cells {
			at, from := (head*len(cells)+i)*dim, (head*n+c)*dim
			r.same("K of chosen cells", some.K[at:at+dim], all.K[from:from+dim], 0)
			r.same("V of chosen cells", some.V[at:at+dim], all.V[from:from+dim], 0)
		}
	}
	none, err := r.e.Read(seq, nil)
	r.must(err)
	if len(none.K)+len(none.V) != 0 {
		r.Errorf("read %d values of no cells", len(none.K)+len(none.V))
	}
	for _, bad := range []int{-1, n} {
		_, err := r.e.Read(seq, []int{0, bad})
		r.refused(engine.ErrRange, err)
	}
}

func transplantInPlace(r *rig) {
	src := r.fed(r.tokens(2*r.unit + 3))
	for _, from := range []int{0, 1, r.g.Granule + 1, r.unit - 1, r.unit + 2} {
		n := r.unit + 1
		dst := r.fed(r.tokens(from))
		r.transplant(engine.Transplant{Src: src, From: from, N: n, Dst: dst})
		r.sameKV("transplanted", r.read(dst, from, from+n), r.read(src, from, from+n), r.o.Copy, r.o.Copy)
		r.release(dst)
	}
	dst := r.new()
	r.transplant(engine.Transplant{Src: src, N: r.unit + 3, Dst: dst})
	r.fresh("transplanted from the beginning", dst)
	r.fresh("source", src)
}

// K and V of the first layer follow from the token and its position alone, so
// there a transplant is as good as a prefill. In every layer V stays, and K
// comes back when it is turned back.
func transplantRotates(r *rig) {
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
		r.transplant(engine.Transplant{Src: src, From: tc.from, N: tc.n, Dst: dst})
		moved, was := r.read(dst, tc.to, tc.to+tc.n), r.read(src, tc.from, tc.from+tc.n)
		r.sameBits("cells before the transplanted", r.read(dst, 0, tc.to), kept)

		prefilled := r.fed(r.context(dst))
		want := r.read(prefilled, tc.to, tc.to+tc.n)
		r.same("K of the first layer", layer(r.g, moved.K, 0), layer(r.g, want.K, 0), r.o.Rotate)
		r.same("V of the first layer", layer(r.g, moved.V, 0), layer(r.g, want.V, 0), r.o.Copy)
		r.differ("K at two positions", moved.K, was.K)

		back := r.fed(r.tokens(tc.from))
		r.transplant(engine.Transplant{Src: dst, From: tc.to, N: tc.n, Dst: back})
		r.sameKV("turned there and back", r.read(back, tc.from, tc.from+tc.n), was, 2*r.o.Rotate, 2*r.o.Copy)
		for _, seq := range []engine.Seq{dst, prefilled, back} {
			r.release(seq)
		}
	}
	r.sameBits("source", r.readAll(src), before)
}

func transplantAddsDeltas(r *rig) {
	src := r.fed(r.tokens(r.unit + 3))
	from, n := 2, r.unit
	for _, to := range []int{from, r.g.Granule + 1} {
		prefix := r.tokens(to)
		plain, with := r.fed(prefix), r.fed(prefix)
		r.transplant(engine.Transplant{Src: src, From: from, N: n, Dst: plain})
		was := r.read(plain, to, to+n)
		d := r.delta(was)
		r.transplant(engine.Transplant{Src: src, From: from, N: n, Dst: with, Delta: &d})
		r.sameKV("with deltas", r.read(with, to, to+n), plus(was, d), r.o.Delta, r.o.Delta)
		probe := r.tokens(1)
		r.differ("logits with and without deltas", r.feed(plain, probe), r.feed(with, probe))
		r.release(plain)
		r.release(with)
	}
}

func transplantWithin(r *rig) {
	seq := r.fed(r.tokens(r.g.Granule + 3))
	n := len(r.context(seq))
	was := r.readAll(seq)
	r.transplant(engine.Transplant{Src: seq, From: 1, N: n - 1, Dst: seq})
	r.sameBits("cells before the transplanted", r.read(seq, 0, n), was)
	prefilled := r.fed(r.context(seq))
	got, want := r.readAll(seq), r.readAll(prefilled)
	r.same("K of the first layer", layer(r.g, got.K, 0), layer(r.g, want.K, 0), r.o.Rotate)
}

func transplantRefused(r *rig) {
	src, dst := r.fed(r.tokens(6)), r.new()
	r.reserve(dst, r.g.Granule)
	for _, t := range []engine.Transplant{
		{From: -1, N: 2}, {From: 0, N: -1}, {From: 0, N: 7}, {From: 7, N: 0},
		{N: 2, Delta: &engine.KV{}},
		{N: 2, Delta: &engine.KV{K: make([]float32, 2*r.values()), V: make([]float32, r.values())}},
	} {
		t.Src, t.Dst = src, dst
		r.refused(engine.ErrRange, r.e.Transplant(t))
	}
	for len(r.context(dst))+6 <= r.g.Granule {
		r.transplant(engine.Transplant{Src: src, N: 6, Dst: dst})
	}
	r.refused(engine.ErrCapacity, r.e.Transplant(engine.Transplant{Src: src, N: 6, Dst: dst}))
}

func addDelta(r *rig) {
	seq := r.fed(r.tokens(r.unit + 6))
	from, n := r.unit-3, 6
	all, was := r.readAll(seq), r.read(seq, from, from+n)
	d := r.delta(was)
	r.must(r.e.AddDelta(seq, from, n, d))
	r.sameKV("cells added to", r.read(seq, from, from+n), plus(was, d), r.o.Delta, r.o.Delta)
	r.othersUntouched(seq, all, upTo(from, from+n))
	twin := r.fed(r.context(seq))
	probe := r.tokens(1)
	r.differ("logits with deltas", r.feed(seq, probe), r.feed(twin, probe))

	r.must(r.e.AddDelta(seq, 0, 0, engine.KV{}))
	r.refused(engine.ErrRange, r.e.AddDelta(seq, -1, n, d))
	r.refused(engine.ErrRange, r.e.AddDelta(seq, len(r.context(seq))-n+1, n, d))
	r.refused(engine.ErrRange, r.e.AddDelta(seq, from, n+1, d))
	r.refused(engine.ErrRange, r.e.AddDelta(seq, from, n, engine.KV{K: d.K}))
}

// othersUntouched demands that all cells but the changed are as they were.
func (r *rig) othersUntouched(seq engine.Seq, was engine.KV, changed []int) {
	r.Helper()
	n := len(was.K) / r.values()
	now := r.read(seq, 0, n)
	dim := r.g.HeadDim
	for head := range r.g.Layers * r.g.KVHeads {
		for c := range n {
			if slices.Contains(changed, c) {
				continue
			}
			at := (head*n + c) * dim
			r.same("K of a cell not named", now.K[at:at+dim], was.K[at:at+dim], 0)
			r.same("V of a cell not named", now.V[at:at+dim], was.V[at:at+dim], 0)
		}
	}
}

// Whatever was in the cells, recomputing all of them is a prefill.
func recomputeEverything(r *rig) {
	seq := r.fed(r.tokens(r.unit + r.g.Granule + 1))
	n := len(r.context(seq))
	r.recompute(seq, upTo(0, n), r.context(seq))
	r.fresh("recomputed", seq)

	n = len(r.context(seq))
	r.must(r.e.AddDelta(seq, 0, n, r.delta(r.readAll(seq))))
	r.recompute(seq, upTo(0, n), r.context(seq))
	r.fresh("recomputed after deltas", seq)

	n = len(r.context(seq))
	others := r.tokens(n)
	r.recompute(seq, upTo(0, n), others)
	copy(r.context(seq), others)
	r.fresh("recomputed with other tokens", seq)
}

func recomputeChosen(r *rig) {
	src := r.fed(r.tokens(r.unit + 4))
	seq := r.fed(r.tokens(r.g.Granule + 1))
	at := len(r.context(seq))
	r.transplant(engine.Transplant{Src: src, From: 3, N: r.unit, Dst: seq})
	n := len(r.context(seq))
	was := r.readAll(seq)
	chosen := []int{at, at + 1, at + 5, r.unit - 1, r.unit, n - 1}
	slices.Sort(chosen)
	chosen = slices.Compact(slices.DeleteFunc(chosen, func(p int) bool { return p < at }))
	var tokens []engine.Token
	for _, p := range chosen {
		tokens = append(tokens, r.context(seq)[p])
	}
	r.recompute(seq, chosen, tokens)
	r.othersUntouched(seq, was, chosen)

	// The cells before the first chosen are a prefill, and so is whatever of
	// the chosen has only such cells before it.
	prefilled := r.fed(r.context(seq))
	r.sameKV("recomputed behind a prefill", r.read(seq, at, at+2), r.read(prefilled, at, at+2), r.o.KV, r.o.KV)
	got, _ := r.e.Read(seq, chosen)
	want, _ := r.e.Read(prefilled, chosen)
	r.same("K of the first layer", layer(r.g, got.K, 0), layer(r.g, want.K, 0), r.o.KV)
	r.same("V of the first layer", layer(r.g, got.V, 0), layer(r.g, want.V, 0), r.o.KV)

	r.must(r.e.Recompute(seq, nil, nil))
	one := r.tokens(1)
	r.refused(engine.ErrRange, r.e.Recompute(seq, []int{-1}, one))
	r.refused(engine.ErrRange, r.e.Recompute(seq, []int{n}, one))
	r.refused(engine.ErrRange, r.e.Recompute(seq, []int{1, 1}, r.tokens(2)))
	r.refused(engine.ErrRange, r.e.Recompute(seq, []int{2, 1}, r.tokens(2)))
	r.refused(engine.ErrRange, r.e.Recompute(seq, []int{1, 2}, one))
	r.refused(engine.ErrRange, r.e.Recompute(seq, []int{1}, []engine.Token{engine.Token(r.g.Vocab)}))
	r.refused(engine.ErrRange, r.e.Recompute(seq, []int{1}, []engine.Token{-1}))
}

// Cells belong to nobody alone while two sequences hold them, and to the one
// that is left afterwards.
func sharedCellsNotWritten(r *rig) {
	parent := r.fed(r.tokens(r.unit + 3))
	child := r.fork(parent, r.unit+2)
	was := r.readAll(child)
	d := r.delta(r.read(child, 0, 2))
	for _, seq := range []engine.Seq{parent, child} {
		if r.g.Shared(r.unit) == 0 {
			break // each has cells of its own
		}
		r.refused(engine.ErrRange, r.e.AddDelta(seq, r.unit-1, 2, d))
		r.refused(engine.ErrRange, r.e.Recompute(seq, []int{r.unit - 1, r.unit}, r.context(seq)[r.unit-1:r.unit+1]))
	}
	r.must(r.e.AddDelta(parent, r.unit, 2, d))
	r.sameBits("fork of a sequence that was added to", r.readAll(child), was)
	r.must(r.e.AddDelta(child, r.unit, 2, d))
	r.release(parent)
	r.must(r.e.AddDelta(child, 0, 2, d))
	n := len(r.context(child))
	r.recompute(child, upTo(0, n), r.context(child))
	r.fresh("recomputed when nobody shares it", child)
}
