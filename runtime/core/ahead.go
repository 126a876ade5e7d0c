package core

import (
	"math"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/toolpredict"
)

// This file brings cells back ahead of the turn that will want them: from disk to the
// host, and from the host to the device, while the program's tool still runs. That is a
// guess, so it comes behind everything that is not: it goes on while no turn waits, over
// a way that nothing else is on, in pieces so small that what comes meanwhile hardly
// waits for one. What was brought for nothing is taken again without loss, as the copy
// below stays, and is not brought again for the same turn.
//
// For a turn that waits it is no guess. What it has on disk alone comes to the host
// meanwhile, a piece between those of others, so that, once admitted, it holds memory on
// the device for less time in vain.
//
// # When
//
// Of a program that has waited for t and takes L to reload, cells that are brought now
// save what is left of L if it is back within L, and take memory from others as long as
// it is not. So the first piece is due when the chance of the former is high enough,
//
//	P(W < t + lead | W > t) ≥ leastChance,  lead = leadFactor·L
//
// where L is as learnt of the tier (speed.go) and W as predicted (gap.go): shortly
// before the return of a tool that is known to take a minute, at once where tools take
// no longer than a reload, never where nothing tells a second of the wait from another.
// Into memory that is free in any case the next that will be due is brought early.
//
// # At whose cost
//
// A piece that is due may take its room from one other idle program: the one whose memory
// would be taken next (sched.Policy.Victim). What a cell is worth over the lead is the
// chance that its program is back within it, times the seconds that the cell saves then. A
// cell of the program that is expected must be worth at least outbid times as much as one
// of the other's. On the host the copy that was used longest ago makes room, if it is on
// disk as well, and if the chance of the program that is expected is at least outbid times
// that of the other.

// The rules of what is brought back ahead of its turn.
const (
	leadFactor  = 1.25 // a piece is due so many times the reload's time before the return
	leastChance = 0.1  // that the program is back within the lead, for a piece of it to be due
	outbid      = 2.0  // the worth of a cell that comes back, over that of one that makes room for it
	leftFree    = 16   // 1/16 of a tier's bytes is not filled ahead of turns: it is for what runs

	looksAStep = 2                         // programs of a lane that a Step looks at, see pricesAStep
	lookAgain  = 10 * programs.Millisecond // after which the next ones are, if nothing happens before
)

// lane is the way up from a tier to the one above it.
type lane struct {
	queue order.Heap[*program] // programs that lack cells above the tier, by when their next piece is due
	moves int                  // under way on it, up or down
	ahead int                  // of these, those that no admitted turn waits for
	more  bool                 // the last Step left some unseen that are due
}

func (l *lane) count(ahead bool, by int) {
	l.moves += by
	if ahead {
		l.ahead += by
	}
}

// ahead is what is known of a program in a lane.
type ahead struct {
	place   order.Entry[*program]
	cells   programs.Tokens // of the copy, when the place was worked out
	told    int             // the number of the gap's estimate (gap.told) that it was worked out from
	brought programs.Tokens // cells that were brought in this gap
}

func (m *Machine) prefetches() bool { return m.tiered() && !m.cfg.NoPrefetch }

// foresee gives a program its places in the lanes, or takes them away. It is called after
// every change of what the program lacks, or of when it is expected.
func (m *Machine) foresee(p *program) {
	if !m.prefetches() || p.ahead == nil {
		return
	}
	for t := kvpin.Host; t <= kvpin.Disk; t++ {
		a := &p.ahead[t]
		switch {
		case m.lacks(p, t) == 0:
			m.lanes[t].queue.Remove(&a.place)
		case !a.place.In() || a.cells != p.copied[t] || a.told != p.gap.told:
			a.place.Value, a.cells, a.told = p, p.copied[t], p.gap.told
			m.lanes[t].queue.Put(&a.place, m.due(p, t))
		}
	}
}

// leave takes a program out of the lanes, as its turn is admitted.
func (m *Machine) leave(p *program) {
	if p.ahead == nil {
		return
	}
	for t := range m.lanes {
		m.lanes[t].queue.Remove(&p.ahead[t].place)
	}
}

// lacks is how many cells of a program are to be brought from a tier.
func (m *Machine) lacks(p *program, t kvpin.Tier) programs.Tokens {
	if p.Phase != programs.Interlude && !(p.queued() && t == kvpin.Disk) {
		return 0
	}
	if p.ahead == nil || p.move != nil || p.Retention == sched.Give || p.length != p.Cells {
		return 0
	}
	above := p.Cells
	if t == kvpin.Disk {
		above = max(p.copied[kvpin.Host], p.Cells)
	}
	return max(0, min(p.copied[t]-above, p.copied[t]-p.ahead[t].brought))
}

