package sched_test

import (
	"math"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
	"github.com/interlude-run/interlude/programs/sched"
)

// shortest is a policy of another package, made of what package sched exports. The
// shortest context goes first, the longest one is preempted and evicted first, and
// programs of few cells are held for a minute after their turn.
type shortest struct {
	waiting, held order.Heap[*sched.Program]
	lent          order.Heap[*sched.Program] // last first
	few           programs.Tokens
}

// length is what shortest knows of a program.
type length struct {
	wait, keep order.Entry[*sched.Program]
	in         *order.Heap[*sched.Program] // which keep is in
	idle       bool                        // and its retention is settled
}

func newShortest(sched.Env) sched.Policy {
	return &shortest{few: 100, lent: order.Heap[*sched.Program]{LastFirst: true}}
}

func (*shortest) Rank(p *sched.Program) programs.Rank {
	return p.Rank(0, programs.Time(p.Turn.Context))
}

func (s *shortest) Put(_ programs.Time, p *sched.Program) {
	s.Drop(p)
	l := sched.StateOf[length](p)
	l.wait.Value, l.keep.Value = p, p
	idle := p.Phase == programs.Interlude
	if idle != l.idle {
		l.idle, p.Retention = idle, sched.Lend
		if idle && p.Private() <= s.few {
			p.Retention = sched.Hold
		}
	}
	if p.Waits() {
		s.waiting.Put(&l.wait, s.Rank(p))
	}
	switch {
	case p.Lends():
		s.lent.Put(&l.keep, s.Rank(p))
		l.in = &s.lent
	case idle && p.Retention == sched.Hold:
		s.held.Put(&l.keep, p.Rank(0, p.Gap.Since.Add(programs.Minute)))
		l.in = &s.held
	}
}

func (s *shortest) Drop(p *sched.Program) {
	l := sched.StateOf[length](p)
	s.waiting.Remove(&l.wait)
	if l.in != nil {
		l.in.Remove(&l.keep)
		l.in = nil
	}
}

func (s *shortest) Next(programs.Time, bool) *sched.Program { return top(&s.waiting) }
func (s *shortest) Victim(programs.Time) *sched.Program     { return top(&s.lent) }
func (s *shortest) Lapse(now programs.Time) *sched.Program  { return s.release(now) }
func (s *shortest) Blocked(_ programs.Time, _ *sched.Program, alone bool) *sched.Program {
	if !alone {
		return nil
	}
	return s.release(math.MaxInt64)
}

// release ends the hold that is over first, if it is over at the time.
func (s *shortest) release(at programs.Time) *sched.Program {
	e := s.held.Top()
	if e == nil || e.Rank().At > at {
		return nil
	}
	s.held.Remove(e)
	e.Value.Retention = sched.Lend
	return e.Value
}

func top(h *order.Heap[*sched.Program]) *sched.Program {
	if e := h.Top(); e != nil {
		return e.Value
	}
	return nil
}

var outsideQuestions = []question{
	{
		name:     "outside: the shortest goes first, the longest loses its memory first",
		new:      newShortest,
		programs: []string{"a waits context=30", "b waits context=10", "c idle cells=200", "d idle cells=300"},
		next:     "b a",
		victims:  "d c",
		grounds:  "unexplained, unexplained",
	},
	{
		name:     "outside: few cells are held for a minute",
		new:      newShortest,
		programs: []string{"a idle since=0 cells=50", "b idle since=1 cells=60", "c idle since=0 cells=200", "d waits context=1"},
		now:      60,
		holds:    "a b",
		lapse:    "a",
		blocked:  "nobody",
		stuck:    "a b",
	},
}

// TestAPolicyOfAnotherPackage answers the questions of the table, and serves.
func TestAPolicyOfAnotherPackage(t *testing.T) {
	for _, q := range outsideQuestions {
		t.Run(q.name, func(t *testing.T) { q.ask(t) })
	}
	survives(t, newShortest)
}
