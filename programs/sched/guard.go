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
//	arrived + Bound                     if now + slow·(B + room·w)/φ is not after that
//	now + Late·slow·(B + w)/φ           if it is, unless the turn is turned away
//
// w is what the engine takes for the turn's prompt alone, and φ the tenant's part, by
// weight, among the tenants that have promised turns and one of weight 1 that may come. B is
// the sum of w over the turns of its tenant that have no first token and are promised it
// with the same firmness, or a greater one:
//
//	firm   turns of the first class, Interactive, promised within their bound
//	soft   all others: those of later classes, and those promised beyond their bound
//
// So a tenant that asks for more than its part makes its own turns late, and nobody else's;
// and turns that cannot be promised their bound, or that nobody waits for, do not take it
// from those that can. Room keeps what is left for small turns: a turn that would take half
// of it or more is promised a later time, so that one behind it, of a short prompt, is not.
//
// # Near deadlines
//
// A turn with a deadline of its own is of no use unless its first token comes by Turn.Due.
// Where that is sooner than its bound it is promised
//
//	max(arrived + Bound/4, Due)
//
// on two conditions, without which the deadline changes nothing: that fits the tenant's
// own part, now + slow·(B + room·w)/φ is not after it; and there is time for all afterwards,
// no turn as firm is hurried and none has to be. For example, with a bound of 10 min, slow 2
// and room 1, a tenant that is alone (φ = 1/2) and is owed 20 s can have 10 s more promised
// within 2·(20 + 10)/(1/2) = 120 s of its arrival, though not sooner than Bound/4 = 150 s. So
// who writes near deadlines on everything has the places of its own turns to give, and makes
// no promise to others late.
//
// # How it is kept
//
// Promised turns stand in the order of their deadlines, the firm ones before the soft. As
// long as there is time the policy orders as it likes. When the work up to some deadline is
// as much as the time that is left until then, less Margin, all turns up to that deadline
// are hurried, in their order: they are admitted before all others, running turns that are
// not hurried give way to them, and soft ones to firm ones; their prompts come first in
// every step and fill it. A turn is hurried until its first token, or until nobody wants it
// any longer.
//
// Turns that are calm until the last moment fill their tenants' parts meanwhile, so that
// those behind them cannot be promised their bound. So when Full of all firm promises that
// may be made are, small firm turns are hurried in their order, as far as the others leave
// the time: those with Small steps left of their prompts, or fewer. For example, of
// newcomers that come every 2 s beside sessions that hold all memory, 30 would wait at once
// for a bound of 60 s.
//
//	             policy's order                     hurried              policy's order
//	arrived ─────────────────────────▶ Slack ────────────────▶ first token ─────────▶
//	                                                         ≤ deadline
//
// # Why it holds, and when
//
// A firm promise is kept if, from the turn's arrival on,
//
//	(1) a step that hurried prompts fill takes no longer than slow times their part of it:
//	    the decodes beside take less than the prompts;
//	(2) w is right, and what else happens, such as moves between tiers and failed steps,
//	    takes less than Margin;
//	(3) the parts φ that the promises were made with add up to 1 at most: within a bound, no
//	    more tenants come than one;
//	(4) turns come before the scheduler as they arrive.
//
// Proof. Soft turns never go before firm ones, and are left out. Say that there is time when,
// for every deadline d, the work of the firm turns promised by d is at most (d − now)/slow.
// As long as there is time and nothing more is promised, all deadlines are met: turns are
// hurried from the moment at which, for some deadline, the time left is the work before it
// times slow, and Margin. From then on, by (1), work of these turns is done at the rate
// 1/slow at least: the first of them that is not in memory gets it, as all that is not
// hurried, or not firm, gives way, and what is in memory is in steps. The order of deadlines
// meets all deadlines where any order does (Liu and Layland, JACM 1973). So it is enough
// that each promise leaves time. A near deadline is promised only if it does. One at Bound
// changes nothing for the deadlines before it. Let d = now + Bound be that deadline, and
// consider the firm turns of tenant i: all are promised by d. That of them which was
// promised last counted all the others in B, so their work was at most Bound·φ(i)/slow
// then, and it only shrinks. By (3) the sum over the tenants is at most Bound/slow =
// (d − now)/slow. □
//
// A soft promise is kept, besides, as long as the firm ones that are made after it leave
// the time. They take Bound/slow of work in a Bound at most, which is all of it when every
// tenant asks for its whole part, and half of it when one does, since one more may come:
// then soft turns are served as firm ones leave time, in the order of their deadlines, and
// the operator who has Shed set hears no more than now.
//
// Where the conditions fail, the deadline that comes first is missed by the least.
type Guard struct {
	Bound  [programs.Classes]programs.Duration // the longest wait that is promised; 0 promises nothing
	Shed   bool                                // a turn that cannot be promised it is turned away
	Slow   float64                             // steps' time over that of their hurried prompts
	Room   float64                             // times its work, that must be left of its tenant's part for a turn to be promised its bound; 0 is 1
	Late   float64                             // times the least time that a turn beyond its bound is promised
	Full   float64                             // of what may be promised firmly, from which on small turns are hurried; 0: none is
	Small  float64                             // steps that are left of the prompt of such a turn, at most
	Margin float64                             // of the least Bound, for what the engine does besides
}

