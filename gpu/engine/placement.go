package engine

import "fmt"

// Placement copies N cells to the positions [At, At+N) of Dst. Keys are rotated by
// the difference of the positions, values stay, bit for bit; without a difference and
// a delta so do keys.
//
// The target lies behind what Dst has and within what it has reserved:
// Len ≤ At, At+N ≤ Capacity. Afterwards Len is At+N. The cells between, of the old
// Len to At, are holes: they are zeros, and mean nothing until they are patched (see
// Item.At). N may be 0.
//
// Src and Dst may share spans, and be one: what is read was written before.
type Placement struct {
	Src   Seq    // the cells are [From, From+N) of Src;
	Saved *Saved // or, where it is not nil, all N of Saved, the first saved from position From
	From  int
	N     int

	Dst Seq
	At  int

	// Delta, where it is not nil, is added to the cells, over all layers. It belongs to
	// the cells as they were at From: K's delta is added before the rotation and turns
	// with it. So one that was found out between two contexts, as the difference of
	// cells at the same positions, is right wherever the cells go. Its values must be
	// finite.
	Delta *KV
}

// Check tells whether an engine of that geometry may make the placement, into a
// sequence of so many cells and from one of so many, which does not count for saved
// cells.
func (p *Placement) Check(g Geometry, length, capacity, source int) error {
	switch {
	case p.Saved != nil && (!p.Saved.Valid(g) || p.Saved.Cells != p.N):
		return fmt.Errorf("%w: %d cells to place, of cells [%d, %d) in %d bytes", ErrRange, p.N, p.Saved.From, p.Saved.From+p.Saved.Cells, len(p.Saved.Data))
	case p.Saved != nil:
		source = g.MaxContext
	}
	switch {
	case p.From < 0 || p.N < 0 || p.From > source || p.N > source-p.From:
		return fmt.Errorf("%w: %d cells from position %d on, of %d", ErrRange, p.N, p.From, source)
	case p.At < length:
		return fmt.Errorf("%w: to position %d, where %d cells are written; cut them first", ErrRange, p.At, length)
	case p.At > g.MaxContext || p.N > g.MaxContext-p.At:
		return fmt.Errorf("%w: %d cells at %d, of %d", ErrTooLong, p.N, p.At, g.MaxContext)
	case p.N > capacity-p.At:
		return fmt.Errorf("%w: %d cells at %d, of %d", ErrCapacity, p.N, p.At, capacity)
	}
	if p.Delta == nil {
		return nil
	}
	return p.Delta.check(g.Layers * g.KVHeads * p.N * g.HeadDim)
}

// check tells whether K and V are so many finite numbers each.
func (kv *KV) check(n int) error {
	if len(kv.K) != n || len(kv.V) != n {
		return fmt.Errorf("%w: deltas of %d and %d values, expected %d", ErrRange, len(kv.K), len(kv.V), n)
	}
	for _, values := range [][]float32{kv.K, kv.V} {
		for i, v := range values {
			if v-v != 0 { // NaN or infinite
				return fmt.Errorf("%w: value %d of the deltas is %v", ErrRange, i, v)
			}
		}
	}
	return nil
}