// lead is how long before a return the lane is to begin.
func (m *Machine) lead(p *program, t kvpin.Tier) programs.Duration {
	return programs.Seconds(leadFactor * m.speed.load(t, m.cfg.Geometry.CellBytes*programs.Bytes(p.copied[t])))
}

// queued tells whether the program has a turn that waits.
func (p *program) queued() bool {
	return p.Phase == programs.Active && p.Turn.Phase == programs.Waiting
}

// The classes of programs in a lane, the first to be served first.
const (
	turnWaits    = iota // a turn of it is there and wants the cells
	turnExpected        // it is idle, and its turn is predicted
)

// due is the program's place in the lane, by when its next piece is due. It is the end of
// time where the chance of a return within the lead never reaches leastChance in a day.
func (m *Machine) due(p *program, t kvpin.Tier) programs.Rank {
	const day = 24 * programs.Hour
	if p.queued() {
		return programs.Rank{Class: turnWaits, At: p.Arrived, Program: p.ID}
	}
	rank := programs.Rank{Class: turnExpected, At: math.MaxInt64, Program: p.ID}
	g, lead := p.gap, m.lead(p, t)
	if g.exact != 0 {
		rank.At = max(m.now, g.exact.Add(-lead))
		return rank
	}
	for at := m.now.Sub(g.pin.Since); at < day; at = kvpin.Reprice(at) {
		if g.within(at, lead) >= leastChance {
			rank.At = g.pin.Since.Add(at)
			break
		}
	}
	return rank
}

// within is the chance that the gap, when elapsed of it has passed, ends within the
// time ahead.
func (g *gap) within(elapsed, ahead programs.Duration) float64 {
	switch {
	case g.exact == 0:
		return g.estimate.Within(toolpredict.Seconds(elapsed.Seconds()), toolpredict.Seconds(ahead.Seconds()))
	case g.exact.Sub(g.pin.Since) <= elapsed+ahead:
		return 1
	}
	return 0
}

// chance is the probability that a program is back within the time ahead; 1 when it is.
func (m *Machine) chance(p *program, ahead programs.Duration) float64 {
	if p.queued() {
		return 1
	}
	return p.gap.within(m.now.Sub(p.gap.pin.Since), ahead)
}

// nextAhead is when a piece is due that is not yet, or is to be looked at.
func (m *Machine) nextAhead() (at programs.Time, ok bool) {
	at = math.MaxInt64
	for t := range m.lanes {
		switch top := m.lanes[t].queue.Top(); {
		case top == nil:
		case top.Rank().At > m.now:
			at = min(at, top.Rank().At)
		case m.lanes[t].more:
			at = min(at, m.now.Add(lookAgain))
		}
	}
	return at, at < math.MaxInt64
}

// prefetch begins the next piece of each lane, if there is one to begin. A program whose
// piece is due and finds no room is put off until its seat would be priced again
// (kvpin.Reprice).
func (m *Machine) prefetch() {
	if !m.prefetches() {
		return
	}
	for t := kvpin.Host; t <= kvpin.Disk; t++ {
		l := &m.lanes[t]
		l.more = false
		for n := 0; n < looksAStep && m.passes(l, t); n++ {
			l.more = n == looksAStep-1
		}
	}
}

// passes looks at the first of a lane and tells whether the next may go before it, as it is
// due and finds no room.
func (m *Machine) passes(l *lane, t kvpin.Tier) bool {
	top := l.queue.Top()
	if top == nil || l.ahead > 0 {
		return false
	}
	p, rank := top.Value, top.Rank()
	if rank.Class == turnExpected && (l.moves > 0 || m.scheduler.Waiting() > 0) {
		return false
	}
	due := rank.At <= m.now
	if m.bring(p, t, due) || !due {
		return false
	}
	since := p.gap.pin.Since
	if rank.Class == turnWaits {
		since = p.Turn.Arrived
	}
	rank.At = max(since.Add(kvpin.Reprice(m.now.Sub(since))), m.due(p, t).At)
	l.queue.Put(top, rank)
	return true
}

// bring begins a piece of what a program lacks above a tier, where there is room.
func (m *Machine) bring(p *program, t kvpin.Tier, due bool) bool {
	cells := min(m.piece(t), m.lacks(p, t))
	due = due && m.chance(p, m.lead(p, t)) >= leastChance
	switch {
	case p.Phase == programs.Interlude && !m.scheduler.Inside(&p.Program):
		return false
	case t == kvpin.Disk:
		return m.promote(p, cells, due)
	}
	return m.lift(p, cells, due)
}

