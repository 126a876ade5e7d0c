package sched

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// Guard bounds waits: from a turn's arrival to its first token, whatever the policy
// prefers. The zero Guard promises nothing.
//
// # The promise
//
// When a turn comes it is promised its first token by a deadline:
//
//	arrived + Bound                     if now + slow·(B + w)/φ is not after that
//	now + Late·slow·(B + w)/φ           if it is, unless the turn is turned away
//
// w is what the engine takes for the turn's prompt alone, B the sum of w over the turns
// of its tenant that are promised and have no first token, and φ the tenant's part, by
// weight, among the tenants that have such turns and one of weight 1 that may come. So a
// tenant that asks for more than its part makes its own turns late, and nobody else's.
//
// # Near deadlines
//
// A turn with a deadline of its own is of no use unless its first token comes by Turn.Due.
// Where that is sooner than its bound it is promised
//
//	max(arrived + Bound/4, Due)
//
// on two conditions, without which the deadline changes nothing: that fits the tenant's
// own part, now + slow·(B + w)/φ is not after it; and there is time for all afterwards, no
// turn is hurried and none has to be. For example, with a bound of 10 min and slow 2, a
// tenant that is alone (φ = 1/2) and is owed 20 s can have 10 s more promised within
// 2·(20 + 10)/(1/2) = 120 s of its arrival, though not sooner than Bound/4 = 150 s. So who
// writes near deadlines on everything has the places of its own turns to give, and makes
// no promise to others late.
//
// # How it is kept
//
// Promised turns stand in the order of their deadlines. As long as there is time the
// policy orders as it likes. When the work up to some deadline is as much as the time
// that is left until then, less Margin, all turns up to that deadline are hurried, in
// their order: they are admitted before all others, running turns that are not hurried
// give way to them, their prompts come first in every step and fill it. A turn is hurried
// until its first token, or until nobody wants it any longer.
//
//	             policy's order                     hurried              policy's order
//	arrived ─────────────────────────▶ Slack ────────────────▶ first token ─────────▶
//	                                                         ≤ deadline
//
// # Why it holds, and when
//
// A promised turn's deadline is kept if, from its arrival on,
//
//	(1) a step that hurried prompts fill takes no longer than slow times their part of it:
//	    the decodes beside take less than the prompts;
//	(2) w is right, and what else happens, such as moves between tiers and failed steps,
//	    takes less than Margin;
//	(3) the parts φ that the promises were made with add up to 1 at most: within a bound, no
//	    more tenants come than one;
//	(4) no turn has been promised a later deadline than the shortest bound from then on: none
//	    of a class with a longer one, none beyond its own; and turns come before the
//	    scheduler as they arrive.
//
// Proof. Say that there is time when, for every deadline d, the work of the turns promised
// by d is at most (d − now)/slow. As long as there is time and nothing more is promised,
// all deadlines are met: turns are hurried from the moment at which, for some deadline,
// the time left is the work before it times slow, and Margin. From then on, by (1), work
// of these turns is done at the rate 1/slow at least: the first of them that is not in
// memory gets it, as all that is not hurried gives way, and what is in memory is in
// steps. The order of deadlines meets all deadlines where any order does (Liu and
// Layland, JACM 1973). So it is enough that each promise leaves time. A near deadline is
// promised only if it does. One at Bound changes nothing for the deadlines before it. Let
// d = now + Bound be that deadline, and consider the turns of tenant i that are promised
// by d. That of them which was promised last counted all the others in B, so their work
// was at most Bound·φ(i)/slow then, and it only shrinks. By (3) the sum over the tenants is
// at most Bound/slow = (d − now)/slow. □
//
// Where the conditions fail, the deadline that comes first is missed by the least. As for
// (4): a turn with a far deadline is hurried no sooner than it has to be, and what is
// promised to others after that comes on top. For example, a background turn of 20 min
// times slow that is promised within 2 h is hurried after 100 min, if it has not run by
// then; interactive turns of 5 min times slow that come after that make it late by so
// much, or are late themselves where their deadline is the later one.
type Guard struct {
	Bound  [programs.Classes]programs.Duration // the longest wait that is promised; 0 promises nothing
	Shed   bool                                // a turn that cannot be promised it is turned away
	Slow   float64                             // steps' time over that of their hurried prompts
	Late   float64                             // times the least time that a turn beyond its bound is promised
	Margin float64                             // of the least Bound, for what the engine does besides
}

// DefaultGuard promises ten minutes to somebody who waits, and two hours to nobody.
var DefaultGuard = Guard{
	Bound: [programs.Classes]programs.Duration{programs.Interactive: 10 * programs.Minute, programs.Background: 2 * programs.Hour},
	Slow:  2, Late: 4, Margin: 1.0 / 16,
}

