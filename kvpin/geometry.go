package kvpin

import (
	"errors"

	"github.com/interlude-run/interlude/programs"
)

// Geometry is what the ledger must know of an engine: how much memory there is,
// in which amounts a sequence gets it, and which part of it a fork shares. The
// arithmetic is the engine's own.
type Geometry struct {
	CellBytes programs.Bytes  // one cell over all layers
	Granule   programs.Tokens // capacity comes in multiples of so many cells
	Span      programs.Tokens // the first span that a fork can share; a multiple of Granule
	PoolBytes programs.Bytes  // what all sequences together may reserve
}

// Validate reports the first field that cannot be right.
func (g Geometry) Validate() error {
	switch {
	case g.CellBytes < 1:
		return errors.New("geometry: CellBytes must be positive")
	case g.Granule < 1:
		return errors.New("geometry: Granule must be positive")
	case g.Span < 1 || g.Span%g.Granule != 0:
		return errors.New("geometry: Span must be a positive multiple of Granule")
	case g.PoolCells() < 2:
		return errors.New("geometry: PoolBytes must hold at least 2 cells")
	}
	return nil
}

// Cells rounds n up to the capacity that a sequence of n cells has.
func (g Geometry) Cells(n programs.Tokens) programs.Tokens {
	return (n + g.Granule - 1) / g.Granule * g.Granule
}

// Bytes is what capacity for n cells costs, nothing shared.
func (g Geometry) Bytes(n programs.Tokens) programs.Bytes {
	return programs.Bytes(g.Cells(n)) * g.CellBytes
}

// PoolCells is the capacity of a sequence that has the pool to itself.
func (g Geometry) PoolCells() programs.Tokens {
	cells := programs.Tokens(g.PoolBytes / g.CellBytes)
	return cells / g.Granule * g.Granule
}

// Shared is how many of the first n cells of a sequence a fork of them shares:
// the whole spans [0, Span), [Span, 2·Span), [2·Span, 4·Span) … among them.
func (g Geometry) Shared(n programs.Tokens) programs.Tokens {
	return g.spanStart(g.wholeSpans(n))
}

// spanStart is the first cell of span k, and the end of the one before it.
func (g Geometry) spanStart(k int) programs.Tokens {
	if k == 0 {
		return 0
	}
	return g.Span << (k - 1)
}

// wholeSpans counts the spans that end within the first n cells.
func (g Geometry) wholeSpans(n programs.Tokens) (k int) {
	for g.spanStart(k+1) <= n {
		k++
	}
	return k
}
