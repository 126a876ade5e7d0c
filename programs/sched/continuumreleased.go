package sched

import "github.com/interlude-run/interlude/programs"

// ContinuumReleased pins as Continuum's released code does, which is not what its paper
// says: for two seconds after a turn that ends in a call, unless calls of that tool
// have taken longer than two seconds on average, or the turn ends in none. (Function
// set_up_pin of vllm/v1/core/estimate_with_func.py, as in the fork
// Whrlicht/vllm-continuum at 22746a2.) Its order is Continuum's, and pins yield to a
// first in order that finds no room.
//
// What it does not do of its source: there, the tool of a call is the first word of a
// shell command that the answer holds, once; here, it is the tool that the client
// names.
type ContinuumReleased struct {
	Queues
	pins
	tools byTool[meanDuration]
}

// releasedPin is how long a pin lasts, and what tools may take on average.
const releasedPin = 2 * programs.Second

// NewContinuumReleased makes the policy.
func NewContinuumReleased(Env) Policy {
	return &ContinuumReleased{Queues: pinQueues(), tools: byTool[meanDuration]{}}
}

// Put implements Policy.
func (c *ContinuumReleased) Put(now programs.Time, p *Program) {
	s := StateOf[pin](p)
	if p.Waits() && s.expires != 0 && c.calls(p) { // it comes back
		c.tools.of(p.Gap.Tool).add(p.Turn.Arrived.Sub(p.Gap.Since))
	}
	c.pin(p, s, func() programs.Duration { return c.ttl(p) })
	c.Queues.Put(now, p)
}

// Drop implements Policy.
func (c *ContinuumReleased) Drop(p *Program) {
	c.Queues.Drop(p)
	c.pins.drop(StateOf[pin](p))
}

// Lapse implements Policy.
func (c *ContinuumReleased) Lapse(now programs.Time) *Program { return c.lapse(now) }

// Blocked implements Policy.
func (c *ContinuumReleased) Blocked(programs.Time, *Program, bool) *Program { return c.LendLast() }

func (c *ContinuumReleased) ttl(p *Program) programs.Duration {
	if !c.calls(p) || c.tools.of(p.Gap.Tool).mean() > releasedPin {
		return 0
	}
	return releasedPin
}

// calls tells whether p's last turn ended in a call.
func (c *ContinuumReleased) calls(p *Program) bool { return p.Gap.Tool != "" && !p.Gap.Human }

// meanDuration is the mean of all durations of a kind, 0 of none.
type meanDuration struct {
	sum programs.Duration
	n   int
}

func (m *meanDuration) add(d programs.Duration) { m.sum, m.n = m.sum+d, m.n+1 }

func (m *meanDuration) mean() programs.Duration { return m.sum / programs.Duration(max(1, m.n)) }