// guard keeps the promises.
type guard struct {
	rules   Guard
	shares  map[programs.TenantID]Share
	calm    order.Tree[*Program] // promised, by their deadlines, weighed by slow·w
	hurried order.Tree[*Program] // the same, once they are hurried
	waiting order.Heap[*Program] // of the hurried, those that wait
	tenants map[programs.TenantID]*owed
	weights float64 // of the tenants
	margin  programs.Duration
}

// promise is a program's place among those that are promised something.
type promise struct {
	vow     order.Node[*Program]   // in calm or hurried
	haste   *order.Entry[*Program] // in waiting, once the turn is hurried
	counted programs.Duration      // of Turn.Work, in what its tenant is owed
}

// owed is what a tenant is promised.
type owed struct {
	turns int
	work  programs.Duration // B
}

func newGuard(rules Guard) guard {
	g := guard{rules: rules, tenants: map[programs.TenantID]*owed{}}
	for _, bound := range rules.Bound {
		if m := programs.Duration(rules.Margin * float64(bound)); m > 0 && (g.margin == 0 || m < g.margin) {
			g.margin = m
		}
	}
	return g
}

// least is slow·(B + w)/φ for a turn of the tenant.
func (g *guard) least(tenant programs.TenantID, work programs.Duration) float64 {
	weight := g.shares[tenant].weight()
	all := g.weights + 1
	if t := g.tenants[tenant]; t != nil {
		work += t.work
	} else {
		all += weight
	}
	return g.rules.Slow * float64(work) * all / weight
}

// beyond tells how much too late a turn would have its first token, were it promised as
// soon as can be; not above 0 when it can be promised its bound.
func (g *guard) beyond(now programs.Time, tenant programs.TenantID, t *Turn) programs.Duration {
	bound := g.rules.Bound[t.Class]
	if bound == 0 {
		return 0
	}
	return now.Add(programs.Duration(g.least(tenant, t.Work))).Sub(t.Arrived.Add(bound))
}

// promise gives a turn that has come its deadline.
func (g *guard) promise(now programs.Time, p *Program) {
	bound := g.rules.Bound[p.Turn.Class]
	if bound == 0 || p.Turn.Promised != 0 {
		return
	}
	least := g.least(p.Tenant, p.Turn.Work)
	soonest, latest := now.Add(programs.Duration(least)), p.Turn.Arrived.Add(bound)
	if soonest > latest {
		latest = max(latest, now.Add(programs.Duration(g.rules.Late*least)))
	}
	t := g.tenants[p.Tenant]
	if t == nil {
		t = &owed{}
		g.tenants[p.Tenant] = t
		g.weights += g.shares[p.Tenant].weight()
	}
	t.turns++
	p.promise.vow.Value = p
	p.promise.counted = 0
	if near := max(p.Turn.Arrived.Add(bound/4), p.Turn.Due); p.Turn.Due != 0 && soonest <= near && near < latest {
		p.Turn.Promised = near
		g.weigh(p)
		if g.hurried.Len() == 0 && !g.due(now) {
			return
		}
	}
	p.Turn.Promised = latest
	g.weigh(p)
}

// weigh brings what is left of a promised turn's work up to date.
func (g *guard) weigh(p *Program) {
	if p.Turn.Promised == 0 {
		return
	}
	g.tenants[p.Tenant].work += p.Turn.Work - p.promise.counted
	p.promise.counted = p.Turn.Work
	of := &g.calm
	if p.Turn.Hurried {
		of = &g.hurried
		if p.Waits() {
			g.waiting.Put(p.promise.haste, p.Rank(0, p.Turn.Promised))
		} else {
			g.waiting.Remove(p.promise.haste)
		}
	}
	of.Put(&p.promise.vow, p.Rank(0, p.Turn.Promised), int64(g.rules.Slow*float64(p.Turn.Work)))
}

// settle ends a promise: the turn has its first token, or is over.
func (g *guard) settle(p *Program) {
	if p.Turn.Promised == 0 {
		return
	}
	if p.Turn.Hurried {
		g.hurried.Remove(&p.promise.vow)
		g.waiting.Remove(p.promise.haste)
	} else {
		g.calm.Remove(&p.promise.vow)
	}
	t := g.tenants[p.Tenant]
	t.work -= p.promise.counted
	if t.turns--; t.turns == 0 {
		delete(g.tenants, p.Tenant)
		if g.weights -= g.shares[p.Tenant].weight(); len(g.tenants) == 0 {
			g.weights = 0
		}
	}
	p.Turn.Promised, p.Turn.Hurried = 0, false
	p.promise.haste = nil
}

// next is a turn to be hurried from now on; nil when there is time.
func (g *guard) next(now programs.Time) *Program {
	if !g.due(now) {
		return nil
	}
	p := g.calm.First().Value
	g.calm.Remove(&p.promise.vow)
	p.Turn.Hurried = true
	p.promise.haste = &order.Entry[*Program]{Value: p}
	g.weigh(p)
	return p
}

