package sched

import (
	"math"
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// This file divides the pool between tenants. Each has a working set in its part.

// part is one tenant's programs.
type part struct {
	tenant  programs.TenantID
	share   Share                // its weight is above 0
	weight  int64                // the share's, see division.measure
	order   order.Tree[*Program] // idle and waiting, weighed by what they need
	waiting order.Heap[*Program]
	idle    order.Heap[*Program] // lending, last in order first
	queued  order.Heap[*Program] // waiting and lending, last in order first
	running []*Program

	// As of the last time that the set was divided, or weighed:
	need             order.Mark[*part]  // of division.needs
	enters           order.Mark[*part]  // of division.entering
	leaves           order.Mark[*part]  // of division.leaving
	waits, parks     order.Entry[*part] // of division.waiting and queued
	head             *Program           // the first that waits; nil: nobody
	last             *Program           // the last in order that lends; nil: nobody
	turns            float64            // that run, and the next, for its weight
	least            int64              // what it may have however small its share is, see yield
	ran              int64              // what the running programs took
	dirty, unweighed bool               // it has changed since
}

// division is the parts in the orders that questions to the set are answered from, so that
// none walks all of them. A part that changes is only noted, and finds its places when the next
// question is asked; so do those whose running turns have grown, which nobody is told of.
type division struct {
	needs    order.Scale[*part] // by what they need, or their quota, for their weight: of those that need something
	entering order.Scale[*part] // by what their first that waits needs for its turn; the best: see before
	leaving  order.Scale[*part] // by what they need up to their last that lends; the best: who has the last in order
	waiting  order.Heap[*part]  // by their first that waits
	queued   order.Heap[*part]  // by their last that waits and lends, last first

	active []*part // that have running programs

	pool  int64        // as it was divided
	level order.Height // cells for a weight, that no part has more of
	dirty []*part
	unit  int // weights are counted in 2 to the power of -unit
}

func newDivision() division {
	return division{
		entering: order.Scale[*part]{Better: before},
		leaving:  order.Scale[*part]{Better: func(a, b *part) bool { return memberOf(a.last).seat.Rank().Compare(memberOf(b.last).seat.Rank()) > 0 }},
		queued:   order.Heap[*part]{LastFirst: true},
		unit:     weightBits,
	}
}

// weightBits is how large weights are in their unit, at most.
const weightBits = 32

// measure sets the unit that weights are counted in, so that sums and products of them are
// exact: a power of 2, and the largest weight has 2³² of it at most.
func (d *division) measure(shares map[programs.TenantID]Share) {
	largest := 1.0
	for _, s := range shares {
		largest = max(largest, s.Weight)
	}
	_, exponent := math.Frexp(largest)
	d.unit = weightBits - exponent
}

// divide parts the pool among the tenants: by weight, no part larger than its
// tenant needs or its quota, and what one leaves goes to the others by weight
// again (max-min fairness). A tenant alone has all of it. See yield for a part that is
// too small. A part of a cell is nobody's.
func (w *WorkingSet) divide() {
	for i, t := range w.dirty {
		w.settle(t)
		w.dirty[i] = nil
	}
	w.dirty = w.dirty[:0]
	for _, t := range w.active {
		if t.ran != t.runs() {
			w.settle(t)
		}
	}
	w.pool = max(0, int64(w.rules.Pool*float64(w.env.Pool())))
	w.level = w.needs.Fill(w.pool)
}

// touch notes that a part changes.
func (w *WorkingSet) touch(t *part) {
	if !t.dirty {
		t.dirty = true
		w.dirty = append(w.dirty, t)
	}
	if !t.unweighed {
		t.unweighed = true
		w.unweighed = append(w.unweighed, t)
	}
}

// settle gives a part its places in the orders of the division.
//
// A program is inside when what its part needs up to it is no more than the part's limit,
// which is the least of what the part needs, its quota, and its weight times the level; or than
// what the part may have in any case. So who is inside is told by the level alone, and the
// height of the part's mark.
func (w *WorkingSet) settle(t *part) {
	runs := t.runs()
	t.dirty, t.ran = false, runs
	if need := t.share.bound(runs + t.order.Sum()); need > 0 {
		w.needs.Put(&t.need, order.Height{Parts: need, Whole: t.weight})
	} else {
		w.needs.Remove(&t.need)
	}

	t.head, t.turns, t.least = first(&t.waiting), float64(len(t.running)+1)/t.share.Weight, 0
	if t.head == nil {
		w.waiting.Remove(&t.waits)
		w.entering.Remove(&t.enters)
	} else {
		seat := &memberOf(t.head).seat
		upTo := t.order.UpTo(seat)
		t.yield(upTo)
		w.waiting.Put(&t.waits, seat.Rank())
		switch upTo += runs; {
		case upTo <= t.least:
			w.entering.Put(&t.enters, order.Height{Whole: 1})
		case upTo > t.share.bound(upTo):
			w.entering.Remove(&t.enters)
		default:
			w.entering.Put(&t.enters, order.Height{Parts: upTo, Whole: t.weight})
		}
	}

	t.last = first(&t.idle)
	if queued := first(&t.queued); queued == nil {
		w.queued.Remove(&t.parks)
	} else {
		rank := memberOf(queued).seat.Rank()
		w.queued.Put(&t.parks, rank)
		if t.last == nil || memberOf(t.last).seat.Rank().Compare(rank) < 0 {
			t.last = queued
		}
	}
	if t.last == nil {
		w.leaving.Remove(&t.leaves)
		return
	}
	switch upTo := runs + t.order.UpTo(&memberOf(t.last).seat); {
	case upTo <= t.least:
		w.leaving.Remove(&t.leaves)
	case upTo > t.share.bound(upTo):
		w.leaving.Put(&t.leaves, order.Height{Parts: upTo})
	default:
		w.leaving.Put(&t.leaves, order.Height{Parts: upTo, Whole: t.weight})
	}
}

// yield lets the first of a part in however large its context is, when nothing of
// the part runs: a share or a quota that is smaller makes the tenant's turns run one by
// one, and none of them wait for ever. upTo is what it needs, and those before it.
func (t *part) yield(upTo int64) {
	if need := memberOf(t.head).seat.Weight(); len(t.running) == 0 && upTo == need {
		t.least = need
	}
}

// limit is what the part may have.
func (w *WorkingSet) limit(t *part) int64 {
	switch need := t.need.Height(); {
	case !t.need.In():
		return t.least
	case w.needs.Len() == 1:
		return max(t.least, t.share.bound(w.pool))
	case need.Compare(w.level) <= 0:
		return max(t.least, need.Parts)
	}
	return max(t.least, w.level.Of(t.weight))
}

// before tells whether a part's turn goes before another's: who has the fewest running
// turns for its weight, and then who is first in order.
func before(a, b *part) bool {
	if a.turns != b.turns {
		return a.turns < b.turns
	}
	return memberOf(a.head).seat.Rank().Compare(memberOf(b.head).seat.Rank()) < 0
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
	t := w.parts[tenant]
	if t == nil {
		t = &part{tenant: tenant, share: w.shares[tenant]}
		t.share.Weight = t.share.weight()
		t.weight = max(1, int64(math.Ldexp(t.share.Weight, w.unit)))
		t.idle.LastFirst, t.queued.LastFirst = true, true
		t.need.Value, t.enters.Value, t.leaves.Value, t.waits.Value, t.parks.Value = t, t, t, t, t
		w.parts[tenant] = t
	}
	return t
}

// runs is what the running programs take.
func (t *part) runs() (cells int64) {
	for _, p := range t.running {
		cells += int64(max(p.Private(), p.Turn.Context-p.Shared))
	}
	return cells
}

// inside tells whether a program, idle or waiting, is in the set at this rank.
func (w *WorkingSet) inside(t *part, rank programs.Rank) bool {
	edge := t.order.Reach(w.limit(t) - t.runs())
	return edge == nil || rank.Compare(edge.Rank()) < 0
}

// lend puts a program among those that memory may be taken from, or takes it out where it
// is none.
func (w *WorkingSet) lend(t *part, p *Program, rank programs.Rank) {
	m := memberOf(p)
	if !p.Lends() {
		w.keep(m)
		return
	}
	if m.lent == nil {
		m.lent = &lent{}
		m.lent.park.Value, m.lent.worth.Value = p, p
	}
	l, parked := m.lent, &t.idle
	if p.Waits() {
		parked = &t.queued
	}
	if l.parked != parked {
		w.keep(m)
		l.parked = parked
	}
	parked.Put(&l.park, rank)
	if !p.Waits() {
		w.cheap.Put(&l.worth, p.Rank(-int(p.Turn.Class), programs.Time(min(p.Seat, 1e6)*1e9)))
	}
}

// keep takes a program out of those that memory may be taken from.
func (w *WorkingSet) keep(m *member) {
	if l := m.lent; l != nil && l.parked != nil {
		l.parked.Remove(&l.park)
		w.cheap.Remove(&l.worth)
		l.parked = nil
	}
}

// remove takes a program out of every order.
func (w *WorkingSet) remove(t *part, p *Program) {
	w.touch(t)
	m := memberOf(p)
	t.order.Remove(&m.seat)
	t.waiting.Remove(&m.wait)
	w.keep(m)
	w.leaveRunning(t, p)
}

// run puts a program among the running.
func (w *WorkingSet) run(t *part, p *Program) {
	if len(t.running) == 0 {
		w.active = append(w.active, t)
	}
	t.running = append(t.running, p)
}

func (w *WorkingSet) leaveRunning(t *part, p *Program) {
	i := slices.Index(t.running, p)
	if i < 0 {
		return
	}
	if t.running = slices.Delete(t.running, i, i+1); len(t.running) == 0 {
		i = slices.Index(w.active, t)
		w.active = slices.Delete(w.active, i, i+1)
	}
}
