package sched

import (
	"cmp"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Mori places programs by how idle they are, next to the others (Xia et al., MORI, arXiv
// 2606.00866, sections 4.1 to 4.3, by public accounts of them): the busiest on the device,
// the more idle ones on the host, as far as their contexts fit, and those beyond that
// nowhere. A program's idleness is
//
//	time in tools / (time in tools + time on the engine)
//
// over its latest five cycles of a turn and a call, the call under way with them; waits for
// a place do not count. Every five seconds
//
//   - while the contexts of the programs on the device exceed the pool, programs leave it,
//     the most idle first: those whose tool runs, and when that is not enough those that
//     have a turn, as soon as it is over. They go to the host if it has room;
//   - turns are let through, as their programs fit on the device: those of programs on the
//     host, then those that return from nowhere, then newcomers; the least idle first in
//     each group, then the shortest, and who does not fit is passed over.
//
// Otherwise nobody moves, however idle, and turns of programs on the device are let through
// as they come. What is let through waits in the order of that. Memory on the device is
// taken from who is nowhere, then from who is on the host, then from the others, the least
// recently used first in each.
//
// The paper's code is not released. What it leaves open is as in ThunderAgent's router, on
// which MORI is built, see ThunderReleased: each program counts with 100 tokens more than its
// context; a newcomer is let through at once when it fits and no turn waits to be; a turn
// that has waited for half an hour is let through whatever fits; and so is one where
// nothing runs.
//
// What the name does not do of the paper: it has one replica. The owner of the memory copies
// contexts to the host under every policy, and gives room there by its own order: the paper
// has the host drop those on the device before those on it, and has no copies of those that
// are nowhere.
type Mori struct {
	Queues
	env   Env
	all   []*placed // in the order in which they came
	let   int       // turns that have been let through
	next  programs.Time
	ticks bool // next has been set
}

// moriCycles is over how many cycles idleness is taken.
const moriCycles = 5

// placed is a program as Mori sees it.
type placed struct {
	Place
	program *Program
	on      moriTier
	open    bool                // a turn is in progress
	leaves  bool                // the device, when its turn is over
	since   programs.Time       // when the turn came
	passed  programs.Time       // when it was let through
	turn    int                 // among all that have been
	ended   programs.Time       // when the last one was over
	cycles  [moriCycles]oneTurn // the latest last
}

// oneTurn is a turn's time on the engine, and that of the call behind it.
type oneTurn struct{ engine, tool programs.Duration }

// moriTier is where a program is placed.
type moriTier int

const (
	onDevice moriTier = iota
	onHost
	nowhere
)

// NewMori makes the policy.
func NewMori(env Env) Policy {
	return &Mori{Queues: NewQueues(byLetThrough, byTier, LeastRecent), env: env}
}

// Put implements Policy.
func (m *Mori) Put(now programs.Time, p *Program) {
	if !m.ticks {
		m.next, m.ticks = now.Add(routerTick), true
	}
	s := StateOf[placed](p)
	fresh := s.program == nil
	s.program = p
	switch open := p.Phase == programs.Active; {
	case open && !s.open:
		m.arrive(now, s, fresh)
	case !open && s.open:
		m.finish(now, s)
	case fresh:
		s.ended = p.Gap.Since
	}
	if fresh {
		m.all = append(m.all, s)
	}
	m.settle(now, s)
}

// arrive takes in that a turn has come, be it a newcomer's, who does not count yet.
func (m *Mori) arrive(now programs.Time, s *placed, fresh bool) {
	s.open, s.since = true, now
	if !fresh {
		s.cycles[moriCycles-1].tool = now.Sub(s.ended)
	} else if m.used(onDevice)+s.need() > m.env.Pool() || len(m.candidates(now)) > 0 {
		s.on = nowhere
	}
	if s.on == onDevice {
		m.pass(now, s)
	}
}

// finish takes in that a turn is over.
func (m *Mori) finish(now programs.Time, s *placed) {
	copy(s.cycles[:], s.cycles[1:])
	s.cycles[moriCycles-1] = oneTurn{engine: now.Sub(s.passed)}
	s.open, s.ended = false, now
	if s.leaves {
		m.demote(now, s)
	}
}

// Drop implements Policy.
func (m *Mori) Drop(p *Program) {
	if at := slices.Index(m.all, StateOf[placed](p)); at >= 0 {
		m.all = slices.Delete(m.all, at, at+1)
	}
	m.Queues.Drop(p)
}

// Lapse implements Policy: nothing is held, and programs are placed anew in time.
func (m *Mori) Lapse(now programs.Time) *Program {
	m.tick(now)
	return nil
}

// Next implements Policy: the first that has been let through.
func (m *Mori) Next(now programs.Time, alone bool) *Program {
	m.tick(now)
	if next := first(&m.waiting); next != nil || !alone {
		return next
	}
	m.promote(now)
	if next := first(&m.waiting); next != nil {
		return next
	}
	if waiting := m.candidates(now); len(waiting) > 0 {
		m.pass(now, waiting[0])
	}
	return first(&m.waiting)
}

// tick does what is to be done every five seconds.
func (m *Mori) tick(now programs.Time) {
	if now < m.next {
		return
	}
	m.next = now.Add(routerTick)
	m.relieve(now)
	for _, s := range m.candidates(now) {
		if now.Sub(s.since) >= routerPatient {
			m.pass(now, s)
		}
	}
	m.promote(now)
}

// relieve has the most idle leave the device until the others fit.
func (m *Mori) relieve(now programs.Time) {
	used := m.used(onDevice)
	for _, s := range m.sorted(now, func(s *placed) bool { return s.on == onDevice && !s.open }, mostIdle) {
		if used <= m.env.Pool() {
			return
		}
		used -= s.need()
		m.demote(now, s)
	}
	for _, s := range m.all {
		if s.leaves {
			used -= s.need()
		}
	}
	for _, s := range m.sorted(now, func(s *placed) bool { return s.on == onDevice && !s.leaves }, mostIdle) {
		if used <= m.env.Pool() {
			return
		}
		used -= s.need()
		s.leaves = true
	}
}

// promote lets turns through for whose programs there is room.
func (m *Mori) promote(now programs.Time) {
	room := m.env.Pool() - m.used(onDevice)
	for _, s := range m.candidates(now) {
		if need := s.need(); need <= room {
			room -= need
			m.pass(now, s)
		}
	}
}

// candidates are the turns that wait to be let through, in order.
func (m *Mori) candidates(now programs.Time) []*placed {
	return m.sorted(now, func(s *placed) bool { return s.on != onDevice && s.program.Waits() }, leastIdle)
}

// sorted gives the programs that are so, in an order of their groups and their idleness.
func (m *Mori) sorted(now programs.Time, so func(*placed) bool, before func(a, b *placed, idleA, idleB float64) int) (list []*placed) {
	idle := map[*placed]float64{}
	for _, s := range m.all {
		if so(s) {
			list = append(list, s)
			idle[s] = s.idleness(now)
		}
	}
	slices.SortFunc(list, func(a, b *placed) int {
		return cmp.Or(before(a, b, idle[a], idle[b]), cmp.Compare(a.program.ID, b.program.ID))
	})
	return list
}

func mostIdle(_, _ *placed, idleA, idleB float64) int { return cmp.Compare(idleB, idleA) }

func leastIdle(a, b *placed, idleA, idleB float64) int {
	return cmp.Or(cmp.Compare(a.group(), b.group()), cmp.Compare(idleA, idleB), cmp.Compare(a.need(), b.need()))
}

// group is 0 of turns of programs on the host, 1 of those that return, 2 of newcomers'.
func (s *placed) group() int {
	switch {
	case s.on == onHost:
		return 0
	case s.program.Turns > 0:
		return 1
	}
	return 2
}

// idleness is the part of its latest cycles that a program has spent in tools, 0 of a newcomer.
func (s *placed) idleness(now programs.Time) float64 {
	var engine, tool programs.Duration
	for _, c := range s.cycles {
		engine, tool = engine+c.engine, tool+c.tool
	}
	if !s.open {
		tool += now.Sub(s.ended)
	}
	return float64(tool) / max(1, float64(engine+tool))
}

// need is what a program counts for.
func (s *placed) need() programs.Tokens { return s.program.Turn.Context + routerBuffer }

// used is what the programs of a tier count for.
func (m *Mori) used(on moriTier) (cells programs.Tokens) {
	for _, s := range m.all {
		if s.on == on {
			cells += s.need()
		}
	}
	return cells
}

// demote has a program leave the device.
func (m *Mori) demote(now programs.Time, s *placed) {
	s.on, s.leaves = nowhere, false
	if m.used(onHost)+s.need() <= m.env.Host {
		s.on = onHost
	}
	m.settle(now, s)
}

// pass lets a turn through.
func (m *Mori) pass(now programs.Time, s *placed) {
	m.let++
	s.on, s.passed, s.turn = onDevice, now, m.let
	m.settle(now, s)
}

// settle puts a program where it belongs; a turn counts as waiting when it is let through.
func (m *Mori) settle(now programs.Time, s *placed) {
	m.Queues.Put(now, s.program)
	if s.on != onDevice {
		m.waiting.Remove(&s.waiting)
	}
}

// byLetThrough ranks turns that lost their place first, then by when they were let through.
func byLetThrough(p *Program) programs.Rank {
	class := 1
	if p.Turn.Preempted {
		class = 0
	}
	return p.Rank(class, programs.Time(StateOf[placed](p).turn))
}

// byTier ranks programs by where they are placed, then by use.
func byTier(p *Program) programs.Rank { return p.Rank(int(StateOf[placed](p).on), -p.Used) }

// Obstacle implements Explainer: a turn waits for room, or for the next tick.
func (m *Mori) Obstacle(now programs.Time, p *Program, alone bool) Obstacle {
	s := StateOf[placed](p)
	if s.on == onDevice {
		return m.Queues.Obstacle(now, p, alone)
	}
	if limit, used := m.env.Pool(), m.used(onDevice); used+s.need() > limit {
		return Obstacle{Reason: ForPool, Limit: limit, Before: used, Need: s.need()}
	}
	return Obstacle{Reason: ForTick}
}

// Ahead implements Explainer: before a turn that is not let through, everybody on the device.
func (m *Mori) Ahead(p *Program, visit func(*Program)) {
	if StateOf[placed](p).on == onDevice {
		m.Queues.Ahead(p, visit)
		return
	}
	for _, s := range m.all {
		if s.on == onDevice {
			visit(s.program)
		}
	}
}

// Chosen implements Explainer.
func (m *Mori) Chosen(p *Program) Choice {
	if StateOf[placed](p).on != onDevice {
		return Choice{Ground: Outside}
	}
	return Choice{Ground: LeastRecent}
}
