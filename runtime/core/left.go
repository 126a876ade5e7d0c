package core

import (
	"math"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// words keeps the record of what clients said of the work that is left, and what
// a turn takes.
type words struct {
	turn    float64 // mean seconds of engine time of a turn
	turns   int
	tenants map[programs.TenantID]float64 // mean of |ln(turns there were / turns that were said)|
}

// distrust is the record of a tenant of whom nothing is known: a hint that is
// wrong by e² up or down, which is worth nothing.
const distrust = 2.0

// said is a word that is to be proved.
type said struct{ turns, at int }

// served takes in what a turn took.
func (w *words) served(took programs.Duration) {
	w.turns++
	w.turn += math.Max(0.01, 1/float64(w.turns)) * (took.Seconds() - w.turn)
}

// hint is the work left by the client's word, and how far it is trusted.
func (w *words) hint(tenant programs.TenantID, l Left) sched.Work {
	switch {
	case l.Exact:
		return sched.Work{Left: max(l.Time, 1), Trust: 1}
	case l.Time > 0:
		return sched.Work{Left: l.Time, Trust: w.trust(tenant)}
	case l.Turns > 0:
		return sched.Work{Left: programs.Seconds(w.turn * float64(l.Turns)), Trust: w.trust(tenant)}
	}
	return sched.Work{}
}

func (w *words) trust(tenant programs.TenantID) float64 {
	err, ok := w.tenants[tenant]
	if !ok {
		err = distrust
	}
	return math.Max(0, 1-err/distrust)
}

// proved compares a program's first word with how many turns it had in all.
func (w *words) proved(tenant programs.TenantID, s said, turns int) {
	if s.turns == 0 || turns <= s.at {
		return
	}
	err, ok := w.tenants[tenant]
	if !ok {
		err = distrust
	}
	off := math.Min(math.Abs(math.Log(float64(turns-s.at)/float64(s.turns))), distrust)
	w.tenants[tenant] = err + 0.1*(off-err)
}
