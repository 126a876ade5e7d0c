package sched

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// This file is what schedulers and policies say of their decisions, for whoever
// explains them. Nothing in it decides or changes anything, and no plan needs it.

// Obstacle is what a waiting turn waits for, as things are now.
type Obstacle struct {
	Reason Reason

	// Head is who is to be admitted before it; of Order.
	Head *Program

	// Of ForPool, ForQuota and ForShare: the cells that the set may have, those of the running
	// turns, those that are needed by the programs before it in order, and by itself.
	Limit, Running, Before, Need programs.Tokens
}

// Reason tells what a turn waits for.
type Reason uint8

// The reasons. Those from ForMemory on are for whoever owns the memory and the steps to
// find.
const (
	ForNothing     Reason = iota // it goes on when the step under way is done
	ForPlace                     // as many turns run as may at once
	ForPool                      // the contexts before it fill the pool
	ForQuota                     // they fill what its tenant may have at most
	ForShare                     // they fill its tenant's part, beside those of other tenants
	ForOrder                     // there is room for it, and the first in order does not get in yet
	ForPipe                      // it is cold, and the prompts of running turns are to be computed first
	ForTick                      // its program is paused, and who is let through is decided at fixed times
	ForUnexplained               // the policy does not say
	ForMemory                    // it is the first, and running turns and pins hold the memory that it needs
	ForMove                      // memory is being copied to another tier: its own cells, or what it needs
	ForCells                     // it has its memory, and its cells come back from a lower tier
	ForSteps                     // it has its memory; steps are full with decodes and prompts before its own
	ForPrefix                    // another computes what it begins with
	ForPrompt                    // it has its memory, and its prompt is fetched
)

// Reasons are all there are.
var Reasons = [...]Reason{
	ForNothing, ForPlace, ForPool, ForQuota, ForShare, ForOrder, ForPipe, ForTick, ForUnexplained, ForMemory, ForMove, ForCells, ForSteps, ForPrefix, ForPrompt,
}

// String names the reason in lower case, fit for a metric's label.
func (r Reason) String() string {
	names := [...]string{"step", "place", "pool", "quota", "share", "order", "pipe", "tick", "unexplained", "memory", "move", "cells", "pacing", "prefix", "prompt"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("unknown(%d)", r)
}

// Choice is why a program's memory is taken before that of others.
type Choice struct {
	Ground Ground
	Next   float64 // of LeastWorth: the worth of the seat that is next; negative when there is none
}

// Ground is the rule by which a program's memory is taken first.
type Ground uint8

// The grounds.
const (
	Unexplained  Ground = iota // the policy does not say
	LeastRecent                // it was used longest ago
	Outside                    // it is outside the working set, and there the last in order
	LeastWorth                 // its seat is worth least
	LastWaiting                // everybody is inside, nobody is idle, and of those that wait it is the last in order
	LatestReturn               // its next turn is expected last
)

// Grounds are all there are.
var Grounds = [...]Ground{Unexplained, LeastRecent, Outside, LeastWorth, LastWaiting, LatestReturn}

// String names the ground in lower case, fit for a metric's label.
func (g Ground) String() string {
	names := [...]string{"unexplained", "least_recent", "outside", "least_worth", "last_waiting", "latest_return"}
	if int(g) < len(names) {
		return names[g]
	}
	return fmt.Sprintf("unknown(%d)", g)
}

// Obstacle says what a waiting program waits for, as far as the policy and the limits
// go: whether there is memory for the first in order is not looked at.
func (s *Scheduler) Obstacle(now programs.Time, p *Program) Obstacle {
	if !s.roomy() {
		return Obstacle{Reason: ForPlace}
	}
	switch head := first(&s.guard.waiting); {
	case head != nil && head != p:
		return Obstacle{Reason: ForOrder, Head: head}
	case head == nil && s.piped(p):
		return Obstacle{Reason: ForPipe}
	case s.explain == nil:
		return Obstacle{Reason: ForUnexplained}
	}
	return s.explain.Obstacle(now, p, len(s.running) == 0)
}

// Ahead calls visit for the programs that stand before a waiting one and take of what
// it waits for, in order; for none when the policy does not say.
func (s *Scheduler) Ahead(p *Program, visit func(*Program)) {
	if s.explain != nil {
		s.explain.Ahead(p, visit)
	}
}

// Chosen says why the policy's Victim is p, which it is just now.
func (s *Scheduler) Chosen(p *Program) Choice {
	if s.explain == nil {
		return Choice{Ground: Unexplained}
	}
	return s.explain.Chosen(p)
}

// Obstacle implements Explainer.
func (w *WorkingSet) Obstacle(_ programs.Time, p *Program, alone bool) Obstacle {
	head := w.head(alone)
	switch t, seat := w.part(p.Tenant), &memberOf(p).seat; {
	case head == p:
		return Obstacle{}
	case !w.inside(t, seat.Rank()):
		return Obstacle{
			Reason: w.bound(t), Limit: programs.Tokens(w.limit(t)), Running: programs.Tokens(t.runs()),
			Before: programs.Tokens(t.order.Before(seat.Rank())), Need: programs.Tokens(seat.Weight()),
		}
	}
	return Obstacle{Reason: ForOrder, Head: head}
}

// bound is what makes a part as small as it is.
func (w *WorkingSet) bound(t *part) Reason {
	switch {
	case t.share.Quota > 0 && w.limit(t) >= int64(t.share.Quota):
		return ForQuota
	case w.needs.Len() > 1:
		return ForShare
	}
	return ForPool
}

// Ahead implements Explainer: those of its tenant that run, or stand before it and need
// something.
func (w *WorkingSet) Ahead(p *Program, visit func(*Program)) {
	t := w.part(p.Tenant)
	for _, other := range t.running {
		visit(other)
	}
	t.order.All(func(n *order.Node[*Program]) bool {
		if n.Value == p {
			return false
		}
		if n.Weight() > 0 {
			visit(n.Value)
		}
		return true
	})
}

// Chosen implements Explainer.
func (w *WorkingSet) Chosen(p *Program) Choice {
	w.divide()
	switch {
	case !w.inside(w.part(p.Tenant), memberOf(p).seat.Rank()):
		return Choice{Ground: Outside}
	case p.Waits():
		return Choice{Ground: LastWaiting}
	}
	c := Choice{Ground: LeastWorth, Next: -1}
	w.cheap.All(func(e *order.Entry[*Program]) {
		if other := e.Value; other != p && (c.Next < 0 || other.Seat < c.Next) {
			c.Next = other.Seat
		}
	})
	return c
}
