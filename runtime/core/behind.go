package core

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// This file lets newcomers wait for what they begin with. When a workflow starts many
// agents at once, none of them finds the system prompt in memory, and each would compute
// it. So the first of them leads: it computes the prompt, and the members of its family
// that arrive meanwhile stand behind it. They do not come before the scheduler until the
// leader has the cells; then they begin with them. They lose nothing: they would be
// admitted after the leader in any case, and would first have to compute, beside it, the
// very cells that they wait for.
//
// For example, four agents with the same system prompt of 500 tokens arrive together. The
// first leads and computes 500 tokens and its question. The other three stand behind it,
// fork 500 cells each when it is done, and compute their questions alone.

// mayLead makes a turn that is about to compute what its family begins with the family's
// leader, unless the family has one.
func (m *Machine) mayLead(p *program) {
	if f := p.kin.of; f != nil && f.leader == nil && p.willComputeTrunk() {
		f.leader = p
		m.led = append(m.led, f)
	}
}

// willComputeTrunk tells whether the program's prompt computes at least leastBehind cells
// of what its family begins with, beyond those that it has or can fork now.
func (p *program) willComputeTrunk() bool {
	_, n := p.stem()
	return max(n, p.common())+leastBehind <= p.trunkOfPrompt()
}

// trunkOfPrompt is how many cells of what its family begins with the program has once its
// prompt is computed; 0 for an uncached turn, which leaves none.
func (p *program) trunkOfPrompt() programs.Tokens {
	if p.state.uncached {
		return 0
	}
	return min(p.kin.trunk, p.Turn.Context-1)
}

// isLed tells whether the family's leader is still on its way to the cells that others
// stand behind it for: its turn is not over and was not preempted, and cells are missing.
func (f *family) isLed() bool {
	p := f.leader
	return p != nil && p.kin.of == f && p.Phase == programs.Active && !p.Turn.Preempted && p.common() < p.trunkOfPrompt()
}

// standsBehind tells whether a newcomer is to stand behind its family's leader: the leader
// arrived first, and its prompt gives the newcomer at least leastBehind cells more to begin
// with than it can fork now.
func (p *program) standsBehind() bool {
	f := p.kin.of
	if f == nil || !f.isLed() || f.leader.Arrived > p.Arrived {
		return false
	}
	_, n := p.stem()
	return n+leastBehind <= min(f.leader.trunkOfPrompt(), p.trunkOfPrompt())
}

// leastBehind is how many cells, one for each token, a program must gain to stand behind
// another: for fewer the wait is not worth it.
const leastBehind = 64

// stand puts a newcomer behind its family's leader.
func (m *Machine) stand(p *program) {
	p.state.behind = true
	p.kin.of.behind = append(p.kin.of.behind, p)
	m.behind++
}

// leaveBehind takes a program from behind its family's leader, if it stands there.
func (m *Machine) leaveBehind(p *program) (stood bool) {
	if !p.state.behind {
		return false
	}
	p.state.behind = false
	m.behind--
	f := p.kin.of
	f.behind = slices.DeleteFunc(f.behind, func(q *program) bool { return q == p })
	return true
}

// releaseFollowers goes through the families that have a leader, and lets those go on whose
// leader has the cells, is over, or was preempted.
func (m *Machine) releaseFollowers() {
	for i := 0; i < len(m.led); {
		f := m.led[i]
		if f.isLed() {
			i++
			continue
		}
		m.led = slices.Delete(m.led, i, i+1)
		f.leader = nil
		m.release(f)
	}
}

// release brings those who stood behind a leader before the scheduler, in the order in
// which they came. The first of them may lead in its turn, as its context may have more in
// common with the others' than the leader's had; who gains by that stands behind it now.
func (m *Machine) release(f *family) {
	behind := f.behind
	f.behind = nil
	for _, p := range behind {
		if p.standsBehind() {
			f.behind = append(f.behind, p)
			continue
		}
		p.state.behind = false
		m.behind--
		m.enlist(p)
	}
}

// enlist brings a turn before the scheduler.
func (m *Machine) enlist(p *program) {
	p.Turn.Forkable = m.forkable(p)
	m.weigh(p)
	m.scheduler.Wait(m.now, &p.Program)
	m.mayLead(p)
}

// waitBehind is what a turn waits for that stands behind another.
func (p *program) waitBehind() Wait { return Wait{Reason: sched.ForPrefix, Head: p.kin.of.leader.ID} }
