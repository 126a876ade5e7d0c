package core

import (
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// memory is the machine as the scheduler's sched.Memory: each change is booked
// in the ledger and given to the shell as a sequence effect, in that order. None
// of it happens while a step runs.
type memory struct{ *Machine }

// Admit implements sched.Memory.
func (m memory) Admit(sp *sched.Program) (ok, later bool) {
	p := sp.Owner.(*program)
	if !p.intact() {
		return false, false
	}
	m.guardDonors(p, true)
	donor, ok := m.begins(p)
	m.guardDonors(p, false)
	if !ok && len(p.donations()) > 0 { // there is room at the cost of those who have the cells
		p.state.assembly = nil
		_, ok = m.begins(p)
	}
	if !ok {
		return false, false
	}
	m.leave(p)
	restoring := m.restore(p)
	t := &p.state
	if t.timing.Started == 0 {
		t.timing.Started = m.now
		t.usage.Reused = p.Cells
	}
	if restoring {
		t.restoring = m.now
	}
	m.emit(Effect{Kind: StartTurn, Turn: p.turnID(), Seq: p.seq, Cells: p.Cells})
	if !restoring {
		m.place(p, donor)
	}
	m.part(p, donor)
	m.mayLead(p)
	return true, m.awaitPrompt(p) || restoring
}

// intact tells whether all cells that the sequence has are of the context. What is
// not is trimmed between steps, unless a move reads it or brings more of it.
func (p *program) intact() bool {
	if p.move != nil && p.move.to == kvpin.Device {
		return p.move.last <= p.valid
	}
	return p.length <= p.valid || p.donates() && !p.move.onDevice()
}

// begins gives an admitted program its sequence, with capacity for the context; donor is
// the one that it had before, where cells of that are to be moved.
func (m *Machine) begins(p *program) (donor kvpin.Seq, ok bool) {
	if p.donates() {
		if donor, ok = m.replace(p); ok {
			return donor, true
		}
		a := p.state.assembly
		a.runs = slices.DeleteFunc(a.runs, func(d donation) bool { return d.source == p })
		m.trim(p)
		m.republish(p)
	}
	p.valid = allValid
	return 0, m.fork(p) || m.extend(p)
}

// Grow implements sched.Memory.
func (m memory) Grow(sp *sched.Program) bool {
	p := sp.Owner.(*program)
	return m.raise(p, p.Cells+1)
}

// Suspend implements sched.Memory.
func (m memory) Suspend(sp *sched.Program) {
	p := sp.Owner.(*program)
	p.state.endRestore(m.now)
	p.state.endFetch(m.now)
	p.leaveHoles()
	m.emit(Effect{Kind: SuspendTurn, Turn: p.turnID(), Usage: p.state.usage})
	m.trim(p)
	m.republish(p)
}

// Lend implements sched.Memory.
func (m memory) Lend(sp *sched.Program) { m.republish(sp.Owner.(*program)) }

// Moving implements sched.Memory.
func (m memory) Moving() bool {
	for _, p := range m.moves {
		if p.move.onDevice() {
			return true
		}
	}
	return false
}

// forkable is what a program could have of its family's cells, in whole spans.
func (m *Machine) forkable(p *program) programs.Tokens {
	_, n := p.stem()
	return m.cfg.Geometry.Shared(min(n, p.Turn.Context-1))
}

// fork begins the sequence of a program that has none with cells of its family, when
// somebody has them (stem). Whole spans are shared with that program; the rest, less than a
// span, is copied, which takes far less time than computing it. While room is made, the
// memory of the program that they are taken from is not given away.
func (m *Machine) fork(p *program) bool {
	from, n := p.stem()
	if n = min(n, p.Turn.Context-1); n == 0 {
		return false
	}
	m.setBusy(from, true)
	capacity, ok := m.reclaim(p, m.cfg.Geometry.Shared(n), p.Turn.Context)
	if ok {
		m.lastSeq++
		must(m.ledger.Fork(from.seq, m.lastSeq, n))
		m.own(p, m.lastSeq, n)
		m.emit(Effect{Kind: ForkSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, From: from.seq, Cells: n})
		m.reserve(p, capacity)
	}
	m.setBusy(from, false)
	return ok
}

// extend makes room for the whole context behind the cells that the program has.
func (m *Machine) extend(p *program) bool {
	if p.seq != 0 {
		m.setBusy(p, true)
		ok := m.raise(p, p.Turn.Context)
		p.busy = false
		if !ok {
			m.republish(p)
		}
		return ok
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

// setBusy keeps the program's memory from being taken while it is worked on.
func (m *Machine) setBusy(p *program, busy bool) {
	p.busy = busy
	m.republish(p)
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
	m.taker = p
	for _, capacity := range [...]programs.Tokens{p.reserve(n), n} {
		need := m.cfg.Geometry.Bytes(capacity) - m.cfg.Geometry.Bytes(have)
		if m.ledger.Reclaim(need, m.victim, m.evict) {
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

// nextVictim is whose memory is taken next, by the policy's word.
func (m *Machine) nextVictim() kvpin.Seq {
	p := m.weakest(m.taker)
	if m.witness != nil {
		m.testify(p)
	}
	return p.seq
}

// evicted follows the ledger in taking a sequence's tail.
func (m *Machine) evicted(seq kvpin.Seq, left programs.Tokens) {
	p := m.holders[seq]
	if left == 0 {
		m.lose(p, CauseEvict)
	} else {
		m.shorten(p, left, CauseEvict)
	}
	if p.Phase == programs.Interlude {
		m.price(p)
	}
	m.republish(p)
}

// own notes that p has the sequence seq, of which n cells are written.
func (m *Machine) own(p *program, seq kvpin.Seq, n programs.Tokens) {
	m.holders[seq] = p
	p.seq, p.length, p.valid = seq, n, allValid
	p.Capacity = m.ledger.Capacity(seq)
	p.sync()
	m.countShared(p)
}

// republish tells everybody who keeps an order of programs that this one has changed: the
// scheduler and the lanes put it where it belongs now, and the ledger books its memory as
// the policy's answer says (bookHold). It is called after every change of what they go by.
func (m *Machine) republish(p *program) {
	if p.seq != 0 {
		m.countShared(p)
	}
	m.secure(p)
	m.weigh(p)
	if m.programs[p.ID] == p && !p.state.behind {
		m.scheduler.Put(m.now, &p.Program)
	}
	m.foresee(p)
	m.bookHold(p)
}

// weigh brings up to date what the engine has to do for a turn's first token.
func (m *Machine) weigh(p *program) {
	if p.Phase == programs.Active && p.state.timing.First == 0 {
		have := min(max(p.Cells, p.Turn.Forkable)+p.movable(), p.Turn.Context-1)
		p.Turn.Work = m.untilFirst(have, p.Turn.Context)
		if p.Below > have {
			p.Turn.Work = min(p.Turn.Work, m.untilFirst(p.Below, p.Turn.Context)+
				programs.Seconds(m.speed.load(kvpin.Host, m.cfg.Geometry.CellBytes*programs.Bytes(p.Below-have))))
		}
	}
}

// secure sets whether the program's memory is safe, whatever the policy says: it is worked
// on just now, or a move reads or fills it.
func (m *Machine) secure(p *program) { p.Safe = p.busy || p.move.onDevice() }

// bookHold books the program's memory in the ledger: held, so that nobody takes it, while
// its turn runs, while it is safe, and where the policy says Hold; parked otherwise.
func (m *Machine) bookHold(p *program) {
	if p.seq == 0 {
		return
	}
	if p.runs() || p.Safe || p.Retention == sched.Hold || p.Phase == programs.Ended {
		m.ledger.Hold(p.seq)
	} else {
		m.ledger.Park(p.seq)
	}
	if p.Retention == sched.Give && p.Phase == programs.Interlude {
		m.unsettle(p)
	}
}

// unsettle notes that the program's sequence is to be trimmed once no step runs.
func (m *Machine) unsettle(p *program) {
	if !p.unsettled {
		p.unsettled = true
		m.unsettled = append(m.unsettled, p)
	}
}

// settle does, now that no step runs, what was put off while one did: it trims the sequences
// of programs that were marked unsettled, and goes on with their moves.
func (m *Machine) settle() {
	for i := 0; i < len(m.unsettled); i++ {
		p := m.unsettled[i]
		m.unsettled[i] = nil
		p.unsettled = false
		if !p.runs() {
			m.trim(p)
		}
		m.restoreMore(p)
		m.offload(p)
		if p.Phase == programs.Ended {
			m.cutCopies(p, 0)
			if p.seq == 0 && p.move == nil {
				delete(m.owners, p.copyOf)
			}
			continue
		}
		if !p.runs() {
			m.republish(p)
		}
	}
	m.unsettled = m.unsettled[:0]
}

// trim gives back what the program does not use: cells that are not of its
// context, the reserve behind them, or everything when no turn will use it.
func (m *Machine) trim(p *program) {
	if p.seq == 0 || p.move.onDevice() {
		return // what is being moved is trimmed after that
	}
	left, cause := m.ledger.Keepable(p.seq, p.Cells), CauseTrim
	if p.donates() {
		left = p.length // the cells behind those of the context are still to be moved
	}
	switch {
	case p.Phase == programs.Ended || p.Phase == programs.Interlude && p.Retention == sched.Give:
		left, cause = 0, CauseEnd
	case p.Cells < p.length && p.state.uncached:
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
	case p.length <= p.valid:
		p.valid = allValid
	}
}

// shorten follows the ledger in leaving a sequence its first n cells.
func (m *Machine) shorten(p *program, n programs.Tokens, cause Cause) {
	p.length = n
	if n <= p.valid {
		p.valid = allValid
	}
	p.Capacity = m.ledger.Capacity(p.seq)
	p.sync()
	m.emit(Effect{Kind: TruncateSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, Cells: n, Cause: cause})
	m.ledger.Alone(m.alone)
}

// lose follows the ledger in closing a program's sequence.
func (m *Machine) lose(p *program, cause Cause) {
	m.emit(Effect{Kind: ReleaseSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq, Cause: cause})
	delete(m.holders, p.seq)
	p.seq, p.length, p.valid, p.Capacity, p.Shared = 0, 0, allValid, 0, 0
	p.sync()
	m.ledger.Alone(m.alone)
}

// countShared brings up to date how many of the program's cells are shared.
func (m *Machine) countShared(p *program) { p.Shared = m.ledger.Common(p.seq) }

// unshared follows the ledger in that nobody else has a sequence's cells any longer.
func (m *Machine) unshared(seq kvpin.Seq) { m.republish(m.holders[seq]) }

// must holds the machine to what it has made sure of.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("core: the ledger refuses what there is room for: %v", err))
	}
}
