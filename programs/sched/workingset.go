package sched

import (
	"cmp"
	"math"
	"slices"

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
// Programs stand in one order: guarded ones, then those that run, are between
// turns, or wait and are warm, then those that wait and are cold; within each by
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
// the pool: see parts.
type WorkingSet struct {
	env    Env
	shares map[programs.TenantID]Share
	rules  Rules
	parts  []*part // by tenant
	growth float64 // mean of what a turn adds to a context
	resume programs.Time

	patient order.Heap[*Program] // unguarded ones that wait, by their turns' arrivals
	ages    ages
	open    []*part // of divide
}

// Rules are the working set's parameters.
type Rules struct {
	Pool    float64           // part of the pool that the set may fill
	Growth  float64           // part of a turn's mean growth that is kept free for each program
	Cold    float64           // part of the prompt that must be missing for a turn to be cold
	Guard   programs.Duration // how long a turn waits at least before it is guarded; 0 is for ever
	Ages    float64           // and how long in mean ages of programs, see guard
	Pause   programs.Duration // without admission after a preemption
	Urgency float64           // by how many seconds of arrival a second less of work goes before; see place
}

// DefaultRules are those that one set of measurements over five workloads found
// best; `interlude sim` shows how.
var DefaultRules = Rules{
	Pool: 1, Growth: 0.5, Cold: 0.3, Pause: programs.Second,
	Guard: 4 * programs.Minute, Ages: 1.5,
	Urgency: 30,
}

// NewWorkingSet makes the policy without guards, and with hints of remaining work
// unused.
func NewWorkingSet(env Env) Policy {
	rules := DefaultRules
	rules.Guard, rules.Urgency = 0, 0
	return WorkingSetBy(rules)(env)
}

// WorkingSetBy gives the policy with other rules.
func WorkingSetBy(rules Rules) func(Env) Policy {
	return func(env Env) Policy { return &WorkingSet{env: env, rules: rules} }
}

// part is one tenant's programs.
type part struct {
	tenant  programs.TenantID
	share   Share
	order   order.Tree[*Program] // idle and waiting, weighed by what they need
	waiting order.Heap[*Program]
	idle    order.Heap[*Program] // lending, last in order first
	cheap   order.Heap[*Program] // the same, by what their seats are worth, least first
	queued  order.Heap[*Program] // waiting and lending, last in order first
	running []*Program
	limit   int64
}

// member is a program as the set sees it.
type member struct {
	seat              order.Node[*Program]  // in its tenant's order
	wait, park, alarm order.Entry[*Program] // see part, and patient
	parked            *order.Heap[*Program] // which heap park is in
	alarmed           *order.Heap[*Program] // which heap alarm is in
	context           programs.Tokens       // at the end of the last turn
	guarded           bool
	counted           bool // among ages
	preempted         bool // and noted as such
}

func memberOf(p *Program) *member { return StateOf[member](p) }

// Share implements Sharer.
func (w *WorkingSet) Share(shares map[programs.TenantID]Share) { w.shares = shares }

// Put implements Policy.
func (w *WorkingSet) Put(now programs.Time, p *Program) {
	t, m := w.part(p.Tenant), memberOf(p)
	w.learn(p)
	w.ages.count(p, p.Phase == programs.Active)
	if p.Turn.Preempted && p.Waits() && !m.preempted {
		w.resume = now.Add(w.rules.Pause)
	}
	m.preempted = p.Waits() && p.Turn.Preempted // noted once a preemption
	w.remove(t, p)
	switch {
	case p.Runs():
		t.running = append(t.running, p)
		m.guarded = false
	default:
		rank := w.place(p)
		t.order.Put(&m.seat, rank, w.need(p))
		if p.Waits() {
			t.waiting.Put(&m.wait, rank)
			w.watch(p)
		}
		t.lend(p, rank)
	}
}

// Drop implements Policy. The part of a tenant goes with its last program: most questions
// walk all parts.
func (w *WorkingSet) Drop(p *Program) {
	w.ages.count(p, false)
	t := w.part(p.Tenant)
	w.remove(t, p)
	if t.order.Len()+len(t.running) == 0 {
		w.parts = slices.DeleteFunc(w.parts, func(other *part) bool { return other == t })
	}
}

// Rank implements Policy.
func (w *WorkingSet) Rank(p *Program) programs.Rank { return w.place(p) }

// Lapse implements Policy: no pin of a working set is hard.
func (w *WorkingSet) Lapse(programs.Time) *Program { return nil }

// Blocked implements Policy: nobody is held.
func (w *WorkingSet) Blocked(programs.Time, *Program, bool) *Program { return nil }

// Next implements Policy: the first in order of those that wait inside.
func (w *WorkingSet) Next(now programs.Time, alone bool) *Program {
	w.guard(now)
	if now < w.resume && !alone {
		return nil
	}
	for _, t := range w.parts {
		w.weigh(t)
	}
	w.divide()
	var next, waiting *Program
	for _, t := range w.parts {
		p := first(&t.waiting)
		if p == nil {
			continue
		}
		waiting = earlier(waiting, p)
		if t.inside(p) {
			next = earlier(next, p)
		}
	}
	if next == nil && alone {
		return waiting
	}
	return next
}

// Inside implements Insider: whether an idle program is in the set.
func (w *WorkingSet) Inside(p *Program) bool {
	w.divide()
	return w.part(p.Tenant).inside(p)
}

// Victim implements Policy.
func (w *WorkingSet) Victim(programs.Time) *Program {
	w.divide()
	var outside, idle, waiting *Program
	for _, t := range w.parts {
		for _, p := range [...]*Program{first(&t.idle), first(&t.queued)} {
			if p != nil && !t.inside(p) {
				outside = later(outside, p)
			}
		}
		if p := first(&t.cheap); p != nil && (idle == nil || memberOf(p).alarm.Rank().Compare(memberOf(idle).alarm.Rank()) < 0) {
			idle = p
		}
		waiting = later(waiting, first(&t.queued))
	}
	return cmp.Or(outside, idle, waiting)
}

// weigh has the first that waits of a part take what it needs by what is known of
// growth now, which may have been learnt since it was put in.
func (w *WorkingSet) weigh(t *part) {
	if p := first(&t.waiting); p != nil {
		m := memberOf(p)
		t.order.Put(&m.seat, m.seat.Rank(), w.need(p))
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
	return int64((float64(p.Private()) + growth) * min(1, p.Seat))
}

// The classes of the order.
const (
	guarded = iota
	warm
	cold
)

// place is the program's place in the order. Within a class it is that of its
// arrival; a program whose client says how much work is left moves forward by
// Urgency for each second less of it than the mean, as far as such words are
// trusted.
func (w *WorkingSet) place(p *Program) programs.Rank {
	at := p.Arrived
	if p.Work.Left > 0 && w.rules.Urgency > 0 {
		at = at.Add(programs.Duration(w.rules.Urgency * p.Work.Trust * float64(p.Work.Left)))
	}
	switch {
	case p.Waits() && memberOf(p).guarded:
		return p.Rank(guarded, p.Turn.Arrived)
	case p.Waits() && float64(p.Left()-p.Turn.missingForkable(p)) > w.rules.Cold*float64(p.Turn.Context):
		return p.Rank(cold, at)
	}
	return p.Rank(warm, at)
}

// missingForkable is what of the missing context a fork of others' cells will give.
func (t *Turn) missingForkable(p *Program) programs.Tokens { return max(0, t.Forkable-p.Cells) }

// watch has a turn's wait bounded by the guard.
func (w *WorkingSet) watch(p *Program) {
	m := memberOf(p)
	m.alarm.Value = p
	if w.rules.Guard > 0 && !m.guarded {
		w.patient.Put(&m.alarm, p.Rank(0, p.Turn.Arrived))
		m.alarmed = &w.patient
	}
}

// guard puts turns that have waited for long in front of all others. From then on
// they wait for guarded turns that came before them, and until so many of those that
// run are over that there is room; no newcomer goes before.
//
// What is long follows from the load: one and a half times the mean age of the programs
// that wait or run, see Rules.Ages, and no less than Rules.Guard. A bound that is the same at any
// load would have every turn of an overloaded engine guarded, which is first come
// first served by turns, and costs twice the time of all.
func (w *WorkingSet) guard(now programs.Time) {
	long := max(w.rules.Guard, programs.Duration(w.rules.Ages*w.ages.mean(now)))
	for top := w.patient.Top(); top != nil && top.Rank().At.Add(long) <= now; top = w.patient.Top() {
		p := top.Value
		memberOf(p).guarded = true
		w.Put(now, p)
	}
}

// ages are those of the programs that have a turn in progress.
type ages struct {
	n    int
	born float64 // sum of their arrivals
}

// count has p among them, or not.
func (a *ages) count(p *Program, in bool) {
	m := memberOf(p)
	switch {
	case in && !m.counted:
		a.n++
		a.born += float64(p.Arrived)
	case !in && m.counted:
		a.n--
		a.born -= float64(p.Arrived)
	}
	m.counted = in
}

func (a *ages) mean(now programs.Time) float64 {
	if a.n == 0 {
		return 0
	}
	return float64(now) - a.born/float64(a.n)
}

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

// divide parts the pool among the tenants: by weight, no part larger than its
// tenant needs or its quota, and what one leaves goes to the others by weight
// again (max-min fairness). A tenant alone has all of it. See yield for a part that is
// too small.
func (w *WorkingSet) divide() {
	left := w.rules.Pool * float64(w.env.Pool())
	w.open = w.open[:0]
	weights := 0.0
	for _, t := range w.parts {
		if t.needs() > 0 {
			w.open = append(w.open, t)
			weights += t.share.Weight
		}
		t.limit = 0
	}
	if len(w.open) == 1 {
		w.open[0].limit = w.open[0].share.bound(int64(left))
		w.open[0].yield()
		return
	}
	slices.SortStableFunc(w.open, func(a, b *part) int {
		return cmp.Compare(float64(a.share.bound(a.needs()))/a.share.Weight, float64(b.share.bound(b.needs()))/b.share.Weight)
	})
	for _, t := range w.open {
		t.limit = min(t.share.bound(t.needs()), int64(left*t.share.Weight/weights))
		left -= float64(t.limit)
		weights -= t.share.Weight
		t.yield()
	}
}

// yield lets the first of a part in however large its context is, when nothing of
// the part runs: a share or a quota that is smaller makes the tenant's turns run one by
// one, and none of them wait for ever.
func (t *part) yield() {
	head := first(&t.waiting)
	if head == nil || len(t.running) > 0 {
		return
	}
	if seat := &memberOf(head).seat; t.order.Before(seat.Rank()) == 0 {
		t.limit = max(t.limit, seat.Weight())
	}
}

func (s Share) bound(cells int64) int64 {
	if s.Quota > 0 {
		return min(cells, int64(s.Quota))
	}
	return cells
}

// part gives the tenant's part, made when it is first asked for.
func (w *WorkingSet) part(tenant programs.TenantID) *part {
	at, ok := slices.BinarySearchFunc(w.parts, tenant, func(t *part, id programs.TenantID) int { return cmp.Compare(t.tenant, id) })
	if !ok {
		t := &part{tenant: tenant, share: w.shares[tenant]}
		if t.share.Weight <= 0 || math.IsNaN(t.share.Weight) {
			t.share.Weight = 1
		}
		t.idle.LastFirst, t.queued.LastFirst = true, true
		w.parts = slices.Insert(w.parts, at, t)
	}
	return w.parts[at]
}

// needs is what the whole part would take.
func (t *part) needs() int64 { return t.runs() + t.order.Sum() }

// runs is what the running programs take.
func (t *part) runs() (cells int64) {
	for _, p := range t.running {
		cells += int64(max(p.Private(), p.Turn.Context-p.Shared))
	}
	return cells
}

// inside tells whether a program, idle or waiting, is in the set.
func (t *part) inside(p *Program) bool {
	edge := t.order.Reach(t.limit - t.runs())
	return edge == nil || memberOf(p).seat.Rank().Compare(edge.Rank()) < 0
}

// lend puts a program among those that memory may be taken from, if it is one.
func (t *part) lend(p *Program, rank programs.Rank) {
	m := memberOf(p)
	m.park.Value = p
	switch {
	case !p.Lends():
	case p.Waits():
		t.queued.Put(&m.park, rank)
		m.parked = &t.queued
	default:
		t.idle.Put(&m.park, rank)
		m.parked = &t.idle
		m.alarm.Value = p
		t.cheap.Put(&m.alarm, p.Rank(0, programs.Time(min(p.Seat, 1e6)*1e9)))
		m.alarmed = &t.cheap
	}
}

// remove takes a program out of every order.
func (w *WorkingSet) remove(t *part, p *Program) {
	m := memberOf(p)
	m.wait.Value, m.seat.Value = p, p
	t.order.Remove(&m.seat)
	t.waiting.Remove(&m.wait)
	if m.parked != nil {
		m.parked.Remove(&m.park)
	}
	if m.alarmed != nil {
		m.alarmed.Remove(&m.alarm)
	}
	m.parked, m.alarmed = nil, nil
	if i := slices.Index(t.running, p); i >= 0 {
		t.running = slices.Delete(t.running, i, i+1)
	}
}

func earlier(a, b *Program) *Program {
	if a == nil || b != nil && memberOf(b).seat.Rank().Compare(memberOf(a).seat.Rank()) < 0 {
		return b
	}
	return a
}

func later(a, b *Program) *Program {
	if a == nil || b != nil && memberOf(b).seat.Rank().Compare(memberOf(a).seat.Rank()) > 0 {
		return b
	}
	return a
}
