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
// Keeping f of the pool's M cells for a further expected wait of E seconds costs
// the others f/M of the engine for so long. Losing them costs, when the program is
// back, the C seconds in which the engine computes cells again and does nothing else,
// and the L seconds in which others come from a lower tier: then the engine goes on,
// and only the program's own f cells are taken without use. So the seat is worth
//
//	worth = (C·M + L·f) / (f·E[w | t])
//
// where E[w | t] is the mean of what is left of the wait when t of it has passed.
// For durations with heavy tails it grows with t, so that a seat loses its worth
// the longer nobody comes back to it. Below 1 it takes up so much less of the
// working set. (Continuum's objective weighs one second of
// holding f cells against one second of stalling all M; the quotient M/f is what
// sets it right.)
//
// With a copy of everything on the host, C is 0 and the worth L/E: seats of all but
// the shortest waits count for little, and the working set becomes programs in the
// order of their arrival over a cache in the order of its use.
type Pin struct {
	Since   programs.Time     // the tool started
	Cells   programs.Tokens   // f, of the program's own
	Compute programs.Duration // C
	Load    programs.Duration // L
}

// Forecast is what is known of how long a tool will take.
type Forecast interface {
	// Residual is the mean of what is left of the wait when elapsed has passed.
	Residual(elapsed programs.Duration) programs.Duration
}

// Reload is what it takes to have the cells again, in seconds of the program.
func (p *Pin) Reload() programs.Duration { return p.Compute + p.Load }

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
	left := f.Residual(elapsed).Seconds() * float64(p.Cells)
	gain := Price(p.Compute.Seconds(), p.Load.Seconds(), p.Cells, pool)
	return gain / max(left, 1e-9)
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