// DefaultGuard promises ten minutes to somebody who waits, and two hours to nobody.
var DefaultGuard = Guard{
	Bound: [programs.Classes]programs.Duration{programs.Interactive: 10 * programs.Minute, programs.Background: 2 * programs.Hour},
	Slow:  2, Room: 2, Late: 4, Full: 1.0 / 2, Small: 5, Margin: 1.0 / 16,
}

// firmness is how firm a promise is; the firmest comes first.
type firmness uint8

const (
	firm firmness = iota
	soft
	unhurried // no promise: what runs for it gives way to both
)

// line is the promised turns of one firmness.
type line struct {
	calm    order.Tree[*Program] // by their deadlines, weighed by slow·w
	hurried order.Tree[*Program] // the same, once they are hurried
}

// guard keeps the promises.
type guard struct {
	rules   Guard
	step    programs.Tokens // in one step
	shares  map[programs.TenantID]Share
	lines   [2]line              // the firm, the soft
	waiting order.Heap[*Program] // of the hurried, those that wait
	tenants map[programs.TenantID]*owed
	weights float64 // of the tenants
	margin  programs.Duration
}

// promise is a program's place among those that are promised something.
type promise struct {
	vow     order.Node[*Program]   // in a line
	haste   *order.Entry[*Program] // in waiting, once the turn is hurried
	counted programs.Duration      // of Turn.Work, in what its tenant is owed
}

// owed is what a tenant is promised.
type owed struct {
	turns int
	work  [2]programs.Duration // B: the firm ones, all
}

func newGuard(rules Guard, step programs.Tokens) guard {
	g := guard{rules: rules, step: step, tenants: map[programs.TenantID]*owed{}}
	for _, bound := range rules.Bound {
		if m := programs.Duration(rules.Margin * float64(bound)); m > 0 && (g.margin == 0 || m < g.margin) {
			g.margin = m
		}
	}
	return g
}

// least is slow·(B + w)/φ for a turn of the tenant that is promised something so firmly.
func (g *guard) least(tenant programs.TenantID, f firmness, work float64) float64 {
	weight := g.shares[tenant].weight()
	all := g.weights + 1
	if t := g.tenants[tenant]; t != nil {
		work += float64(t.work[f])
	} else {
		all += weight
	}
	return g.rules.Slow * work * all / weight
}

// within is the time in which a turn can be promised its first token, and how firmly, if its
// bound is no less.
func (g *guard) within(tenant programs.TenantID, t *Turn) (least programs.Duration, f firmness) {
	f = soft
	if t.Class == 0 {
		f = firm
	}
	return programs.Duration(g.least(tenant, f, max(g.rules.Room, 1)*float64(t.Work))), f
}

// beyond tells how much too late a turn would have its first token, were it promised as
// soon as can be; not above 0 when it can be promised its bound.
func (g *guard) beyond(now programs.Time, tenant programs.TenantID, t *Turn) programs.Duration {
	bound := g.rules.Bound[t.Class]
	if bound == 0 {
		return 0
	}
	least, _ := g.within(tenant, t)
	return now.Add(least).Sub(t.Arrived.Add(bound))
}

