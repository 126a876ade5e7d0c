package core

import (
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// This file answers questions about the machine as it is between two Steps, for
// whoever explains what it does. It changes nothing, and no Step needs it.

// View is what the machine knows of a program.
type View struct {
	Tenant programs.TenantID
	Phase  programs.Phase
	Turn   programs.TurnID    // in progress, or the last
	Stage  programs.TurnPhase // of that turn

	Context  programs.Tokens                 // prompt and generated tokens
	Cells    programs.Tokens                 // of the context, in memory
	Capacity programs.Tokens                 // reserved
	Shared   programs.Tokens                 // of Capacity, with other programs
	Copied   [kvpin.Disk + 1]programs.Tokens // of the context, on lower tiers

	Promised programs.Time // when the turn is to have its first token, see sched.Guard; 0 is no promise, or it has it
	Hurried  bool          // it goes before all others until then

	Retention sched.Retention // the policy's word on its memory while it does not run
	Gap       sched.Gap       // between two turns: what it waits for, and since when
	Seat      Seat            // then, too
}

// Seat is what a program's memory is worth while its tool runs.
type Seat struct {
	Worth   float64           // over what it costs the others, at this moment; below 1 it is worth less
	Returns float64           // the chance that the program comes back before it is forgotten
	Left    programs.Duration // the mean of what is left of the wait, if it does
	Compute programs.Duration // to compute the cells again that are to be computed, were they lost
	Load    programs.Duration // and to load those that lower tiers have
}

// Wait is what a turn waits for.
type Wait struct {
	Reason sched.Reason
	Head   programs.ProgramID // who is to be admitted before it, of sched.ForOrder; whom it stands behind, of sched.ForPrefix

	// Of sched.ForPool, ForQuota and ForShare; see sched.Obstacle.
	Limit, Running, Before, Need programs.Tokens

	// Of sched.ForMemory: the cells that it lacks, beyond what others lend.
	Lacks programs.Tokens
}

// Look gives a program as it is at the time, which is not before that of the last
// Step; false when it is unknown.
func (m *Machine) Look(now programs.Time, id programs.ProgramID) (v View, ok bool) {
	p := m.programs[id]
	if p == nil {
		return View{}, false
	}
	v = View{
		Tenant: p.Tenant, Phase: p.Phase, Turn: p.turnID(), Stage: p.Turn.Phase,
		Context: p.Turn.Context, Cells: p.Cells, Capacity: p.Capacity, Shared: p.Shared, Copied: p.copied,
		Promised: p.Turn.Promised, Hurried: p.Turn.Hurried, Retention: p.Retention,
	}
	if p.Phase == programs.Interlude {
		v.Gap, v.Seat = p.Gap, m.seat(now, p)
	}
	return v, true
}

// seat prices a seat anew.
func (m *Machine) seat(now programs.Time, p *program) Seat {
	pin := p.gap.pin
	pin.Cells = p.Capacity - p.Shared
	compute, load := m.reload(p)
	pin.Compute, pin.Load = programs.Seconds(compute), programs.Seconds(load)
	f := forecast{p.gap}
	return Seat{
		Worth:   pin.Worth(now, m.pool(), f),
		Returns: f.Back(now.Sub(pin.Since), pin.Until()),
		Left:    f.residual(now.Sub(pin.Since)),
		Compute: pin.Compute,
		Load:    pin.Load,
	}
}

// Waits says what a program's turn waits for at the time; false when no turn of it
// waits. A turn that has its memory waits still while its cells come back, and while
// steps leave no room for its prompt.
func (m *Machine) Waits(now programs.Time, id programs.ProgramID) (w Wait, ok bool) {
	p := m.programs[id]
	switch {
	case p == nil || p.Phase != programs.Active:
		return Wait{}, false
	case p.Turn.Phase == programs.Restoring && p.state.restoring == 0 && p.state.prompt != atHand:
		return Wait{Reason: sched.ForPrompt}, true
	case p.Turn.Phase == programs.Restoring:
		return Wait{Reason: sched.ForCells}, true
	case p.Turn.Phase == programs.Prefilling && !p.state.stepping && m.stepping:
		return Wait{Reason: sched.ForSteps}, true
	case p.Turn.Phase != programs.Waiting && !m.stepping: // alone, and without memory to grow
		return Wait{Reason: sched.ForMove}, true
	case p.Turn.Phase != programs.Waiting:
		return Wait{}, false
	case p.state.behind:
		return p.waitBehind(), true
	}
	o := m.scheduler.Obstacle(now, &p.Program)
	w = Wait{Reason: o.Reason, Limit: o.Limit, Running: o.Running, Before: o.Before, Need: o.Need}
	if o.Head != nil {
		w.Head = o.Head.ID
	}
	if w.Reason != sched.ForNothing {
		return w, true
	}
	if w.Lacks = m.short(p); w.Lacks > 0 {
		w.Reason = sched.ForMemory
	} else if p.move != nil && !p.intact() {
		w.Reason = sched.ForMove
	}
	return w, true
}

// short is how many cells more than can be reclaimed it takes to admit a program, by
// itself or as a fork; see memory.Admit.
func (m *Machine) short(p *program) programs.Tokens {
	g := m.cfg.Geometry
	lacks := g.Bytes(p.Turn.Context) - g.Bytes(p.Capacity) - m.ledger.Available(p.seq)
	if shared := m.forkable(p); shared > 0 {
		from, _ := p.stem()
		lacks = min(lacks, g.Bytes(p.Turn.Context)-g.Bytes(shared)-m.ledger.Available(from.seq))
	}
	return programs.Tokens(max(0, lacks+g.CellBytes-1) / g.CellBytes)
}

// Ahead lists the programs that stand before a waiting one and take of what it waits
// for, by the policy's word.
func (m *Machine) Ahead(id programs.ProgramID) (ahead []programs.ProgramID) {
	p := m.programs[id]
	if p == nil || p.Phase != programs.Active || p.Turn.Phase != programs.Waiting {
		return nil
	}
	if p.state.behind {
		return []programs.ProgramID{p.kin.of.leader.ID}
	}
	m.scheduler.Ahead(&p.Program, func(other *sched.Program) { ahead = append(ahead, other.ID) })
	return ahead
}

// Loss is that a program's memory is about to be taken, as much as is needed.
type Loss struct {
	Program programs.ProgramID
	For     programs.ProgramID // who needs it
	Choice  sched.Choice       // why it is this program's
	Seat    Seat               // of an idle program
	Idle    programs.Duration  // since a step of it last ended
}

// Witness has every Loss told before it happens; nil has none. The machine does not
// depend on it.
func (m *Machine) Witness(see func(Loss)) { m.witness = see }

// testify tells the witness of the next victim.
func (m *Machine) testify(p *program) {
	loss := Loss{Program: p.ID, For: m.taker.ID, Choice: m.scheduler.Chosen(&p.Program), Idle: m.now.Sub(p.Used)}
	if p.Phase == programs.Interlude {
		loss.Seat = m.seat(m.now, p)
	}
	m.witness(loss)
}
