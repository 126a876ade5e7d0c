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
// host, and from the host to the device, while the program's tool still runs. All of it
// is a guess, so it comes behind everything that is not: it goes on while no turn
// waits, over a way that nobody else is on, in pieces so small that a turn which
// arrives, or a restore, hardly waits for one. What was brought back for nothing is
// taken again without loss: the copy below stays.

// lane is the way up from a tier to the one above it, for programs between two turns.
type lane struct {
	queue order.Heap[*program] // that lack cells above, by when the first piece is due
	moves int                  // of any kind, that are under way over this way
}

// The rules of what is brought back ahead of its turn.
const (
	pieceTime  = 50 * programs.Millisecond // that the way is taken for one piece
	minPiece   = 256                       // cells
	leadFactor = 1.25                      // times the reload is how long before the return it begins
	soon       = 0.2                       // chance of a return within the lead from which it is due
	clearly    = 2                         // times as much must cells be worth as those that make room
	headroom   = 16                        // a part of so many of a tier is left to what runs
)

// foresee gives an idle program its places in the lanes, or takes them away. It is
// told of whatever changes what the program lacks or when it is expected.
func (m *Machine) foresee(p *program) {
	if !m.prefetches() {
		return
	}
	for t := kvpin.Host; t <= kvpin.Disk; t++ {
		a := &p.ahead[t]
		lacks := m.lacks(p, t)
		switch {
		case lacks == 0:
			m.lanes[t].queue.Remove(&a.place)
		case !a.place.In() || a.lacks != lacks || a.told != p.gap.told:
			a.lacks, a.told, a.place.Value = lacks, p.gap.told, p
			m.lanes[t].queue.Put(&a.place, programs.Rank{At: m.due(p, t), Program: p.ID})
		}
	}
}

// ahead is a program's place in a lane.
type ahead struct {
	place order.Entry[*program]
	lacks programs.Tokens // cells
	told  int             // of the estimate that the place is from
	gap   programs.Time   // that left is of
	left  programs.Tokens // how much may be brought in this gap
}

func (m *Machine) prefetches() bool { return m.tiered() && !m.cfg.NoPrefetch }

// lacks is how many cells of an idle program are on the tier and not above it.
func (m *Machine) lacks(p *program, t kvpin.Tier) programs.Tokens {
	if p.Phase != programs.Interlude || p.move != nil || p.resident || p.Retention == sched.Give || p.length != p.Cells {
		return 0
	}
	above := p.Cells
	if t == kvpin.Disk {
		above = max(p.copied[kvpin.Host], p.Cells)
	}
	return max(0, p.copied[t]-above)
}

// lead is how long before a return the lane is to begin.
func (m *Machine) lead(p *program, t kvpin.Tier) programs.Duration {
	return programs.Seconds(leadFactor * m.speed.load(t, m.cfg.Geometry.CellBytes*programs.Bytes(p.copied[t])))
}

// due is when the chance that the program is back within the lead is high enough; the
// end of time when it never will be.
func (m *Machine) due(p *program, t kvpin.Tier) programs.Time {
	const day = 24 * programs.Hour
	g, lead := &p.gap, m.lead(p, t)
	if g.exact != 0 {
		return max(m.now, g.exact.Add(-lead))
	}
	for at := m.now.Sub(g.pin.Since); at < day; at = kvpin.Reprice(at) {
		if g.within(at, lead) >= soon {
			return g.pin.Since.Add(at)
		}
	}
	return math.MaxInt64
}

// within is the chance that the gap ends within the time ahead when elapsed has passed.
func (g *gap) within(elapsed, ahead programs.Duration) float64 {
	if g.exact != 0 {
		if g.exact.Sub(g.pin.Since) <= elapsed+ahead {
			return 1
		}
		return 0
	}
	return g.estimate.Within(toolpredict.Seconds(elapsed.Seconds()), toolpredict.Seconds(ahead.Seconds()))
}

// prefetch begins the next piece of each lane, if there is one to begin.
func (m *Machine) prefetch() {
	if !m.prefetches() || m.scheduler.Waiting() > 0 {
		return
	}
	for t := kvpin.Host; t <= kvpin.Disk; t++ {
		for l := &m.lanes[t]; l.moves == 0; {
			top := l.queue.Top()
			if top == nil || m.bring(top.Value, t) {
				break
			}
			if top.Rank().At > m.now {
				break // nobody is due, and there is no free memory for the first
			}
			p := top.Value
			again := p.gap.pin.Since.Add(kvpin.Reprice(m.now.Sub(p.gap.pin.Since)))
			l.queue.Put(&p.ahead[t].place, programs.Rank{At: max(again, m.due(p, t)), Program: p.ID})
		}
	}
}

// bring begins a piece of what a program lacks above a tier, where there is room.
func (m *Machine) bring(p *program, t kvpin.Tier) bool {
	due := p.ahead[t].place.Rank().At <= m.now && p.gap.within(m.now.Sub(p.gap.pin.Since), m.lead(p, t)) >= soon
	piece := programs.Tokens(pieceTime.Seconds() / m.speed.load(t, m.cfg.Geometry.CellBytes))
	piece = max(piece, minPiece)
	a := &p.ahead[t]
	if a.gap != p.gap.started {
		a.gap, a.left = p.gap.started, p.copied[t]
	}
	if piece = min(piece, a.left); piece == 0 || !m.scheduler.Inside(&p.Program) {
		return false
	}
	if t == kvpin.Disk {
		return m.promote(p, piece, due)
	}
	return m.lift(p, piece, due)
}

