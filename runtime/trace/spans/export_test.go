package spans

import (
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

// Doing tells what a program does now: the part of its turn, or its gap.
func (b *Builder) Doing(id programs.ProgramID) (op Operation, known bool) {
	r := b.runs[id]
	switch {
	case r == nil:
		return 0, false
	case r.turn != nil:
		return r.turn.op, true
	}
	return r.doing().Operation, true
}

// Cells tells how many cells a program has on the device.
func (b *Builder) Cells(id programs.ProgramID) programs.Tokens { return b.runs[id].cells() }

// Copied tells how many cells lower tiers have.
func (b *Builder) Copied(id programs.ProgramID) [kvpin.Disk + 1]programs.Tokens {
	return b.runs[id].copied
}
