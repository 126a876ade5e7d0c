package anchors

import (
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
)

// Arm is a way to compute a case's target.
type Arm struct {
	Name  string
	About string

	// make computes all of the target but its last token into seq, which has the exact prefix.
	// It says how many of its tokens have cells that were moved.
	make func(b *bench, seq engine.Seq) (moved int, err error)
}

// Arms are the arms in the order in which they are shown.
func Arms() []Arm {
	return []Arm{
		{"dense, other steps", "the floor: nothing is moved, steps have other sizes", otherSteps},
		{"place", "as a node does by default: moved, mended by kind, checked", place},
		{"rotated", "moved and rotated, nothing mended (for edits: Leyline's splice)", rotated},
		{"copied", "moved and not rotated", copied},
		{"wrong text", "the ceiling: cells of another program's text", wrongText},
	}
}

// floorStep is no multiple of what steps usually have.
const floorStep = 100

func otherSteps(b *bench, seq engine.Seq) (int, error) {
	return 0, b.dense(seq, floorStep)
}

// unmended moves all that is in common, and mends nothing.
func unmended(anchor.Kind, programs.Tokens) anchor.Scheme { return anchor.Scheme{} }

func rotated(b *bench, seq engine.Seq) (int, error) {
	pieces, _ := b.c.pieces(unmended)
	return b.assemble(seq, pieces, b.from(b.source))
}

func wrongText(b *bench, seq engine.Seq) (int, error) {
	pieces, _ := b.c.pieces(unmended)
	return b.assemble(seq, pieces, b.from(b.other))
}

// copied saves cells and writes them elsewhere as if they had been there.
func copied(b *bench, seq engine.Seq) (int, error) {
	pieces, _ := b.c.pieces(unmended)
	return b.assemble(seq, pieces, func(p anchor.Piece) (engine.Placement, error) {
		saved, err := b.lab.Engine.Save(b.source, int(p.From), int(p.Count))
		return engine.Placement{Saved: &saved, From: int(p.At), N: int(p.Count)}, err
	})
}
