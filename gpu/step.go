package gpu

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// plan is the working memory of one step, kept between steps.
type plan struct {
	shape     shape
	pieces    []piece     // in the order of the shape's items
	seqs      []*sequence // of the items
	ends      []int       // their lengths afterwards
	positions []int32     // of all rows, in the order of the pieces
	masks     int         // elements of the masks that are written on the host
	key       []byte
	draws     []draw
	step      uint64 // number of the step, which marks sequences as seen
}

// Step computes every item's tokens, appends them to their sequences or patches those,
// and reports what was asked for: see package gpu/engine. Lengths change only when
// everything has worked.
func (e *Engine) Step(items []engine.Item, out []engine.Output) error {
	if e.broken != nil {
		return e.broken
	}
	if len(items) == 0 && len(out) == 0 {
		return nil
	}
	if err := e.prepare(items, out); err != nil {
		return err
	}
	for i, s := range e.plan.seqs {
		if end := e.plan.ends[i]; e.geo.Cells(end) > e.geo.Cells(s.len) {
			e.cache.clearTail(s, end)
		}
	}
	e.stop.Begin()
	g, err := e.run(items)
	if asked := e.stop.End(); asked && err == nil {
		err = engine.ErrInterrupted
	}
	if err != nil {
		return fmt.Errorf("step of %d rows: %w", e.plan.shape.rows, err)
	}
	for i, s := range e.plan.seqs {
		s.len = e.plan.ends[i]
	}
	return e.report(g, items, out)
}

// run computes what was prepared. K and V of what is appended are written behind the
// written cells, where nobody sees them until the lengths change.
func (e *Engine) run(items []engine.Item) (*graph, error) {
	g, err := e.graphFor(&e.plan.shape)
	if err != nil {
		return nil, err
	}
	e.fill(g, items)
	return g, e.compute(g.g, g.shape.paced())
}

// prepare checks the items and lays out the rows of the step.
func (e *Engine) prepare(items []engine.Item, out []engine.Output) error {
	p := &e.plan
	p.step++
	p.pieces, p.seqs, p.ends, p.positions = p.pieces[:0], p.seqs[:0], p.ends[:0], p.positions[:0]
	p.masks, p.shape = 0, shape{items: p.shape.items[:0]}
	if len(out) != len(items) {
		return fmt.Errorf("step: %w: %d items, %d outputs", engine.ErrRange, len(items), len(out))
	}
	for i := range items {
		it := &items[i]
		s, err := e.cache.get("step", it.Seq)
		if err != nil {
			return err
		}
		end, err := e.admit(s, it)
		if err != nil {
			return engine.Wrap("step", it.Seq, err)
		}
		s.step = p.step
		p.seqs, p.ends = append(p.seqs, s), append(p.ends, end)
		if it.Sample || it.Logits {
			p.shape.outputs++
		}
		p.shape.rows += len(it.Tokens)
	}
	if p.shape.rows > e.geo.MaxStep {
		return fmt.Errorf("step: %w: %d tokens of %d", engine.ErrRange, p.shape.rows, e.geo.MaxStep)
	}
	for i, s := range p.seqs {
		e.divide(i, s, &items[i])
	}
	for i, piece := range p.pieces {
		for row := range p.shape.items[i].rows {
			p.positions = append(p.positions, int32(position(piece.seq, &items[piece.item], piece.from+row)))
		}
	}
	p.shape.paddedRows, p.shape.paddedOutputs = e.roundRows(p.shape.rows), e.roundRows(p.shape.outputs)
	return nil
}

// add puts a piece where it belongs in the shape.
func (p *plan) add(of piece, it itemShape) {
	at := len(p.pieces)
	for at > 0 && it.compare(&p.shape.items[at-1]) < 0 {
		at--
	}
	p.pieces = slices.Insert(p.pieces, at, of)
	p.shape.items = slices.Insert(p.shape.items, at, it)
}

// reports tells whether the item at index i of the shape has the row whose logits its
// item wants.
func (p *plan) reports(i int, items []engine.Item) bool {
	it := &items[p.pieces[i].item]
	return (it.Sample || it.Logits) && p.pieces[i].from+p.shape.items[i].rows == len(it.Tokens)
}

// itemShape is the shape of rows rows that begin at position first. On a card a
// decode's graph serves lengths up to the next power of two.
func (e *Engine) itemShape(rows, first int) itemShape {
	n := e.geo.Cells(first + rows)
	s := itemShape{rows: rows, first: first, n: n, form: e.tuning.form(e, rows), spans: e.cache.spanAt(n-1) + 1}
	if rows == 1 && !e.device.host {
		for s.n = 256; s.n < n; {
			s.n *= 2
		}
		s.n = min(s.n, e.geo.Cells(e.geo.MaxContext))
	}
	return s
}

