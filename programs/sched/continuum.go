package sched

import (
	"math"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Continuum pins each program for the time that its paper's objective gives, and
// serves in the paper's order (Li et al., Continuum, arXiv 2511.02230, sections
// 4.1 to 4.3): preempted turns, then programs that come back to their pin, then
// by the program's arrival. For a tool f and a reload time r the pin lasts
//
//	τ* = argmax over τ of P(τ, f)·(T·η + r) − τ
//
// where P is the empirical distribution of the tool's durations, T the mean
// queueing delay of turns whose cells were evicted, and η = −Corr(k, N−k) over
// turn numbers k of programs of N turns: how much waiting one turn less saves.
// Until there are enough samples of the tool, those of all tools stand in, and
// before that an exponential prior of mean 1 s, whose τ* is max(0, ln r).
type Continuum struct {
	Queues
	pins
	unpin Unpin

	all    durations
	tools  byTool[durations]
	delays window
	eta    turnsLeft
}

const (
	continuumSamples = 100  // of a tool, before its own distribution is used
	continuumMemory  = 1000 // durations kept of each
)

// NewContinuum makes the policy as the paper has it: pins yield to a first in
// order that finds no room.
func NewContinuum(Env) Policy { return newContinuum(UnpinForHead) }

// NewContinuumStuck makes the policy with pins that yield to a deadlock alone.
func NewContinuumStuck(Env) Policy { return newContinuum(UnpinWhenStuck) }

func newContinuum(unpin Unpin) *Continuum {
	return &Continuum{Queues: pinQueues(), unpin: unpin, tools: byTool[durations]{}}
}

// returns is a program's pin, and what it finds when it comes back.
type returns struct {
	pin
	evicted bool            // the turn came when cells had been lost
	context programs.Tokens // at the end of the last turn
}

// Put implements Policy.
func (c *Continuum) Put(now programs.Time, p *Program) {
	s := StateOf[returns](p)
	switch {
	case p.Waits() && s.expires != 0: // it comes back
		gap := p.Turn.Arrived.Sub(p.Gap.Since).Seconds()
		c.all.add(gap)
		c.tools.of(p.Gap.Tool).add(gap)
		s.evicted = p.Cells < s.context-1
	case p.Runs() && s.evicted:
		c.delays.add(now.Sub(p.Turn.Arrived).Seconds())
		s.evicted = false
	case p.Phase == programs.Interlude:
		s.context = p.Turn.Context
	}
	c.pin(p, &s.pin, func() programs.Duration { return c.ttl(p) })
	c.Queues.Put(now, p)
}

// Drop implements Policy.
func (c *Continuum) Drop(p *Program) {
	c.eta.ended(p.Turns)
	c.Queues.Drop(p)
	c.pins.drop(pinOf(p))
}

// Lapse implements Policy.
func (c *Continuum) Lapse(now programs.Time) *Program { return c.lapse(now) }

// Blocked implements Policy.
func (c *Continuum) Blocked(_ programs.Time, _ *Program, alone bool) *Program {
	if c.unpin == UnpinWhenStuck && !alone {
		return nil
	}
	return c.LendLast()
}

// ttl maximises the objective over 0 and the recorded durations.
func (c *Continuum) ttl(p *Program) programs.Duration {
	reload := p.Gap.Reload.Seconds()
	known := c.tools.of(p.Gap.Tool)
	switch {
	case len(c.all.sorted) < continuumSamples:
		return programs.Seconds(max(0, math.Log(reload)))
	case len(known.sorted) < continuumSamples:
		known = &c.all
	}
	gain := c.delays.mean()*c.eta.value() + reload
	best, value := 0.0, 0.0
	for i, t := range known.sorted {
		if v := float64(i+1)/float64(len(known.sorted))*gain - t; v > value {
			best, value = t, v
		}
	}
	return programs.Seconds(best)
}

// durations are the latest samples of a quantity, also in order.
type durations struct{ recent, sorted []float64 }

func (d *durations) add(x float64) {
	if len(d.recent) == continuumMemory {
		at, _ := slices.BinarySearch(d.sorted, d.recent[0])
		d.sorted = slices.Delete(d.sorted, at, at+1)
		d.recent = slices.Delete(d.recent, 0, 1)
	}
	d.recent = append(d.recent, x)
	at, _ := slices.BinarySearch(d.sorted, x)
	d.sorted = slices.Insert(d.sorted, at, x)
}

// window is the mean of the latest hundred of a quantity, 0 of none.
type window struct {
	values [100]float64
	n      int
}

func (w *window) add(x float64) {
	w.values[w.n%len(w.values)] = x
	w.n++
}

func (w *window) mean() float64 {
	n := min(w.n, len(w.values))
	sum := 0.0
	for _, v := range w.values[:n] {
		sum += v
	}
	return sum / max(1, float64(n))
}

// turnsLeft is the correlation of how many turns a program has had with how many
// it has left.
type turnsLeft struct{ n, k, l, kk, ll, kl float64 }

func (t *turnsLeft) ended(turns int) {
	for i := 1; i <= turns; i++ {
		k, l := float64(i), float64(turns-i)
		t.n, t.k, t.l, t.kk, t.ll, t.kl = t.n+1, t.k+k, t.l+l, t.kk+k*k, t.ll+l*l, t.kl+k*l
	}
}

// value is η: 1 where the number of turns is fixed, 0 where it is memoryless, and
// 1 until anything is known.
func (t *turnsLeft) value() float64 {
	vk, vl := t.n*t.kk-t.k*t.k, t.n*t.ll-t.l*t.l
	if vk <= 0 || vl <= 0 {
		return 1
	}
	return -(t.n*t.kl - t.k*t.l) / math.Sqrt(vk*vl)
}
