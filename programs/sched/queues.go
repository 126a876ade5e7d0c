package sched

import (
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// Queues are what most policies are made of: programs wait in one order and lose
// their memory in another, and nothing else keeps a program out. A policy embeds
// them, made by NewQueues, and is complete when nothing is to be held; Queues
// explain what they answer.
//
// A policy with a State of its own embeds a Place in it, and asks for it with
// StateOf before it puts a program in.
type Queues struct {
	wait, keep Order
	ground     Ground

	waiting order.Heap[*Program] // first first
	lent    order.Heap[*Program] // last first
	held    order.Heap[*Program] // the latest arrival first; those whose retention is Hold
}

// Order is a program's rank in an order of the policy's, as the program is now.
type Order func(*Program) programs.Rank

// NewQueues makes queues for programs that wait, and run, in one order; the last in
// the other loses its memory first, and ground says so in words.
func NewQueues(wait, keep Order, ground Ground) Queues {
	return Queues{
		wait: wait, keep: keep, ground: ground,
		lent: order.Heap[*Program]{LastFirst: true}, held: order.Heap[*Program]{LastFirst: true},
	}
}

// Place is a program's place in Queues.
type Place struct {
	waiting, memory order.Entry[*Program]
	in              *order.Heap[*Program] // which memory is in, if any
}

func (s *Place) place() *Place { return s }

// place is that of p, be it the whole state or a part of it.
func (q *Queues) place(p *Program) *Place {
	if p.State == nil {
		p.State = new(Place)
	}
	return p.State.(interface{ place() *Place }).place()
}

// Put implements Policy: it gives p its place among the waiting, if it waits, and
// among those that lend memory, or hold it, if it does. It does not set p.Retention.
func (q *Queues) Put(_ programs.Time, p *Program) {
	s := q.place(p)
	s.waiting.Value, s.memory.Value = p, p
	if p.Waits() {
		q.waiting.Put(&s.waiting, q.wait(p))
	} else {
		q.waiting.Remove(&s.waiting)
	}
	s.clear()
	switch {
	case p.Lends():
		q.lent.Put(&s.memory, q.keep(p))
		s.in = &q.lent
	case p.Retention == Hold && !p.Runs():
		q.held.Put(&s.memory, byArrival(p))
		s.in = &q.held
	}
}

// clear takes the program out of the heap that its memory is in.
func (s *Place) clear() {
	if s.in != nil {
		s.in.Remove(&s.memory)
		s.in = nil
	}
}

// Drop implements Policy.
func (q *Queues) Drop(p *Program) {
	s := q.place(p)
	q.waiting.Remove(&s.waiting)
	s.clear()
}

// Rank implements Policy: programs run in the order in which they wait.
func (q *Queues) Rank(p *Program) programs.Rank { return q.wait(p) }

// Next implements Policy: the first of those that wait.
func (q *Queues) Next(programs.Time, bool) *Program { return first(&q.waiting) }

// Victim implements Policy: the last of those that lend.
func (q *Queues) Victim(programs.Time) *Program { return first(&q.lent) }

// Lapse implements Policy: nothing is held for a time.
func (q *Queues) Lapse(programs.Time) *Program { return nil }

// Blocked implements Policy: nothing is held.
func (q *Queues) Blocked(programs.Time, *Program, bool) *Program { return nil }

// LendLast makes the program that arrived last, of those held, lend its memory, and
// gives it; nil when none is held. It is an answer to Blocked.
func (q *Queues) LendLast() *Program {
	p := first(&q.held)
	if p != nil {
		p.Retention = Lend
	}
	return p
}

// Obstacle implements Explainer.
func (q *Queues) Obstacle(_ programs.Time, p *Program, _ bool) Obstacle {
	if head := first(&q.waiting); head != p {
		return Obstacle{Reason: ForOrder, Head: head}
	}
	return Obstacle{}
}

// Ahead implements Explainer.
func (q *Queues) Ahead(p *Program, visit func(*Program)) {
	q.waiting.Sorted(func(other *Program) bool {
		if other == p {
			return false
		}
		visit(other)
		return true
	})
}

// Chosen implements Explainer.
func (q *Queues) Chosen(*Program) Choice { return Choice{Ground: q.ground} }

func first(h *order.Heap[*Program]) *Program {
	if top := h.Top(); top != nil {
		return top.Value
	}
	return nil
}

// The orders of several policies.

// byArrival ranks programs by their arrival, whichever turn they have come to.
func byArrival(p *Program) programs.Rank { return p.Rank(0, p.Arrived) }

// byTurn ranks turns by their arrival, whichever program they are of.
func byTurn(p *Program) programs.Rank { return p.Rank(0, p.Turn.Arrived) }

// byUse ranks those whose cells were used longest ago last: LeastRecent.
func byUse(p *Program) programs.Rank { return p.Rank(0, -p.Used) }