// graphFor returns the graph of a shape, from the cache or newly built.
func (e *Engine) graphFor(s *shape) (*graph, error) {
	e.plan.key = e.key(s, e.plan.key[:0])
	if g := e.graphs.get(e.plan.key); g != nil {
		return g, nil
	}
	own := *s
	own.items = append([]itemShape(nil), s.items...)
	var g *graph
	err := e.withResults(func() (err error) {
		g, err = e.buildGraph(own)
		return err
	})
	if err != nil {
		return nil, err
	}
	e.graphs.put(e.plan.key, g)
	return g, nil
}

// withResults runs what gives a graph the memory of its intermediate results. Where that
// fails, or moves the memory, the graphs that point into it are gone.
func (e *Engine) withResults(allocate func() error) error {
	size := e.lib.AllocatorSize(e.alloc, 0)
	err := allocate()
	if errors.Is(err, errNoResults) {
		if again := e.reserveGraphs(); again != nil {
			e.broken = fmt.Errorf("%w: %w", engine.ErrBroken, again)
			return e.broken
		}
	}
	if err == nil && e.lib.AllocatorSize(e.alloc, 0) != size {
		e.graphs.close()
	}
	return err
}

// fill writes the step's inputs and binds the graph to its cells.
func (e *Engine) fill(g *graph, items []engine.Item) {
	p := &e.plan
	tokens, pos := g.tokens.ints(), g.pos.ints()
	copy(pos, p.positions)
	row, output := 0, 0
	for i, piece := range p.pieces {
		rows := p.shape.items[i].rows
		at := p.positions[row : row+rows]
		for j, t := range items[piece.item].Tokens[piece.from : piece.from+rows] {
			tokens[row] = int32(t)
			e.address(g, piece.seq, row, int(at[j]))
			row++
		}
		if p.reports(i, items) {
			g.out.ints()[output] = int32(row - 1)
			output++
		}
		g.items[i].bind(e, piece.seq, at)
		g.items[i].see(e, at)
	}
	clear(tokens[row:]) // idle rows are token 0 at position 0
	clear(pos[row:])
	clear(g.out.ints()[output:])
	g.tokens.send(e.device, len(g.tokens.mem))
	g.pos.send(e.device, len(g.pos.mem))
	g.kRows.send(e.device, len(g.kRows.mem))
	g.vRows.send(e.device, len(g.vRows.mem))
	g.out.send(e.device, len(g.out.mem))
}

// address writes where the K and V of a row go.
func (e *Engine) address(g *graph, s *sequence, row, position int) {
	l := &e.cache.layout
	k, stride := e.cache.kIndex(s, position)
	for h, to := 0, g.kRows.longs()[row*l.heads:]; h < l.heads; h++ {
		to[h] = int64(k + h*stride)
	}
	values := l.heads
	if l.transposed {
		values *= l.dim
	}
	v, stride := e.cache.vIndex(s, position)
	for j, to := 0, g.vRows.longs()[row*values:]; j < values; j++ {
		to[j] = int64(v + j*stride)
	}
}

// compute runs a graph on the device; rows is for the threads' pace.
func (e *Engine) compute(g ggml.Graph, rows int) error {
	e.threads.begin(rows)
	status := e.lib.Compute(e.device.backend, g)
	e.threads.end(rows, status == ggml.StatusSuccess)
	switch status {
	case ggml.StatusSuccess:
		return nil
	case ggml.StatusAborted:
		return engine.ErrInterrupted
	}
	e.broken = fmt.Errorf("%w: the device reports status %d", engine.ErrBroken, status)
	return e.broken
}

// report samples and copies what the items asked for.
func (e *Engine) report(g *graph, items []engine.Item, out []engine.Output) error {
	p := &e.plan
	p.draws = p.draws[:0]
	logits := e.logits(g, p.shape.outputs)
	clear(out)
	for at, piece := range p.pieces {
		if !p.reports(at, items) {
			continue
		}
		i := piece.item
		it := &items[i]
		row := logits[:e.geo.Vocab:e.geo.Vocab]
		logits = logits[e.geo.Vocab:]
		if it.Logits {
			out[i].Logits = append([]float32(nil), row...)
		}
		if it.Sample {
			p.draws = append(p.draws, draw{piece.seq.sampler, row, &out[i]})
		}
	}
	drawAll(p.draws, e.vocab, e.threads.pace.all)
	clear(p.draws)
	return nil
}

// logits are the scores of so many output rows, valid until the next step.
func (e *Engine) logits(g *graph, rows int) []float32 {
	n := rows * e.geo.Vocab
	if n == 0 {
		return nil
	}
	if e.device.host {
		return g.logits.Floats(n)
	}
	if len(e.hostLogits) < n {
		e.hostLogits = make([]float32, n)
	}
	e.lib.TensorGet(g.logits, unsafe.Pointer(&e.hostLogits[0]), 0, uint64(4*n))
	return e.hostLogits[:n]
}
