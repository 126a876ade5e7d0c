package gpu

import (
	"math"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// form is a way to compute attention with ggml's operators. All give the same
// result up to rounding; which is fastest depends on the rows, the layout and
// the processor (tune.go).
type form int

const (
	// formGrouped is for one row: softmax(K·q)·Vᵀ with the query heads that share
	// a K head as the columns of one product. K and Vᵀ are read in place, extent
	// by extent, the scores of all extents lie side by side for one softmax.
	formGrouped form = iota
	// formTiled is the same for several rows, a tile of rows at a time so that
	// the scores stay in the cache; a tile reads only the cells it may see.
	formTiled
	// formFlashCopy is flash attention (Dao et al., arXiv 2205.14135) over a
	// row-major F32 copy of the cells: ggml's tiled kernel wants it so.
	formFlashCopy
	// formFlash is flash attention straight over the pool, which the row layout
	// of V allows.
	formFlash
)

// attention is one item's part of a graph: its nodes in every layer, as far as
// binding touches them.
type attention struct {
	shape itemShape
	masks []mask // of the item's tiles of rows; one where it is computed at once
	kv    []kvView
	// The nodes whose sizes follow the length of the sequence, where the item is bound to it.
	scores []sizedScores
	copies []sizedCopy
}

// mask is added to the scores of rows first…first+rows: 0 where a row sees a
// cell, −∞ where not.
//
// Rows that follow one another see a cell more each. On the host such a mask is a
// window on the cliff, which is zeros followed by −∞ and never changes: the window
// begins so far before the edge as the first row sees cells, and each row one
// element before the one above. Other masks are written for every step.
type mask struct {
	in     input // [n, rows], F32 for products, F16 for flash
	first  int
	rows   int
	n      int // cells that the mask, and the nodes of its rows, are sized for
	window bool
}

// kvView is a view of K or V in the pool.
type kvView struct {
	t     *ggml.Tensor
	layer int
	span  int
	kind  kvKind
	tile  int // whose rows see the cells
}

type kvKind int

const (
	kRows    kvKind = iota // [dim, n, heads]
	vColumns               // transposed V: [n, dim, heads]
	vAsRows                // transposed V read across: [dim, n, heads]
	vRows                  // row layout: [dim, n, heads]
)

// sizedScores are the score nodes of a tile in one layer.
type sizedScores struct {
	tile      int
	all, soft *ggml.Tensor   // [n, rows, heads], or [n, heads] of one row
	qk, p     []*ggml.Tensor // per span [n of the span, rows, heads], or [n of the span, group, kvHeads]
}

// sizedCopy is the row-major copy of K or V in one layer.
type sizedCopy struct {
	all        *ggml.Tensor   // [dim, n, kvHeads]
	parts, cpy []*ggml.Tensor // per span [dim, n of the span, kvHeads]: where it is copied to, twice, since kernels look at either
}

// inputs creates the masks.
func (a *attention) inputs(e *Engine, g *graph, s itemShape) {
	a.shape = s
	add := func(first, rows, n int) {
		m := mask{first: first, rows: rows, n: n, window: e.device.host && !s.sparse}
		if s.form == formGrouped {
			rows = e.hyper.heads // the softmax kernel has a row of the mask for each of the scores
		}
		kind := ggml.F32
		if s.form == formFlash || s.form == formFlashCopy {
			kind = ggml.F16
		}
		m.in.t = g.lib.NewTensor2(g.ctx, kind, int64(n), int64(rows))
		if m.window {
			e.placeAt(m.in.t, e.cliff(kind), 0)
		} else {
			e.inputs.place(&m.in)
		}
		a.masks = append(a.masks, m)
	}
	if s.form != formTiled {
		add(0, s.rows, s.n)
		return
	}
	for i := range e.tiles(&s) {
		first, end := e.tile(&s, i), e.tile(&s, i+1)
		n := s.n
		if !s.sparse {
			n = e.geo.Cells(s.first + end)
		}
		add(first, end-first, n)
	}
}

// tiles is how many tiles the rows of an item are computed in.
func (e *Engine) tiles(s *itemShape) int {
	if s.form != formTiled {
		return 1
	}
	return (s.rows + e.tileRows - 1) / e.tileRows
}

// tile is the row of the item that tile i begins at.
func (e *Engine) tile(s *itemShape, i int) int { return i * s.rows / e.tiles(s) }

// bound tells whether the item's nodes are sized anew for every step, so that one graph
// serves it wherever it lies. On a card the masks of several rows have the memory of
// one length.
func (e *Engine) bound(s *itemShape) bool { return !s.sparse && (e.device.host || s.rows == 1) }

// append adds the item's attention in layer l to the graph: queries q
// [headDim, heads, rows of the step], of which the item's begin at row, to
// their rows of attnOut.
func (a *attention) append(e *Engine, b *builder, l int, q *ggml.Tensor, row int) {
	switch a.shape.form {
	case formGrouped:
		a.grouped(e, b, l, q, row)
	case formTiled:
		for i := range a.masks {
			a.tiled(e, b, l, q, row, i)
		}
	case formFlashCopy:
		a.flashCopy(e, b, l, q, row)
	case formFlash:
		a.flash(e, b, l, q, row)
	}
}

// grouped: see formGrouped. Heads h·group … h·group+group−1 share K head h, so
// the row of queries is [dim, group, kvHeads] as it lies.
func (a *attention) grouped(e *Engine, b *builder, l int, q *ggml.Tensor, row int) {
	h := e.hyper
	dim, group, kvHeads := int64(h.headDim), int64(h.group()), int64(h.kvHeads)
	q = b.View3(b.ctx, q, dim, group, kvHeads, q.Nb[1], uint64(group)*q.Nb[1], uint64(row)*q.Nb[2])
	n := int64(a.shape.n)
	s := sizedScores{all: b.View2(b.ctx, e.scores, n, int64(h.heads), uint64(n)*4, 0)}
	for i := range a.shape.spans {
		k := a.view(e, b, l, i, kRows, 0)
		qk := b.MulMat(b.ctx, k, q)
		e.placeAt(qk, e.scores, 0)
		s.qk = append(s.qk, b.expand(qk))
	}
	s.soft = b.SoftMax(b.ctx, s.all, a.masks[0].in.t, e.scale, 0)
	e.placeAt(s.soft, e.scores, 0)
	b.expand(s.soft)
	var sum *ggml.Tensor
	for i := range a.shape.spans {
		v := a.view(e, b, l, i, vColumns, 0)
		p := b.View3(b.ctx, s.soft, v.Ne[0], group, kvHeads, uint64(n)*4, uint64(group*n)*4, 0)
		s.p = append(s.p, p)
		sum = a.accumulate(e, b, sum, b.MulMat(b.ctx, v, p), row)
	}
	s.size(e, a.masks[0].n)
	a.scores = append(a.scores, s)
}

// tiled: see formTiled. The product broadcasts K heads over query heads.
func (a *attention) tiled(e *Engine, b *builder, l int, q *ggml.Tensor, row, tile int) {
	h, m := e.hyper, &a.masks[tile]
	n, t, heads := int64(m.n), int64(m.rows), int64(h.heads)
	q = b.View3(b.ctx, q, int64(h.headDim), t, heads, q.Nb[2], q.Nb[1], uint64(row+m.first)*q.Nb[2])
	s := sizedScores{tile: tile, all: b.View3(b.ctx, e.scores, n, t, heads, uint64(n)*4, uint64(n*t)*4, 0)}
	spans := e.cache.spanAt(m.n-1) + 1
	for i := range spans {
		qk := b.MulMat(b.ctx, a.view(e, b, l, i, kRows, tile), q)
		stride(qk, n)
		e.placeAt(qk, e.scores, 4*e.cache.spanStart(i))
		s.qk = append(s.qk, b.expand(qk))
	}
	s.soft = b.SoftMax(b.ctx, s.all, m.in.t, e.scale, 0)
	e.placeAt(s.soft, e.scores, 0)
	b.expand(s.soft)
	var sum *ggml.Tensor // [dim, t, heads]
	for i := range spans {
		v := a.view(e, b, l, i, vColumns, tile)
		p := b.View3(b.ctx, s.soft, v.Ne[0], t, heads, uint64(n)*4, uint64(n*t)*4, 4*uint64(e.cache.spanStart(i)))
		s.p = append(s.p, p)
		pv := b.MulMat(b.ctx, v, p)
		if sum != nil {
			pv = b.AddInPl(b.ctx, pv, sum)
		}
		sum = pv
	}
	out := b.Cont(b.ctx, b.Permute(b.ctx, sum, 0, 2, 1, 3)) // [dim, heads, t]
	e.placeAt(out, e.attnOut, (row+m.first)*int(e.attnOut.Nb[1]))
	b.expand(out)
	a.scores = append(a.scores, s)
}

// flashCopy: see formFlashCopy.
func (a *attention) flashCopy(e *Engine, b *builder, l int, q *ggml.Tensor, row int) {
	h := e.hyper
	dim, n, kvHeads := int64(h.headDim), int64(a.shape.n), int64(h.kvHeads)
	var copies [2]sizedCopy
	for i, from := range []struct {
		kind kvKind
		to   *ggml.Tensor
	}{{kRows, e.kCopy}, {vAsRows, e.vCopy}} {
		c := sizedCopy{all: b.View3(b.ctx, from.to, dim, n, kvHeads, uint64(dim)*4, uint64(dim*n)*4, 0)}
		for span := range a.shape.spans {
			view := a.view(e, b, l, span, from.kind, 0)
			at := uint64(e.cache.spanStart(span)) * uint64(dim) * 4
			part := b.View3(b.ctx, c.all, dim, view.Ne[1], kvHeads, uint64(dim)*4, uint64(dim*n)*4, at)
			c.parts = append(c.parts, part)
			c.cpy = append(c.cpy, b.expand(b.Cpy(b.ctx, view, part)))
		}
		copies[i] = c
	}
	a.copies = append(a.copies, copies[:]...)
	a.flashOver(e, b, q, copies[0].all, copies[1].all, row)
}

// flash: see formFlash. The row layout has one span.
func (a *attention) flash(e *Engine, b *builder, l int, q *ggml.Tensor, row int) {
	a.flashOver(e, b, q, a.view(e, b, l, 0, kRows, 0), a.view(e, b, l, 0, vRows, 0), row)
}

func (a *attention) flashOver(e *Engine, b *builder, q, k, v *ggml.Tensor, row int) {
	h := e.hyper
	q = b.View3(b.ctx, q, int64(h.headDim), int64(a.shape.rows), int64(h.heads), q.Nb[2], q.Nb[1], uint64(row)*q.Nb[2])
	out := b.FlashAttn(b.ctx, q, k, v, a.masks[0].in.t, e.scale, 0, 0) // [dim, heads, rows]
	b.FlashPrec(out, 10)                                               // GGML_PREC_F32
	if e.device.host {
		e.placeAt(out, e.attnOut, row*int(e.attnOut.Nb[1]))
	}
	b.outs = append(b.outs, b.expand(out))
}

// accumulate adds one extent's part of the output of a row: the first goes
// where the sum belongs, the others are added to it.
func (a *attention) accumulate(e *Engine, b *builder, sum, part *ggml.Tensor, row int) *ggml.Tensor {
	at := row * int(e.attnOut.Nb[1])
	if sum == nil {
		e.placeAt(part, e.attnOut, at)
		return b.expand(part)
	}
	e.placeAt(part, e.partial, 0)
	b.expand(part)
	return b.expand(b.AddInPl(b.ctx, sum, part))
}

// view makes a view of the item's cells that bind points at its extents. Its
// strides are those of the bound extent, so it is created small, within bounds
// that the builder checks, and sized by hand.
func (a *attention) view(e *Engine, b *builder, l, span int, kind kvKind, tile int) *ggml.Tensor {
	h, c, n := e.hyper, e.cache, e.cellsIn(span, a.masks[tile].n)
	dim, cells, heads := int64(h.headDim), int64(n), int64(h.kvHeads)
	var t *ggml.Tensor
	if kind == kRows {
		t = b.View3(b.ctx, c.k[l].tensor, dim, 1, heads, uint64(c.layout.kRow), uint64(c.layout.kRow), 0)
	} else if kind == vRows {
		t = b.View3(b.ctx, c.v[l].tensor, dim, 1, heads, uint64(c.layout.vRow), uint64(c.layout.vRow), 0)
	} else {
		t = b.View3(b.ctx, c.v[l].tensor, 1, 1, heads, 2, 2, 0)
	}
	switch kind {
	case kRows, vRows, vAsRows:
		t.Ne = [4]int64{dim, cells, heads, 1}
	case vColumns:
		t.Ne = [4]int64{cells, dim, heads, 1}
	}
	v := kvView{t: t, layer: l, span: span, kind: kind, tile: tile}
	v.strides(c, n)
	a.kv = append(a.kv, v)
	return t
}

// strides sets the view's strides for an extent of the given capacity.
func (v *kvView) strides(c *cache, capacity int) {
	l, n := &c.layout, uint64(capacity)
	elem, kRow, vRow, dim := uint64(l.vRow/l.dim), uint64(l.kRow), uint64(l.vRow), uint64(l.dim)
	switch v.kind {
	case kRows:
		v.t.Nb = [4]uint64{v.t.Nb[0], kRow, kRow * n, kRow * n * uint64(l.heads)}
	case vRows:
		v.t.Nb = [4]uint64{v.t.Nb[0], vRow, vRow * n, vRow * n * uint64(l.heads)}
	case vColumns:
		v.t.Nb = [4]uint64{elem, elem * n, elem * n * dim, elem * n * dim * uint64(l.heads)}
	case vAsRows:
		v.t.Nb = [4]uint64{elem * n, elem, elem * n * dim, elem * n * dim * uint64(l.heads)}
	}
}

// bind points the nodes at the cells of s, and sizes them for rows at the positions.
func (a *attention) bind(e *Engine, s *sequence, positions []int32) {
	c := e.cache
	if e.bound(&a.shape) {
		a.size(e, positions)
	}
	var at [32]uint64 // cell of the pool where each span begins
	for i := range a.shape.spans {
		at[i] = uint64(c.arena.Offset(s.spans[i].handle))
	}
	for i := range a.kv {
		v := &a.kv[i]
		x := s.spans[v.span]
		r, cell := &c.k[v.layer], c.layout.kCell
		if v.kind != kRows {
			r, cell = &c.v[v.layer], c.layout.vCell
		}
		offset := at[v.span] * uint64(cell)
		v.t.ViewOffs = offset
		v.t.Data = unsafe.Add(r.tensor.Data, offset)
		v.strides(c, x.width)
		dim := 1
		if v.kind == vColumns {
			dim = 0
		}
		v.t.Ne[dim] = int64(e.cellsIn(v.span, a.masks[v.tile].n))
	}
}

// size sizes the nodes for the cells that rows at the positions see.
func (a *attention) size(e *Engine, positions []int32) {
	changed := false
	for i := range a.masks {
		m := &a.masks[i]
		n := e.geo.Cells(int(positions[m.first+m.rows-1]) + 1)
		if n == m.n {
			continue
		}
		changed = true
		m.n, m.in.t.Ne[0] = n, int64(n)
		if !m.window {
			stride(m.in.t, int64(n))
		}
	}
	if !changed {
		return
	}
	for i := range a.scores {
		a.scores[i].size(e, a.masks[a.scores[i].tile].n)
	}
	for i := range a.copies {
		a.copies[i].size(e, a.masks[0].n)
	}
}

// size sets the nodes of a copy for n cells.
func (c *sizedCopy) size(e *Engine, n int) {
	c.all.Ne[1] = int64(n)
	stride(c.all, c.all.Ne[0])
	for i := range c.cpy {
		for _, t := range [...]*ggml.Tensor{c.parts[i], c.cpy[i]} {
			t.Ne[1] = int64(e.cellsIn(i, n))
			t.Nb = c.all.Nb
		}
	}
}

// size sets the score nodes of a tile in one layer for n cells: all are parts of one
// array at the start of the scratch memory.
func (s *sizedScores) size(e *Engine, n int) {
	for _, t := range []*ggml.Tensor{s.all, s.soft} {
		t.Ne[0] = int64(n)
		stride(t, int64(n))
	}
	for i, qk := range s.qk {
		p, at := s.p[i], 4*e.cache.spanStart(i)
		qk.Ne[0] = int64(e.cellsIn(i, n))
		p.Ne[0] = qk.Ne[0]
		stride(qk, int64(n))
		stride(p, int64(n))
		e.placeAt(qk, e.scores, at)
		p.Data, p.ViewOffs = qk.Data, uint64(at)
	}
}

// see sets the masks: row i of the item sees the cells up to positions[i].
func (a *attention) see(e *Engine, positions []int32) {
	for i := range a.masks {
		m := &a.masks[i]
		if m.window {
			m.look(e, int(positions[m.first])+1, a.shape.form == formGrouped)
			continue
		}
		for r := range m.rows {
			visible := min(int(positions[m.first+r])+1, m.n)
			if m.in.t.Type == ggml.F16 {
				fill(m.in.halves()[r*m.n:(r+1)*m.n], visible, 0, halfNegInf)
			} else {
				fill(m.in.floats()[r*m.n:(r+1)*m.n], visible, 0, negInf)
			}
		}
		m.in.send(e.device, int(m.in.t.Nb[1])*m.rows)
	}
}

// look moves the window so that its first row sees the first visible cells. The rows
// of a decode are its heads, which all see the same. The strides are no sizes that
// ggml would make a tensor of, and the kernels multiply by whatever they are.
func (m *mask) look(e *Engine, visible int, same bool) {
	t, size := m.in.t, m.in.t.Nb[0]
	e.placeAt(t, e.cliff(t.Type), int(size)*(e.geo.MaxContext-visible))
	t.Nb[1] = -size
	if same {
		t.Nb[1] = 0
	}
}

const halfNegInf = uint16(0xfc00)

var negInf = float32(math.Inf(-1))

// fill sets the first n elements of s to a and the rest to b.
func fill[T any](s []T, n int, a, b T) {
	for i := range s[:n] {
		s[i] = a
	}
	for i := n; i < len(s); i++ {
		s[i] = b
	}
}

// cellsIn is the number of the first n cells that lie in span i.
func (e *Engine) cellsIn(i, n int) int {
	return min(e.cache.spanEnd(i), n) - e.cache.spanStart(i)
}

// placeAt gives a node its place in memory by hand: at bytes into a tensor that
// the engine owns. The graph allocator leaves such nodes alone.
func (e *Engine) placeAt(t, where *ggml.Tensor, at int) {
	t.Data = unsafe.Add(where.Data, at)
	t.Buffer = where.Buffer
}

// stride sets the strides of a node of 4-byte (or, for masks of halves, 2-byte)
// elements whose rows are n elements apart.
func stride(t *ggml.Tensor, n int64) {
	t.Nb[1] = t.Nb[0] * uint64(n)
	t.Nb[2] = t.Nb[1] * uint64(t.Ne[1])
	t.Nb[3] = t.Nb[2] * uint64(t.Ne[2])
}
