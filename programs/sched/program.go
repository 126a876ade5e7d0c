package sched

import (
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// Program is what scheduling knows of a program. Its owner keeps it up to date;
// the scheduler sets Turn.Phase when it admits or preempts the turn.
type Program struct {
	ID      programs.ProgramID
	Tenant  programs.TenantID
	Arrived programs.Time  // of its first turn
	Phase   programs.Phase // of the program
	Turn    Turn           // in progress, or the last one

	Cells    programs.Tokens // of its context that are in memory
	Capacity programs.Tokens // reserved for it, Cells included

	// Owner is what the owner of the program makes of it. The scheduler hands
	// programs back to its owner and never looks.
	Owner any

	place order.Entry[*Program] // among the waiting
}

// Turn is what scheduling knows of a turn.
type Turn struct {
	Number  programs.TurnNumber
	Phase   programs.TurnPhase
	Arrived programs.Time
	Context programs.Tokens // prompt and generated tokens
}

// left is how much of the turn's context is not in memory yet. When it is one
// token, the next step samples, be it a decode or the rest of a prompt.
func (p *Program) left() programs.Tokens { return p.Turn.Context - p.Cells }
