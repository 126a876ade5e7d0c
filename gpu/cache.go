package gpu

import (
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/arena"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// cache is the KV memory of all sequences: one pool of cells, the same in every
// layer, handed out in extents.
//
// An extent is a run of cells that lies together in memory. A sequence has one
// per span, [0, S) [S, 2S) [2S, 4S) … , so a long one has a handful, and one that
// is full may be shared by several sequences. Within a layer an extent with room
// for cap cells that begins at cell o of the pool is laid out as
//
//	K   head-major:  [heads][cap] rows of headDim values, row o·heads + h·cap + i
//	V   transposed:  [heads·headDim][cap] values,     element o·heads·headDim + (h·headDim+d)·cap + i
//	    or as K, where flash attention reads it straight from the pool
//
// so that one index addresses a cell in every layer, and attention reads each
// head as one contiguous run.
//
// Kernels read whole granules, and a mask is no wall: −∞ added to a NaN is a NaN, and
// so is 0 times one. So what is read behind the written cells of a sequence is cleared, or
// what its own steps wrote, and nobody reads what another left behind.
//
// A program's context grows with each turn and gives back what the turn did not use. To
// follow each time would move all its cells twice a turn, since heads lie a capacity apart.
// So an extent may be wider than its capacity. What it has more is spare: it counts as
// free, and is taken back when another needs it.
type cache struct {
	geo    engine.Geometry
	lib    *ggml.Lib
	layout layout
	k, v   []region // per layer
	ctx    ggml.Context
	bufs   []ggml.Buffer
	mapped []byte

	arena *arena.Arena // in cells
	spare []*extent    // those that are wider than their capacity, the oldest first
	seqs  map[engine.Seq]*sequence
}

// layout is how a cell is stored.
type layout struct {
	kType, vType ggml.Type
	transposed   bool // V: see cache
	kRow, vRow   int  // bytes of one head of one cell
	kCell, vCell int  // bytes of one cell of one layer
	heads, dim   int  // K and V heads, values in each
}

func newLayout(lib *ggml.Lib, h *hyper, kType, vType ggml.Type, transposed bool) layout {
	kRow := int(lib.RowSize(kType, int64(h.headDim)))
	vRow := int(lib.RowSize(vType, int64(h.headDim)))
	return layout{
		kType: kType, vType: vType, transposed: transposed,
		kRow: kRow, vRow: vRow, kCell: kRow * h.kvHeads, vCell: vRow * h.kvHeads,
		heads: h.kvHeads, dim: h.headDim,
	}
}

// rows is K or V of a layer: for each extent so many rows, one behind the other, with so
// many bytes of each cell.
type rows struct{ n, size int }

func (r rows) cell() int { return r.n * r.size }

// rows are those of K and V.
func (l *layout) rows() [2]rows {
	if l.transposed {
		return [...]rows{{l.heads, l.kRow}, {l.heads * l.dim, l.vRow / l.dim}}
	}
	return [...]rows{{l.heads, l.kRow}, {l.heads, l.vRow}}
}

// sequence is one context: the cells [0, len) spread over extents, one per span.
type sequence struct {
	spans   []*extent
	len     int
	step    uint64 // the last step that it was part of
	sampler *sampler
}

// extent is a run of cells of one span. While refs > 1 it is full and immutable.
type extent struct {
	handle arena.Handle
	cap    int // cells that its sequence has reserved
	width  int // cells that it has room for, from one row to the next
	refs   int
}

// newCache reserves the pool. On a host backend the memory is mapped, not yet
// touched.
func newCache(d *device, geo engine.Geometry, l layout) (*cache, error) {
	cells := geo.PoolBytes / geo.CellBytes / int64(geo.Granule) * int64(geo.Granule)
	if cells <= 0 {
		return nil, fmt.Errorf("a KV pool of %d bytes holds no %d cells of %d bytes; raise --kv-bytes", geo.PoolBytes, geo.Granule, geo.CellBytes)
	}
	c := &cache{
		geo: geo, lib: d.lib, layout: l,
		arena: arena.New(cells, int64(geo.Granule)),
		seqs:  map[engine.Seq]*sequence{},
	}
	c.ctx = d.lib.Init(ggml.InitParams{MemSize: uint64(2*geo.Layers+1) * d.lib.TensorOverhead(), NoAlloc: true})
	var ks, vs []*ggml.Tensor
	rows := cells * int64(l.heads)
	for range geo.Layers {
		ks = append(ks, d.lib.NewTensor2(c.ctx, l.kType, int64(l.dim), rows))
		if l.transposed {
			vs = append(vs, d.lib.NewTensor2(c.ctx, l.vType, 1, rows*int64(l.dim)))
		} else {
			vs = append(vs, d.lib.NewTensor2(c.ctx, l.vType, int64(l.dim), rows))
		}
	}
	if err := c.allocate(d, append(append([]*ggml.Tensor{}, ks...), vs...)); err != nil {
		c.close()
		return nil, err
	}
	for i := range ks {
		c.k = append(c.k, newRegion(d, ks[i]))
		c.v = append(c.v, newRegion(d, vs[i]))
	}
	return c, nil
}

func (c *cache) allocate(d *device, tensors []*ggml.Tensor) error {
	if !d.host {
		buf := c.lib.AllocTensors(c.ctx, d.backend)
		if buf == 0 {
			return fmt.Errorf("no memory on %s for a KV pool of %d bytes; lower --kv-bytes", d.name, c.geo.PoolBytes)
		}
		c.lib.BufferClear(buf, 0)
		c.bufs = append(c.bufs, buf)
		return nil
	}
	mem, buf, err := mapTensors(c.lib, tensors)
	c.mapped, c.bufs = mem, append(c.bufs, buf)
	if err != nil {
		return fmt.Errorf("KV pool: %w; lower --kv-bytes", err)
	}
	return nil
}

func (c *cache) close() {
	for _, s := range c.seqs {
		s.sampler.free()
	}
	for _, b := range c.bufs {
		c.lib.BufferFree(b)
	}
	if c.ctx != 0 {
		c.lib.Free(c.ctx)
	}
	if c.mapped != nil {
		unix.Munmap(c.mapped)
	}
}

// spanAt is the index of the span that holds position p; spanStart and spanEnd
// are its bounds.
func (c *cache) spanAt(p int) int  { return bits.Len(uint(p / c.geo.Span)) }
func (c *cache) spanEnd(i int) int { return c.geo.Span << i }
func (c *cache) spanStart(i int) int {
	if i == 0 {
		return 0
	}
	return c.geo.Span << (i - 1)
}

func (c *cache) get(op string, id engine.Seq) (*sequence, error) {
	s, ok := c.seqs[id]
	if !ok {
		return nil, engine.Wrap(op, id, engine.ErrNoSuchSequence)
	}
	return s, nil
}

func (c *cache) create(op string, id engine.Seq) (*sequence, error) {
	if id == 0 {
		return nil, engine.Wrap(op, id, fmt.Errorf("%w: 0 is not a name", engine.ErrRange))
	}
	if _, ok := c.seqs[id]; ok {
		return nil, engine.Wrap(op, id, engine.ErrSequenceExists)
	}
	s := &sequence{}
	c.seqs[id] = s
	return s, nil
}

func (s *sequence) capacity() (n int) {
	for _, e := range s.spans {
		n += e.cap
	}
	return n
}

// reserve makes room for cells cells. It succeeds whenever the free bytes
// suffice: the arena makes holes by moving extents, which nothing notices since
// the graphs are bound to addresses anew for every step.
func (c *cache) reserve(id engine.Seq, cells int) error {
	s, err := c.get("reserve", id)
	if err != nil {
		return err
	}
	if cells < 0 {
		return engine.Wrap("reserve", id, engine.ErrRange)
	}
	if cells > c.geo.MaxContext {
		return engine.Wrap("reserve", id, fmt.Errorf("%w: %d cells of %d", engine.ErrTooLong, cells, c.geo.MaxContext))
	}
	want, has := c.geo.Cells(cells), s.capacity()
	if want <= has {
		return nil
	}
	if free := c.free(); want-has > free {
		return engine.Wrap("reserve", id, fmt.Errorf("%w: %d cells more, %d free", engine.ErrNoRoom, want-has, free))
	}
	for i := 0; c.spanStart(i) < want; i++ {
		c.resize(s, i, min(c.spanEnd(i), want)-c.spanStart(i))
	}
	return nil
}

// resize gives span i of s room for n cells and keeps the written ones. There are as many
// free.
func (c *cache) resize(s *sequence, i, n int) {
	span := c.spanEnd(i) - c.spanStart(i)
	if i == len(s.spans) {
		c.takeBack(n, nil)
		width := c.wide(n, n, span)
		h, moves, ok := c.arena.Alloc(int64(width))
		must(ok, "arena has no room that was counted as free")
		c.move(moves)
		c.clearNew(h, 0, width)
		s.spans = append(s.spans, &extent{handle: h, width: width, refs: 1})
	}
	e := s.spans[i]
	must(e.refs == 1 || e.cap == n, "a shared extent is full")
	if n > e.width {
		c.takeBack(n-e.width, e)
		width := c.wide(n, n-e.width, span)
		moves, ok := c.arena.Grow(e.handle, int64(width))
		must(ok, "arena has no room that was counted as free")
		c.move(moves)
		c.clearNew(e.handle, e.width, width)
		c.restride(e, min(c.geo.Cells(max(s.len-c.spanStart(i), 0)), e.cap), width)
	}
	e.cap = n
	c.noteSpare(e)
}

// wide is how wide an extent is made that is to have room for n cells, for which need more
// are taken: wider where there is plenty, so that it can grow in place.
func (c *cache) wide(n, need, span int) int {
	plenty := (int(c.arena.Stats().Free) - need) / 8 / c.geo.Granule * c.geo.Granule
	return n + min(span-n, plenty)
}

// noteSpare keeps the list of extents with spare cells.
func (c *cache) noteSpare(e *extent) {
	i := slices.Index(c.spare, e)
	switch has := e.width > e.cap; {
	case has && i < 0:
		c.spare = append(c.spare, e)
	case !has && i >= 0:
		c.spare = slices.Delete(c.spare, i, i+1)
	}
}

// takeBack makes n cells free in the arena: of the others' spare cells, from the extents that
// have most first.
func (c *cache) takeBack(n int, but *extent) {
	for int(c.arena.Stats().Free) < n {
		var most *extent
		for _, e := range c.spare {
			if e != but && (most == nil || e.width-e.cap > most.width-most.cap) {
				most = e
			}
		}
		must(most != nil, "no cells to take back of those that were counted as free")
		c.restride(most, most.cap, most.cap)
		c.arena.Trim(most.handle, int64(most.cap))
		c.noteSpare(most)
	}
}

// free is how many cells nobody has reserved.
func (c *cache) free() int {
	n := int(c.arena.Stats().Free)
	for _, e := range c.spare {
		n += e.width - e.cap
	}
	return n
}

// clearNew clears cells that an extent has been given, where kernels read further than the
// granule that a sequence ends in.
func (c *cache) clearNew(h arena.Handle, from, to int) {
	if c.mapped != nil {
		return
	}
	at := int(c.arena.Offset(h)) + from
	for layer := range c.k {
		c.k[layer].zero(at*c.layout.kCell, (to-from)*c.layout.kCell)
		c.v[layer].zero(at*c.layout.vCell, (to-from)*c.layout.vCell)
	}
}

// clearTail clears what is read behind the first length cells of a sequence: the rest of
// the last granule.
func (c *cache) clearTail(s *sequence, length int) { c.clear(s, length, c.geo.Cells(length)) }

// clear clears the cells [from, to) of a sequence, row by row.
func (c *cache) clear(s *sequence, from, to int) {
	for from < to {
		i := c.spanAt(from)
		x, first, n := s.spans[i], from-c.spanStart(i), min(to, c.spanEnd(i))-from
		for layer := range c.k {
			for j, rows := range c.layout.rows() {
				r := [...]region{c.k[layer], c.v[layer]}[j]
				for row := range rows.n {
					r.zero(c.at(x, rows, row, first), n*rows.size)
				}
			}
		}
		from += n
	}
}

// at is the byte of a region that the extent's cell is at, in the row of that number.
func (c *cache) at(x *extent, r rows, row, cell int) int {
	return int(c.arena.Offset(x.handle))*r.cell() + (row*x.width+cell)*r.size
}

// restride changes the width of an extent to n cells, in place, and keeps the first ones of
// each row: apart from the last row on, together from the first on, so that no row is
// overwritten before it has moved.
func (c *cache) restride(e *extent, kept, n int) {
	off, old, l := int(c.arena.Offset(e.handle)), e.width, &c.layout
	rows := func(r region, base, count, size int) {
		for j := range count {
			i := j
			if n > old {
				i = count - 1 - j
			}
			r.move(base+i*n*size, base+i*old*size, kept*size)
		}
	}
	if kept > 0 {
		for layer := range c.k {
			rows(c.k[layer], off*l.kCell, l.heads, l.kRow)
			if l.transposed {
				rows(c.v[layer], off*l.vCell, l.heads*l.dim, l.vRow/l.dim)
			} else {
				rows(c.v[layer], off*l.vCell, l.heads, l.vRow)
			}
		}
	}
	e.width = n
}

// move carries out what the arena asks for, in every layer.
func (c *cache) move(moves []arena.Move) {
	for _, m := range moves {
		for layer := range c.k {
			c.k[layer].move(int(m.To)*c.layout.kCell, int(m.From)*c.layout.kCell, int(m.N)*c.layout.kCell)
			c.v[layer].move(int(m.To)*c.layout.vCell, int(m.From)*c.layout.vCell, int(m.N)*c.layout.vCell)
		}
	}
}

// fork makes a sequence over the first n cells of another: whole spans by
// reference, the rest as a copy.
func (c *cache) fork(src, dst engine.Seq, n int) error {
	s, err := c.get("fork", src)
	if err != nil {
		return err
	}
	if n < 0 || n > s.len {
		return engine.Wrap("fork", src, fmt.Errorf("%w: %d cells of %d", engine.ErrRange, n, s.len))
	}
	shared := c.geo.Shared(n)
	rest := c.geo.Cells(n - shared)
	if free := c.free(); rest > free {
		return engine.Wrap("fork", src, fmt.Errorf("%w: %d cells to copy, %d free", engine.ErrNoRoom, rest, free))
	}
	d, err := c.create("fork to", dst)
	if err != nil {
		return err
	}
	for i := 0; c.spanEnd(i) <= n; i++ {
		s.spans[i].refs++
		d.spans = append(d.spans, s.spans[i])
	}
	if rest > 0 {
		i := len(d.spans)
		c.resize(d, i, rest)
		c.copyCells(s.spans[i], 0, d.spans[i], 0, n-shared)
	}
	d.len = n
	c.clearTail(d, n)
	return nil
}

// copyCells copies n cells of one extent, from cell i on, to cell j of another.
func (c *cache) copyCells(from *extent, i int, to *extent, j, n int) {
	for layer := range c.k {
		for k, rows := range c.layout.rows() {
			r := [...]region{c.k[layer], c.v[layer]}[k]
			for row := range rows.n {
				r.move(c.at(to, rows, row, j), c.at(from, rows, row, i), n*rows.size)
			}
		}
	}
}

// truncate forgets the cells from n on and gives their memory back, the last
// first. Where n falls inside a span that others share, the sequence gets a copy
// of what it keeps of it.
func (c *cache) truncate(id engine.Seq, n int) error {
	s, err := c.get("truncate", id)
	if err != nil {
		return err
	}
	if n < 0 || n > s.len {
		return engine.Wrap("truncate", id, fmt.Errorf("%w: %d cells of %d", engine.ErrRange, n, s.len))
	}
	keep := 0 // spans that stay, the last perhaps in part
	if n > 0 {
		keep = c.spanAt(n-1) + 1
	}
	rest := 0 // capacity of the last span that stays
	if keep > 0 {
		rest = c.geo.Cells(n) - c.spanStart(keep-1)
	}
	split := keep > 0 && s.spans[keep-1].refs > 1 && n < c.spanEnd(keep-1)
	if split {
		free := c.free()
		for _, e := range s.spans[keep:] {
			if e.refs == 1 {
				free += e.cap
			}
		}
		if rest > free {
			return engine.Wrap("truncate", id, fmt.Errorf("%w: %d cells of a shared span to copy, %d free", engine.ErrNoRoom, rest, free))
		}
	}
	for _, e := range s.spans[keep:] {
		c.drop(e)
	}
	s.spans = s.spans[:keep]
	switch {
	case split:
		shared := s.spans[keep-1]
		s.spans = s.spans[:keep-1]
		c.resize(s, keep-1, rest)
		c.copyCells(shared, 0, s.spans[keep-1], 0, n-c.spanStart(keep-1))
		c.drop(shared)
	case keep > 0:
		s.len = n
		c.resize(s, keep-1, rest)
	}
	s.len = n
	c.clearTail(s, n)
	return nil
}

func (c *cache) release(id engine.Seq) error {
	s, err := c.get("release", id)
	if err != nil {
		return err
	}
	for _, e := range s.spans {
		c.drop(e)
	}
	s.sampler.free()
	delete(c.seqs, id)
	return nil
}

func (c *cache) drop(e *extent) {
	if e.refs--; e.refs == 0 {
		c.arena.Free(e.handle)
		e.width = e.cap
		c.noteSpare(e)
	}
}

// kIndex is the row of position p in the K tensor of every layer, for head 0;
// head h is stride·h rows further. vIndex is the same for V: a row, or in the
// transposed layout an element, of which value d of head h is stride·(h·dim+d)
// further.
func (c *cache) kIndex(s *sequence, p int) (row, stride int) {
	i := c.spanAt(p)
	e := s.spans[i]
	return int(c.arena.Offset(e.handle))*c.layout.heads + p - c.spanStart(i), e.width
}

func (c *cache) vIndex(s *sequence, p int) (index, stride int) {
	if !c.layout.transposed {
		return c.kIndex(s, p)
	}
	i := c.spanAt(p)
	e := s.spans[i]
	return int(c.arena.Offset(e.handle))*c.layout.heads*c.layout.dim + p - c.spanStart(i), e.width
}

// memory is the pool in bytes.
func (c *cache) memory() engine.Memory {
	st, free := c.arena.Stats(), int64(c.free())
	return engine.Memory{
		Pool: (st.Used + st.Free) * c.geo.CellBytes, Used: (st.Used + st.Free - free) * c.geo.CellBytes, Free: free * c.geo.CellBytes,
		LargestHole: st.LargestHole * c.geo.CellBytes, Moved: st.Moved * c.geo.CellBytes,
		Sequences: len(c.seqs),
	}
}

// check audits the invariants: extents tile their spans, only full ones are
// shared, reference counts add up, and the arena holds nothing else.
func (c *cache) check() error {
	if err := c.arena.Check(); err != nil {
		return err
	}
	refs := map[*extent]int{}
	for id, s := range c.seqs {
		for i, e := range s.spans {
			refs[e]++
			span := c.spanEnd(i) - c.spanStart(i)
			switch {
			case e.cap <= 0 || e.cap > span || e.cap%c.geo.Granule != 0:
				return fmt.Errorf("sequence %d: span %d has %d cells of %d", id, i, e.cap, span)
			case i < len(s.spans)-1 && e.cap != span:
				return fmt.Errorf("sequence %d: span %d of %d is not full", id, i, len(s.spans))
			case e.width < e.cap || e.width > span || int64(e.width) != c.arena.Size(e.handle):
				return fmt.Errorf("sequence %d: span %d has %d cells in room for %d, the arena says %d", id, i, e.cap, e.width, c.arena.Size(e.handle))
			case (e.width > e.cap) != slices.Contains(c.spare, e):
				return fmt.Errorf("sequence %d: span %d has %d cells in room for %d, and is listed as one with spare ones: %t", id, i, e.cap, e.width, e.width == e.cap)
			case e.refs > 1 && (e.cap != span || s.len < c.spanEnd(i)):
				return fmt.Errorf("sequence %d: span %d is shared but not full", id, i)
			}
		}
		if s.len > s.capacity() {
			return fmt.Errorf("sequence %d: %d cells written, %d reserved", id, s.len, s.capacity())
		}
	}
	used := int64(0)
	for e, n := range refs {
		if e.refs != n {
			return fmt.Errorf("an extent of %d cells counts %d references, has %d", e.cap, e.refs, n)
		}
		used += int64(e.width)
	}
	for _, e := range c.spare {
		if refs[e] == 0 {
			return fmt.Errorf("an extent with %d spare cells belongs to no sequence", e.width-e.cap)
		}
	}
	if st := c.arena.Stats(); st.Used != used || st.Ranges != len(refs) {
		return fmt.Errorf("sequences hold %d cells in %d extents, the arena %d in %d", used, len(refs), st.Used, st.Ranges)
	}
	return nil
}

// must panics on a broken internal invariant.
func must(ok bool, what string) {
	if !ok {
		panic("gpu: " + what)
	}
}
