package sched

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// InferCept keeps, while a tool runs, what wastes the least memory over time
// (Abhyankar et al., arXiv 2402.01869, section 4). It decides anew in every plan, for
// every context of C cells that is preserved. Of an interception that has lasted t, as
// long is still to come, as far as anybody knows; and of the three things to do
//
//	preserving  wastes t·C
//	discarding  wastes r·(C/2 + others): computing it again, in chunks, takes r, fills
//	            the C cells bit by bit, and holds up the cells of all that run
//	swapping    wastes r·C: loading it again takes r and holds up nobody
//
// it does what wastes least. Swapping is for contexts that a lower tier has a copy of.
// Programs are served in the order of their arrival; a preserved context yields to a
// first in order that finds no room.
//
// What the name does not do of the paper: the owner of the memory copies contexts to
// lower tiers under every policy, so that there is no budget of cells that are swapped
// in a step, by waste; and what is discarded is lent, and so is lost no sooner than
// somebody needs the memory. The released code (WukLab/InferCept at 3a1a4da,
// Scheduler._schedule_chunk_and_fill) is told how long each tool will take, and this is not.
type InferCept struct {
	Queues
	preserved []*Program      // in no order that matters but the same in every run
	running   programs.Tokens // cells of all that run
}

// intercept is a program as InferCept sees it.
type intercept struct {
	Place
	running   programs.Tokens // its part of InferCept.running
	decided   bool            // in this interlude
	preserved bool            // among InferCept.preserved
}

// NewInferCept makes the policy.
func NewInferCept(Env) Policy {
	return &InferCept{Queues: NewQueues(byArrival, byUse, LeastRecent)}
}

// Put implements Policy. An interception begins preserved.
func (c *InferCept) Put(now programs.Time, p *Program) {
	s := StateOf[intercept](p)
	running := programs.Tokens(0)
	if p.Runs() {
		running = p.Private()
	}
	c.count(s, running)
	switch {
	case p.Phase == programs.Interlude && !s.decided:
		s.decided = true
		p.Retention = Hold
	case p.Runs():
		s.decided = false
		p.Retention = Lend
	}
	c.preserve(p, s, p.Phase == programs.Interlude && p.Retention == Hold)
	c.Queues.Put(now, p)
}

// Drop implements Policy.
func (c *InferCept) Drop(p *Program) {
	s := StateOf[intercept](p)
	c.count(s, 0)
	c.preserve(p, s, false)
	c.Queues.Drop(p)
}

// Lapse implements Policy: it gives who is preserved no longer.
func (c *InferCept) Lapse(now programs.Time) *Program {
	for _, p := range c.preserved {
		if c.wastes(now, p) {
			c.preserve(p, StateOf[intercept](p), false)
			p.Retention = Lend
			return p
		}
	}
	return nil
}

// Blocked implements Policy.
func (c *InferCept) Blocked(programs.Time, *Program, bool) *Program { return c.LendLast() }

// wastes tells whether preserving p's context wastes more than to discard or swap it.
func (c *InferCept) wastes(now programs.Time, p *Program) bool {
	lasted, reload := now.Sub(p.Gap.Since).Seconds(), p.Gap.Reload.Seconds()
	cells, others := float64(p.Private()), float64(c.running)
	if p.Below >= p.Cells && p.Cells > 0 {
		return lasted*cells >= reload*cells
	}
	return lasted*cells >= reload*(cells/2+others)
}

// count has the program's part of running be so much.
func (c *InferCept) count(s *intercept, running programs.Tokens) {
	c.running += running - s.running
	s.running = running
}

// preserve has p among the preserved, or not.
func (c *InferCept) preserve(p *Program, s *intercept, preserved bool) {
	switch {
	case preserved == s.preserved:
	case preserved:
		c.preserved = append(c.preserved, p)
	default:
		at := slices.Index(c.preserved, p)
		c.preserved = slices.Delete(c.preserved, at, at+1)
	}
	s.preserved = preserved
}