// promise gives a turn that has come its deadline.
func (g *guard) promise(now programs.Time, p *Program) {
	bound := g.rules.Bound[p.Turn.Class]
	if bound == 0 || p.Turn.Promised != 0 {
		return
	}
	least, f := g.within(p.Tenant, &p.Turn)
	soonest, latest := now.Add(least), p.Turn.Arrived.Add(bound)
	if soonest > latest {
		f = soft
		latest = max(latest, now.Add(programs.Duration(g.rules.Late*g.least(p.Tenant, soft, float64(p.Turn.Work)))))
	}
	t := g.tenants[p.Tenant]
	if t == nil {
		t = &owed{}
		g.tenants[p.Tenant] = t
		g.weights += g.shares[p.Tenant].weight()
	}
	t.turns++
	p.promise.vow.Value = p
	p.promise.counted, p.Turn.firm = 0, f
	if near := max(p.Turn.Arrived.Add(bound/4), p.Turn.Due); p.Turn.Due != 0 && soonest <= near && near < latest {
		p.Turn.Promised = near
		g.weigh(p)
		if g.lines[f].hurried.Len() == 0 && !g.pressed(now, f) {
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
	g.tenants[p.Tenant].count(p.Turn.firm, p.Turn.Work-p.promise.counted)
	p.promise.counted = p.Turn.Work
	line := &g.lines[p.Turn.firm]
	of, rank := &line.calm, p.Rank(int(p.Turn.firm), p.Turn.Promised)
	if p.Turn.Hurried {
		of = &line.hurried
		if p.Waits() {
			g.waiting.Put(p.promise.haste, rank)
		} else {
			g.waiting.Remove(p.promise.haste)
		}
	}
	of.Put(&p.promise.vow, rank, int64(g.rules.Slow*float64(p.Turn.Work)))
}

// count adds to what a tenant is owed so firmly.
func (o *owed) count(f firmness, work programs.Duration) {
	o.work[soft] += work
	if f == firm {
		o.work[firm] += work
	}
}

// settle ends a promise: the turn has its first token, or is over.
func (g *guard) settle(p *Program) {
	if p.Turn.Promised == 0 {
		return
	}
	line := &g.lines[p.Turn.firm]
	if p.Turn.Hurried {
		line.hurried.Remove(&p.promise.vow)
		g.waiting.Remove(p.promise.haste)
	} else {
		line.calm.Remove(&p.promise.vow)
	}
	t := g.tenants[p.Tenant]
	t.count(p.Turn.firm, -p.promise.counted)
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
	for f := range g.lines {
		if g.pressed(now, firmness(f)) {
			return g.hurry(g.lines[f].calm.First().Value)
		}
	}
	if p := g.small(now); p != nil {
		return g.hurry(p)
	}
	return nil
}

// hurry has a calm turn be hurried.
func (g *guard) hurry(p *Program) *Program {
	g.lines[p.Turn.firm].calm.Remove(&p.promise.vow)
	p.Turn.Hurried = true
	p.promise.haste = &order.Entry[*Program]{Value: p}
	g.weigh(p)
	return p
}

// small is a small firm turn, the first in order, when much of what may be promised is, and
// the others have time although it goes first; nil when there is none.
func (g *guard) small(now programs.Time) (found *Program) {
	line, most := &g.lines[firm], float64(g.rules.Bound[0])*g.weights/(g.weights+1)
	if g.rules.Full == 0 || line.calm.Len() == 0 || g.waiting.Len() >= lookedAt || float64(line.hurried.Sum()+line.calm.Sum()) <= g.rules.Full*most {
		return nil
	}
	seen := 0
	line.calm.All(func(n *order.Node[*Program]) bool {
		if float64(n.Value.Left()) <= g.rules.Small*float64(g.step) {
			found = n.Value
		}
		seen++
		return found == nil && seen < lookedAt
	})
	if found == nil || line.calm.Slack() <= now.Add(g.margin+programs.Duration(line.hurried.Sum()+found.promise.vow.Weight())) {
		return nil
	}
	return found
}

// lookedAt is how many turns are looked at for a small one, and how many hurried ones may
// wait: more would only wait for each other.
const lookedAt = 64

// pressed tells whether there is no time left, for some turn of a line. Soft ones go behind
// all firm ones.
func (g *guard) pressed(now programs.Time, f firmness) bool {
	before := g.lines[f].hurried.Sum()
	if f == soft {
		before += g.lines[firm].hurried.Sum() + g.lines[firm].calm.Sum()
	}
	calm := &g.lines[f].calm
	return calm.Len() > 0 && calm.Slack() <= now.Add(g.margin+programs.Duration(before))
}

// pace is how long the engine takes for one of the turns that are promised something, on
// average; 0 when there is none.
func (g *guard) pace() programs.Duration {
	n, sum := 0, int64(0)
	for i := range g.lines {
		for _, tree := range [...]*order.Tree[*Program]{&g.lines[i].calm, &g.lines[i].hurried} {
			n, sum = n+tree.Len(), sum+tree.Sum()
		}
	}
	if n == 0 {
		return 0
	}
	return programs.Duration(sum / int64(n))
}

// check reports the first invariant that does not hold.
func (g *guard) check(running []runner) error {
	owing := map[programs.TenantID]owed{}
	for i := range 2 * len(g.lines) {
		line := &g.lines[i/2]
		tree := [...]*order.Tree[*Program]{&line.calm, &line.hurried}[i%2]
		var err error
		tree.All(func(n *order.Node[*Program]) bool {
			p := n.Value
			o := owing[p.Tenant]
			o.count(p.Turn.firm, p.promise.counted)
			o.turns++
			owing[p.Tenant] = o
			switch {
			case p.Phase != programs.Active || p.Turn.Promised == 0:
				err = fmt.Errorf("sched: %s is promised something, and wants nothing", p.ID)
			case p.Turn.firm != firmness(i/2):
				err = fmt.Errorf("sched: %s is promised something otherwise than firmly %d", p.ID, i/2)
			case p.Turn.Hurried != (tree == &line.hurried):
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
		if *t != owing[tenant] {
			return fmt.Errorf("sched: tenant %q is owed %v; its turns add up to %v", tenant, *t, owing[tenant])
		}
		delete(owing, tenant)
	}
	if len(owing) > 0 {
		return fmt.Errorf("sched: %d tenants are owed something and not known", len(owing))
	}
	for i := 1; i < len(running); i++ {
		if p := running[i].program; p.haste() < running[i-1].program.haste() {
			return fmt.Errorf("sched: %s is hurried, and runs behind one that is less so", p.ID)
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

// haste is how firmly a turn is promised what it is hurried for.
func (p *Program) haste() firmness {
	if p.Turn.Hurried {
		return p.Turn.firm
	}
	return unhurried
}

// admitHurried lets hurried turns run, in the order of their deadlines. It tells whether
// all of them do: otherwise nobody else is admitted.
func (s *Scheduler) admitHurried(now programs.Time, mem Memory) bool {
	for p := first(&s.guard.waiting); p != nil; p = first(&s.guard.waiting) {
		if !s.roomy() && !s.giveWay(now, mem, p) {
			return false
		}
		ok, later := s.place(now, mem, p)
		for !ok && !s.hurries(p) && s.giveWay(now, mem, p) {
			ok, later = s.place(now, mem, p)
		}
		if !ok {
			return false
		}
		s.start(now, p, later)
	}
	return true
}

// hurries tells whether a turn that is hurried as much as p is in memory: others wait for
// its first token rather than that all lose their places.
func (s *Scheduler) hurries(p *Program) bool {
	return len(s.running) > 0 && s.running[0].program.haste() <= p.haste()
}

// giveWay takes the place in memory of the running turn that is last in rank, for p, unless
// all that run are hurried, and as much as p.
func (s *Scheduler) giveWay(now programs.Time, mem Memory, p *Program) bool {
	last := len(s.running) - 1
	if last < 0 || s.running[last].program.haste() <= min(p.haste(), soft) {
		return false
	}
	s.suspendLast(now, mem)
	return true
}
