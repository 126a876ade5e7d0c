package sched

import "github.com/interlude-run/interlude/programs"

// RequestFCFS is what vLLM does: turns are served in the order in which they
// arrive, whichever program they are of, and memory is taken from who used it
// longest ago (Kwon et al., PagedAttention, SOSP 2023; automatic prefix caching).
type RequestFCFS struct{ queues }

// NewRequestFCFS makes the policy.
func NewRequestFCFS(Env) Policy { return &RequestFCFS{newQueues()} }

// Put implements Policy.
func (r *RequestFCFS) Put(_ programs.Time, p *Program) { r.put(p, r.Rank(p), leastRecent(p)) }

// Rank implements Policy.
func (r *RequestFCFS) Rank(p *Program) programs.Rank { return p.rank(0, p.Turn.Arrived) }
