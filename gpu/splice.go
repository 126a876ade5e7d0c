package gpu

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// Transplant copies cells to the end of a sequence, at other positions: see
// package gpu/engine. Keys are stored rotated, and rotations add, so a key moves
// from position p to p′ by a rotation by p′−p.
func (e *Engine) Transplant(t engine.Transplant) error {
	src, err := e.get("transplant from", t.Src)
	if err != nil {
		return err
	}
	dst, err := e.get("transplant to", t.Dst)
	if err != nil {
		return err
	}
	if t.From < 0 || t.N < 0 || t.From+t.N > src.len {
		return engine.Wrap("transplant from", t.Src, fmt.Errorf("%w: cells %d…%d of %d", engine.ErrRange, t.From, t.From+t.N, src.len))
	}
	if dst.len+t.N > dst.capacity() {
		return engine.Wrap("transplant to", t.Dst, fmt.Errorf("%w: %d cells of %d", engine.ErrCapacity, dst.len+t.N, dst.capacity()))
	}
	if err := e.checkDelta(t.Delta, t.N); err != nil {
		return engine.Wrap("transplant to", t.Dst, err)
	}
	at, shift := dst.len, dst.len-t.From
	if shift == 0 && t.Delta == nil {
		return e.Load(t.Dst, e.cache.save(src, t.From, t.N))
	}
	if err := e.splice(src, dst, t.From, at, t.N, shift, t.Delta); err != nil {
		return engine.Wrap("transplant to", t.Dst, err)
	}
	dst.len += t.N
	e.cache.clearTail(dst, dst.len)
	return nil
}

// AddDelta adds to the K and V of cells [from, from+n).
func (e *Engine) AddDelta(seq engine.Seq, from, n int, d engine.KV) error {
	s, err := e.get("add delta to", seq)
	if err != nil {
		return err
	}
	if err := e.checkOwn(s, from, n); err != nil {
		return engine.Wrap("add delta to", seq, err)
	}
	if err := e.checkDelta(&d, n); err != nil {
		return engine.Wrap("add delta to", seq, err)
	}
	return engine.Wrap("add delta to", seq, e.splice(s, s, from, from, n, 0, &d))
}

// checkOwn refuses cells that are not written, or that another sequence reads.
func (e *Engine) checkOwn(s *sequence, from, n int) error {
	if from < 0 || n < 0 || from+n > s.len {
		return fmt.Errorf("%w: cells %d…%d of %d", engine.ErrRange, from, from+n, s.len)
	}
	for i, x := range s.spans {
		if x.refs > 1 && n > 0 && from < e.cache.spanEnd(i) && from+n > e.cache.spanStart(i) {
			return fmt.Errorf("%w: cells of span %d are shared with another sequence", engine.ErrRange, i)
		}
	}
	return nil
}

func (e *Engine) checkDelta(d *engine.KV, n int) error {
	if d == nil {
		return nil
	}
	want := e.geo.Layers * e.geo.KVHeads * n * e.geo.HeadDim
	if len(d.K) != want || len(d.V) != want {
		return fmt.Errorf("%w: deltas of %d and %d values, expected %d", engine.ErrRange, len(d.K), len(d.V), want)
	}
	for _, values := range [][]float32{d.K, d.V} {
		for i, v := range values {
			if v-v != 0 { // NaN or infinite
				return fmt.Errorf("%w: value %d of the deltas is %v", engine.ErrRange, i, v)
			}
		}
	}
	return nil
}

// splice reads n cells of src from position from on, rotates their keys by shift
// positions, adds the delta, and writes them to dst at position at, in pieces of
// the size of a step that lie in one extent of src.
func (e *Engine) splice(src, dst *sequence, from, at, n, shift int, d *engine.KV) error {
	for done := 0; done < n; {
		piece := min(n-done, e.geo.MaxStep, e.cache.spanEnd(e.cache.spanAt(from+done))-from-done)
		if err := e.splicePiece(src, dst, from+done, at+done, piece, shift, d, done, n); err != nil {
			return err
		}
		done += piece
	}
	return nil
}

