package core

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// This file lets newcomers wait for what they begin with. When a workflow starts many
// agents at once, none of them finds the system prompt in memory, and each would compute
// it. So until the first has done so, those of its family that come after it stand behind
// it and do not come before the scheduler; then they begin with its cells. They lose
// nothing: they would come after it in any case, and what they wait for is what they would
// have to compute first, beside the one who does.

// leads makes a turn that is to compute, or computes, what its family begins with the one
// that others stand behind, unless there is one.
func (m *Machine) leads(p *program) {
	if f := p.kin.of; f != nil && f.leader == nil && p.seeks() {
		f.leader = p
		m.led = append(m.led, f)
	}
}

// seeks tells whether a program has less of what its family begins with than it will have.
func (p *program) seeks() bool {
	_, n := p.stem()
	return max(n, p.common())+leastBehind <= p.aim()
}

// aim is how many cells of its family's the program will have when its prompt is computed.
func (p *program) aim() programs.Tokens {
	if p.turn.uncached {
		return 0
	}
	return min(p.kin.trunk, p.Turn.Context-1)
}

// led tells whether the family has a leader that still is to compute, or computes, what
// others stand behind it for.
func (f *family) led() bool {
	p := f.leader
	return p != nil && p.kin.of == f && p.Phase == programs.Active && !p.Turn.Preempted && p.common() < p.aim()
}

// stays tells whether a program that the machine has not known stands behind another: one
// that comes before it in any case, and will have more of what it begins with, by enough to
// wait for, than anybody has.
func (p *program) stays() bool {
	f := p.kin.of
	if f == nil || !f.led() || f.leader.Arrived > p.Arrived {
		return false
	}
	_, n := p.stem()
	return n+leastBehind <= min(f.leader.aim(), p.aim())
}

// leastBehind is how many tokens are enough to wait for.
const leastBehind = 64

// stand puts a newcomer behind its family's leader.
func (m *Machine) stand(p *program) {
	p.turn.behind = true
	p.kin.of.behind = append(p.kin.of.behind, p)
	m.behind++
}

// leaveBehind takes a program from behind its family's leader, if it stands there.
func (m *Machine) leaveBehind(p *program) (stood bool) {
	if !p.turn.behind {
		return false
	}
	p.turn.behind = false
	m.behind--
	f := p.kin.of
	f.behind = slices.DeleteFunc(f.behind, func(q *program) bool { return q == p })
	return true
}

// follow lets those go on whose leader has computed what they begin with, or does not
// any longer, or has had to give way.
func (m *Machine) follow() {
	for i := 0; i < len(m.led); {
		f := m.led[i]
		if f.led() {
			i++
			continue
		}
		m.led = slices.Delete(m.led, i, i+1)
		f.leader = nil
		m.release(f)
	}
}

// release brings those before the scheduler that stood behind a leader, but for those that
// stand behind the first of them now: it begins with more than the leader did.
func (m *Machine) release(f *family) {
	behind := f.behind
	f.behind = nil
	for _, p := range behind {
		if p.stays() {
			f.behind = append(f.behind, p)
			continue
		}
		p.turn.behind = false
		m.behind--
		m.enlist(p)
	}
}

// enlist brings a turn before the scheduler.
func (m *Machine) enlist(p *program) {
	p.Turn.Shared = m.shareable(p)
	m.scheduler.Wait(m.now, &p.Program)
	m.leads(p)
}

// waitBehind is what a turn waits for that stands behind another.
func (p *program) waitBehind() Wait { return Wait{Reason: sched.ForPrefix, Head: p.kin.of.leader.ID} }
