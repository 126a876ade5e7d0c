package core

import (
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
	"github.com/interlude-run/interlude/toolpredict"
)

// This file is what happens between two turns of a program: its seat, how long the
// wait will be, and what the seat is worth as time goes by.

// gap is the interlude of a program. The zero gap is none.
type gap struct {
	call     toolpredict.Call
	observed bool // whether its length is to be learnt from
	started  programs.Time
	exact    programs.Time // when it ends, if that is known
	estimate *toolpredict.Estimate
	told     int // estimates so far
	pin      kvpin.Pin
	reprice  order.Entry[*program]

	sure     programs.Tokens       // of the next context, as far as it is known
	homework order.Entry[*program] // its place among those for whom there is something to compute

	compacted bool // its client has had cells of it let go since the last turn
}

// forecast is the gap as the pin sees it.
type forecast struct{ *gap }

// Back implements kvpin.Forecast.
func (f forecast) Back(elapsed, until programs.Duration) float64 {
	return f.within(elapsed, until-elapsed)
}

// Kept implements kvpin.Forecast.
func (f forecast) Kept(elapsed, until programs.Duration) programs.Duration {
	if f.exact != 0 {
		return max(min(f.exact.Sub(f.pin.Since), until)-elapsed, programs.Millisecond)
	}
	return programs.Seconds(float64(f.estimate.Kept(toolpredict.Seconds(elapsed.Seconds()), toolpredict.Seconds(until.Seconds()))))
}

// residual is the mean of what is left of the wait, if it ends, when elapsed has passed.
func (g *gap) residual(elapsed programs.Duration) programs.Duration {
	if g.exact != 0 {
		return max(g.exact.Sub(g.pin.Since)-elapsed, programs.Millisecond)
	}
	return programs.Seconds(float64(g.estimate.Residual(toolpredict.Seconds(elapsed.Seconds()))))
}

// begin opens the gap when a turn is over.
func (m *Machine) begin(p *program, call *Call) {
	if p.gap == nil {
		p.gap, p.ahead = new(gap), new([kvpin.Disk + 1]ahead)
	}
	p.gap.observed = true
	p.gap.started = m.now
	p.Gap.Since = m.now
	p.uncopied = false
	for t := range p.ahead {
		p.ahead[t].brought = 0
	}
	if call == nil {
		call = new(Call)
	}
	m.expect(p, *call)
}

// expect estimates the gap from what is called, from now on.
func (m *Machine) expect(p *program, call Call) {
	g := p.gap
	if g.estimate == nil {
		g.estimate = new(toolpredict.Estimate)
	}
	g.told++
	g.call = toolpredict.Call{
		Program: string(p.ID), Tenant: string(p.Tenant), Tool: call.Tool, Class: call.Class, Human: call.Human,
		Hint: toolpredict.Seconds(call.Expected.Seconds()),
	}
	g.exact = 0
	if call.Exact && call.Expected > 0 {
		g.exact = m.now.Add(call.Expected)
	}
	m.tools.Estimate(g.call, g.estimate)
	p.Gap.Tool, p.Gap.Class, p.Gap.Human = call.Tool, call.Class, call.Human
	g.pin.Since = m.now
	if m.cfg.ForgetAfter > 0 {
		g.pin.Forget = g.started.Add(m.cfg.ForgetAfter).Sub(m.now)
	}
	m.price(p)
	m.emit(Effect{Kind: PinProgram, Turn: programs.TurnID{Program: p.ID}, Pin: Pin{
		TTL:      g.pin.TTL(m.pool(), forecast{g}),
		Expected: g.residual(0),
		Reload:   g.pin.Reload(),
	}})
}

// end closes the gap when the next turn comes, and learns from it.
func (m *Machine) end(p *program, arrived programs.Time) {
	if call, ok := p.gap.lesson(); ok && arrived >= p.gap.started {
		m.tools.Observe(call, toolpredict.Seconds(arrived.Sub(p.gap.started).Seconds()))
	}
	p.gap.observed = false
	m.reprices.Remove(&p.gap.reprice)
	m.foresee(p)
}

// giveUp closes the gap of a program that is forgotten, or has ended, and learns that it was
// as long at least.
func (m *Machine) giveUp(p *program) {
	if p.gap == nil { // its first turn was the last
		return
	}
	if call, ok := p.gap.lesson(); ok {
		m.tools.GaveUp(call, toolpredict.Seconds(m.now.Sub(p.gap.started).Seconds()))
	}
	p.gap.observed = false
	m.reprices.Remove(&p.gap.reprice)
}

