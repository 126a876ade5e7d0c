package core

import "github.com/interlude-run/interlude/programs"

// This file has prompts fetched. A shell that has many turns waiting does not have all their
// prompts at hand: it tells the machine of such a turn with TurnArrived.Absent, and how long
// its context is all the same. FetchTurn asks for the prompt when the turn is admitted. Until
// TurnFetched it is Restoring: it has its place in memory, and no part in steps. So that
// memory does not lie idle meanwhile, the prompt of the turn that is to be admitted next is
// asked for a little ahead.

// prompt says where a turn's prompt is.
type prompt uint8

const (
	atHand   prompt = iota // the shell has it
	absent                 // nobody has asked for it
	fetching               // FetchTurn was given and TurnFetched has not come
)

// mostAhead is how many waiting turns may have prompts that were fetched ahead. One at a
// time is; there are more when others come before a turn whose prompt is there.
const mostAhead = 4

// awaitPrompt has an admitted turn wait for its prompt, if it is not at hand.
func (m *Machine) awaitPrompt(p *program) (waits bool) {
	m.want(p)
	m.unwant(p)
	if p.state.prompt == atHand {
		return false
	}
	p.state.fetching = m.now
	return true
}

// fetchAhead asks for the prompt of the turn that is to be admitted next.
func (m *Machine) fetchAhead() {
	if m.absent == 0 || m.fetched >= mostAhead {
		return
	}
	next := m.scheduler.Upcoming(m.now)
	if next == nil {
		return
	}
	if p := next.Owner.(*program); p.state.prompt == absent {
		m.want(p)
		p.state.ahead = true
		m.fetched++
	}
}

// want asks for a prompt that nobody has asked for.
func (m *Machine) want(p *program) {
	if p.state.prompt == absent {
		p.state.prompt = fetching
		m.absent--
		m.emit(Effect{Kind: FetchTurn, Turn: p.turnID()})
	}
}

// unwant no longer counts a turn among those that wait.
func (m *Machine) unwant(p *program) {
	if p.state.ahead {
		p.state.ahead = false
		m.fetched--
	}
	if p.state.prompt == absent {
		p.state.prompt = atHand
		m.absent--
	}
}

// turnFetched takes in that a prompt is at hand.
func (m *Machine) turnFetched(ev *TurnFetched) {
	p := m.programs[ev.Turn.Program]
	if p == nil || p.Phase != programs.Active || p.Turn.Number != ev.Turn.Turn || p.state.prompt != fetching {
		return
	}
	p.state.prompt = atHand
	p.state.endFetch(m.now)
	m.unsettle(p)
}

// endFetch ends the wait for the prompt, if the turn waits.
func (t *turnState) endFetch(now programs.Time) {
	if t.fetching != 0 {
		t.timing.Fetching += now.Sub(t.fetching)
		t.fetching = 0
	}
}
