package anchors

import (
	"fmt"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin/anchor"
)

// place is what a node does: it moves what the kind's scheme moves, computes the first tokens of
// each piece anew and, of another program's text, compares those with what was moved. Where
// they stray too far, all behind them is computed.
func place(b *bench, seq engine.Seq) (moved int, err error) {
	pieces, _ := b.c.pieces(anchor.SchemeOf)
	if b.c.Kind != anchor.Sibling {
		return b.assemble(seq, pieces, b.from(b.source))
	}
	end := b.lab.Engine.Len(seq)
	holes, err := b.moveAll(seq, pieces, b.from(b.source))
	if err != nil {
		return 0, err
	}
	before := make([][]float32, len(pieces))
	for i, p := range pieces {
		if before[i], err = b.values(seq, p); err != nil {
			return 0, err
		}
	}
	if err := b.fill(seq, holes); err != nil {
		return 0, err
	}
	for i, p := range pieces {
		now, err := b.values(seq, p)
		if err != nil {
			return 0, err
		}
		if by := anchor.Deviation(now, before[i]); by > anchor.MostStrayed {
			return moved, b.recompute(seq, max(end, int(p.At+p.Mend)))
		}
		moved += int(p.Count - p.Mend)
	}
	return moved, b.rest(seq)
}

// values are those that are compared of a piece: of what is mended, at one layer.
func (b *bench) values(seq engine.Seq, p anchor.Piece) ([]float32, error) {
	kv, err := b.lab.Engine.Read(seq, positions(int(p.At), int(p.At+p.Mend)), anchor.CheckLayer(b.lab.Engine.Geometry().Layers))
	if err != nil {
		return nil, fmt.Errorf("check moved cells: %w", err)
	}
	return kv.V, nil
}

// recompute computes the target from a position on.
func (b *bench) recompute(seq engine.Seq, from int) error {
	if err := b.fill(seq, positions(from, b.lab.Engine.Len(seq))); err != nil {
		return err
	}
	return b.rest(seq)
}

// assemble moves pieces to where the target has them and computes what is not moved.
func (b *bench) assemble(seq engine.Seq, pieces []anchor.Piece, from func(anchor.Piece) (engine.Placement, error)) (moved int, err error) {
	holes, err := b.moveAll(seq, pieces, from)
	if err != nil {
		return 0, err
	}
	for _, p := range pieces {
		moved += int(p.Count - p.Mend)
	}
	if err := b.fill(seq, holes); err != nil {
		return 0, err
	}
	return moved, b.rest(seq)
}

// moveAll places the pieces, and says which positions before the last of their cells are to be
// computed.
func (b *bench) moveAll(seq engine.Seq, pieces []anchor.Piece, from func(anchor.Piece) (engine.Placement, error)) (holes []int, err error) {
	for _, p := range pieces {
		holes = append(holes, positions(b.lab.Engine.Len(seq), int(p.At+p.Mend))...)
		placement, err := from(p)
		if err != nil {
			return nil, err
		}
		placement.Dst, placement.At = seq, int(p.At)
		if err := b.lab.Engine.Place(placement); err != nil {
			return nil, err
		}
	}
	return holes, nil
}

// from moves pieces out of a sequence.
func (b *bench) from(src engine.Seq) func(anchor.Piece) (engine.Placement, error) {
	return func(p anchor.Piece) (engine.Placement, error) {
		return engine.Placement{Src: src, From: int(p.From), N: int(p.Count)}, nil
	}
}

// positions are those from one to before another.
func positions(from, to int) (at []int) {
	for p := from; p < to; p++ {
		at = append(at, p)
	}
	return at
}
