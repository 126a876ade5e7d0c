package core

import (
	"fmt"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

// This file moves cells between the tiers. A program has one move at a time. What
// a turn adds to a context is copied to the host when the turn is over, and from
// there to disk; so that memory is taken on the device without waiting, and a copy
// on the host without writing. What is wanted on the device again comes from the
// fastest tier that has it.

// move is one that is under way.
type move struct {
	id          MoveID
	from, to    kvpin.Tier
	first, last programs.Tokens
	since       programs.Time
	cut         programs.Tokens // of the copies, what is of the context still
	ahead       bool            // no turn waited for it when it began
}

// onDevice tells whether a move, if there is one, reads or fills a sequence.
func (v *move) onDevice() bool {
	return v != nil && (v.from == kvpin.Device || v.to == kvpin.Device)
}

// tiered tells whether there are lower tiers.
func (m *Machine) tiered() bool { return m.cfg.Host > 0 }

// start begins a move of the cells [first, last).
func (m *Machine) start(p *program, from, to kvpin.Tier, first, last programs.Tokens, ahead bool) {
	m.lastMove++
	p.move = &move{id: m.lastMove, from: from, to: to, first: first, last: last, since: m.now, cut: allValid, ahead: ahead}
	m.lanes[max(from, to)].count(ahead, 1)
	m.moves[p.move.id] = p
	for _, t := range [...]kvpin.Tier{from, to} {
		if t != kvpin.Device {
			m.ledger.KeepCopy(t, p.copyOf, true, programs.Rank{})
		}
	}
	m.emit(Effect{
		Kind: MoveCells, Turn: programs.TurnID{Program: p.ID}, Move: p.move.id, Owner: p.copyOf,
		Seq: p.seq, Source: from, Tier: to, First: first, Cells: last, Ahead: ahead,
	})
	m.republish(p)
}

// moveDone ends a move.
func (m *Machine) moveDone(ev *MoveDone) {
	p := m.moves[ev.Move]
	if p == nil {
		panic(fmt.Sprintf("core: move %d is done and was not asked for", ev.Move))
	}
	v := p.move
	delete(m.moves, ev.Move)
	p.move = nil
	m.lanes[max(v.from, v.to)].count(v.ahead, -1)
	for _, t := range [...]kvpin.Tier{v.from, v.to} {
		if t != kvpin.Device {
			m.ledger.KeepCopy(t, p.copyOf, false, m.copyRank(p))
		}
	}
	size := m.cfg.Geometry.CellBytes * programs.Bytes(v.last-v.first)
	lower := max(v.from, v.to)
	switch {
	case ev.Failed && v.to < v.from:
		m.cutCopies(p, v.first) // what cannot be read is no copy
	case ev.Failed:
		m.cutCopy(p, lower, v.first)
		p.uncopied = true
	case v.to == kvpin.Device:
		m.speed.moved(lower, size, m.now.Sub(v.since))
		p.length = v.last
		p.sync()
		if p.state.timing.Started != 0 { // what comes before that is found at the admission
			p.state.usage.Restored += v.last - v.first
		}
	default:
		m.speed.moved(lower, size, m.now.Sub(v.since))
		p.copied[v.to] = v.last
		p.syncCopies()
	}
	m.cutCopies(p, v.cut)
	if v.ahead && p.Phase == programs.Interlude {
		m.price(p)
	}
	m.unsettle(p)
	m.republish(p)
}

// restore begins to bring back what the device lacks of a program's context, from
// the fastest tier that has more. The sequence has the capacity.
func (m *Machine) restore(p *program) bool {
	if p.move != nil {
		return p.move.to == kvpin.Device || p.Below > p.Cells // what is below follows it
	}
	for t := kvpin.Host; t <= kvpin.Disk; t++ {
		if n := min(p.copied[t], p.Turn.Context-1, p.Capacity); n > p.Cells {
			m.start(p, t, kvpin.Device, p.Cells, n, false)
			return true
		}
	}
	return false
}

// restoreMore goes on with what the device lacks of an admitted turn's context, once a
// move is over, or its prompt is there, and no step runs.
func (m *Machine) restoreMore(p *program) {
	if p.Phase != programs.Active || p.Turn.Phase != programs.Restoring || m.restore(p) {
		return
	}
	p.state.endRestore(m.now)
	m.place(p, 0)
	if p.state.prompt == atHand {
		m.scheduler.Restored(&p.Program)
	}
}

// endRestore ends the wait for cells from lower tiers, if the turn waits.
func (t *turnState) endRestore(now programs.Time) {
	if t.restoring != 0 {
		t.timing.Restoring += now.Sub(t.restoring)
		t.restoring = 0
	}
}

// offload begins to copy what lower tiers lack of a program's context, one tier
// after the other.
func (m *Machine) offload(p *program) {
	if !m.tiered() || p.move != nil || p.state.uncached || p.uncopied || p.Phase == programs.Ended {
		return
	}
	cells := p.Cells
	if p.Phase == programs.Interlude && p.seq != 0 && cells > p.copied[kvpin.Host] && m.book(p, kvpin.Host, cells) {
		m.start(p, kvpin.Device, kvpin.Host, p.copied[kvpin.Host], cells, false)
		return
	}
	first := p.copied[kvpin.Disk]
	if last := min(p.copied[kvpin.Host], first+m.piece(kvpin.Disk)); m.cfg.Disk > 0 && last > first && m.book(p, kvpin.Disk, last) {
		m.start(p, kvpin.Host, kvpin.Disk, first, last, false)
	}
}

// piece is how many cells are moved at once where others, or the program's own turn,
// may come to want the way.
func (m *Machine) piece(t kvpin.Tier) programs.Tokens {
	return max(minPiece, programs.Tokens(pieceTime.Seconds()/m.speed.load(t, m.cfg.Geometry.CellBytes)))
}

// The least of a piece, in cells, and how long it is on its way.
const (
	minPiece  = 256
	pieceTime = 50 * programs.Millisecond
)

// book makes room for a copy, at the cost of others that were used longer ago.
func (m *Machine) book(p *program, t kvpin.Tier, n programs.Tokens) bool {
	return m.ledger.Copy(t, p.Tenant, p.copyOf, n, m.copyRank(p), func(gone kvpin.Owner) {
		other := m.owners[gone]
		other.copied[t] = 0
		other.syncCopies()
		m.emit(Effect{Kind: DropCopy, Turn: programs.TurnID{Program: other.ID}, Owner: gone, Tier: t})
		m.republish(other)
	})
}

// copyRank puts copies that were used longest ago first among those to go.
func (m *Machine) copyRank(p *program) programs.Rank {
	return programs.Rank{At: max(p.Used, p.wanted), Program: p.ID}
}

// cutCopies leaves copies of the first n cells at most, on every tier.
func (m *Machine) cutCopies(p *program, n programs.Tokens) {
	for t := kvpin.Host; t <= kvpin.Disk; t++ {
		m.cutCopy(p, t, n)
	}
}

// cutCopy leaves a tier the first n cells at most. A copy that is being made, or
// read, is cut when that is done.
func (m *Machine) cutCopy(p *program, t kvpin.Tier, n programs.Tokens) {
	if m.ledger.Copied(t, p.copyOf) <= n {
		return
	}
	if p.move != nil && (p.move.from == t || p.move.to == t) {
		p.move.cut = min(p.move.cut, n)
		p.copied[t] = min(p.copied[t], n)
		p.syncCopies()
		return
	}
	m.ledger.CutCopy(t, p.copyOf, n)
	p.copied[t] = min(p.copied[t], n)
	p.syncCopies()
	m.emit(Effect{Kind: DropCopy, Turn: programs.TurnID{Program: p.ID}, Owner: p.copyOf, Tier: t, Cells: n})
}
