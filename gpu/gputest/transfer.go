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

// Read returns the K and V of the cells, in their order, in the layers that are named or
// in all.
func (f *Fake) Read(seq engine.Seq, cells []int, layers ...int) (engine.KV, error) {
	kv, err := f.read(seq, cells, layers)
	return kv, engine.Wrap("read", seq, err)
}

func (f *Fake) read(seq engine.Seq, cells, layers []int) (kv engine.KV, err error) {
	s, err := f.lookup(seq)
	if err != nil {
		return kv, err
	}
	for _, i := range cells {
		if i < 0 || i >= s.len {
			return kv, fmt.Errorf("cell %d of %d: %w", i, s.len, engine.ErrRange)
		}
	}
	for _, l := range layers {
		if l < 0 || l >= f.geometry.Layers {
			return kv, fmt.Errorf("layer %d of %d: %w", l, f.geometry.Layers, engine.ErrRange)
		}
	}
	if len(layers) == 0 {
		layers = upTo(0, f.geometry.Layers)
	}
	half, dim := f.model.values()/2, f.geometry.HeadDim
	for _, l := range layers {
		for head := range f.geometry.KVHeads {
			at := (l*f.geometry.KVHeads + head) * dim
			for _, c := range cells {
				values := s.at(f.geometry, c).kv
				kv.K, kv.V = append(kv.K, values[at:at+dim]...), append(kv.V, values[half+at:half+at+dim]...)
			}
		}
	}
	return kv, nil
}

// hole is what stands in for the token of a cell that was left out.
const hole = engine.Token(-1)

// Place copies cells behind those of a sequence, to other positions.
func (f *Fake) Place(p engine.Placement) error {
	return engine.Wrap("place in", p.Dst, f.place(p))
}

func (f *Fake) place(p engine.Placement) error {
	dst, err := f.lookup(p.Dst)
	if err != nil {
		return err
	}
	src := &sequence{}
	if p.Saved == nil {
		if src, err = f.lookup(p.Src); err != nil {
			return engine.Wrap("from", p.Src, err)
		}
	}
	if err := p.Check(f.geometry, dst.len, dst.capacity(), src.len); err != nil {
		return err
	}
	for dst.len < p.At {
		*dst.at(f.geometry, dst.len) = cell{token: hole, kv: make([]float32, f.model.values())}
		dst.len++
	}
	for i := range p.N {
		var c cell
		if p.Saved != nil {
			c = f.model.decode(p.Saved.Data, p.Saved.From+i, len(p.Saved.Data)/int(f.geometry.CellBytes))
		} else {
			c = *src.at(f.geometry, p.From+i)
		}
		if p.Delta != nil {
			f.add(&c, *p.Delta, p.N, i)
		}
		c.kv = f.model.rotate(c.kv, p.At-p.From)
		*dst.at(f.geometry, p.At+i) = c
		dst.len++
	}
	f.count(func(c *Counters) { c.Placed += p.N })
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