// promote copies cells from disk to the host, or, where the device has them still, from
// there.
func (m *Machine) promote(p *program, cells programs.Tokens, due bool) bool {
	from, first := kvpin.Disk, p.copied[kvpin.Host]
	if above := p.Cells - first; above > 0 {
		if m.lanes[kvpin.Host].moves > 0 {
			return false
		}
		from, cells = kvpin.Device, min(above, m.piece(kvpin.Host))
	}
	size, used := m.ledger.TierUsage(kvpin.Host)
	need := m.cfg.Geometry.CellBytes * programs.Bytes(cells)
	if need+size/leftFree > size-used && !(due && m.outdated(p, need-(size-used))) {
		return false
	}
	if due {
		p.wanted = m.now
	}
	if !m.book(p, kvpin.Host, first+cells) {
		return false
	}
	p.ahead[kvpin.Disk].brought += cells
	m.start(p, from, kvpin.Host, first, first+cells, true)
	return true
}

// outdated tells whether short bytes can be had on the host by dropping one copy: that
// which was used longest ago, if it is on disk as well. With nothing short they can.
func (m *Machine) outdated(p *program, short programs.Bytes) bool {
	if short <= 0 {
		return true
	}
	if p.copied[kvpin.Host] > 0 { // its own copy is not the one to go
		p.wanted = m.now
		m.ledger.KeepCopy(kvpin.Host, p.copyOf, false, m.copyRank(p))
	}
	owner, size := m.ledger.FirstToGo(kvpin.Host)
	other := m.owners[owner]
	if size < short || other == p || other.Phase != programs.Interlude || other.copied[kvpin.Disk] < other.copied[kvpin.Host] {
		return false
	}
	lead := m.lead(p, kvpin.Disk)
	return outbid*m.chance(other, lead) <= m.chance(p, lead)
}

// lift brings cells from the host to the device. A program that has no sequence any
// longer begins one, with what it shares with its family if that is there.
func (m *Machine) lift(p *program, cells programs.Tokens, due bool) bool {
	g := m.cfg.Geometry
	first, capacity := p.Cells, p.Capacity
	from, shared := p.stem()
	if from != nil {
		first = g.Shared(min(shared, p.copied[kvpin.Host]))
		capacity = first
	}
	last := min(first+cells, p.copied[kvpin.Host])
	if last == first || !m.spare(p, from, g.Bytes(last)-g.Bytes(capacity), due) {
		return false
	}
	if p.seq == 0 {
		m.open(p, from, first)
	}
	m.reserve(p, last)
	p.ahead[kvpin.Host].brought += last - first
	m.start(p, kvpin.Host, kvpin.Device, first, last, true)
	return true
}

// open begins the sequence of an idle program, with whole spans of another's.
func (m *Machine) open(p, from *program, shared programs.Tokens) {
	m.lastSeq++
	if shared == 0 {
		m.ledger.Open(m.lastSeq)
		m.own(p, m.lastSeq, 0)
		m.emit(Effect{Kind: OpenSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq})
		return
	}
	must(m.ledger.Fork(from.seq, m.lastSeq, shared))
	m.own(p, m.lastSeq, shared)
	m.republish(from) // which shares them from now on
	m.emit(Effect{Kind: ForkSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, From: from.seq, Cells: shared})
}

// spare makes room on the device, of what is free or, for what is due, at the cost of
// one other idle program.
func (m *Machine) spare(p, from *program, need programs.Bytes, due bool) bool {
	u := m.ledger.Usage()
	if need+u.Pool/leftFree <= u.Free() {
		return true
	}
	if !due || u.Free()+u.Parked < need+u.Pool/leftFree {
		return false
	}
	for _, own := range [...]*program{p, from} {
		if own != nil {
			m.setBusy(own, true)
			defer m.setBusy(own, false)
		}
	}
	u = m.ledger.Usage()
	short := need - u.Free()
	if short <= 0 || u.Parked == 0 {
		return short <= 0
	}
	other := m.weakest(p)
	private := m.cfg.Geometry.CellBytes * programs.Bytes(other.Capacity-other.Shared)
	if other.Phase != programs.Interlude || private < short {
		return false
	}
	lead := m.lead(p, kvpin.Host)
	if outbid*m.chance(other, lead)*m.saving(other) > m.chance(p, lead)*m.saving(p) {
		return false
	}
	m.taker = p
	return m.ledger.Reclaim(need, m.victim, m.evict)
}

// saving is what each cell of an idle program's context saves when its turn finds them
// all, see kvpin.Price.
func (m *Machine) saving(p *program) float64 {
	n := max(p.Cells, p.Below)
	own := n - min(p.Shared, n)
	if own == 0 {
		return 0
	}
	from := kvpin.Host
	if p.copied[kvpin.Disk] > p.copied[kvpin.Host] {
		from = kvpin.Disk
	}
	compute := m.speed.compute(min(max(p.Below, p.Shared), n), n)
	load := m.speed.load(from, m.cfg.Geometry.CellBytes*programs.Bytes(min(own, p.Below)))
	return kvpin.Price(compute, load, own, m.pool()) / float64(own)
}