// splicePiece is one graph: for every layer get_rows → rope → add → set_rows for
// K, and the same without the rotation for V. Rows to read are counted within the
// extent, since ggml counts them in 32 bits.
func (e *Engine) splicePiece(src, dst *sequence, from, at, n, shift int, d *engine.KV, done, total int) error {
	l := &e.cache.layout
	heads, dim, values := int64(l.heads), int64(l.dim), l.heads*l.dim
	vEach := l.heads // rows of V per cell
	if l.transposed {
		vEach = values
	}
	span := e.cache.spanAt(from)
	x := src.spans[span]
	if x.width*vEach > math.MaxInt32 {
		return fmt.Errorf("%w: to move cells of an extent of %d", ErrUnsupported, x.width)
	}
	perLayer := 16
	ctx := e.lib.Init(ggml.InitParams{
		MemSize: uint64(e.geo.Layers*perLayer)*e.lib.TensorOverhead() + e.lib.GraphOverhead(uint64(e.geo.Layers*perLayer), false),
		NoAlloc: true,
	})
	inCtx := e.lib.Init(ggml.InitParams{MemSize: uint64(2*e.geo.Layers+8) * e.lib.TensorOverhead(), NoAlloc: true})
	defer e.lib.Free(ctx)
	defer e.lib.Free(inCtx)

	var pos, kFrom, kTo, vFrom, vTo input
	pos.t = e.lib.NewTensor1(inCtx, ggml.I32, int64(n))
	kFrom.t = e.lib.NewTensor1(inCtx, ggml.I32, int64(n*l.heads))
	kTo.t = e.lib.NewTensor1(inCtx, ggml.I64, int64(n*l.heads))
	vFrom.t = e.lib.NewTensor1(inCtx, ggml.I32, int64(n*vEach))
	vTo.t = e.lib.NewTensor1(inCtx, ggml.I64, int64(n*vEach))
	dk, dv := make([]input, e.geo.Layers), make([]input, e.geo.Layers)
	if d != nil {
		for i := range dk {
			dk[i].t = e.lib.NewTensor3(inCtx, ggml.F32, dim, heads, int64(n))
			dv[i].t = e.lib.NewTensor3(inCtx, ggml.F32, dim, heads, int64(n))
		}
	}
	buf := e.lib.AllocTensors(inCtx, e.device.backend)
	if buf == 0 {
		return fmt.Errorf("no memory to move %d cells", n)
	}
	defer e.lib.BufferFree(buf)
	inputs := append(append([]*input{&pos, &kFrom, &kTo, &vFrom, &vTo}, pointers(dk)...), pointers(dv)...)
	for _, in := range inputs {
		n := int(e.lib.NumBytes(in.t))
		if e.device.host {
			in.mem = in.t.Bytes(n)
		} else {
			in.mem = make([]byte, n)
		}
	}

	fill(pos.ints(), n, int32(shift), 0)
	first := from - e.cache.spanStart(span)
	for i := range n {
		to, stride := e.cache.kIndex(dst, at+i)
		for h := range l.heads {
			kFrom.ints()[i*l.heads+h], kTo.longs()[i*l.heads+h] = int32(h*x.width+first+i), int64(to+h*stride)
		}
		to, stride = e.cache.vIndex(dst, at+i)
		for j := range vEach {
			vFrom.ints()[i*vEach+j], vTo.longs()[i*vEach+j] = int32(j*x.width+first+i), int64(to+j*stride)
		}
	}
	for layer := range dk {
		if d == nil {
			break
		}
		for h := range l.heads {
			for i := range n {
				to := (i*l.heads + h) * l.dim
				at := ((layer*l.heads+h)*total + done + i) * l.dim
				copy(dk[layer].floats()[to:to+l.dim], d.K[at:])
				copy(dv[layer].floats()[to:to+l.dim], d.V[at:])
			}
		}
	}
	for _, in := range inputs {
		in.send(e.device, len(in.mem))
	}

	g := e.lib.NewGraph(ctx, uint64(e.geo.Layers*perLayer), false)
	b := &builder{Lib: e.lib, e: e, ctx: ctx, graph: g, hyper: e.hyper}
	begins := uint64(e.cache.arena.Offset(x.handle))
	rows := func(t *ggml.Tensor, each, cell int) *ggml.Tensor {
		return b.View2(ctx, t, t.Ne[0], int64(x.width*each), t.Nb[1], begins*uint64(cell))
	}
	for i := range e.geo.Layers {
		k := b.Reshape3(ctx, b.GetRows(ctx, rows(e.cache.k[i].tensor, l.heads, l.kCell), kFrom.t), dim, heads, int64(n))
		v := b.Reshape3(ctx, b.GetRows(ctx, rows(e.cache.v[i].tensor, vEach, l.vCell), vFrom.t), dim, heads, int64(n))
		if shift != 0 {
			k = b.ropeBy(k, pos.t)
		}
		if d != nil {
			k, v = b.add(k, dk[i].t), b.add(v, dv[i].t)
		}
		// All is read before anything is written: source and target may be one.
		b.expand(k)
		b.expand(v)
		b.expand(b.SetRows(ctx, e.cache.k[i].tensor, b.Reshape2(ctx, k, dim, heads*int64(n)), kTo.t))
		width := int64(values / vEach)
		b.expand(b.SetRows(ctx, e.cache.v[i].tensor, b.Reshape2(ctx, v, width, int64(vEach*n)), vTo.t))
	}
	if err := e.device.check(g); err != nil {
		return err
	}
	alloc := e.lib.NewAllocator(e.lib.DefaultBufferType(e.device.backend))
	defer e.lib.FreeAllocator(alloc)
	if !e.lib.AllocGraph(alloc, g) {
		return fmt.Errorf("no memory to move %d cells", n)
	}
	return e.compute(g, unpaced)
}

