package sched

import "github.com/interlude-run/interlude/programs"

// ProgramFCFS serves programs in the order in which they arrived, whichever turn
// they have come to: a returning program goes before every later one. Memory is
// taken from who used it longest ago.
type ProgramFCFS struct{ queues }

// NewProgramFCFS makes the policy.
func NewProgramFCFS(Env) Policy { return &ProgramFCFS{newQueues()} }

// Put implements Policy.
func (f *ProgramFCFS) Put(_ programs.Time, p *Program) { f.put(p, f.Rank(p), leastRecent(p)) }

// Rank implements Policy.
func (f *ProgramFCFS) Rank(p *Program) programs.Rank { return p.rank(0, p.Arrived) }
