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
	queues
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
	return &TTL{queues: newQueues(), time: time, unpin: unpin}
}

// NewAlwaysPin pins for ever, and unpins only to break a deadlock.
func NewAlwaysPin(Env) Policy { return NewTTL(math.MaxInt64, UnpinWhenStuck) }

// NewTwoSeconds is the rule of Continuum's released code: a pin of two seconds
// after every turn, whatever the tool.
func NewTwoSeconds(Env) Policy { return NewTTL(2*programs.Second, UnpinForHead) }

// Put implements Policy.
func (t *TTL) Put(now programs.Time, p *Program) {
	t.pin(p, func() programs.Duration { return t.time })
	t.put(p, t.Rank(p), leastRecent(p))
}

// Drop implements Policy.
func (t *TTL) Drop(p *Program) {
	t.queues.Drop(p)
	t.pins.drop(p)
}

// Rank implements Policy.
func (t *TTL) Rank(p *Program) programs.Rank { return pinnedFirst(p) }

// Lapse implements Policy.
func (t *TTL) Lapse(now programs.Time) *Program { return t.lapse(now) }

// Blocked implements Policy.
func (t *TTL) Blocked(_ programs.Time, _ *Program, alone bool) *Program {
	if t.unpin == UnpinWhenStuck && !alone {
		return nil
	}
	return t.lendLast()
}

// pins are holds with an end.
type pins struct{ expiring order.Heap[*Program] }

// pin holds a program for time() from the end of its turn on, and notes, when its
// next turn comes, whether it is held still.
func (s *pins) pin(p *Program, time func() programs.Duration) {
	p.alarm.Value = p
	switch {
	case p.Phase == programs.Interlude && p.notes.expires == 0:
		p.notes.pinned = false
		ttl := time()
		p.notes.expires = math.MaxInt64
		if ttl < math.MaxInt64-programs.Duration(p.Gap.Since) {
			p.notes.expires = p.Gap.Since.Add(ttl)
		}
		p.Retention = Lend
		if ttl > 0 {
			p.Retention = Hold
			s.expiring.Put(&p.alarm, p.rank(0, p.notes.expires))
		}
	case p.Phase == programs.Active && p.notes.expires != 0:
		p.notes.pinned = p.Retention == Hold
		p.notes.expires = 0
		s.expiring.Remove(&p.alarm)
	case p.runs():
		p.Retention = Lend
	}
	if p.Retention == Lend {
		s.expiring.Remove(&p.alarm)
	}
}

func (s *pins) drop(p *Program) { s.expiring.Remove(&p.alarm) }

// lapse ends the hold that expired first.
func (s *pins) lapse(now programs.Time) *Program {
	p := first(&s.expiring)
	if p == nil || p.notes.expires > now {
		return nil
	}
	s.expiring.Remove(&p.alarm)
	p.Retention = Lend
	return p
}

// pinnedFirst is Continuum's order: preempted turns, then programs that came back
// to a pin, then the others; within each by the program's arrival.
func pinnedFirst(p *Program) programs.Rank {
	switch {
	case p.Turn.Preempted:
		return p.rank(0, p.Arrived)
	case p.notes.pinned:
		return p.rank(1, p.Arrived)
	}
	return p.rank(2, p.Arrived)
}
