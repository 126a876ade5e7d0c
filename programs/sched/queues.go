package sched

import (
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// queues is what most policies are made of: programs wait in one order and lose
// their memory in another, and nothing else keeps a program out.
type queues struct {
	waiting order.Heap[*Program] // first first
	lent    order.Heap[*Program] // last first
	held    order.Heap[*Program] // last first; those whose retention is Hold
}

func newQueues() queues {
	return queues{lent: order.Heap[*Program]{LastFirst: true}, held: order.Heap[*Program]{LastFirst: true}}
}

// put gives p its place among the waiting, if it waits, and among those that lend
// memory, or hold it, if it does.
func (q *queues) put(p *Program, wait, keep programs.Rank) {
	p.wait.Value, p.park.Value = p, p
	if p.waits() {
		q.waiting.Put(&p.wait, wait)
	} else {
		q.waiting.Remove(&p.wait)
	}
	p.notes.unpark(p)
	switch {
	case p.lends():
		q.lent.Put(&p.park, keep)
		p.notes.parked = &q.lent
	case p.Retention == Hold && !p.runs():
		q.held.Put(&p.park, p.rank(0, p.Arrived))
		p.notes.parked = &q.held
	}
}

// Drop implements Policy.
func (q *queues) Drop(p *Program) {
	q.waiting.Remove(&p.wait)
	p.notes.unpark(p)
}

// Next implements Policy: the first of those that wait.
func (q *queues) Next(programs.Time, bool) *Program { return first(&q.waiting) }

// Victim implements Policy: the last of those that lend.
func (q *queues) Victim(programs.Time) *Program { return first(&q.lent) }

// Lapse implements Policy: nothing is held for a time.
func (q *queues) Lapse(programs.Time) *Program { return nil }

// Blocked implements Policy: nothing is held.
func (q *queues) Blocked(programs.Time, *Program, bool) *Program { return nil }

// lendLast makes the program that arrived last, of those held, lend its memory.
func (q *queues) lendLast() *Program {
	p := first(&q.held)
	if p != nil {
		p.Retention = Lend
	}
	return p
}

func first(h *order.Heap[*Program]) *Program {
	if top := h.Top(); top != nil {
		return top.Value
	}
	return nil
}

// leastRecent ranks those whose cells were used longest ago last.
func leastRecent(p *Program) programs.Rank { return p.rank(0, -p.Used) }

// notes is what policies write down about a program. Each policy uses its own.
type notes struct {
	parked  *order.Heap[*Program] // which heap p.park is in
	alarm   *order.Heap[*Program] // which heap p.alarm is in
	pinned  bool                  // the turn came while the program was held
	expires programs.Time         // of the hold; 0 outside an interlude
	evicted bool                  // the turn came when cells had been lost
	context programs.Tokens       // at the end of the last turn
	paused  bool
	guarded bool
	counted bool
	outside bool
}

// unpark takes p out of the heaps that p.park and p.alarm are in.
func (n *notes) unpark(p *Program) {
	if n.parked != nil {
		n.parked.Remove(&p.park)
		n.parked = nil
	}
	if n.alarm != nil {
		n.alarm.Remove(&p.alarm)
		n.alarm = nil
	}
}
