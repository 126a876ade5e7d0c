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
	Queues
	pins
	running programs.Tokens
}

// intercept is a program's pin, and its part of running.
type intercept struct {
	pin
	running programs.Tokens
}

// NewInferCept makes the policy.
func NewInferCept(Env) Policy {
	return &InferCept{Queues: NewQueues(byArrival, byUse, LeastRecent)}
}

// Put implements Policy.
func (c *InferCept) Put(now programs.Time, p *Program) {
	s := StateOf[intercept](p)
	running := programs.Tokens(0)
	if p.Runs() {
		running = p.Private()
	}
	c.count(s, running)
	c.pin(p, &s.pin, func() programs.Duration {
		own := float64(max(1, p.Private()))
		return programs.Duration(float64(p.Gap.Reload) * (own + float64(c.running)) / own)
	})
	c.Queues.Put(now, p)
}

// count has the program's part of running be so much.
func (c *InferCept) count(s *intercept, running programs.Tokens) {
	c.running += running - s.running
	s.running = running
}

// Drop implements Policy.
func (c *InferCept) Drop(p *Program) {
	s := StateOf[intercept](p)
	c.count(s, 0)
	c.Queues.Drop(p)
	c.pins.drop(&s.pin)
}

// Lapse implements Policy.
func (c *InferCept) Lapse(now programs.Time) *Program { return c.lapse(now) }

// Blocked implements Policy.
func (c *InferCept) Blocked(programs.Time, *Program, bool) *Program { return c.LendLast() }
