package sched

// RequestFCFS is what vLLM does: turns are served in the order in which they
// arrive, whichever program they are of, and memory is taken from who used it
// longest ago (Kwon et al., PagedAttention, SOSP 2023; automatic prefix caching).
type RequestFCFS struct{ Queues }

// NewRequestFCFS makes the policy.
func NewRequestFCFS(Env) Policy { return &RequestFCFS{NewQueues(byTurn, byUse, LeastRecent)} }