func pointers(ins []input) (ps []*input) {
	for i := range ins {
		if ins[i].t != nil {
			ps = append(ps, &ins[i])
		}
	}
	return ps
}

// Recompute runs tokens at chosen positions through the layers over the existing
// cells and overwrites their K and V: see package gpu/engine.
func (e *Engine) Recompute(seq engine.Seq, positions []int, tokens []engine.Token) error {
	s, err := e.get("recompute", seq)
	if err != nil {
		return err
	}
	if len(positions) != len(tokens) {
		return engine.Wrap("recompute", seq, fmt.Errorf("%w: %d positions, %d tokens", engine.ErrRange, len(positions), len(tokens)))
	}
	for i, p := range positions {
		if i > 0 && p <= positions[i-1] {
			return engine.Wrap("recompute", seq, fmt.Errorf("%w: position %d after %d", engine.ErrRange, p, positions[i-1]))
		}
		if err := e.checkOwn(s, p, 1); err != nil {
			return engine.Wrap("recompute", seq, err)
		}
		if t := tokens[i]; t < 0 || int(t) >= e.geo.Vocab {
			return engine.Wrap("recompute", seq, fmt.Errorf("%w: token %d of %d", engine.ErrRange, t, e.geo.Vocab))
		}
	}
	for len(positions) > 0 {
		n := min(len(positions), e.geo.MaxStep, e.sparseRows)
		if err := e.recomputePiece(seq, s, positions[:n], tokens[:n]); err != nil {
			return engine.Wrap("recompute", seq, err)
		}
		positions, tokens = positions[n:], tokens[n:]
	}
	return nil
}

func (e *Engine) recomputePiece(seq engine.Seq, s *sequence, positions []int, tokens []engine.Token) error {
	p, last := &e.plan, positions[len(positions)-1]
	n := e.geo.Cells(last + 1)
	it := itemShape{rows: len(positions), n: n, spans: e.cache.spanAt(n-1) + 1, form: formTiled, sparse: true}
	if !e.cache.layout.transposed {
		it.form = formFlash
	}
	p.shape = shape{rows: len(positions), paddedRows: e.roundRows(len(positions)), items: append(p.shape.items[:0], it)}
	p.order, p.seqs, p.positions = append(p.order[:0], 0), append(p.seqs[:0], s), p.positions[:0]
	for _, pos := range positions {
		p.positions = append(p.positions, int32(pos))
	}
	g, err := e.graphFor(&p.shape)
	if err != nil {
		return err
	}
	e.fill(g, []engine.Item{{Seq: seq, Tokens: tokens}})
	return e.compute(g.g, unpaced)
}

// Save copies cells to host memory, bit for bit: for every layer K, then V, each
// as its rows lie, n cells to a row.
func (e *Engine) Save(seq engine.Seq, from, n int) (engine.Saved, error) {
	s, err := e.get("save", seq)
	if err != nil {
		return engine.Saved{}, err
	}
	if from < 0 || n < 0 || from+n > s.len {
		return engine.Saved{}, engine.Wrap("save", seq, fmt.Errorf("%w: cells %d…%d of %d", engine.ErrRange, from, from+n, s.len))
	}
	return e.cache.save(s, from, n), nil
}

