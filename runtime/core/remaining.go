package core

import (
	"math"

	"github.com/interlude-run/interlude/programs"
)

// remaining foretells how much engine time a program has left. It foretells once, when
// the program's first turn arrives, and subtracts what the program has had since: a
// forecast that could rise would push programs out that have begun.
//
// # Turns to come
//
// Programs of one kind, those of a tenant that begin with the same opening, end after t
// turns with the chance h(t). It is counted in bins of t, three to a doubling, when a turn
// is over, so that programs that are still alive count as well. Where a kind has few
// turns in a bin it is drawn to all programs' share in it, and that to the share over all
// bins:
//
//	h0     = (ends + 1) / (turns + 20)
//	g(b)   = (ends(b) + 5·h0) / (turns(b) + 5)
//	h(k,b) = (ends(k,b) + 20·g(b)) / (turns(k,b) + 20)
//
// The turns that follow the first are then T = Σ(j ≥ 1) Π(i ≤ j) (1 − h(k, b(i))).
//
// # Time of a turn
//
// A turn costs what the engine would take for it alone, with the context before it in
// memory: c(k), drawn to the mean of all. A program that begins with a longer prompt than
// others may have more to do, or less, or the length may say nothing: the factor F is
// exp(β·(ln n − mean of ln n)), where β is the slope of ln(work) on ln(first prompt) over
// the programs that ended, and 1 where that slope is not clear.
//
//	work = (1 + T) · c(k) · F          at the first arrival
//	left = max(work − done, work/5)    at each arrival
//
// In simulations, half to two thirds of the worth of knowing the future work exactly is
// in the order in which programs are let in, and this has about a fifth of that.
type remaining struct {
	all   kind
	kinds latest[kindName, kind]
	slope slope
}

// kindName names programs that are expected to be alike.
type kindName struct {
	tenant  programs.TenantID
	opening programs.ProgramID
	child   bool // of a program that names a parent
}

// kind is what programs of a kind have been like.
type kind struct {
	bins  [turnBins]struct{ turns, ends float64 }
	turns float64 // whose engine time is known, and that time, in seconds
	cost  float64
}

// The constants of the forecast; those of the formulas above are in turns.
const (
	turnBins    = 48    // of turns done, three to a doubling: up to 2^15
	priorTurns  = 20.0  // how many turns the prior weighs, of all and of a kind
	priorBin    = 5.0   // and of a bin
	priorCost   = 3.0   // seconds of a turn before anything is known
	farTurns    = 0.01  // chance of being alive at which the sum is cut
	fewTurns    = 64    // that are added up one by one; the sum of more is that of a geometric series
	leastPart   = 0.2   // of the work foretold, that a program has left at least
	mostKinds   = 4096  // that are remembered, those asked for last
	forgetTurns = 1e5   // turns of a kind after which half of all that is counted is forgotten
	mostFactor  = 1.5   // |ln F|
	slopeLeast  = 8     // programs, before there is a slope
	slopeClear  = 4.0   // r²·n at which it is clear
	slopeRidge  = 0.01  // added to the variance of ln n
	slopeForget = 0.999 // of the sums, a program
)

// kind gives the kind of the name, made when it is first asked for.
func (r *remaining) kind(name kindName) *kind {
	return r.kinds.get(name, mostKinds, func() kind { return kind{} })
}

// foretell is the engine seconds of a whole program of the kind that begins with a prompt
// of so many tokens, and those of a turn.
func (r *remaining) foretell(k *kind, prompt programs.Tokens) (work, turn float64) {
	c := (r.all.cost + priorCost*priorTurns) / (r.all.turns + priorTurns)
	c = (k.cost + c*priorTurns) / (k.turns + priorTurns)
	over, ends := r.all.counted()
	h0 := (ends + 1) / (over + priorTurns)
	turns, alive := 1.0, 1.0
	for b := 0; b < turnBins && alive > 0; b++ {
		g := (r.all.bins[b].ends + priorBin*h0) / (r.all.bins[b].turns + priorBin)
		h := (k.bins[b].ends + priorTurns*g) / (k.bins[b].turns + priorTurns)
		var more float64
		more, alive = follow(alive, h, turnsIn[b])
		turns += more
	}
	return turns * c * r.slope.factor(prompt), c
}

