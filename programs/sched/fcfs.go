package sched

import "github.com/interlude-run/interlude/programs"

// FCFS serves programs in the order in which they arrived, whichever turn they
// have come to: a returning program goes before every later one. Memory is taken
// from the latest, from programs between turns before those with a waiting turn.
type FCFS struct{}

// Serve ranks by the program's arrival.
func (FCFS) Serve(p *Program) programs.Rank {
	return programs.Rank{At: p.Arrived, Program: p.ID}
}

// Keep ranks programs with a waiting turn before those without, then by arrival.
func (FCFS) Keep(p *Program) programs.Rank {
	r := programs.Rank{At: p.Arrived, Program: p.ID}
	if p.Phase != programs.Active {
		r.Class = 1
	}
	return r
}
