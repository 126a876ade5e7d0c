package gpu

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// Place copies cells behind those of a sequence, to other positions: see
// engine.Placement. They are copied as they are, and then changed where they lie: keys
// are stored rotated, and rotations add, so a key moves from position p to p′ by a
// rotation by p′−p. Nobody sees what is behind the written cells until the length changes.
func (e *Engine) Place(p engine.Placement) error {
	dst, err := e.get("place in", p.Dst)
	if err != nil {
		return err
	}
	var src *sequence
	source := 0
	if p.Saved == nil {
		if src, err = e.get("place from", p.Src); err != nil {
			return err
		}
		source = src.len
	}
	if err := p.Check(e.geo, dst.len, dst.capacity(), source); err != nil {
		return engine.Wrap("place in", p.Dst, err)
	}
	e.cache.clear(dst, dst.len, p.At)
	err = e.copyTo(dst, src, &p)
	if shift := p.At - p.From; err == nil && (shift != 0 || p.Delta != nil) {
		err = e.change(dst, p.At, p.N, shift, p.Delta)
	}
	if err != nil {
		e.cache.clear(dst, dst.len, e.geo.Cells(p.At+p.N))
		return engine.Wrap("place in", p.Dst, err)
	}
	dst.len = p.At + p.N
	e.cache.clearTail(dst, dst.len)
	return nil
}

// copyTo copies the cells of a placement to their places, bit for bit: saved ones are
// written, others copied on the host or, where the layout is the one of cards, by the
// device itself.
func (e *Engine) copyTo(dst, src *sequence, p *engine.Placement) error {
	switch {
	case p.Saved != nil:
		e.cache.load(dst, p.At, *p.Saved)
		return nil
	case e.cache.layout.transposed:
		for s := range e.cache.stretches(src, p.From, dst, p.At, p.N) {
			e.cache.copyCells(s.from, s.i, s.to, s.j, s.n)
		}
		return nil
	}
	return e.copyOnDevice(src, dst, p)
}

// copyOnDevice is one graph: for every layer, K and V of each stretch.
func (e *Engine) copyOnDevice(src, dst *sequence, p *engine.Placement) error {
	if p.N == 0 {
		return nil
	}
	const nodes = 3 // of a copy: two views and itself
	b := e.newScratchGraph(2 * nodes * e.geo.Layers * (len(src.spans) + len(dst.spans)))
	defer e.lib.Free(b.ctx)
	dim, heads := int64(e.cache.layout.dim), int64(e.cache.layout.heads)
	for s := range e.cache.stretches(src, p.From, dst, p.At, p.N) {
		for layer := range e.geo.Layers {
			for i, rows := range e.cache.layout.rows() {
				t := [...]region{e.cache.k[layer], e.cache.v[layer]}[i].tensor
				part := func(x *extent, cell int) *ggml.Tensor {
					return b.View3(b.ctx, t, dim, int64(s.n), heads, uint64(rows.size), uint64(rows.size*x.width), uint64(e.cache.at(x, rows, 0, cell)))
				}
				b.expand(b.Cpy(b.ctx, part(s.from, s.i), part(s.to, s.j)))
			}
		}
	}
	return e.computeScratch(b)
}

// stretch is n cells that lie in one extent where they are, from cell i on, and in one
// where they go, from cell j on.
type stretch struct {
	from, to *extent
	i, j, n  int
}

// stretches cuts the cells [from, from+n) of src, which go to the positions from at on of
// dst, at the borders of both sequences' extents.
func (c *cache) stretches(src *sequence, from int, dst *sequence, at, n int) func(yield func(stretch) bool) {
	return func(yield func(stretch) bool) {
		for n > 0 {
			a, b := c.spanAt(from), c.spanAt(at)
			m := min(n, c.spanEnd(a)-from, c.spanEnd(b)-at)
			if !yield(stretch{src.spans[a], dst.spans[b], from - c.spanStart(a), at - c.spanStart(b), m}) {
				return
			}
			from, at, n = from+m, at+m, n-m
		}
	}
}

// change adds the delta to n cells of s from position at on and rotates their keys by
// shift positions, in pieces that lie in one extent and whose graph fits the memory of
// steps.
func (e *Engine) change(s *sequence, at, n, shift int, d *engine.KV) error {
	onHost := e.cache.layout.transposed
	largest := e.mostChanged(d != nil)
	for done := 0; done < n; {
		span := e.cache.spanAt(at + done)
		x, first := s.spans[span], at+done-e.cache.spanStart(span)
		c := change{x: x, first: first, n: min(n-done, largest, e.cache.spanEnd(span)-at-done), shift: shift, delta: d, done: done, total: n}
		if err := e.changeOnDevice(&c); err != nil {
			return err
		}
		if d != nil && onHost {
			e.addToColumns(&c)
		}
		done += c.n
	}
	return nil
}

// change is what happens to n cells of an extent from the given one on.
type change struct {
	x        *extent
	first, n int
	shift    int
	delta    *engine.KV // of total cells, of which these are the ones from done on
	done     int
	total    int
}

// deltas are those of one head in one layer: [n][dim].
func (c *change) deltas(of []float32, row, dim int) []float32 {
	return of[(row*c.total+c.done)*dim:][:c.n*dim]
}

// mostChanged is how many cells' change fits the memory of steps: that of intermediate
// results, and that of inputs.
func (e *Engine) mostChanged(delta bool) int {
	l := &e.cache.layout
	row := l.heads * l.dim * 4
	results := int(e.lib.AllocatorSize(e.alloc, 0)) / (4 * row)
	inputs := (len(e.inputs.mem) - e.changePadding()) / e.changeBytes(delta)
	return max(min(results, inputs), 1)
}

