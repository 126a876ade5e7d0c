package sched

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// Program is what scheduling knows of a program. Its owner keeps it up to date
// and tells of changes with Scheduler.Put; the scheduler sets Turn.Phase when it
// admits or preempts the turn, and the policy Retention.
type Program struct {
	ID      programs.ProgramID
	Tenant  programs.TenantID
	Arrived programs.Time  // of its first turn, or of its parent's
	Place   programs.Time  // the same, later by what sub-agents have spent in its name
	Phase   programs.Phase // of the program
	Turn    Turn           // in progress, or the last one
	Turns   int            // finished

	Cells    programs.Tokens // of its context that are in memory, from its start on
	Placed   programs.Tokens // of its context behind Cells that are in memory, too; what is between is to be computed
	Capacity programs.Tokens // reserved for it, Cells included
	Shared   programs.Tokens // of Capacity, held together with other programs
	Below    programs.Tokens // of its context that lower tiers have a copy of
	Used     programs.Time   // when a step of it last ended
	Served   programs.Duration

	Gap  Gap     // the interlude under way, or the last one
	Seat float64 // what keeping its memory in the interlude is worth, over what it costs the others
	Work Work    // what it is expected to have left to do

	// Safe says that the owner does not lend the memory just now, whatever the
	// policy says: it is being moved, or read.
	Safe bool

	// Retention is the policy's word on the memory while the program does not
	// run.
	Retention Retention

	// Owner is what the owner of the program makes of it. The scheduler hands
	// programs back to its owner and never looks.
	Owner any

	// State is what the policy knows of the program beside all this: its places in
	// the policy's orders, and notes. It is the policy's own, see StateOf; nobody
	// else looks.
	State any

	// The scheduler holds the policy to its contract by these.
	put  bool      // the policy has been told of it
	kept Retention // as the policy last set it where it may

	promise promise // of the turn's first token, see Guard
}

// StateOf is a policy's state of p, of the policy's own type S. It is made, as the
// zero S, when the policy first asks for it, and lasts as long as the program:
//
//	type state struct {
//		wait order.Entry[*sched.Program]
//		seen bool
//	}
//
//	s := sched.StateOf[state](p)
//	waiting.Put(&s.wait, rank)
//
// A program has one policy. StateOf panics when the state is another's.
func StateOf[S any](p *Program) *S {
	if p.State == nil {
		p.State = new(S)
	}
	s, ok := p.State.(*S)
	if !ok {
		panic(fmt.Sprintf("sched: the state of %s is a %T, and its policy asks for a %T", p.ID, p.State, s))
	}
	return s
}

// Turn is what scheduling knows of a turn.
type Turn struct {
	Number    programs.TurnNumber
	Phase     programs.TurnPhase
	Arrived   programs.Time
	Admitted  programs.Time   // to memory, the last time
	Context   programs.Tokens // prompt and generated tokens
	Class     programs.Class
	Preempted bool              // it has run, and lost its place in memory
	Hurried   bool              // it goes before all others until its first token, see Guard
	firm      firmness          // of what is promised
	Forkable  programs.Tokens   // of the context, what a fork of its parent's or another's cells will give it at its admission
	Work      programs.Duration // of the engine until the first token, were it alone
	Due       programs.Time     // when its first token has to be there for its deadline, see Guard; 0 is none
	Promised  programs.Time     // when it is to have its first token, see Guard; 0 is no promise
}

// Gap is an interlude: the time from the end of a turn to the arrival of the next.
type Gap struct {
	Since  programs.Time
	Tool   string
	Class  string            // of the tool's arguments
	Human  bool              // a person is waited for
	Reload programs.Duration // what it would take to compute the program's cells again
}

// Work is what a program is expected to have left to do, the turn in progress with it.
type Work struct {
	Left programs.Duration // on the engine; 0 is unknown
}

// Left is how much of the turn's context is not in memory yet. When it is one
// token, the next step samples, be it a decode or the rest of a prompt.
func (p *Program) Left() programs.Tokens { return p.Turn.Context - p.Cells - p.Placed }

// room is how many tokens can be computed within what is reserved.
func (p *Program) room() programs.Tokens { return p.Capacity - p.Cells - p.Placed }

// Private is the memory that the program has to itself.
func (p *Program) Private() programs.Tokens { return p.Capacity - p.Shared }

// Waits tells whether the program has a turn that waits.
func (p *Program) Waits() bool {
	return p.Phase == programs.Active && p.Turn.Phase == programs.Waiting
}

// Runs tells whether the program has a turn that is in memory.
func (p *Program) Runs() bool { return p.Phase == programs.Active && !p.Waits() }

// ready tells whether a running program can take part in a step.
func (p *Program) ready() bool {
	return p.Turn.Phase != programs.Restoring && p.room() > 0
}

// Lends tells whether the program's memory may be taken.
func (p *Program) Lends() bool {
	return p.Capacity > 0 && !p.Safe && !p.Runs() && p.Retention == Lend
}

// Rank is a place for the program in an order: by class, then by time, then by name.
func (p *Program) Rank(class int, at programs.Time) programs.Rank {
	return programs.Rank{Class: class, At: at, Program: p.ID}
}
