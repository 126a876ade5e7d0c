package sched

import (
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// WorkingSet lets in as many programs as the pool has room for, idle ones among
// them, and suspends the rest: Denning's working set (CACM 1968) with a program
// as the unit. Contexts grow, so that the set is taken anew all the time, and a
// program that was in may find itself outside.
//
// # The set
//
// Programs stand in one order: hurried ones (see Guard), then those that run, are between
// turns, or wait and are warm, then those that wait and are cold; then those whose
// turns are in the background, in the same way. Within each they stand by
// arrival (or by Work, see place). A waiting turn is cold when it would have to
// compute most of its prompt. From the front of the order programs are inside as
// long as what they need adds up to no more than the pool:
//
//	running   what they have, and the growth that a turn brings
//	waiting   their prompt, and the same growth
//	idle      what they have and the growth, times the worth of the seat (kvpin.Pin)
//
// The first that does not fit is outside, and so is everybody behind it.
//
// # What follows from it
//
// Waiting programs inside are admitted in order. Memory is taken from those
// outside first, the last in order first; then from idle programs inside, those
// whose seats are worth least first; then from waiting ones. When nothing runs and nobody
// is inside, the first that waits is admitted all the same.
//
// Where several tenants have programs, each has a set of its own, in its part of
// the pool (share.go), and of their turns inside, one goes first of the tenant that has the
// fewest running turns for its weight: an old program's name is worth nothing beyond its
// tenant.
type WorkingSet struct {
	env    Env
	shares map[programs.TenantID]Share
	rules  Rules
	growth float64 // mean of what a turn adds to a context

	parts map[programs.TenantID]*part // of those that have memory or want it
	cheap order.Heap[*Program]        // idle and lending, by what their seats are worth, least first
	division

	weighed   float64 // the growth that weigh last went by
	unweighed []*part // that have changed since
}

// Rules are the working set's parameters.
type Rules struct {
	Pool    float64 // part of the pool that the set may fill
	Growth  float64 // part of a turn's mean growth that is kept free for each program
	Idle    float64 // weight of an idle seat, times its worth; at most as much as it takes
	Urgency float64 // by how many seconds of arrival a second less of work goes before; see place
}

// DefaultRules are those that one set of measurements over five workloads found
// best; `interlude sim` shows how.
var DefaultRules = Rules{
	Pool: 1, Growth: 0.5, Idle: 0.5, Urgency: 30,
}

// NewWorkingSet makes the policy with idle seats at their full worth, and remaining work
// unused.
func NewWorkingSet(env Env) Policy {
	rules := DefaultRules
	rules.Urgency, rules.Idle = 0, 1
	return WorkingSetBy(rules)(env)
}

// WorkingSetBy gives the policy with other rules.
func WorkingSetBy(rules Rules) func(Env) Policy {
	return func(env Env) Policy {
		return &WorkingSet{env: env, rules: rules, parts: map[programs.TenantID]*part{}, division: newDivision()}
	}
}

// member is a program as the set sees it.
type member struct {
	seat    order.Node[*Program]  // in its tenant's order
	wait    order.Entry[*Program] // in its part's waiting
	lent    *lent                 // nil before it first lends memory
	context programs.Tokens       // at the end of the last turn
}

// lent is the place of a program among those that lend memory.
type lent struct {
	park, worth order.Entry[*Program]
	parked      *order.Heap[*Program] // which heap park is in: idle or queued
}

func memberOf(p *Program) *member { return StateOf[member](p) }

// Share implements Sharer.
func (w *WorkingSet) Share(shares map[programs.TenantID]Share) {
	w.shares = shares
	w.measure(shares)
}

// Put implements Policy.
func (w *WorkingSet) Put(_ programs.Time, p *Program) {
	w.learn(p)
	m := memberOf(p)
	if p.Capacity == 0 && p.Phase != programs.Active { // it has no seat until it comes back
		w.Drop(p)
		return
	}
	t := w.part(p.Tenant)
	if p.Runs() {
		w.remove(t, p)
		w.run(t, p)
		return
	}
	w.touch(t)
	w.leaveRunning(t, p)
	rank := w.place(p)
	m.seat.Value = p
	t.order.Put(&m.seat, rank, w.need(p))
	if p.Waits() {
		m.wait.Value = p
		t.waiting.Put(&m.wait, rank)
	} else {
		t.waiting.Remove(&m.wait)
	}
	w.lend(t, p, rank)
}

// Drop implements Policy. The part of a tenant goes with the last of its programs that has
// memory or wants it.
func (w *WorkingSet) Drop(p *Program) {
	t := w.parts[p.Tenant]
	if t == nil {
		return
	}
	w.remove(t, p)
	if t.order.Len()+len(t.running) == 0 {
		delete(w.parts, p.Tenant)
	}
}

// Rank implements Policy.
func (w *WorkingSet) Rank(p *Program) programs.Rank { return w.place(p) }

// Lapse implements Policy: no pin of a working set is hard.
func (w *WorkingSet) Lapse(programs.Time) *Program { return nil }

// Blocked implements Policy: nobody is held.
func (w *WorkingSet) Blocked(programs.Time, *Program, bool) *Program { return nil }

// Next implements Policy: the first in order of those that wait inside.
func (w *WorkingSet) Next(_ programs.Time, alone bool) *Program {
	w.weigh()
	return w.head(alone)
}

// head is the first of those that wait inside, or of all that wait when nobody who waits is
// inside and nothing runs.
func (w *WorkingSet) head(alone bool) *Program {
	w.divide()
	if next := w.entering.Best(w.level); next != nil {
		return next.Value.head
	}
	if alone {
		if top := w.waiting.Top(); top != nil {
			return top.Value.head
		}
	}
	return nil
}

// Inside implements Insider: whether an idle program is in the set, or would be if its cells
// came back.
func (w *WorkingSet) Inside(p *Program) bool {
	t := w.parts[p.Tenant]
	if t == nil {
		return true
	}
	w.divide()
	return w.inside(t, w.place(p))
}

// Victim implements Policy.
func (w *WorkingSet) Victim(programs.Time) *Program {
	w.divide()
	if outside := w.leaving.BestAbove(w.level); outside != nil {
		return outside.Value.last
	}
	if idle := first(&w.cheap); idle != nil {
		return idle
	}
	if waits := w.queued.Top(); waits != nil {
		return first(&waits.Value.queued)
	}
	return nil
}

// weigh has the first that waits of each part take what it needs by what is known of
// growth now, which may have been learnt since it was put in. It walks the parts in which
// somebody waits when growth has been learnt, and otherwise those that have changed.
func (w *WorkingSet) weigh() {
	if w.weighed != w.growth {
		w.weighed = w.growth
		w.divide()
		w.waiting.All(func(e *order.Entry[*part]) { w.weighHead(e.Value) })
	} else {
		for _, t := range w.unweighed {
			w.weighHead(t)
		}
	}
	for i, t := range w.unweighed {
		t.unweighed, w.unweighed[i] = false, nil
	}
	w.unweighed = w.unweighed[:0]
}

func (w *WorkingSet) weighHead(t *part) {
	p := first(&t.waiting)
	if p == nil {
		return
	}
	seat := &memberOf(p).seat
	if need := w.need(p); need != seat.Weight() {
		t.order.Put(seat, seat.Rank(), need)
		w.touch(t)
	}
}

// need is what the program takes of the set.
func (w *WorkingSet) need(p *Program) int64 {
	growth := w.rules.Growth * w.growth
	if p.Waits() {
		return int64(float64(max(0, p.Turn.Context-max(p.Shared, p.Turn.Forkable))) + growth)
	}
	if p.Capacity == 0 {
		return 0
	}
	return int64((float64(p.Private()) + growth) * min(1, w.rules.Idle*p.Seat))
}

// The classes of the order.
const (
	inFront = iota // hurried
	warmTurn
	coldTurn // and so on for each programs.Class
)

// place is the program's place in the order. Within a class it is that of its arrival,
// later by what was spent in its name, and by Urgency for each second of work that it is
// expected to have left: who has less left than others goes before them.
func (w *WorkingSet) place(p *Program) programs.Rank {
	at := p.Place.Add(programs.Duration(w.rules.Urgency * float64(p.Work.Left)))
	switch {
	case p.Turn.Hurried && p.Waits():
		return p.Rank(inFront, p.Turn.Promised)
	case p.Waits() && p.cold():
		return p.Rank(coldTurn+2*int(p.Turn.Class), at)
	}
	return p.Rank(warmTurn+2*int(p.Turn.Class), at)
}

// missingForkable is what of the missing context a fork of others' cells will give.
func (t *Turn) missingForkable(p *Program) programs.Tokens { return max(0, t.Forkable-p.Cells) }

// learn follows how much a turn adds to a context, as a mean that one turn in a
// hundred renews.
func (w *WorkingSet) learn(p *Program) {
	m := memberOf(p)
	if p.Phase != programs.Interlude || m.context == p.Turn.Context {
		return
	}
	if grown := p.Turn.Context - m.context; grown > 0 && m.context > 0 {
		if w.growth == 0 {
			w.growth = float64(grown)
		}
		w.growth += 0.01 * (float64(grown) - w.growth)
	}
	m.context = p.Turn.Context
}
