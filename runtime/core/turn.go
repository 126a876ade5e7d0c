package core

import (
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// turnArrived takes a turn in, or rejects it.
func (m *Machine) turnArrived(ev *TurnArrived) {
	p := m.programs[ev.Turn.Program]
	if reason, rejected := m.rejects(p, ev); rejected {
		e := Effect{Kind: RejectTurn, Turn: ev.Turn, Rejection: reason}
		if reason == programs.Overloaded {
			e.Retry = m.scheduler.Pace()
		}
		m.emit(e)
		return
	}
	if late := m.tooLate(p, ev); late > 0 {
		m.emit(Effect{Kind: RejectTurn, Turn: ev.Turn, Rejection: programs.Overloaded, Retry: late})
		return
	}
	newcomer, exact, own := p == nil, allValid, programs.Tokens(0)
	if newcomer {
		m.lastCopy++
		m.orphan(ev.Turn.Program)
		p = newProgram(ev, m.lastCopy)
		m.programs[p.ID], m.owners[p.copyOf] = p, p
	} else {
		if !ev.Approximate {
			exact = p.exact
		}
		own = p.Cells
		m.resume(p, ev)
	}
	p.state = m.newTurn(ev)
	m.consider(p, ev, own)
	p.state.exact = exact
	if newcomer {
		p.state.keep = 0
	}
	p.state.had = p.had
	if g := p.gap; g != nil && g.compacted {
		g.compacted = false
		if p.state.past.Tokens > 0 {
			p.state.past.Absent = programs.HistoryEdited
		}
	}
	if ev.Absent {
		m.absent++
	}
	if name, trunk := ev.family(); trunk > 0 && name != p.ID && !ev.Uncached {
		m.join(p, name, trunk)
	}
	p.Turn.Number = ev.Turn.Turn
	p.Turn.Phase = programs.Waiting
	p.Turn.Arrived = ev.Arrived
	p.Turn.Context = ev.Context
	p.Turn.Preempted = false
	p.Turn.Class = ev.Class
	p.Turn.Due = m.firstDue(p, ev)
	m.expectWork(p, ev)
	if newcomer {
		m.adopt(p, ev.Parent)
	}
	m.wake(p, ev.Deadline)
	m.secure(p)
	if newcomer && p.standsBehind() {
		m.stand(p)
	} else {
		m.enlist(p)
	}
	m.bookHold(p)
	m.foresee(p)
	m.letGo(p)
}

// rejects gives the reason not to take the turn in, if there is one.
func (m *Machine) rejects(p *program, ev *TurnArrived) (reason programs.Rejection, rejected bool) {
	switch {
	case ev.Context < 1:
		return programs.Empty, true
	case ev.Context >= m.cfg.MaxContext:
		return programs.TooLong, true
	case ev.Context >= m.cfg.Geometry.PoolCells():
		return programs.TooLarge, true
	case p != nil && p.Phase == programs.Active:
		return programs.Busy, true
	case m.cfg.MaxWaiting > 0 && m.scheduler.Waiting()+m.behind >= m.cfg.MaxWaiting:
		return programs.Overloaded, true
	}
	return 0, false
}

// tooLate tells how much longer a turn would wait than may be promised, where such turns
// are turned away.
func (m *Machine) tooLate(p *program, ev *TurnArrived) programs.Duration {
	if !m.cfg.Guard.Shed {
		return 0
	}
	cells := programs.Tokens(0)
	if p != nil {
		cells = min(p.Cells, ev.Keep, ev.Context-1)
	}
	return m.scheduler.Beyond(m.now, ev.Tenant, &sched.Turn{Arrived: ev.Arrived, Class: ev.Class, Work: m.untilFirst(cells, ev.Context)})
}

// firstDue is when the turn's first token has to be there so that all that it may generate is
// by its deadline, were it alone; 0 when it has none.
func (m *Machine) firstDue(p *program, ev *TurnArrived) programs.Time {
	if ev.Deadline == 0 {
		return 0
	}
	rest := programs.Seconds(float64(p.state.maxNew-1) * m.speed.decodeAlone(ev.Context))
	return max(ev.Deadline.Add(-rest), 1)
}

// untilFirst is how long the engine takes for a turn's first token when it has so many
// cells of its context and does nothing else: its prompt, and the last step as a whole.
func (m *Machine) untilFirst(cells, context programs.Tokens) programs.Duration {
	return programs.Seconds(m.speed.compute(cells, context) + m.speed.decodeAlone(context))
}

// resume ends the interlude of a known program. Cells of the old context that
// the new one does not begin with are no longer valid; where the shell has not kept the old
// tokens, nobody can tell, and the context counts as another.
func (m *Machine) resume(p *program, ev *TurnArrived) {
	p.Phase = p.Phase.To(programs.Active)
	m.end(p, ev.Arrived)
	if p.gap != nil { // it has had a turn
		p.gap.sure = 0
		m.dismiss(p)
	}
	if ev.Keep < p.Turn.Context {
		m.rewritten(p, ev.Keep)
	}
	p.valid = min(p.valid, ev.Keep, ev.Context-1)
	if ev.Uncached {
		p.valid = 0
	}
	if !ev.Approximate {
		p.valid = min(p.valid, p.exact)
	}
	p.sync()
	p.had = min(p.had, ev.kept(), ev.Context-1)
	m.cutCopies(p, p.valid)
	m.unsettle(p)
}

// rewritten says that a program's context is another behind its first keep tokens.
func (m *Machine) rewritten(p *program, keep programs.Tokens) {
	p.kin.trunk = min(p.kin.trunk, keep)
	p.epoch++
	m.orphan(p.ID)
}

// contextRewritten lets go of what a compaction leaves behind.
func (m *Machine) contextRewritten(ev *ContextRewritten) {
	p := m.programs[ev.Program]
	if p == nil || p.Phase != programs.Interlude || ev.Keep < 0 || ev.Keep > p.Turn.Context || ev.Keep == p.Turn.Context && ev.Context <= ev.Keep {
		return
	}
	if ev.Keep < p.Turn.Context {
		m.rewritten(p, ev.Keep)
		p.gap.compacted = true
	}
	p.valid = min(p.valid, ev.Keep)
	p.sync()
	p.had = min(p.had, ev.Keep)
	m.cutCopies(p, p.valid)
	m.unsettle(p)
	m.price(p)
	m.republish(p)
	if ev.Context > 0 {
		p.Turn.Context, p.gap.sure = ev.Context, ev.Context
	}
	m.assign(p)
}

// newTurn is the turn's own state at its arrival.
func (m *Machine) newTurn(ev *TurnArrived) turnState {
	room := m.cfg.limit() - ev.Context
	t := turnState{
		maxNew:   room,
		last:     ev.Last,
		uncached: ev.Uncached,
		keep:     ev.kept(),
		size:     ev.Context,
		past:     ev.Past,
		timing:   Timing{Arrived: ev.Arrived},
	}
	if ev.Next != (Call{}) {
		next := ev.Next
		t.next = &next
	}
	if ev.Absent {
		t.prompt = absent
	}
	if ev.MaxNew > 0 {
		t.maxNew = min(ev.MaxNew, room)
	}
	t.final = ev.Context + t.maxNew - 1
	return t
}

func (m *Machine) turnCancelled(ev *TurnCancelled) {
	p := m.programs[ev.Turn.Program]
	if p != nil && p.Phase == programs.Active && p.Turn.Number == ev.Turn.Turn {
		m.finish(p, programs.Cancelled)
	}
}

func (m *Machine) programEnded(ev *ProgramEnded) {
	p := m.programs[ev.Program]
	if p == nil {
		return
	}
	if p.Phase == programs.Active {
		p.state.last = true
		m.finish(p, programs.Cancelled)
		return
	}
	m.forget(p)
}

// finish gives the turn in progress its outcome. Its cells stay with the program
// unless no turn may use them.
func (m *Machine) finish(p *program, outcome programs.Outcome) {
	if !m.leaveBehind(p) {
		m.scheduler.Leave(&p.Program)
	}
	p.Turn.Phase = p.Turn.Phase.To(programs.Finished)
	p.state.timing.Finished = m.now
	p.state.endRestore(m.now)
	p.state.endFetch(m.now)
	m.unwant(p)
	m.emit(Effect{Kind: FinishTurn, Turn: p.turnID(), Outcome: outcome, Usage: p.state.usage, Strayed: p.strayed(), Missed: p.missed(), Timing: p.state.timing})
	m.disown(p)
	p.leaveHoles()
	p.state.assembly = nil
	if p.state.uncached {
		p.valid = 0
		p.sync()
		p.had = 0
	}
	p.Turns++
	m.turnDone(p)
	if p.state.last {
		m.forget(p)
		return
	}
	p.Phase = p.Phase.To(programs.Interlude)
	p.Turn.Forkable = 0
	m.begin(p, p.state.next)
	m.assign(p)
	m.republish(p)
	m.unsettle(p)
	m.wake(p, 0)
	if m.cfg.ForgetAfter > 0 {
		m.wake(p, m.now.Add(m.cfg.ForgetAfter))
	}
}

// forget drops all knowledge of a program that has no turn in progress.
func (m *Machine) forget(p *program) {
	p.Phase = p.Phase.To(programs.Ended)
	delete(m.programs, p.ID)
	m.wake(p, 0)
	m.giveUp(p)
	m.dismiss(p)
	m.scheduler.Drop(&p.Program)
	m.leaveFamily(p)
	if f := m.families[p.ID]; f != nil {
		f.parent = nil
	}
	m.tools.Forget(string(p.ID))
	m.workDone(p)
	m.republish(p)
	m.unsettle(p)
	m.emit(Effect{Kind: ForgetProgram, Turn: programs.TurnID{Program: p.ID}})
}
