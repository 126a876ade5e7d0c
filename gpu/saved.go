package gpu

import (
	"fmt"

	"github.com/interlude-run/interlude/gpu/engine"
)

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
	e.cache.load(s, s.len, saved)
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

// load writes saved cells from a position on.
func (c *cache) load(s *sequence, at int, saved engine.Saved) {
	c.runs(s, at, saved, func(r region, off int, data []byte) { r.write(off, data) })
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
					f(r, c.at(x, rows, row, p-c.spanStart(i)), blob[(saved.From+p-from)*rows.size:(saved.From+end-from)*rows.size])
					p = end
				}
				blob = blob[has*rows.size:]
			}
		}
	}
}
