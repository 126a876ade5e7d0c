package kvpin

import (
	"math"

	"github.com/interlude-run/interlude/programs"
)

// Pin is the seat of an idle program: what its cells are worth keeping while its
// tool runs. It is soft. A program whose cells are worth less than their place
// takes a smaller part of the working set, and the bytes go when somebody inside
// the set needs them; nothing is taken on a timer.
//
// # The price
//
// A seat is kept until the program is back, or until it is forgotten, which gives its cells
// up for good; or until it is let go, as it has waited for longer than almost all who came
// back. When t of the wait W has passed, that is for
//
//	K = E[min(W, q, F) − t | W > t]
//
// more seconds, where F is when it is forgotten and q what one in a hundred of those that come
// back exceeds: who never comes back is in it with the most that it may cost. Keeping f of
// the pool's M cells for so long costs the others f/M of the engine.
//
// Losing them costs something only if the program comes back while it is known, with the
// chance P = P[W ≤ F | W > t]: the C seconds in which the engine computes cells again and does
// nothing else, and the L seconds in which others come from a lower tier; then the engine
// goes on, and only the program's own f cells are taken without use. So the seat is worth
//
//	worth = P·(C·M + L·f) / (f·K)
//
// Where everybody comes back soon P is 1 and K the mean of what is left. For durations with
// heavy tails that grows with t, so that a seat loses its worth the longer nobody
// comes back to it; where some never do, P falls with t as well, to 0 once all others would
// have been back. Below 1 it takes up so much less of the working set. (Continuum's objective
// weighs one second of holding f cells against one second of stalling all M; the quotient
// M/f is what sets it right.)
//
//	M = 1000, f = 100, C = 2 s: losing the cells costs 2000 cell-seconds
//	a tool that takes 5 s:                                  2000 / (100·5)         = 4
//	the same if 1 in 4 never returns, forgotten after 60 s: ¾·2000 / (100·(¾·5 + ¼·60)) = 0.8
//
// With a copy of everything on the host, C is 0 and the worth P·L/K: seats of all but
// the shortest waits count for little, and the working set becomes programs in the
// order of their arrival over a cache in the order of its use.
type Pin struct {
	Since   programs.Time     // the tool started
	Forget  programs.Duration // F, counted from then; 0 is never
	Cells   programs.Tokens   // f, of the program's own
	Compute programs.Duration // C
	Load    programs.Duration // L
}

// Forecast is what is known of how long a tool will take, and whether it returns.
type Forecast interface {
	// Back is the chance that a program which has waited for elapsed is back before it has
	// waited for until.
	Back(elapsed, until programs.Duration) float64

	// Kept is how long its cells will be kept from then on, on the mean: until it is back, and
	// no longer than until it has waited for until, or for longer than is worth considering.
	Kept(elapsed, until programs.Duration) programs.Duration
}

// Reload is what it takes to have the cells again, in seconds of the program.
func (p *Pin) Reload() programs.Duration { return p.Compute + p.Load }

// Until is how long after Since the program is forgotten, at the end of time when it never is.
func (p *Pin) Until() programs.Duration {
	if p.Forget == 0 {
		return math.MaxInt64
	}
	return p.Forget
}

// Price is what losing f cells of a pool costs when they are computed and loaded
// again in such times, in cell-seconds.
func Price(compute, load float64, f, pool programs.Tokens) float64 {
	return compute*float64(pool) + load*float64(f)
}

// Worth is the worth of the seat at the time, in a pool of so many cells: what
// keeping it saves over what it costs.
func (p *Pin) Worth(now programs.Time, pool programs.Tokens, f Forecast) float64 {
	return p.worth(now.Sub(p.Since), pool, f)
}

func (p *Pin) worth(elapsed programs.Duration, pool programs.Tokens, f Forecast) float64 {
	if p.Cells <= 0 {
		return 0
	}
	until := p.Until()
	gain := f.Back(elapsed, until) * Price(p.Compute.Seconds(), p.Load.Seconds(), p.Cells, pool)
	return gain / max(f.Kept(elapsed, until).Seconds()*float64(p.Cells), 1e-9)
}

// TTL is the time to live that the seat has in full: how long after Since its
// worth first falls below 1. It is what a client is told when its tool starts.
// Beyond a day it is a day.
func (p *Pin) TTL(pool programs.Tokens, f Forecast) programs.Duration {
	const day = 24 * programs.Hour
	for t := programs.Duration(0); t < day; t = Reprice(t) {
		if p.worth(t, pool, f) < 1 {
			return t
		}
	}
	return day
}

// Reprice is the elapsed time at which a price made at the elapsed time t is due
// again. The steps grow, as forecasts change with the logarithm of time.
func Reprice(t programs.Duration) programs.Duration {
	return programs.Duration(math.Max(float64(t)*1.15, float64(t+100*programs.Millisecond)))
}
