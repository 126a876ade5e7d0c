package core

import (
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// This file computes cells of idle programs, while their tools run and the engine has nothing
// else to do, so that the next turn finds them:
//
//	what its client has said that the context will begin with     from the end of the cells on,
//	(ContextRewritten.Context)                                    appended
//	what was moved, or stands behind what was: then it is exact   from the first such cell on,
//	again, for turns that want that and for other programs        over the old ones
//
// The latter is begun only where it is expected to be done before the program is back.
//
// It goes on in pieces, in steps of their own, for the program that is expected back first. It
// takes memory that is free, and none from others. A turn that arrives interrupts a piece, but
// for one that writes over cells, which are the smaller ones, and one of its own program.

// The tokens of a piece.
const (
	appendAtOnce = 256
	mendAtOnce   = 64
)

// assign looks at what there is to compute for a program whose turn is over, or whose context
// will be another.
func (m *Machine) assign(p *program) {
	g := p.gap
	left := g.residual(m.now.Sub(g.pin.Since))
	mends := p.exact < p.Cells && programs.Seconds(m.speed.compute(p.exact, p.Cells)) < left
	if !mends && g.sure <= p.Cells {
		m.homework.Remove(&g.homework)
		return
	}
	g.homework.Value = p
	m.homework.Put(&g.homework, programs.Rank{At: m.now.Add(left), Program: p.ID})
}

// study asks for the next piece, if there is one for which there is memory.
func (m *Machine) study() {
	for m.homework.Top() != nil {
		p := m.homework.Top().Value
		piece := m.lesson(p)
		switch {
		case p.move.onDevice() || p.unsettled:
			return // it goes on when that is done
		case piece.Count == 0 || p.Retention == sched.Give || !m.affords(p, piece.end()):
			m.homework.Remove(&p.gap.homework)
			continue
		}
		m.setBusy(p, true)
		if p.seq == 0 {
			m.lastSeq++
			m.ledger.Open(m.lastSeq)
			m.own(p, m.lastSeq, 0)
			m.emit(Effect{Kind: OpenSeq, Turn: programs.TurnID{Program: p.ID}, Seq: p.seq})
		}
		m.reserve(p, piece.end())
		m.student, m.stepping, m.stepped, m.wanted = p, true, m.now, 0
		item := Item{Seq: p.seq, Turn: p.turnID(), From: piece.From, Count: piece.Count, Ahead: true}
		if piece.From < p.length {
			m.spans = append(m.spans[:0], piece)
			item.Spans, m.assembled = m.spans, true
		}
		m.items = append(m.items[:0], item)
		m.emit(Effect{Kind: RunStep, Items: m.items})
		return
	}
}

// lesson is the next piece that is to be computed for an idle program.
func (m *Machine) lesson(p *program) Span {
	switch {
	case p.Phase != programs.Interlude || p.length != p.Cells:
		return Span{}
	case p.exact < p.Cells:
		return Span{p.exact, min(mendAtOnce, m.cfg.StepTokens, p.Cells-p.exact)}
	}
	return Span{p.Cells, min(appendAtOnce, m.cfg.StepTokens, max(0, p.gap.sure-p.Cells))}
}

// affords tells whether n cells of the program have room without taking any from others.
func (m *Machine) affords(p *program, n programs.Tokens) bool {
	g := m.cfg.Geometry
	return n < m.cfg.limit() && g.Bytes(n)-g.Bytes(p.Capacity) <= m.ledger.Usage().Free()
}

// studied takes the result of a piece in. Cells that were to be written over are of no use
// when the step did not go well.
func (m *Machine) studied(ev *StepDone) {
	p := m.student
	if p == nil {
		return
	}
	m.student = nil
	item := &m.items[0]
	over := item.Spans != nil
	switch {
	case ev.Status != StepRan && over:
		p.valid = min(p.valid, item.From)
	case ev.Status != StepRan:
	case over:
		m.cutCopies(p, item.From) // the tiers below have the cells that were there before
		p.exact = max(p.exact, item.From+item.Count)
	default:
		p.length += item.Count
	}
	p.sync()
	p.Used = m.now
	m.setBusy(p, false)
	if ev.Status == StepFailed || m.lesson(p).Count == 0 {
		m.dismiss(p)
		m.unsettle(p)
	}
}

// dismiss gives up what there is to compute for a program.
func (m *Machine) dismiss(p *program) {
	if p.gap != nil {
		m.homework.Remove(&p.gap.homework)
	}
}

// letGo interrupts the piece under way for a turn of another program.
func (m *Machine) letGo(p *program) {
	if s := m.student; s != nil && s != p && m.items[0].Spans == nil {
		m.emit(Effect{Kind: InterruptStep})
	}
}
