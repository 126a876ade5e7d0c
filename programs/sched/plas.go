package sched

import (
	"math/bits"

	"github.com/interlude-run/interlude/programs"
)

// PLAS serves the program that has had the least service first: program-level
// least attained service, of Autellix (Luo et al., arXiv 2502.13965, section 4).
// Service counts in levels that double, and within a level turns are served in
// the order of their arrival. Memory is taken from who used it longest ago.
type PLAS struct{ queues }

// NewPLAS makes the policy.
func NewPLAS(Env) Policy { return &PLAS{newQueues()} }

// Put implements Policy.
func (l *PLAS) Put(_ programs.Time, p *Program) { l.put(p, l.Rank(p), leastRecent(p)) }

// Rank implements Policy.
func (l *PLAS) Rank(p *Program) programs.Rank {
	return p.rank(bits.Len64(uint64(p.Served/programs.Second)), p.Turn.Arrived)
}
