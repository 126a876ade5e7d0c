package sched

// ProgramFCFS serves programs in the order in which they arrived, whichever turn
// they have come to: a returning program goes before every later one. Memory is
// taken from who used it longest ago.
type ProgramFCFS struct{ Queues }

// NewProgramFCFS makes the policy.
func NewProgramFCFS(Env) Policy { return &ProgramFCFS{NewQueues(byArrival, byUse, LeastRecent)} }
