package sched

import (
	"math/bits"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// PLAS serves the program that has had the least service first: program-level attained
// service, of Autellix (Luo et al., arXiv 2502.13965, section 4.2 and algorithm 1).
//
// Turns stand in levels, the lowest first, and within a level in the order of their
// arrival. A turn begins at the level of the service that its program has had: below
// 1 s, 2 s, 4 s and so on. It goes down a level when it has run for as long as the level
// is wide: 1 s, 1 s, 2 s, 4 s and so on. A waiting turn takes the place of a running one
// of a worse level. It goes to the first level when its program has waited for long:
//
//	(waits of earlier turns + wait of this one) / service ≥ β
//
// and then the wait and the service of this turn count from zero. Memory is taken from
// who used it longest ago.
//
// What the name does not do of the paper: a turn cedes its place where as many run
// as may, one in a plan, and not for memory alone; the paper preempts for memory, too, and
// swaps in bulk, where here cells of a turn that has not ended are computed again. The widths of the levels and β are ours:
// β is that of a reproduction (kungfu-team/autellix at 47bcd0f), which counts service in
// decodes and not in time. Programs of several threads (ATLAS) are one program here.
type PLAS struct {
	Queues
	starving order.Heap[*Program] // that wait and are not at the first level, by when they go there
}

// plasBeta is how many times its service a program waits until it goes first.
const plasBeta = 8

// attained is a program as PLAS sees it.
type attained struct {
	Place
	alarm order.Entry[*Program] // among the starving

	open    bool              // a turn is in progress
	level   int               // of the turn
	entered programs.Duration // the program's service when the turn came to the level
	before  programs.Duration // the service of earlier turns
	from    programs.Duration // the program's service from which on this turn's counts

	waits   bool
	since   programs.Time     // when it waits
	waited  programs.Duration // waits of this turn that are over
	earlier programs.Duration // waits of earlier turns
}

// NewPLAS makes the policy.
func NewPLAS(Env) Policy { return &PLAS{Queues: NewQueues(byLevel, byUse, LeastRecent)} }

// Put implements Policy.
func (l *PLAS) Put(now programs.Time, p *Program) {
	s := StateOf[attained](p)
	if open := p.Phase == programs.Active; open && !s.open {
		s.level, s.entered, s.before, s.from = serviceLevel(p.Served), p.Served, p.Served, p.Served
		s.wait(p.Turn.Arrived, true)
		s.open = true
	} else if !open && s.open {
		s.wait(now, false)
		s.earlier, s.waited = s.earlier+s.waited, 0
		s.open = false
	}
	s.wait(now, p.Waits())
	l.watch(p, s)
	l.Queues.Put(now, p)
}

// wait has the turn wait or not from now on.
func (s *attained) wait(now programs.Time, waits bool) {
	switch {
	case waits && !s.waits:
		s.since = now
	case s.waits && !waits:
		s.waited += now.Sub(s.since)
	}
	s.waits = waits
}

// watch has a waiting turn go to the first level in time.
func (l *PLAS) watch(p *Program, s *attained) {
	l.starving.Remove(&s.alarm)
	if byLevel(p); s.waits && s.level > 0 {
		s.alarm.Value = p
		l.starving.Put(&s.alarm, p.Rank(0, s.since.Add(plasBeta*(s.before+p.Served-s.from)-s.earlier-s.waited)))
	}
}

// Drop implements Policy.
func (l *PLAS) Drop(p *Program) {
	l.starving.Remove(&StateOf[attained](p).alarm)
	l.Queues.Drop(p)
}

// Next implements Policy, when it has put those first that have waited for long.
func (l *PLAS) Next(now programs.Time, alone bool) *Program {
	for top := l.starving.Top(); top != nil && top.Rank().At <= now; top = l.starving.Top() {
		s := StateOf[attained](top.Value)
		s.level, s.entered, s.from = 0, top.Value.Served, top.Value.Served
		s.since, s.waited = now, 0
		l.Put(now, top.Value)
	}
	return l.Queues.Next(now, alone)
}

// Preempts implements Preempter: turns of a better level go before.
func (l *PLAS) Preempts(next, last *Program) bool { return byLevel(next).Class < byLevel(last).Class }

// byLevel ranks by the level that the turn has come to by now, then by its arrival.
func byLevel(p *Program) programs.Rank {
	s := StateOf[attained](p)
	for s.open && p.Served-s.entered >= levelWidth(s.level) {
		s.entered += levelWidth(s.level)
		s.level++
	}
	return p.Rank(s.level, p.Turn.Arrived)
}

// serviceLevel is the level of so much service, levelWidth how much more it takes to
// pass the level.
func serviceLevel(served programs.Duration) int {
	return bits.Len64(uint64(served / programs.Second))
}

func levelWidth(level int) programs.Duration {
	return programs.Second << max(0, level-1)
}
