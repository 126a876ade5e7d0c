package sched

import (
	"math"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// TTL pins every program hard for a fixed time after each of its turns. Programs
// are served in the order of Continuum: those that came back within the time
// first, then by arrival. With a time without end it is "always pin".
//
// A pin outlives its time while its program has a waiting turn. What else ends it
// is Unpin.
type TTL struct {
	Queues
	pins
	time  programs.Duration
	unpin Unpin
}

// Unpin says when pins that have not lapsed must yield, the latest arrival first.
type Unpin uint8

// The rules.
const (
	UnpinForHead   Unpin = iota // when the first in order finds no room: Continuum's rule
	UnpinWhenStuck              // when, besides, nothing runs
)

// NewTTL makes the policy; its time is math.MaxInt64 for pins without end.
func NewTTL(time programs.Duration, unpin Unpin) Policy {
	return &TTL{Queues: pinQueues(), time: time, unpin: unpin}
}

// NewAlwaysPin pins for ever, and unpins only to break a deadlock.
func NewAlwaysPin(Env) Policy { return NewTTL(math.MaxInt64, UnpinWhenStuck) }

// Put implements Policy.
func (t *TTL) Put(now programs.Time, p *Program) {
	t.pin(p, StateOf[pin](p), func() programs.Duration { return t.time })
	t.Queues.Put(now, p)
}

// Drop implements Policy.
func (t *TTL) Drop(p *Program) {
	t.Queues.Drop(p)
	t.pins.drop(StateOf[pin](p))
}

// Lapse implements Policy.
func (t *TTL) Lapse(now programs.Time) *Program { return t.lapse(now) }

// Blocked implements Policy.
func (t *TTL) Blocked(_ programs.Time, _ *Program, alone bool) *Program {
	if t.unpin == UnpinWhenStuck && !alone {
		return nil
	}
	return t.LendLast()
}

// pins are holds with an end.
type pins struct{ expiring order.Heap[*Program] }

// pin is a program's, and its place in the queues.
type pin struct {
	Place
	alarm   order.Entry[*Program] // among the expiring
	kept    bool                  // the turn came while the program was held
	expires programs.Time         // of the hold; 0 outside an interlude
}

func (s *pin) its() *pin { return s }

// pinOf is the pin of p, be it the whole state or a part of it.
func pinOf(p *Program) *pin { return p.State.(interface{ its() *pin }).its() }

// pin holds a program for time() from the end of its turn on, and notes, when its
// next turn comes, whether it is held still.
func (l *pins) pin(p *Program, s *pin, time func() programs.Duration) {
	s.alarm.Value = p
	switch {
	case p.Phase == programs.Interlude && s.expires == 0:
		s.kept = false
		ttl := time()
		s.expires = math.MaxInt64
		if ttl < math.MaxInt64-programs.Duration(p.Gap.Since) {
			s.expires = p.Gap.Since.Add(ttl)
		}
		p.Retention = Lend
		if ttl > 0 {
			p.Retention = Hold
			l.expiring.Put(&s.alarm, p.Rank(0, s.expires))
		}
	case p.Phase == programs.Active && s.expires != 0:
		s.kept = p.Retention == Hold
		s.expires = 0
		l.expiring.Remove(&s.alarm)
	case p.Runs():
		p.Retention = Lend
	}
	if p.Retention == Lend {
		l.expiring.Remove(&s.alarm)
	}
}

func (l *pins) drop(s *pin) { l.expiring.Remove(&s.alarm) }

// lapse ends the hold that expired first.
func (l *pins) lapse(now programs.Time) *Program {
	top := l.expiring.Top()
	if top == nil || top.Rank().At > now {
		return nil
	}
	l.expiring.Remove(top)
	top.Value.Retention = Lend
	return top.Value
}

// pinQueues are queues in Continuum's order: preempted turns, then programs that came
// back to a pin, then the others; within each by the program's arrival.
func pinQueues() Queues { return NewQueues(byPin, byUse, LeastRecent) }

func byPin(p *Program) programs.Rank {
	switch {
	case p.Turn.Preempted:
		return p.Rank(0, p.Arrived)
	case pinOf(p).kept:
		return p.Rank(1, p.Arrived)
	}
	return p.Rank(2, p.Arrived)
}
