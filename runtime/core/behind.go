package core

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// This file lets newcomers wait for what they begin with. When a workflow starts many
// agents at once, none of them finds the system prompt in memory, and each would compute
// it. So while the first is at it, those of its family that come after it stand behind it
// and do not come before the scheduler; then they begin with its cells. The engine is not
// idle meanwhile, and they lose nothing: what they wait for is the first thing that they
// would have to compute, beside the other who does.

// leads makes an admitted program that computes what its family begins with the one that
// others wait for, unless there is one.
func (m *Machine) leads(p *program) {
	if f := p.kin.of; f != nil && f.leader == nil && p.common() < p.aim() {
		f.leader = p
		m.led = append(m.led, f)
	}
}

// aim is how many cells of its family's the program will have when its prompt is computed.
func (p *program) aim() programs.Tokens {
	if p.turn.uncached {
		return 0
	}
	return min(p.kin.trunk, p.Turn.Context-1)
}

// stays tells whether a program that the machine has not known stands behind another: one
// that comes before it in any case, and will have more of what it begins with, by enough to
// wait for, than anybody has.
func (p *program) stays() bool {
	f := p.kin.of
	if f == nil || f.leader == nil || f.leader.Arrived > p.Arrived {
		return false
	}
	_, n := p.stem()
	return min(f.leader.aim(), p.aim()) >= n+leastBehind
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
// any longer.
func (m *Machine) follow() {
	m.led = slices.DeleteFunc(m.led, func(f *family) bool {
		if p := f.leader; p.kin.of == f && p.runs() && p.common() < p.aim() {
			return false
		}
		f.leader = nil
		for len(f.behind) > 0 {
			p := f.behind[0]
			m.leaveBehind(p)
			m.enlist(p)
		}
		return true
	})
}

// enlist brings a turn before the scheduler.
func (m *Machine) enlist(p *program) {
	p.Turn.Shared = m.shareable(p)
	m.scheduler.Wait(m.now, &p.Program)
}

// waitBehind is what a turn waits for that stands behind another.
func (p *program) waitBehind() Wait { return Wait{Reason: sched.ForPrefix, Head: p.kin.of.leader.ID} }