// due tells whether a turn has to be hurried.
func (g *guard) due(now programs.Time) bool {
	return g.calm.Len() > 0 && g.calm.Slack() <= now.Add(g.margin+programs.Duration(g.hurried.Sum()))
}

// pace is how long the engine takes for one of the turns that are promised something, on
// average; 0 when there is none.
func (g *guard) pace() programs.Duration {
	n := g.calm.Len() + g.hurried.Len()
	if n == 0 {
		return 0
	}
	return programs.Duration((g.calm.Sum() + g.hurried.Sum()) / int64(n))
}

// check reports the first invariant that does not hold.
func (g *guard) check(running []runner) error {
	owing := map[programs.TenantID]programs.Duration{}
	for _, tree := range [...]*order.Tree[*Program]{&g.calm, &g.hurried} {
		var err error
		tree.All(func(n *order.Node[*Program]) bool {
			p := n.Value
			owing[p.Tenant] += p.promise.counted
			switch {
			case p.Phase != programs.Active || p.Turn.Promised == 0:
				err = fmt.Errorf("sched: %s is promised something, and wants nothing", p.ID)
			case p.Turn.Hurried != (tree == &g.hurried):
				err = fmt.Errorf("sched: %s is hurried: %v, and stands among the others", p.ID, p.Turn.Hurried)
			case p.Turn.Hurried && p.promise.haste.In() != p.Waits():
				err = fmt.Errorf("sched: %s is hurried and waits: %v, and stands there: %v", p.ID, p.Waits(), p.promise.haste.In())
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	for tenant, t := range g.tenants {
		if t.work != owing[tenant] || t.turns == 0 {
			return fmt.Errorf("sched: tenant %q is owed %v by %d turns, which add up to %v", tenant, t.work, t.turns, owing[tenant])
		}
		delete(owing, tenant)
	}
	if len(owing) > 0 {
		return fmt.Errorf("sched: %d tenants are owed something and not known", len(owing))
	}
	for i := 1; i < len(running); i++ {
		if p := running[i].program; p.Turn.Hurried && !running[i-1].program.Turn.Hurried {
			return fmt.Errorf("sched: %s is hurried, and runs behind one that is not", p.ID)
		}
	}
	return nil
}

// Beyond tells how much too late the first token of a turn would be that comes now: above
// 0 when its bound cannot be promised. Of the turn, Arrived, Class and Work count.
func (s *Scheduler) Beyond(now programs.Time, tenant programs.TenantID, t *Turn) programs.Duration {
	return s.guard.beyond(now, tenant, t)
}

// Pace is how long the engine takes, beside its decodes, for one of the turns that are
// promised a first token and have none, on average: about in what time one fewer waits. 0
// is not known.
func (s *Scheduler) Pace() programs.Duration { return s.guard.pace() }

// Answered tells that the turn of a running program has its first token.
func (s *Scheduler) Answered(p *Program) {
	hurried := p.Turn.Hurried
	s.guard.settle(p)
	if hurried {
		s.rerank(p)
	}
}

// hurryOn brings the guard up to date: what is left of the prompts that run, and who is
// hurried from now on.
func (s *Scheduler) hurryOn(now programs.Time) {
	for i := range s.running {
		s.guard.weigh(s.running[i].program)
	}
	for p := s.guard.next(now); p != nil; p = s.guard.next(now) {
		if p.Waits() {
			s.put(now, p)
		} else {
			s.rerank(p)
		}
	}
}

// rerank gives a running program the place that it has earned since.
func (s *Scheduler) rerank(p *Program) {
	s.leave(p)
	s.run(p)
}

// admitHurried lets hurried turns run, in the order of their deadlines. It tells whether
// all of them do: otherwise nobody else is admitted.
func (s *Scheduler) admitHurried(now programs.Time, mem Memory) bool {
	for p := first(&s.guard.waiting); p != nil; p = first(&s.guard.waiting) {
		if len(s.running) >= s.limits.Running && !s.giveWay(now, mem) {
			return false
		}
		ok, later := s.place(now, mem, p)
		for !ok && !s.hurries() && s.giveWay(now, mem) {
			ok, later = s.place(now, mem, p)
		}
		if !ok {
			return false
		}
		s.start(now, p, later)
	}
	return true
}

// hurries tells whether a hurried turn is in memory: others wait for its first token
// rather than that all lose their places.
func (s *Scheduler) hurries() bool {
	return len(s.running) > 0 && s.running[0].program.Turn.Hurried
}

// giveWay takes the place in memory of the running turn that is last in rank, unless all
// that run are hurried.
func (s *Scheduler) giveWay(now programs.Time, mem Memory) bool {
	last := len(s.running) - 1
	if last < 0 || s.running[last].program.Turn.Hurried {
		return false
	}
	s.suspendLast(now, mem)
	return true
}
