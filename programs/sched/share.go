package sched

import (
	"cmp"
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// This file divides the pool between tenants. Each has a working set in its part.

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

// before tells whether a tenant's turn goes before another's: who has the fewest running
// turns for its weight, and then who is first in order.
func (t *part) before(other *part, mine, its *Program) bool {
	if t == other {
		return false
	}
	a, b := float64(len(t.running)+1)/t.share.Weight, float64(len(other.running)+1)/other.share.Weight
	if a != b {
		return a < b
	}
	return earlier(its, mine) == mine
}

// weight is the share's, 1 where none is given.
func (s Share) weight() float64 {
	if s.Weight > 0 {
		return s.Weight
	}
	return 1
}

func (s Share) bound(cells int64) int64 {
	if s.Quota > 0 {
		return min(cells, int64(s.Quota))
	}
	return cells
}

// part gives the tenant's part, made when it is first asked for.
func (w *WorkingSet) part(tenant programs.TenantID) *part {
	at, ok := w.find(tenant)
	if !ok {
		t := &part{tenant: tenant, share: w.shares[tenant]}
		t.share.Weight = t.share.weight()
		t.idle.LastFirst, t.queued.LastFirst = true, true
		w.parts = slices.Insert(w.parts, at, t)
	}
	return w.parts[at]
}

// find is where the tenant's part is, or would be.
func (w *WorkingSet) find(tenant programs.TenantID) (at int, ok bool) {
	return slices.BinarySearchFunc(w.parts, tenant, func(t *part, id programs.TenantID) int { return cmp.Compare(t.tenant, id) })
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

// inside tells whether a program, idle or waiting, is in the set at this rank.
func (t *part) inside(rank programs.Rank) bool {
	edge := t.order.Reach(t.limit - t.runs())
	return edge == nil || rank.Compare(edge.Rank()) < 0
}

// lend puts a program among those that memory may be taken from, if it is one.
func (t *part) lend(p *Program, rank programs.Rank) {
	if !p.Lends() {
		return
	}
	m := memberOf(p)
	if m.lent == nil {
		m.lent = &lent{}
		m.lent.park.Value, m.lent.worth.Value = p, p
	}
	l := m.lent
	if p.Waits() {
		l.parked = &t.queued
	} else {
		l.parked = &t.idle
		t.cheap.Put(&l.worth, p.Rank(-int(p.Turn.Class), programs.Time(min(p.Seat, 1e6)*1e9)))
	}
	l.parked.Put(&l.park, rank)
}

// remove takes a program out of every order.
func (w *WorkingSet) remove(t *part, p *Program) {
	m := memberOf(p)
	m.wait.Value, m.seat.Value = p, p
	t.order.Remove(&m.seat)
	t.waiting.Remove(&m.wait)
	if l := m.lent; l != nil && l.parked != nil {
		l.parked.Remove(&l.park)
		t.cheap.Remove(&l.worth)
		l.parked = nil
	}
	if i := slices.Index(t.running, p); i >= 0 {
		t.running = slices.Delete(t.running, i, i+1)
	}
}