// promote copies from disk to the host.
func (m *Machine) promote(p *program, piece programs.Tokens, due bool) bool {
	first := p.copied[kvpin.Host]
	last := min(first+piece, p.copied[kvpin.Disk])
	size, used := m.ledger.TierUsage(kvpin.Host)
	need := programs.Bytes(last-first) * m.cfg.Geometry.CellBytes
	if need+size/headroom > size-used {
		if !due || !m.outworn(p, need-(size-used)) {
			return false
		}
	}
	p.wanted = m.now
	if !m.book(p, kvpin.Host, last) {
		return false
	}
	p.ahead[kvpin.Disk].left -= last - first
	m.start(p, kvpin.Disk, kvpin.Host, first, last, true)
	return true
}

// outworn tells whether the copy that would make room on the host is there on disk as
// well, of a program that is not expected as soon as p, and is large enough.
func (m *Machine) outworn(p *program, short programs.Bytes) bool {
	if short <= 0 {
		return true
	}
	owner, size, ok := m.ledger.FirstToGo(kvpin.Host)
	if !ok || size < short {
		return false
	}
	q := m.owners[owner]
	if q == p {
		return false
	}
	if q.Phase == programs.Ended {
		return true
	}
	ahead := m.lead(p, kvpin.Disk)
	return q.Phase == programs.Interlude && q.copied[kvpin.Disk] >= q.copied[kvpin.Host] &&
		clearly*m.chance(q, ahead) <= m.chance(p, ahead)
}

// lift brings cells from the host to the device.
func (m *Machine) lift(p *program, piece programs.Tokens, due bool) bool {
	m.setBusy(p, true)
	ok := m.begun(p, piece, due)
	p.busy = false
	m.changed(p)
	return ok
}

func (m *Machine) begun(p *program, piece programs.Tokens, due bool) bool {
	g := m.cfg.Geometry
	first, capacity := p.Cells, p.Capacity
	parent := m.origin(p)
	if p.seq == 0 && parent != nil {
		first = g.Shared(min(p.turn.shared, parent.Cells, p.copied[kvpin.Host]))
		capacity = first
	}
	last := min(first+piece, p.copied[kvpin.Host])
	if last <= first {
		return false
	}
	if parent != nil {
		m.setBusy(parent, true)
		defer m.setBusy(parent, false)
	}
	if !m.spare(p, g.Bytes(last)-g.Bytes(capacity), due) {
		return false
	}
	if p.seq == 0 {
		m.open(p, parent, first)
	}
	m.reserve(p, last)
	p.ahead[kvpin.Host].left -= last - first
	m.start(p, kvpin.Host, kvpin.Device, first, last, true)
	return true
}

// origin is the program whose first cells an idle program without a sequence shares.
func (m *Machine) origin(p *program) *program {
	parent := m.owners[p.turn.origin]
	if parent == nil || parent.seq == 0 || parent.edition != p.turn.edition {
		return nil
	}
	return parent
}

// open begins the sequence of an idle program, with the whole spans of its parent's.
func (m *Machine) open(p, parent *program, shared programs.Tokens) {
	m.lastSeq++
	if shared == 0 {
		m.ledger.Open(m.lastSeq)
		m.own(p, m.lastSeq, 0)
		m.emit(Effect{Kind: OpenSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq})
		return
	}
	must(m.ledger.Fork(parent.seq, m.lastSeq, shared))
	m.own(p, m.lastSeq, shared)
	m.emit(Effect{Kind: ForkSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, From: parent.seq, Cells: shared})
}

// spare makes room on the device: from what is free, and, once the program is due, at
// the cost of one other that is clearly worth less.
func (m *Machine) spare(p *program, need programs.Bytes, due bool) bool {
	u := m.ledger.Usage()
	left := u.Pool / headroom
	if need+left <= u.Free() {
		return true
	}
	if !due || need+left > u.Free()+u.Parked {
		return false
	}
	short := need - u.Free()
	if short <= 0 {
		return true
	}
	v := m.scheduler.Victim(m.now).Owner.(*program)
	private := programs.Bytes(v.Capacity-v.Shared) * m.cfg.Geometry.CellBytes
	if v.Phase != programs.Interlude || private < short {
		return false
	}
	ahead := m.lead(p, kvpin.Host)
	if clearly*m.chance(v, ahead)*m.density(v) > m.chance(p, ahead)*m.density(p) {
		return false
	}
	return m.ledger.Reclaim(need, m.victim, m.evict)
}

// chance is that an idle program is back within the time ahead.
func (m *Machine) chance(p *program, ahead programs.Duration) float64 {
	return p.gap.within(m.now.Sub(p.gap.pin.Since), ahead)
}

// density is what a cell of the program's context saves when it is back, see
// kvpin.Price.
func (m *Machine) density(p *program) float64 {
	n := max(p.Cells, p.Below)
	own := n - min(p.Shared, n)
	if own == 0 {
		return 0
	}
	compute := m.speed.compute(min(max(p.Below, p.Shared), n), n)
	t := kvpin.Host
	if p.copied[kvpin.Disk] > p.copied[kvpin.Host] {
		t = kvpin.Disk
	}
	load := m.speed.load(t, m.cfg.Geometry.CellBytes*programs.Bytes(min(own, p.Below)))
	return kvpin.Price(compute, load, own, m.pool()) / float64(own)
}

// nextAhead is when the first piece of a lane is due, if that is ahead.
func (m *Machine) nextAhead() (at programs.Time, ok bool) {
	for t := range m.lanes {
		if top := m.lanes[t].queue.Top(); top != nil && top.Rank().At > m.now && top.Rank().At < math.MaxInt64 {
			if !ok || top.Rank().At < at {
				at, ok = top.Rank().At, true
			}
		}
	}
	return at, ok
}
