package gpu

import (
	"fmt"

	"github.com/interlude-run/interlude/gpu/engine"
)

// piece is rows of one item that attention takes together. Linear layers take all rows of
// a step at once, whatever their positions; attention needs to know which cells a row sees.
type piece struct {
	item int // of the step
	seq  *sequence
	from int // of the item's tokens, the first row's
}

// runRows is how many rows with consecutive positions are a piece of their own. Such a piece
// is a chunk of a prefill, wherever it lies: it reads no cell behind its rows, and needs no
// mask of its own. It costs a dozen nodes a layer, which fewer rows are not worth.
const runRows = 8

// divide adds an item's rows to the plan: as one piece where the positions are consecutive;
// else runs as pieces of their own, and what is between them together, under masks that say
// what each row sees.
func (e *Engine) divide(i int, s *sequence, it *engine.Item) {
	if it.At == nil {
		e.addRun(i, s, 0, len(it.Tokens), s.len)
		return
	}
	scattered := 0 // the first row that is in no piece yet
	for from := 0; from < len(it.At); {
		n := run(it.At[from:])
		if n >= runRows {
			e.scatter(i, s, it.At, scattered, from)
			e.addRun(i, s, from, n, it.At[from])
			scattered = from + n
		}
		from += n
	}
	e.scatter(i, s, it.At, scattered, len(it.At))
}

// scatter adds the rows [from, to), whose positions have gaps, in tiles. Rows for whose
// masks there is no memory are runs, however short.
func (e *Engine) scatter(i int, s *sequence, at []int, from, to int) {
	tile := e.tileRows
	if !e.cache.layout.transposed {
		tile = e.geo.MaxStep
	}
	for from < to {
		n := min(to-from, tile)
		short := run(at[from : from+n])
		cells := e.geo.Cells(at[from+n-1] + 1)
		if short < n && e.plan.masks+n*cells <= e.sparseRows*e.geo.MaxContext {
			e.plan.masks += n * cells
			shape := itemShape{rows: n, n: cells, spans: e.cache.spanAt(cells-1) + 1, form: e.tuning.masked(e), sparse: true}
			e.plan.add(piece{i, s, from}, shape)
		} else {
			n = short
			e.addRun(i, s, from, n, at[from])
		}
		from += n
	}
}

// run is how many positions from the first on are consecutive.
func run(at []int) (n int) {
	for n < len(at) && at[n] == at[0]+n {
		n++
	}
	return n
}

func (e *Engine) addRun(i int, s *sequence, from, rows, position int) {
	e.plan.add(piece{i, s, from}, e.itemShape(rows, position))
}

// admit checks an item of a step, and returns the length of its sequence afterwards.
func (e *Engine) admit(s *sequence, it *engine.Item) (end int, err error) {
	if len(it.Tokens) == 0 {
		return 0, fmt.Errorf("%w: no tokens", engine.ErrRange)
	}
	if s.step == e.plan.step {
		return 0, fmt.Errorf("%w: twice in one step", engine.ErrRange)
	}
	if end, err = it.End(s.len); err != nil {
		return 0, err
	}
	if end > s.capacity() {
		return 0, fmt.Errorf("%w: %d cells of %d", engine.ErrCapacity, end, s.capacity())
	}
	for _, p := range it.At {
		if p < s.len && s.spans[e.cache.spanAt(p)].refs > 1 {
			return 0, fmt.Errorf("%w: cell %d is shared with another sequence; patch what is behind %d, or a copy",
				engine.ErrRange, p, e.cache.spanEnd(e.cache.spanAt(p)))
		}
	}
	for _, t := range it.Tokens {
		if t < 0 || int(t) >= e.geo.Vocab {
			return 0, fmt.Errorf("%w: token %d of %d", engine.ErrRange, t, e.geo.Vocab)
		}
	}
	return end, nil
}

// position is that of an item's token.
func position(s *sequence, it *engine.Item, token int) int {
	if it.At != nil {
		return it.At[token]
	}
	return s.len + token
}
