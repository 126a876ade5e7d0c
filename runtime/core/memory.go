package core

import (
	"fmt"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// memory is the machine as the scheduler's sched.Memory: each change is booked
// in the ledger and given to the shell as a sequence effect, in that order. None
// of it happens while a step runs.
type memory struct{ *Machine }

// Admit implements sched.Memory.
func (m memory) Admit(sp *sched.Program) bool {
	p := sp.Owner.(*program)
	if !m.fork(p) && !m.extend(p) {
		return false
	}
	t := &p.turn
	if t.timing.Started == 0 {
		t.timing.Started = m.now
		t.usage.Reused = p.Cells
	}
	m.emit(Effect{Kind: StartTurn, Turn: p.turnID(), Seq: p.seq, Cells: p.Cells})
	return true
}

// Grow implements sched.Memory.
func (m memory) Grow(sp *sched.Program) bool {
	p := sp.Owner.(*program)
	return m.raise(p, p.Cells+1)
}

// Suspend implements sched.Memory.
func (m memory) Suspend(sp *sched.Program) {
	p := sp.Owner.(*program)
	m.emit(Effect{Kind: SuspendTurn, Turn: p.turnID(), Usage: p.turn.usage})
	m.park(p)
	m.trim(p)
}

// fork begins the sequence of a program that has none with the cells that it
// shares with its parent, when they are there and make up a span at least. The
// parent's cells are safe meanwhile.
func (m *Machine) fork(p *program) bool {
	parent := p.turn.parent
	if p.seq != 0 || parent == nil || parent.seq == 0 || parent.edition != p.turn.edition {
		return false
	}
	n := min(p.turn.shared, parent.Cells, p.Turn.Context-1)
	shared := m.cfg.Geometry.Shared(n)
	if shared == 0 {
		return false
	}
	m.ledger.Hold(parent.seq)
	capacity, ok := m.reclaim(p, shared, p.Turn.Context)
	if ok {
		m.lastSeq++
		must(m.ledger.Fork(parent.seq, m.lastSeq, n))
		m.own(p, m.lastSeq, n)
		m.emit(Effect{Kind: ForkSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, From: parent.seq, Cells: n})
		m.reserve(p, capacity)
	}
	if !parent.runs() {
		m.park(parent)
	}
	return ok
}

// extend makes room for the whole context behind the cells that the program has.
func (m *Machine) extend(p *program) bool {
	if p.seq != 0 {
		m.ledger.Hold(p.seq)
		if m.raise(p, p.Turn.Context) {
			return true
		}
		m.park(p)
		return false
	}
	capacity, ok := m.reclaim(p, 0, p.Turn.Context)
	if ok {
		m.lastSeq++
		m.ledger.Open(m.lastSeq)
		m.own(p, m.lastSeq, 0)
		m.emit(Effect{Kind: OpenSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq})
		m.reserve(p, capacity)
	}
	return ok
}

// raise gives a held sequence capacity for at least n cells.
func (m *Machine) raise(p *program, n programs.Tokens) bool {
	capacity, ok := m.reclaim(p, p.Capacity, n)
	if ok {
		m.reserve(p, capacity)
	}
	return ok
}

// reclaim frees what it takes to bring p from `have` cells to n with a quantum in
// reserve, or to n alone when there is not so much, and says how far it got. When
// it fails it has taken nothing from anyone.
func (m *Machine) reclaim(p *program, have, n programs.Tokens) (capacity programs.Tokens, ok bool) {
	for _, capacity := range [...]programs.Tokens{p.reserve(n), n} {
		need := m.cfg.Geometry.Bytes(capacity) - m.cfg.Geometry.Bytes(have)
		if m.ledger.Reclaim(need, m.evict) {
			return capacity, true
		}
	}
	return 0, false
}

// reserve books capacity that reclaim has made room for.
func (m *Machine) reserve(p *program, capacity programs.Tokens) {
	before := p.Capacity
	must(m.ledger.Reserve(p.seq, capacity))
	if p.Capacity = m.ledger.Capacity(p.seq); p.Capacity > before {
		m.emit(Effect{Kind: ReserveSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, Cells: capacity})
	}
}

// evicted follows the ledger in taking a sequence's tail.
func (m *Machine) evicted(seq kvpin.Seq, left programs.Tokens) {
	p := m.holders[seq]
	if left == 0 {
		m.lose(p, CauseEvict)
		return
	}
	m.shorten(p, left, CauseEvict)
}

// own notes that p has the sequence seq, of which n cells are written.
func (m *Machine) own(p *program, seq kvpin.Seq, n programs.Tokens) {
	m.holders[seq] = p
	p.seq, p.length, p.valid = seq, n, allValid
	p.Capacity = m.ledger.Capacity(seq)
	p.sync()
}

// park lends the program's memory out, at the place that the policy gives it now.
func (m *Machine) park(p *program) {
	if p.seq != 0 {
		m.ledger.Park(p.seq, m.policy.Keep(&p.Program))
	}
}

// unsettle notes that the program's sequence is to be trimmed once no step runs.
func (m *Machine) unsettle(p *program) {
	if !p.unsettled {
		p.unsettled = true
		m.unsettled = append(m.unsettled, p)
	}
}

// settle trims what has changed hands since the last step.
func (m *Machine) settle() {
	for i, p := range m.unsettled {
		p.unsettled = false
		m.trim(p)
		m.unsettled[i] = nil
	}
	m.unsettled = m.unsettled[:0]
}

// trim gives back what the program does not use: cells that are not of its
// context, the reserve behind them, or everything when no turn will use it.
func (m *Machine) trim(p *program) {
	if p.seq == 0 {
		return
	}
	left, cause := m.ledger.Keepable(p.seq, p.Cells), CauseTrim
	switch {
	case p.Phase == programs.Ended:
		left, cause = 0, CauseEnd
	case p.Cells < p.length && p.turn.uncached:
		cause = CauseEnd
	case p.Cells < p.length:
		cause = CauseRewrite
	}
	switch {
	case left == 0:
		m.ledger.Release(p.seq)
		m.lose(p, cause)
	case left < p.length || m.cfg.Geometry.Cells(left) < p.Capacity:
		must(m.ledger.Truncate(p.seq, left))
		m.shorten(p, left, cause)
	default:
		p.valid = allValid
	}
}

// shorten follows the ledger in leaving a sequence its first n cells.
func (m *Machine) shorten(p *program, n programs.Tokens, cause Cause) {
	p.length, p.valid = n, allValid
	p.Capacity = m.ledger.Capacity(p.seq)
	p.sync()
	m.emit(Effect{Kind: TruncateSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, Cells: n, Cause: cause})
}

// lose follows the ledger in closing a program's sequence.
func (m *Machine) lose(p *program, cause Cause) {
	m.emit(Effect{Kind: ReleaseSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, Cause: cause})
	delete(m.holders, p.seq)
	p.seq, p.length, p.valid, p.Capacity = 0, 0, allValid, 0
	p.sync()
}

// must holds the machine to what it has made sure of.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("core: the ledger refuses what there is room for: %v", err))
	}
}