// Load appends saved cells.
func (e *Engine) Load(seq engine.Seq, saved engine.Saved) error {
	s, err := e.get("load", seq)
	if err != nil {
		return err
	}
	if !saved.Valid(e.geo) {
		return engine.Wrap("load", seq, fmt.Errorf("%w: cells %d…%d in %d bytes, of cells of %d",
			engine.ErrRange, saved.From, saved.From+saved.Cells, len(saved.Data), e.geo.CellBytes))
	}
	if s.len+saved.Cells > s.capacity() {
		return engine.Wrap("load", seq, fmt.Errorf("%w: %d cells of %d", engine.ErrCapacity, s.len+saved.Cells, s.capacity()))
	}
	e.cache.runs(s, s.len, saved, func(r region, off int, data []byte) { r.write(off, data) })
	s.len += saved.Cells
	e.cache.clearTail(s, s.len)
	return nil
}

// Pack copies saved cells into no more memory than they take, where they have more.
func (e *Engine) Pack(s engine.Saved) engine.Saved {
	if s.Packed(e.geo) {
		return s
	}
	from, to := s.Data, make([]byte, 0, s.Cells*int(e.geo.CellBytes))
	has := len(s.Data) / int(e.geo.CellBytes)
	for range e.cache.k {
		for _, r := range e.cache.layout.rows() {
			for range r.n {
				to = append(to, from[s.From*r.size:][:s.Cells*r.size]...)
				from = from[has*r.size:]
			}
		}
	}
	return engine.Saved{Data: to, Cells: s.Cells}
}

func (c *cache) save(s *sequence, from, n int) engine.Saved {
	saved := engine.Saved{Data: make([]byte, int64(n)*c.geo.CellBytes), Cells: n}
	c.runs(s, from, saved, func(r region, off int, data []byte) { r.read(data, off) })
	return saved
}

// runs calls f for every contiguous run of bytes of the saved cells, the first of which
// is at the given position: for where it is in the region, and its saved copy.
func (c *cache) runs(s *sequence, from int, saved engine.Saved, f func(r region, off int, data []byte)) {
	blob, has := saved.Data, len(saved.Data)/int(c.geo.CellBytes)
	to := from + saved.Cells
	for layer := range c.k {
		for i, rows := range c.layout.rows() {
			r := [...]region{c.k[layer], c.v[layer]}[i]
			for row := range rows.n {
				for p := from; p < to; {
					i := c.spanAt(p)
					x := s.spans[i]
					end := min(c.spanEnd(i), to)
					off := int(c.arena.Offset(x.handle))*rows.cell() + (row*x.width+p-c.spanStart(i))*rows.size
					f(r, off, blob[(saved.From+p-from)*rows.size:(saved.From+end-from)*rows.size])
					p = end
				}
				blob = blob[has*rows.size:]
			}
		}
	}
}

// Read returns the K and V of cells in the clear.
func (e *Engine) Read(seq engine.Seq, cells []int) (engine.KV, error) {
	s, err := e.get("read", seq)
	if err != nil {
		return engine.KV{}, err
	}
	l, n := &e.cache.layout, len(cells)
	perLayer := l.heads * n * l.dim
	kv := engine.KV{K: make([]float32, e.geo.Layers*perLayer), V: make([]float32, e.geo.Layers*perLayer)}
	for i, p := range cells {
		if p < 0 || p >= s.len {
			return engine.KV{}, engine.Wrap("read", seq, fmt.Errorf("%w: cell %d of %d", engine.ErrRange, p, s.len))
		}
		one := e.cache.save(s, p, 1).Data
		for layer := range e.geo.Layers {
			for h := range l.heads {
				to := layer*perLayer + (h*n+i)*l.dim
				if err := e.weights.toFloat(l.kType, one[h*l.kRow:(h+1)*l.kRow], kv.K[to:to+l.dim]); err != nil {
					return engine.KV{}, engine.Wrap("read", seq, err)
				}
				v := one[l.kCell+h*l.vRow:]
				e.lib.HalvesToFloats(unsafe.Pointer(&v[0]), unsafe.Pointer(&kv.V[to]), int64(l.dim))
			}
			one = one[l.kCell+l.vCell:]
		}
	}
	return kv, nil
}
