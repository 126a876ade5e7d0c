package gpu

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// graph is one step's computation for one shape of batch. It is built once and
// run again for every batch of that shape: what changes between steps is input
// data, the addresses of the K and V views, and for decodes their length, all of
// which bind writes in place.
//
// For every layer, over the rows of all items together:
//
//	x ─ norm ─ project ─ q, k, v      k, v ─▶ pool cells (set_rows)
//	    per item: attention(q rows, the item's cells) ─▶ its rows of attnOut
//	x + wo·attnOut ─ norm ─ feedForward ─ + ─▶ next layer
//
// Of the last layer only the rows whose logits are wanted go past attention.
type graph struct {
	lib     *ggml.Lib
	ctx     ggml.Context
	bytes   int // of the nodes
	g       ggml.Graph
	shape   shape
	tokens  input        // I32 [rows]
	pos     input        // I32 [rows]
	kRows   input        // I64 [rows·kvHeads] where each K head goes
	vRows   input        // I64: likewise for V, [rows·kvHeads] or, transposed, [rows·kvHeads·headDim]
	out     input        // I32 [outputs] rows whose logits are wanted
	logits  *ggml.Tensor // F32 [vocab, outputs]
	items   []attention
	lastUse uint64
}

// shape is what a graph is built for.
type shape struct {
	rows    int // of all items
	outputs int // rows whose logits are wanted
	items   []itemShape

	// What the linear layers are computed for: rows and outputs, rounded up where
	// idle rows cost less than a slower kernel (see roundRows).
	paddedRows, paddedOutputs int
}

// roundRows is the number of rows that n rows are computed as. Kernels over
// interleaved rows take four at a time and what is over one by one: three cost
// more than four. Nothing of an idle row is kept.
func (e *Engine) roundRows(n int) int {
	if e.weights.packed && n%4 == 3 && n < e.geo.MaxStep {
		return n + 1
	}
	return n
}

// itemShape is one item's part of a shape.
type itemShape struct {
	rows   int
	first  int // position of the first row, when the graph is built
	n      int // cells attended to, rounded up to the granule; of a decode on a card the most that the graph can be bound to
	spans  int // extents that they lie in
	form   form
	sparse bool // the rows are not consecutive positions: every row sees all n cells through its mask
}

// paced is the number of sequences of a step of decodes, else unpaced.
func (s *shape) paced() int {
	if len(s.items) != s.rows {
		return unpaced
	}
	return s.rows
}

// key writes the shape as bytes, for the graph cache: what the nodes are that a step
// does not size.
func (e *Engine) key(s *shape, to []byte) []byte {
	put := func(v int) { to = binary.AppendVarint(to, int64(v)) }
	put(s.rows)
	put(s.outputs)
	for i := range s.items {
		it := &s.items[i]
		put(it.rows)
		put(int(it.form))
		if !e.bound(it) || !e.device.host {
			put(it.n)
		}
		if !e.bound(it) {
			put(it.first)
			if it.sparse {
				put(1)
			}
			put(-1)
			continue
		}
		for tile := range e.tiles(it) {
			put(e.cache.spanAt(e.geo.Cells(it.first+e.tile(it, tile+1))-1) + 1)
		}
	}
	return to
}

// compare orders items: those whose graphs are the same stand together, in whichever
// order a step has them.
func (s *itemShape) compare(o *itemShape) int {
	return cmp.Or(cmp.Compare(s.rows, o.rows), cmp.Compare(s.form, o.form), cmp.Compare(s.spans, o.spans), cmp.Compare(s.n, o.n))
}

// tensors bounds the number of tensors in the graph: nodes and inputs.
func (s *shape) tensors(layers, tileRows int) (nodes, inputs int) {
	perLayer := 80
	inputs = 8
	for i := range s.items {
		it := &s.items[i]
		tiles := (it.rows + tileRows - 1) / tileRows
		perLayer += 16 + tiles*(10+it.spans*8)
		inputs += tiles
	}
	return layers*perLayer + 64, inputs
}

// buildGraph lays the graph out for a shape and gives its tensors memory.
func (e *Engine) buildGraph(s shape) (_ *graph, err error) {
	g := &graph{lib: e.lib, shape: s, items: make([]attention, len(s.items))}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	nodes, inputs := s.tensors(e.computedLayers(), e.tileRows)
	size := uint64(nodes+inputs)*e.lib.TensorOverhead() + e.lib.GraphOverhead(uint64(nodes), false)
	g.ctx, g.bytes = e.lib.Init(ggml.InitParams{MemSize: size, NoAlloc: true}), int(size)
	g.inputs(e)
	g.g = e.lib.NewGraph(g.ctx, uint64(nodes), false)
	b := &builder{Lib: e.lib, e: e, ctx: g.ctx, graph: g.g, hyper: e.hyper, pos: g.pos.t}

	x := b.GetRows(b.ctx, e.weights.embd, g.tokens.t)
	for l := range e.computedLayers() {
		x = e.block(b, g, l, x)
		if x == nil {
			break // the last layer of a step that wants no logits
		}
	}
	if x != nil {
		g.logits = b.linear(&e.weights.out, b.norm(x, e.weights.outNorm))
		b.SetOutput(g.logits)
		b.expand(g.logits)
	}
	if err := e.device.check(g.g); err != nil {
		return nil, err
	}
	if !e.lib.AllocGraph(e.alloc, g.g) {
		return nil, fmt.Errorf("%w of %d rows", errNoResults, s.rows)
	}
	return g, nil
}

