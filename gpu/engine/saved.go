package engine

// Saved is cells in host memory, bit for bit, at the positions that they were saved
// from. Data is what one Save returned: how the cells lie in it is the engine's own
// affair, and they do not lie one behind the other. From and Cells say which of them
// are meant: Save's are all.
//
// Nobody changes Data, so a Saved and its parts may be used by many at once.
type Saved struct {
	Data  []byte
	From  int
	Cells int
}

// Part is n of the cells, from the given one on, in the same memory.
func (s Saved) Part(from, n int) Saved {
	if from < 0 || n < 0 || from+n > s.Cells {
		panic("engine: a part of saved cells that reaches beyond them")
	}
	return Saved{Data: s.Data, From: s.From + from, Cells: n}
}

// Valid tells whether an engine of that geometry may read the cells.
func (s Saved) Valid(g Geometry) bool {
	size := int(g.CellBytes)
	return len(s.Data)%size == 0 && s.From >= 0 && s.Cells >= 0 && s.From <= len(s.Data)/size-s.Cells
}

// Packed tells whether the cells are all that Data has.
func (s Saved) Packed(g Geometry) bool { return s.Cells*int(g.CellBytes) == len(s.Data) }
