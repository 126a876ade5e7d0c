package sched

import (
	"cmp"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// ThunderReleased is ThunderAgent's router as released (ThunderAgent-org/ThunderAgent at
// a7eef77, MultiBackendRouter of ThunderAgent/scheduler/router.py, with one backend and
// its defaults). Every program that is not paused counts with its context and 100 tokens
// to decode. Every five seconds
//
//   - programs are resumed as they fit: those with a turn that waits, then newcomers, then
//     those whose tool runs; the shortest first in each group, and who does not fit is
//     passed over;
//   - if they exceed the pool nevertheless, those whose tool runs are paused, the shortest
//     first; when that is not enough, all that have a turn are marked, and are paused when
//     it is over.
//
// A newcomer is let through at once when it fits and nobody is paused. A turn that has
// waited for half an hour is let through whatever fits. What is let through waits in the
// order of that, as in the engine behind the router, which knows of no program: nobody's
// memory is held, and it is taken from who used it longest ago.
//
// What it does not do of its source: contexts are counted in tokens and not guessed from
// characters, as they are and not as they were when they were paused; and where nothing runs a turn is let through without waiting for the five
// seconds to end, whatever fits. Thunder is another reading of the same paper, and does
// better.
type ThunderReleased struct {
	Queues
	env    Env
	rules  routerRules
	all    []*routed // in the order in which they came
	paused int       // of them
	next   programs.Time
	ticks  bool // next has been set
}

// routerRules are in what ThunderAgent's router and Dynamo's differ. Pool parts are of
// the pool.
type routerRules struct {
	pause  float64 // above this part of the pool programs are paused
	target float64 // until they take no more than this
	resume float64 // they are resumed up to this

	demote  float64           // from this part on, up to pause, turns are served later
	later   programs.Duration // by so much
	sooner  programs.Duration // a resumed turn is served by so much sooner
	demoted programs.Duration // how long a tick's word on that holds
}

const (
	routerTick    = 5 * programs.Second
	routerPatient = 30 * programs.Minute // a turn waits no longer
	routerBuffer  = 100                  // tokens to decode, of each program
)

// NewThunderReleased makes the policy.
func NewThunderReleased(env Env) Policy {
	return newRouter(env, routerRules{pause: 1, target: 1, resume: 1, demote: 1})
}

func newRouter(env Env, rules routerRules) *ThunderReleased {
	return &ThunderReleased{Queues: NewQueues(byPassage, byUse, LeastRecent), env: env, rules: rules}
}

// routed is a program as the router sees it.
type routed struct {
	Place
	program *Program
	open    bool          // a turn is in progress
	paused  bool          // and not counted
	marked  bool          // to be paused
	since   programs.Time // when the turn came
	passed  programs.Time // when it was let through, sooner or later
	demoted programs.Time // until when turns are served later
}

// Put implements Policy.
func (t *ThunderReleased) Put(now programs.Time, p *Program) {
	if !t.ticks {
		t.next, t.ticks = now.Add(routerTick), true
	}
	s := StateOf[routed](p)
	fresh := s.program == nil
	s.program = p
	switch open := p.Phase == programs.Active; {
	case open && !s.open:
		t.arrive(now, s, fresh)
	case !open && s.open:
		s.open = false
		if s.marked {
			s.marked = false
			t.pause(s)
		}
	}
	if fresh {
		t.all = append(t.all, s)
	}
	t.settle(now, s)
}

// arrive takes in that a turn has come, be it a newcomer's, who does not count yet.
func (t *ThunderReleased) arrive(now programs.Time, s *routed, fresh bool) {
	s.open, s.since = true, now
	switch {
	case !fresh && s.paused:
	case fresh && (t.paused > 0 || float64(t.used()+s.need()) > t.pool()):
		t.pause(s)
	default:
		t.pass(now, s, 0)
	}
}

// Drop implements Policy.
func (t *ThunderReleased) Drop(p *Program) {
	s := StateOf[routed](p)
	if at := slices.Index(t.all, s); at >= 0 {
		t.all = slices.Delete(t.all, at, at+1)
		if s.paused {
			t.paused--
		}
	}
	t.Queues.Drop(p)
}

// Lapse implements Policy: nothing is held, and programs are resumed and paused in time.
func (t *ThunderReleased) Lapse(now programs.Time) *Program {
	t.tick(now)
	return nil
}

// Next implements Policy: the first that has been let through.
func (t *ThunderReleased) Next(now programs.Time, alone bool) *Program {
	t.tick(now)
	if next := first(&t.waiting); next != nil || !alone {
		return next
	}
	t.resume(now)
	if next := first(&t.waiting); next != nil {
		return next
	}
	for _, s := range t.candidates() {
		if s.program.Waits() {
			t.pass(now, s, t.rules.sooner)
			return s.program
		}
	}
	return nil
}

// tick does what is to be done every five seconds.
func (t *ThunderReleased) tick(now programs.Time) {
	if now < t.next {
		return
	}
	t.next = now.Add(routerTick)
	t.demote(now)
	for _, s := range t.all {
		if s.paused && s.program.Waits() && now.Sub(s.since) >= routerPatient {
			t.pass(now, s, t.rules.sooner)
		}
	}
	t.resume(now)
	t.relieve()
}

// demote has turns be served later while the pool fills.
func (t *ThunderReleased) demote(now programs.Time) {
	if used := float64(t.used()); used < t.rules.demote*t.pool() || used >= t.rules.pause*t.pool() {
		return
	}
	for _, s := range t.all {
		if !s.paused && !s.marked {
			s.demoted = now.Add(t.rules.demoted)
		}
	}
}

// resume lets through whom there is room for.
func (t *ThunderReleased) resume(now programs.Time) {
	room := programs.Tokens(t.rules.resume*t.pool()) - t.used()
	if t.paused == 0 || room <= routerBuffer {
		return
	}
	for _, s := range t.candidates() {
		if need := s.need(); need <= room {
			room -= need
			t.pass(now, s, t.rules.sooner)
		}
	}
}

// relieve pauses programs until the others take no more than they should.
func (t *ThunderReleased) relieve() {
	used := t.used()
	if float64(used) <= t.rules.pause*t.pool() {
		return
	}
	target := t.rules.target * t.pool()
	for _, s := range t.sorted(func(s *routed) bool { return !s.paused && !s.open }) {
		if float64(used) <= target {
			return
		}
		used -= s.need()
		t.pause(s)
	}
	if float64(used) <= target {
		return
	}
	for _, s := range t.all {
		s.marked = s.marked || !s.paused
	}
}

// candidates are the paused programs, in the order in which they are resumed.
func (t *ThunderReleased) candidates() []*routed {
	return t.sorted(func(s *routed) bool { return s.paused })
}

// sorted gives the programs that are so by their groups, and the shortest first.
func (t *ThunderReleased) sorted(so func(*routed) bool) (list []*routed) {
	for _, s := range t.all {
		if so(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *routed) int {
		return cmp.Or(cmp.Compare(a.group(), b.group()), cmp.Compare(a.need(), b.need()), cmp.Compare(a.program.ID, b.program.ID))
	})
	return list
}

// group is 0 of turns that wait, 1 of programs at their first turn, and before their
// second, 2 of those whose tool runs.
func (s *routed) group() int {
	turns := s.program.Turns
	if s.open {
		turns++
	}
	switch {
	case turns <= 1:
		return 1
	case s.open:
		return 0
	}
	return 2
}

// need is what a program counts for.
func (s *routed) need() programs.Tokens { return s.program.Turn.Context + routerBuffer }

// used is what those count for that are not paused.
func (t *ThunderReleased) used() (cells programs.Tokens) {
	for _, s := range t.all {
		if !s.paused {
			cells += s.need()
		}
	}
	return cells
}

func (t *ThunderReleased) pool() float64 { return float64(t.env.Pool()) }

// pass lets a program through, whose turn, if one waits, is served by so much sooner.
func (t *ThunderReleased) pass(now programs.Time, s *routed, sooner programs.Duration) {
	if s.paused {
		s.paused = false
		t.paused--
	}
	if now < s.demoted {
		sooner -= t.rules.later
	}
	s.passed = now.Add(-sooner)
	t.settle(now, s)
}

func (t *ThunderReleased) pause(s *routed) {
	s.paused = true
	t.paused++
}

// settle puts a program where it belongs; a paused one does not count as waiting.
func (t *ThunderReleased) settle(now programs.Time, s *routed) {
	t.Queues.Put(now, s.program)
	if s.paused {
		t.waiting.Remove(&s.waiting)
	}
}

// byPassage ranks turns that lost their place first, then by when they were let through.
func byPassage(p *Program) programs.Rank {
	class := 1
	if p.Turn.Preempted {
		class = 0
	}
	return p.Rank(class, StateOf[routed](p).passed)
}

// Obstacle implements Explainer: a paused program waits for room, or for the next tick.
func (t *ThunderReleased) Obstacle(now programs.Time, p *Program, alone bool) Obstacle {
	s := StateOf[routed](p)
	if !s.paused {
		return t.Queues.Obstacle(now, p, alone)
	}
	limit, used := programs.Tokens(t.rules.resume*t.pool()), t.used()
	if used+s.need() > limit {
		return Obstacle{Reason: ForPool, Limit: limit, Before: used, Need: s.need()}
	}
	return Obstacle{Reason: ForTick}
}

// Ahead implements Explainer: before a paused program, everybody who is not.
func (t *ThunderReleased) Ahead(p *Program, visit func(*Program)) {
	if !StateOf[routed](p).paused {
		t.Queues.Ahead(p, visit)
		return
	}
	for _, s := range t.all {
		if !s.paused {
			visit(s.program)
		}
	}
}