// follow is how many of the next n turns a program has on average that ends before each of
// them with the chance h, and the chance that it has them all, when the chance that it is
// alive before them is given. Turns that it has with a chance below farTurns do not count.
func follow(alive, h float64, n int) (turns, after float64) {
	if n <= fewTurns {
		for range n {
			if alive *= 1 - h; alive < farTurns {
				return turns, 0
			}
			turns += alive
		}
		return turns, alive
	}
	if h >= 1 {
		return 0, 0
	}
	lasts := math.Log1p(-h) // a turn, in logarithms
	far := int(min(math.Log(farTurns/alive)/lasts, float64(n)))
	part := math.Expm1(float64(far) * lasts)
	turns = alive * (1 - h) / h * -part
	if far < n {
		return turns, 0
	}
	return turns, alive * (1 + part)
}

// turnOver counts a turn of a program that has had so many by now, and took so many
// seconds.
func (r *remaining) turnOver(k *kind, done int, cost float64) {
	for _, of := range [...]*kind{&r.all, k} {
		if of.turns++; of.turns > forgetTurns {
			of.halve()
		}
		of.cost += cost
		of.bins[turnBin(done)].turns++
	}
}

// ended counts a program that ended after so many turns.
func (r *remaining) ended(k *kind, done int, prompt programs.Tokens, work float64) {
	if done == 0 {
		return
	}
	r.all.bins[turnBin(done)].ends++
	k.bins[turnBin(done)].ends++
	r.slope.add(prompt, work)
}

// counted is how many turns are over, and how many of the programs have ended.
func (k *kind) counted() (turns, ends float64) {
	for b := range k.bins {
		turns += k.bins[b].turns
		ends += k.bins[b].ends
	}
	return turns, ends
}

func (k *kind) halve() {
	k.turns, k.cost = k.turns/2, k.cost/2
	for b := range k.bins {
		k.bins[b].turns /= 2
		k.bins[b].ends /= 2
	}
}

// turnBin is the bin of a program that has had so many turns, at least one. Bins begin
// at 2^(b/3), those that no whole number falls into are empty.
func turnBin(done int) int { return min(int(3*math.Log2(float64(done))+1e-9), turnBins-1) }

// turnsIn is how many numbers of turns each bin has.
var turnsIn = func() (n [turnBins]int) {
	for b := range n {
		n[b] = binStart(b+1) - binStart(b)
	}
	return n
}()

func binStart(b int) int { return int(math.Ceil(math.Exp2(float64(b)/3) - 1e-9)) }

// slope is the regression of ln(work) on ln(first prompt).
type slope struct{ n, x, y, xx, xy, yy float64 }

func (s *slope) sums() [6]*float64 { return [...]*float64{&s.n, &s.x, &s.y, &s.xx, &s.xy, &s.yy} }

func (s *slope) add(prompt programs.Tokens, work float64) {
	if prompt <= 0 || work <= 0 {
		return
	}
	x, y := math.Log(float64(prompt)), math.Log(work)
	for _, sum := range s.sums() {
		*sum *= slopeForget
	}
	s.n, s.x, s.y = s.n+1, s.x+x, s.y+y
	s.xx, s.xy, s.yy = s.xx+x*x, s.xy+x*y, s.yy+y*y
}

// factor is F for a first prompt.
func (s *slope) factor(prompt programs.Tokens) float64 {
	if s.n < slopeLeast || prompt <= 0 {
		return 1
	}
	mx, my := s.x/s.n, s.y/s.n
	vx, vy, cov := s.xx/s.n-mx*mx, s.yy/s.n-my*my, s.xy/s.n-mx*my
	if !(cov*cov*s.n >= slopeClear*vx*vy) || vx <= 0 {
		return 1
	}
	beta := cov / (vx + slopeRidge)
	return math.Exp(min(max(beta*(math.Log(float64(prompt))-mx), -mostFactor), mostFactor))
}
