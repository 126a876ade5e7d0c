package core

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// plan asks for the next step, if anything can run.
func (m *Machine) plan() {
	m.batch = m.scheduler.Plan(m.now, memory{m}, m.batch[:0])
	m.prefetch()
	m.fetchAhead()
	if len(m.batch) == 0 {
		m.study()
		return
	}
	m.items, m.spans = m.items[:0], m.spans[:0]
	for _, s := range m.batch {
		p := s.Program.Owner.(*program)
		p.state.stepping = true
		if !p.state.ran {
			p.state.ran, p.state.found = true, p.Cells
		}
		count := p.unchecked(s.Count)
		spans := m.next(p, count)
		m.items = append(m.items, Item{
			Seq:    p.seq,
			Turn:   p.turnID(),
			From:   p.Cells,
			Count:  count,
			Sample: count == p.Left(),
			Spans:  spans,
			Checks: p.checksOf(spans),
		})
	}
	m.stepping = true
	m.stepped = m.now
	m.wanted = len(m.items)
	m.emit(Effect{Kind: RunStep, Items: m.items})
}

// disown says that the program's turn does not want the result of the step that
// runs. When no turn does, the step need not go on.
func (m *Machine) disown(p *program) {
	if !p.state.stepping {
		return
	}
	p.state.stepping = false
	if m.wanted--; m.wanted == 0 {
		m.emit(Effect{Kind: InterruptStep})
	}
}

// stepDone takes the results of a step to the turns that want them. The cells
// are there even where the turn has gone.
func (m *Machine) stepDone(ev *StepDone) {
	if !m.stepping {
		panic("core: StepDone without a RunStep")
	}
	if ev.Status == StepRan && len(ev.Results) != len(m.items) {
		panic(fmt.Sprintf("core: StepDone has %d results for %d items", len(ev.Results), len(m.items)))
	}
	m.stepping = false
	took := m.now.Sub(m.stepped)
	if ev.Status == StepRan && !m.assembled {
		m.speed.stepped(m.items, took)
	}
	m.assembled = false
	m.studied(ev)
	for i, s := range m.batch {
		p := s.Program.Owner.(*program)
		p.Used = m.now
		p.Served += took
		wanted := p.state.stepping
		p.state.stepping = false // so that finish does not disown it
		switch ev.Status {
		case StepRan:
			p.computed(&m.items[i])
			m.weigh(p)
			if wanted && len(p.checked()) > 0 {
				m.takeChecks(p, ev, i)
			}
			if wanted {
				m.advance(p, m.items[i], ev.Results[i])
			}
		case StepFailed:
			if wanted {
				m.finish(p, programs.Failed)
			}
		case StepInterrupted:
		}
	}
}

// advance moves a turn on by what an item of it did.
func (m *Machine) advance(p *program, item Item, result ItemResult) {
	t := &p.state
	if p.Turn.Phase == programs.Prefilling {
		t.usage.Prefilled += item.Count
	}
	if result == ItemFailed {
		m.finish(p, programs.Failed)
		return
	}
	if !item.Sample {
		return
	}
	if p.Turn.Phase == programs.Prefilling {
		p.Turn.Phase = p.Turn.Phase.To(programs.Decoding)
	}
	if t.timing.First == 0 {
		t.timing.First, t.timing.Promised = m.now, p.Turn.Promised
		m.speed.first(m.now.Sub(p.Turn.Admitted))
		m.scheduler.Answered(&p.Program)
	}
	t.usage.Generated++
	p.Turn.Context++
	switch {
	case result == ItemEnded:
		m.finish(p, programs.Stopped)
	case t.usage.Generated == t.maxNew:
		m.finish(p, programs.Length)
	}
}