// changeBytes is what the inputs of a change take for each cell: where its keys are read
// and written, and its deltas.
func (e *Engine) changeBytes(delta bool) int {
	h := e.hyper
	size := h.kvHeads * (4 + 8)
	if delta {
		size += 2 * h.layers * h.kvHeads * h.headDim * 4
	}
	return size
}

// changePadding is what aligning them takes.
func (e *Engine) changePadding() int { return (2*e.hyper.layers + 4) * inputAlign }

// changeOnDevice is one graph: for every layer get_rows → add → rope → set_rows for K, and
// with a delta the same without the rotation for V, where that lies in rows. All keys are
// rotated alike, so that to ggml they are the heads of one position, whose sines it works
// out once.
func (e *Engine) changeOnDevice(c *change) error {
	l := &e.cache.layout
	rows, dim := int64(l.heads*c.n), int64(l.dim)
	if c.x.width*l.heads > math.MaxInt32 { // ggml counts the rows that are read in 32 bits, here within the extent
		return fmt.Errorf("%w: to move cells of an extent of %d", ErrUnsupported, c.x.width)
	}
	const nodes = 16 // of a layer
	b := e.newScratchGraph(nodes*e.geo.Layers + 2*e.geo.Layers + 4)
	defer e.lib.Free(b.ctx)

	e.inputs.begin()
	shift := input{t: b.NewTensor1(b.ctx, ggml.I32, 1)}
	from := input{t: b.NewTensor1(b.ctx, ggml.I32, rows)}
	to := input{t: b.NewTensor1(b.ctx, ggml.I64, rows)}
	for _, in := range []*input{&shift, &from, &to} {
		e.inputs.place(in)
	}
	shift.ints()[0] = int32(c.shift)
	begins := int(e.cache.arena.Offset(c.x.handle)) * l.heads
	for h := range l.heads {
		for i := range c.n {
			row := h*c.x.width + c.first + i
			from.ints()[h*c.n+i], to.longs()[h*c.n+i] = int32(row), int64(begins+row)
		}
	}
	for _, in := range []*input{&shift, &from, &to} {
		in.send(e.device, len(in.mem))
	}

	read := func(r region) *ggml.Tensor {
		return b.GetRows(b.ctx, b.View2(b.ctx, r.tensor, dim, int64(c.x.width*l.heads), r.tensor.Nb[1], uint64(begins)*r.tensor.Nb[1]), from.t)
	}
	add := func(t *ggml.Tensor, layer int, of []float32) *ggml.Tensor {
		in := input{t: b.NewTensor2(b.ctx, ggml.F32, dim, rows)}
		e.inputs.place(&in)
		for h := range l.heads {
			copy(in.floats()[h*c.n*l.dim:], c.deltas(of, layer*l.heads+h, l.dim))
		}
		in.send(e.device, len(in.mem))
		return b.add(t, in.t)
	}
	for i := range e.geo.Layers {
		k := read(e.cache.k[i])
		if c.delta != nil {
			k = add(k, i, c.delta.K)
		}
		if c.shift != 0 {
			k = b.Reshape2(b.ctx, b.ropeBy(b.Reshape3(b.ctx, k, dim, rows, 1), shift.t), dim, rows)
		}
		b.expand(b.SetRows(b.ctx, e.cache.k[i].tensor, k, to.t))
		if c.delta != nil && !l.transposed {
			b.expand(b.SetRows(b.ctx, e.cache.v[i].tensor, add(read(e.cache.v[i]), i, c.delta.V), to.t))
		}
	}
	return e.computeScratch(b)
}

// addToColumns adds a change's delta to V in the transposed layout, column by column: as
// rows of a graph they would be rows of one value.
func (e *Engine) addToColumns(c *change) {
	l := &e.cache.layout
	sums := make([]float32, c.n)
	for layer := range e.geo.Layers {
		for row := range l.heads * l.dim {
			head, d := row/l.dim, row%l.dim
			column := unsafe.Pointer(&e.cache.v[layer].host[e.cache.at(c.x, l.rows()[1], row, c.first)])
			e.lib.HalvesToFloats(column, unsafe.Pointer(&sums[0]), int64(c.n))
			deltas := c.deltas(c.delta.V, layer*l.heads+head, l.dim)
			for i := range sums {
				sums[i] += deltas[i*l.dim+d]
			}
			e.lib.FloatsToHalves(unsafe.Pointer(&sums[0]), column, int64(c.n))
		}
	}
}

// newScratchGraph begins a graph of so many tensors that is computed once.
func (e *Engine) newScratchGraph(tensors int) *builder {
	size := uint64(tensors)*e.lib.TensorOverhead() + e.lib.GraphOverhead(uint64(tensors), false)
	b := &builder{Lib: e.lib, e: e, ctx: e.lib.Init(ggml.InitParams{MemSize: size, NoAlloc: true}), hyper: e.hyper}
	b.graph = e.lib.NewGraph(b.ctx, uint64(tensors), false)
	return b
}

// computeScratch computes it, with its results in the memory of steps.
func (e *Engine) computeScratch(b *builder) error {
	if err := e.device.check(b.graph); err != nil {
		return err
	}
	if err := e.withResults(func() error {
		if !e.lib.AllocGraph(e.alloc, b.graph) {
			return fmt.Errorf("%w of cells that are moved", errNoResults)
		}
		return nil
	}); err != nil {
		return err
	}
	return e.compute(b.graph, unpaced)
}