// errNoResults leaves the allocator without memory: it gives up what it has before
// it asks for more, and what other graphs point into is gone.
var errNoResults = errors.New("no memory for the intermediate results")

// computedLayers is the number of layers that graphs have: all, but for probes.
func (e *Engine) computedLayers() int {
	if e.probing > 0 {
		return min(e.probing, e.hyper.layers)
	}
	return e.hyper.layers
}

// block appends one transformer block. It returns nil where nothing past the K
// and V of the last layer is wanted.
func (e *Engine) block(b *builder, g *graph, l int, x *ggml.Tensor) *ggml.Tensor {
	w := &e.weights.layers[l]
	last := l == e.computedLayers()-1
	q, k, v := e.hyper.arch.project(b, w, b.norm(x, w.attnNorm))
	e.storeKV(b, g, l, k, v)
	if last && g.shape.outputs == 0 {
		return nil
	}
	b.expand(q)
	b.outs = b.outs[:0]
	row := 0
	for i := range g.items {
		g.items[i].append(e, b, l, q, row)
		row += g.shape.items[i].rows
	}
	a := b.linear(&w.wo, e.gatherHeads(b, g.shape.paddedRows))
	if last {
		a = b.GetRows(b.ctx, a, g.out.t)
		x = b.GetRows(b.ctx, x, g.out.t)
	}
	x = b.add(a, x)
	return b.add(b.feedForward(w, b.norm(x, w.ffnNorm)), x)
}

// gatherHeads is the attention output of all items, [heads·headDim, rows]. On
// the host the items have written it where it belongs; on a card, whose
// scheduler must see what depends on what, the parts are joined.
func (e *Engine) gatherHeads(b *builder, rows int) *ggml.Tensor {
	if e.device.host {
		return b.View2(b.ctx, e.attnOut, e.attnOut.Ne[0], int64(rows), e.attnOut.Nb[1], 0)
	}
	width := int64(e.hyper.heads * e.hyper.headDim)
	var all *ggml.Tensor
	for _, out := range b.outs {
		out = b.Reshape2(b.ctx, out, width, out.Ne[2])
		if all != nil {
			out = b.Concat(b.ctx, all, out, 1)
		}
		all = out
	}
	return all
}

// storeKV writes the new K [headDim, kvHeads, rows] and V into their cells.
func (e *Engine) storeKV(b *builder, g *graph, l int, k, v *ggml.Tensor) {
	h := e.hyper
	heads := int64(h.kvHeads * g.shape.rows)
	k = b.View2(b.ctx, b.contiguous(k), int64(h.headDim), heads, 4*uint64(h.headDim), 0)
	b.expand(b.SetRows(b.ctx, e.cache.k[l].tensor, k, g.kRows.t))
	width, rows := int64(h.headDim), heads
	if e.cache.layout.transposed {
		width, rows = 1, heads*int64(h.headDim)
	}
	v = b.View2(b.ctx, b.contiguous(v), width, rows, 4*uint64(width), 0)
	b.expand(b.SetRows(b.ctx, e.cache.v[l].tensor, v, g.vRows.t))
}

// inputs creates what a step fills in.
func (g *graph) inputs(e *Engine) {
	rows, padded, h := int64(g.shape.rows), int64(g.shape.paddedRows), e.hyper
	perRow := int64(h.kvHeads)
	if e.cache.layout.transposed {
		perRow *= int64(h.headDim)
	}
	e.inputs.begin()
	for _, in := range []struct {
		into *input
		kind ggml.Type
		n    int64
	}{
		{&g.tokens, ggml.I32, padded},
		{&g.pos, ggml.I32, padded},
		{&g.kRows, ggml.I64, rows * int64(h.kvHeads)},
		{&g.vRows, ggml.I64, rows * perRow},
		{&g.out, ggml.I32, int64(g.shape.paddedOutputs)},
	} {
		if in.n == 0 {
			continue // no outputs
		}
		in.into.t = g.lib.NewTensor1(g.ctx, in.kind, in.n)
		e.inputs.place(in.into)
	}
	for i := range g.items {
		g.items[i].inputs(e, g, g.shape.items[i])
	}
}

func (g *graph) close() {
	if g.ctx != 0 {
		g.lib.Free(g.ctx)
	}
}
