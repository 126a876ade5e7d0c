package sched

import "github.com/interlude-run/interlude/programs"

// Policy says in which order programs are served and in which they lose memory.
// It is pure: the same Program gives the same answer. The answers are asked for
// whenever a program changes its phase, and hold until it does so again.
type Policy interface {
	// Serve is the program's place among those that want to run: the first is
	// admitted first and preempted last.
	Serve(p *Program) programs.Rank

	// Keep is the program's place among those that hold memory and do not run:
	// the last loses its memory first.
	Keep(p *Program) programs.Rank
}