// lesson is the call whose length is to be learnt, if there is one.
func (g *gap) lesson() (call toolpredict.Call, ok bool) {
	if call = g.call; call.Hint > 0 { // it was of what was left then, and the length is of the whole
		call.Hint += toolpredict.Seconds(g.pin.Since.Sub(g.started).Seconds())
	}
	return call, g.observed && g.exact == 0
}

// price says what the seat is worth now, and when to ask again: not before there are cells
// to keep.
func (m *Machine) price(p *program) {
	g := p.gap
	g.pin.Cells = p.Capacity - p.Shared
	compute, load := m.reload(p)
	g.pin.Compute, g.pin.Load = programs.Seconds(compute), programs.Seconds(load)
	p.Gap.Reload = g.pin.Reload()
	p.Seat = g.pin.Worth(m.now, m.pool(), forecast{g})
	if p.Capacity == 0 {
		m.reprices.Remove(&g.reprice)
		return
	}
	at := g.pin.Since.Add(kvpin.Reprice(m.now.Sub(g.pin.Since)))
	g.reprice.Value = p
	m.reprices.Put(&g.reprice, programs.Rank{At: at, Program: p.ID})
}

// How many prices that are due a Step makes anew: pricesAStep in all, of which duesAStep at most are
// those that have been due for longest, and the others of programs whose memory it is about to
// take, for all that it takes memory from together. Of many programs a price takes some 2 µs, most of it
// for memory that is in no cache, and a Step is to take no more than 20. With two a step and 50 steps
// a second, all prices are followed of 13,000 programs that have been idle for a quarter of an hour:
// by then a price lasts for 15 % of that, 135 s. Of more than that prices are late, but for the
// ones that matter, of those whose memory goes next (see weakest).
const (
	pricesAStep = 4
	duesAStep   = 2
)

// reprice follows the prices of the seats, those that have been due for longest first. It
// does so whether or not anybody waits for a seat, so that few are due when somebody does.
func (m *Machine) reprice() {
	for range duesAStep {
		top := m.reprices.Top()
		if top == nil || top.Rank().At > m.now || m.prices == 0 {
			return
		}
		m.prices--
		m.priceAnew(top.Value)
	}
}

// priceAnew follows the price of an idle program's seat. Nothing else of the program has changed, so
// that of republish only what goes by the seat is done: the rest looks programs up in maps
// that are in no cache.
func (m *Machine) priceAnew(p *program) {
	m.price(p)
	before := p.Retention
	m.scheduler.Put(m.now, &p.Program)
	m.foresee(p)
	if p.Retention != before {
		m.bookHold(p)
	}
}

// weakest is whose memory is taken next for the taker, by the policy's word. That is not believed as
// long as it rests on a price that is due: then the price is made anew, and the policy is
// asked again, as long as the Step has prices left. When it has none the word is taken: what the
// price was is then as good a guess for one as for another.
func (m *Machine) weakest(taker *program) *program {
	for {
		p := m.scheduler.Victim(m.now, &taker.Program).Owner.(*program)
		if m.prices == 0 || p.gap == nil || !p.gap.reprice.In() || p.gap.reprice.Rank().At > m.now {
			return p
		}
		m.prices--
		m.priceAnew(p)
	}
}

// reload is the seconds that it would take to compute and to load the program's cells
// again, were they lost, in the way that costs least.
func (m *Machine) reload(p *program) (compute, load float64) {
	from := min(p.Shared, p.Cells)
	own, pool := p.Cells-from, m.pool()
	compute = m.speed.compute(from, p.Cells)
	for t := kvpin.Host; t <= kvpin.Disk; t++ {
		n := min(p.copied[t], p.Cells)
		if n <= from {
			continue
		}
		c, l := m.speed.compute(n, p.Cells), m.speed.load(t, m.cfg.Geometry.CellBytes*programs.Bytes(n-from))
		if kvpin.Price(c, l, own, pool) < kvpin.Price(compute, load, own, pool) {
			compute, load = c, l
		}
	}
	return compute, load
}

func (m *Machine) toolStarted(ev *ToolStarted) {
	if p := m.programs[ev.Program]; p != nil && p.Phase == programs.Interlude {
		m.expect(p, ev.Call)
		m.republish(p)
	}
}

func (m *Machine) toolProgress(ev *ToolProgress) {
	p := m.programs[ev.Program]
	if p == nil || p.Phase != programs.Interlude || ev.Expected <= 0 {
		return
	}
	g := p.gap
	m.expect(p, Call{Tool: g.call.Tool, Class: g.call.Class, Human: g.call.Human, Expected: ev.Expected})
	m.republish(p)
}
