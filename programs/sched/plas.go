package sched

import (
	"math/bits"

	"github.com/interlude-run/interlude/programs"
)

// PLAS serves the program that has had the least service first: program-level
// least attained service, of Autellix (Luo et al., arXiv 2502.13965, section 4).
// Service counts in levels that double, and within a level turns are served in
// the order of their arrival. Memory is taken from who used it longest ago.
type PLAS struct{ Queues }

// NewPLAS makes the policy.
func NewPLAS(Env) Policy { return &PLAS{NewQueues(byService, byUse, LeastRecent)} }

// byService ranks by the level of service, then by the turn's arrival.
func byService(p *Program) programs.Rank {
	return p.Rank(bits.Len64(uint64(p.Served/programs.Second)), p.Turn.Arrived)
}
