package sched

import (
	"cmp"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Thunder is inspired by ThunderAgent's scheduler (arXiv 2602.13692, section 4): a test
// of capacity over whole programs. While the contexts of the programs that are not paused
// exceed the pool, programs are paused, the shortest of those whose tool runs first, then
// the shortest of those that wait; when there is room again, the longest that fits is
// resumed. A paused program lends its memory, and its turns wait; the others' memory is
// safe.
//
// What the name does not do of its source: ThunderReleased is what the released router
// does, which resumes the shortest first, looks every five seconds, reserves tokens to
// decode, and holds nobody's memory.
type Thunder struct {
	Queues
	env    Env
	active programs.Tokens // contexts of the programs that are not paused
	all    []*capacity     // in the order of their contexts
}

// capacity is a program as Thunder sees it.
type capacity struct {
	Place
	program *Program
	context programs.Tokens
	paused  bool
	seen    bool // it began paused
	yielded bool // its memory is not safe in this interlude, see Blocked
}

// NewThunder makes the policy.
func NewThunder(env Env) Policy {
	return &Thunder{Queues: NewQueues(byArrival, byUse, LeastRecent), env: env}
}

// Put implements Policy. A program begins paused.
func (t *Thunder) Put(now programs.Time, p *Program) {
	s := StateOf[capacity](p)
	s.program = p
	t.forget(s)
	if p.Turns == 0 && p.Waits() && !p.Turn.Preempted && !s.seen {
		s.paused, s.seen = true, true
	}
	s.context = max(p.Turn.Context-max(p.Shared, p.Turn.Forkable), 1)
	at, _ := slices.BinarySearchFunc(t.all, s, byContext)
	t.all = slices.Insert(t.all, at, s)
	if !s.paused {
		t.active += s.context
	}
	s.yielded = s.yielded && p.Phase == programs.Interlude
	t.settle(now, s)
}

// Drop implements Policy.
func (t *Thunder) Drop(p *Program) {
	t.forget(StateOf[capacity](p))
	t.Queues.Drop(p)
}

// Lapse implements Policy: the test of capacity. It gives the idle programs that
// are paused by it, one after the other.
func (t *Thunder) Lapse(now programs.Time) *Program {
	for t.active > t.env.Pool() {
		s := t.shortest(func(p *Program) bool { return p.Phase == programs.Interlude })
		if s == nil {
			s = t.shortest((*Program).Waits)
		}
		if s == nil {
			return nil
		}
		held := s.program.Retention == Hold
		t.pause(now, s, true)
		if held {
			return s.program
		}
	}
	return nil
}

// shortest is the shortest of those that are not paused and are so.
func (t *Thunder) shortest(so func(*Program) bool) *capacity {
	for _, s := range t.all {
		if !s.paused && so(s.program) {
			return s
		}
	}
	return nil
}

// Next implements Policy: it resumes what fits, the longest first, and gives the
// first that is not paused.
func (t *Thunder) Next(now programs.Time, alone bool) *Program {
	pool := t.env.Pool()
	for _, s := range slices.Backward(t.all) {
		if s.paused && s.program.Waits() && t.active+s.context <= pool {
			t.pause(now, s, false)
		}
	}
	if next := first(&t.waiting); next != nil || !alone {
		return next
	}
	for _, s := range t.all { // nothing fits, nothing runs: the shortest
		if s.program.Waits() {
			t.pause(now, s, false)
			return s.program
		}
	}
	return nil
}

// Blocked implements Policy: when nothing runs, the memory of idle programs is not
// safe any longer.
func (t *Thunder) Blocked(_ programs.Time, _ *Program, alone bool) *Program {
	if !alone {
		return nil
	}
	p := t.LendLast()
	if p != nil {
		StateOf[capacity](p).yielded = true
	}
	return p
}

func (t *Thunder) pause(now programs.Time, s *capacity, paused bool) {
	s.paused = paused
	if paused {
		t.active -= s.context
	} else {
		t.active += s.context
	}
	t.settle(now, s)
}

// settle puts a program where it belongs; a paused one does not count as waiting.
func (t *Thunder) settle(now programs.Time, s *capacity) {
	p := s.program
	p.Retention = Lend
	if p.Phase == programs.Interlude && !s.paused && !s.yielded {
		p.Retention = Hold
	}
	t.Queues.Put(now, p)
	if s.paused {
		t.waiting.Remove(&s.waiting)
	}
}

func (t *Thunder) forget(s *capacity) {
	at, known := slices.BinarySearchFunc(t.all, s, byContext)
	if !known {
		return
	}
	t.all = slices.Delete(t.all, at, at+1)
	if !s.paused {
		t.active -= s.context
	}
}

// byContext compares programs by their contexts, which are 1 at least once they are in.
func byContext(a, b *capacity) int {
	return cmp.Or(cmp.Compare(a.context, b.context), cmp.Compare(a.program.ID, b.program.ID))
}

// Obstacle implements Explainer: a paused program waits for room.
func (t *Thunder) Obstacle(now programs.Time, p *Program, alone bool) Obstacle {
	pool := t.env.Pool()
	switch s, head := StateOf[capacity](p), first(&t.waiting); {
	case !s.paused:
		return t.Queues.Obstacle(now, p, alone)
	case t.active+s.context > pool:
		return Obstacle{Reason: ForPool, Limit: pool, Before: t.active, Need: s.context}
	case head != nil:
		return Obstacle{Reason: ForOrder, Head: head}
	}
	return Obstacle{}
}

// Ahead implements Explainer: everybody who is not paused.
func (t *Thunder) Ahead(p *Program, visit func(*Program)) {
	for _, other := range t.all {
		if !other.paused && other.program != p {
			visit(other.program)
		}
	}
}
