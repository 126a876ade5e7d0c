package sched

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// This file holds a policy to its contract: the Scheduler asks it through these
// methods alone, and panics when an answer breaks a rule. A rule that is broken in
// silence is a program whose memory the policy and its owner book differently, and is
// found much later and elsewhere.

// put tells the policy of p.
func (s *Scheduler) put(now programs.Time, p *Program) {
	if p.put && p.Retention != p.kept {
		s.broken(p, fmt.Sprintf("its retention went from %v to %v outside Put", p.kept, p.Retention))
	}
	p.put = true
	s.policy.Put(now, p)
	switch {
	case p.Retention > Give:
		s.broken(p, fmt.Sprintf("Put set its retention to %d, which is none", p.Retention))
	case p.Retention == Give && p.Waits():
		s.broken(p, "Put gives up the memory of a turn that waits; Give is for interludes")
	}
	p.kept = p.Retention
}

// lapse is the policy's Lapse.
func (s *Scheduler) lapse(now programs.Time) *Program {
	return s.ended("Lapse", s.policy.Lapse(now))
}

// blocked is the policy's Blocked.
func (s *Scheduler) blocked(now programs.Time, p *Program, alone bool) *Program {
	return s.ended("Blocked", s.policy.Blocked(now, p, alone))
}

// ended makes sure that an answer has had its hold ended, and by that answer.
func (s *Scheduler) ended(by string, p *Program) *Program {
	switch {
	case p == nil:
		return nil
	case p.Retention != Lend:
		s.broken(p, fmt.Sprintf("%s answers with it and leaves its retention at %v, not lend", by, p.Retention))
	case p.kept != Hold:
		s.broken(p, fmt.Sprintf("%s answers with it, and its retention was %v before, not hold", by, p.kept))
	}
	p.kept = Lend
	return p
}

// next is the policy's Next, when somebody waits.
func (s *Scheduler) next(now programs.Time, alone bool) *Program {
	p := s.policy.Next(now, alone)
	switch {
	case p == nil && alone:
		panic(fmt.Sprintf("sched: policy %T breaks its contract: nothing runs, %d turns wait, and Next answers with none of them", s.policy, s.waiting))
	case p != nil && !p.Waits():
		s.broken(p, "Next answers with it, and it does not wait")
	}
	return p
}

// Victim is whose memory is taken next, for the taker. Somebody must lend memory.
func (s *Scheduler) Victim(now programs.Time, taker *Program) *Program {
	p := s.policy.Victim(now)
	switch {
	case p == nil:
		s.broken(taker, "it needs memory, somebody lends some, and Victim answers with nobody; "+
			"a retention that is lend when Put returns stays so until the next Put")
	case p.Retention != p.kept:
		s.broken(p, fmt.Sprintf("Victim answers with it, and its retention went from %v to %v outside Put", p.kept, p.Retention))
	case !p.Lends():
		s.broken(p, "Victim answers with it, and it does not lend memory")
	}
	return p
}

// broken ends the run with what the policy has broken.
func (s *Scheduler) broken(p *Program, rule string) {
	panic(fmt.Sprintf("sched: policy %T breaks its contract with program %s: %s", s.policy, p.ID, rule))
}
