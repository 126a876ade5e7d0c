package sched

import (
	"github.com/interlude-run/interlude/programs"
)

// InferCept keeps, while a tool runs, what wastes the least memory over time
// (Abhyankar et al., arXiv 2402.01869, section 4). Preserving a context of C cells
// through an interception that has lasted t wastes t·C; discarding it wastes the
// time to compute it again times the C cells that this fills, and the cells of all
// others, which wait meanwhile:
//
//	preserve while t·C < reload·(C + others)
//
// The expected length of an interception is the time that it has lasted. Programs
// are served in the order of their arrival; a preserved context yields to a first
// in order that finds no room.
type InferCept struct {
	queues
	pins
	running programs.Tokens
}

// NewInferCept makes the policy.
func NewInferCept(Env) Policy { return &InferCept{queues: newQueues()} }

// Put implements Policy.
func (c *InferCept) Put(_ programs.Time, p *Program) {
	c.running -= p.notes.context
	p.notes.context = 0
	if p.runs() {
		p.notes.context = p.private()
	}
	c.running += p.notes.context
	c.pin(p, func() programs.Duration {
		own := float64(max(1, p.private()))
		return programs.Duration(float64(p.Gap.Reload) * (own + float64(c.running)) / own)
	})
	c.put(p, c.Rank(p), leastRecent(p))
}

// Drop implements Policy.
func (c *InferCept) Drop(p *Program) {
	c.running -= p.notes.context
	p.notes.context = 0
	c.queues.Drop(p)
	c.pins.drop(p)
}

// Rank implements Policy.
func (c *InferCept) Rank(p *Program) programs.Rank { return p.rank(0, p.Arrived) }

// Lapse implements Policy.
func (c *InferCept) Lapse(now programs.Time) *Program { return c.lapse(now) }

// Blocked implements Policy.
func (c *InferCept) Blocked(programs.Time, *Program, bool) *Program { return c.lendLast() }
