package gputest

import (
	"fmt"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Save copies cells [from, from+n) to host memory.
func (f *Fake) Save(seq engine.Seq, from, n int) (engine.Saved, error) {
	s, err := f.lookupCells(seq, from, n)
	if err != nil {
		return engine.Saved{}, engine.Wrap("save", seq, err)
	}
	saved := engine.Saved{Data: make([]byte, n*int(f.geometry.CellBytes)), Cells: n}
	for i := range n {
		f.model.encode(saved.Data, i, n, *s.at(f.geometry, from+i))
	}
	f.count(func(c *Counters) { c.Saved += n })
	return saved, nil
}

// Load appends saved cells.
func (f *Fake) Load(seq engine.Seq, saved engine.Saved) error {
	return engine.Wrap("load", seq, f.load(seq, saved))
}

func (f *Fake) load(seq engine.Seq, saved engine.Saved) error {
	s, err := f.lookup(seq)
	if err != nil {
		return err
	}
	if !saved.Valid(f.geometry) {
		return fmt.Errorf("%d cells from %d on in %d bytes: %w", saved.Cells, saved.From, len(saved.Data), engine.ErrRange)
	}
	has := len(saved.Data) / int(f.geometry.CellBytes)
	if err := f.append(s, saved.Cells, func(i int) cell { return f.model.decode(saved.Data, saved.From+i, has) }); err != nil {
		return err
	}
	f.count(func(c *Counters) { c.Loaded += saved.Cells })
	return nil
}

// Pack copies saved cells into no more memory than they take.
func (f *Fake) Pack(s engine.Saved) engine.Saved {
	if s.Packed(f.geometry) {
		return s
	}
	has := len(s.Data) / int(f.geometry.CellBytes)
	to := engine.Saved{Cells: s.Cells}
	for b := range int(f.geometry.CellBytes) {
		to.Data = append(to.Data, s.Data[b*has+s.From:][:s.Cells]...)
	}
	return to
}

// Read returns the K and V of the cells, in their order.
func (f *Fake) Read(seq engine.Seq, cells []int) (engine.KV, error) {
	s, err := f.lookup(seq)
	if err != nil {
		return engine.KV{}, engine.Wrap("read", seq, err)
	}
	for _, i := range cells {
		if i < 0 || i >= s.len {
			return engine.KV{}, engine.Wrap("read", seq, fmt.Errorf("cell %d of %d: %w", i, s.len, engine.ErrRange))
		}
	}
	half := f.model.values() / 2
	kv := engine.KV{K: make([]float32, half*len(cells)), V: make([]float32, half*len(cells))}
	for i, c := range cells {
		values := s.at(f.geometry, c).kv
		f.eachValue(len(cells), i, func(inCell, inKV int) {
			kv.K[inKV], kv.V[inKV] = values[inCell], values[half+inCell]
		})
	}
	return kv, nil
}

// Transplant appends cells of one sequence to another.
func (f *Fake) Transplant(t engine.Transplant) error {
	return engine.Wrap("transplant to", t.Dst, f.transplant(t))
}

func (f *Fake) transplant(t engine.Transplant) error {
	src, err := f.lookupCells(t.Src, t.From, t.N)
	if err != nil {
		return engine.Wrap("from", t.Src, err)
	}
	dst, err := f.lookup(t.Dst)
	if err != nil {
		return err
	}
	if t.Delta != nil {
		if err := f.fits(*t.Delta, t.N); err != nil {
			return err
		}
	}
	by := dst.len - t.From
	err = f.append(dst, t.N, func(i int) cell {
		c := *src.at(f.geometry, t.From+i)
		c.kv = f.model.rotate(c.kv, by)
		if t.Delta != nil {
			f.add(&c, *t.Delta, t.N, i)
		}
		return c
	})
	if err != nil {
		return err
	}
	f.count(func(c *Counters) { c.Transplanted += t.N })
	return nil
}

// AddDelta adds to K and V of the cells [from, from+n).
func (f *Fake) AddDelta(seq engine.Seq, from, n int, d engine.KV) error {
	return engine.Wrap("add delta to", seq, f.addDelta(seq, from, n, d))
}

func (f *Fake) addDelta(seq engine.Seq, from, n int, d engine.KV) error {
	s, err := f.lookupCells(seq, from, n)
	if err != nil {
		return err
	}
	if err := f.fits(d, n); err != nil {
		return err
	}
	for i := range n {
		if s.shared(f.geometry, from+i) {
			return fmt.Errorf("cell %d is shared: %w", from+i, engine.ErrRange)
		}
	}
	for i := range n {
		f.add(s.at(f.geometry, from+i), d, n, i)
	}
	s.touch(from)
	return nil
}

// Recompute runs tokens at positions over the existing cells.
func (f *Fake) Recompute(seq engine.Seq, positions []int, tokens []engine.Token) error {
	return engine.Wrap("recompute", seq, f.recompute(seq, positions, tokens))
}

func (f *Fake) recompute(seq engine.Seq, positions []int, tokens []engine.Token) error {
	s, err := f.lookup(seq)
	if err != nil {
		return err
	}
	if len(positions) != len(tokens) {
		return fmt.Errorf("%d positions and %d tokens: %w", len(positions), len(tokens), engine.ErrRange)
	}
	for i, p := range positions {
		switch {
		case p < 0 || p >= s.len:
			return fmt.Errorf("position %d of %d: %w", p, s.len, engine.ErrRange)
		case i > 0 && p <= positions[i-1]:
			return fmt.Errorf("position %d after %d: %w", p, positions[i-1], engine.ErrRange)
		case s.shared(f.geometry, p):
			return fmt.Errorf("cell %d is shared: %w", p, engine.ErrRange)
		}
	}
	if err := f.known(tokens); err != nil {
		return err
	}
	for i, p := range positions {
		*s.at(f.geometry, p) = f.model.write(tokens[i], p, s.digest(f.model, p))
		s.touch(p)
	}
	f.count(func(c *Counters) { c.Recomputed += len(positions) })
	return nil
}

// lookupCells finds a sequence that has cells [from, from+n).
func (f *Fake) lookupCells(seq engine.Seq, from, n int) (*sequence, error) {
	s, err := f.lookup(seq)
	if err != nil {
		return nil, err
	}
	if from < 0 || n < 0 || from > s.len || n > s.len-from {
		return nil, fmt.Errorf("%d cells from %d on, of %d: %w", n, from, s.len, engine.ErrRange)
	}
	return s, nil
}

// append writes n cells at the end.
func (f *Fake) append(s *sequence, n int, cell func(i int) cell) error {
	if err := f.capacityFor(s, n); err != nil {
		return err
	}
	for i := range n {
		*s.at(f.geometry, s.len) = cell(i)
		s.len++
	}
	return nil
}

// fits tells whether d has the shape for n cells.
func (f *Fake) fits(d engine.KV, n int) error {
	if want := f.model.values() / 2 * n; len(d.K) != want || len(d.V) != want {
		return fmt.Errorf("deltas of %d and %d values for %d cells, want %d: %w", len(d.K), len(d.V), n, want, engine.ErrRange)
	}
	for _, values := range [][]float32{d.K, d.V} {
		for i, v := range values {
			if v-v != 0 { // NaN or infinite
				return fmt.Errorf("value %d of the deltas is %v: %w", i, v, engine.ErrRange)
			}
		}
	}
	return nil
}

// add adds the deltas of cell i of n.
func (f *Fake) add(c *cell, d engine.KV, n, i int) {
	half := f.model.values() / 2
	kv := append([]float32(nil), c.kv...)
	f.eachValue(n, i, func(inCell, inKV int) {
		kv[inCell] += d.K[inKV]
		kv[half+inCell] += d.V[inKV]
	})
	c.kv = kv
}

// eachValue pairs the indexes of the values of one cell with those of cell i in
// an engine.KV of n cells.
func (f *Fake) eachValue(n, i int, pair func(inCell, inKV int)) {
	dim := f.geometry.HeadDim
	for head := range f.geometry.Layers * f.geometry.KVHeads {
		for d := range dim {
			pair(head*dim+d, (head*n+i)*dim+d)
		}
	}
}
