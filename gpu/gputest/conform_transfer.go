package gputest

import (
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Cells as values: copied out and in, and read.

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
	for _, layers := range [][]int{{0}, {r.g.Layers - 1}, {r.g.Layers - 1, 0, 0}} {
		some, err := r.e.Read(seq, cells, layers...)
		r.must(err)
		var want engine.KV
		for _, l := range layers {
			for head := l * r.g.KVHeads; head < (l+1)*r.g.KVHeads; head++ {
				for _, c := range cells {
					from := (head*n + c) * dim
					want.K, want.V = append(want.K, all.K[from:from+dim]...), append(want.V, all.V[from:from+dim]...)
				}
			}
		}
		if !slices.Equal(some.K, want.K) || !slices.Equal(some.V, want.V) {
			r.Errorf("layers %v of cells %v are not what all layers have there", layers, cells)
		}
	}
	for _, bad := range []int{-1, r.g.Layers} {
		_, err := r.e.Read(seq, cells, 0, bad)
		r.refused(engine.ErrRange, err)
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
