package sim_test

import (
	"math"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// TestForgettingMakesUpForGoodbyes: where no client says that its program is over, and programs
// are forgotten after ten minutes, they take about as long as where every client says so, and
// less than where nobody is forgotten.
//
// Measured, at a load of 0.8 with the node's guard, as the mean JCT over that where every client
// says when its program is over, of four seeds and as their geometric mean:
//
//	             forgotten after 10 min              never forgotten
//	agentcgroup  0.996 1.034 0.997 0.999 → 1.007     1.011 1.155 1.080 1.004 → 1.061
//	bfcl         1.025 1.000 1.067 1.055 → 1.037     1.062 1.036 1.117 1.115 → 1.082
//
// Other rates and steps of another size have moved these means by two hundredths; a bound is
// two to five above. A day is as never here: the simulations are over sooner.
func TestForgettingMakesUpForGoodbyes(t *testing.T) {
	full(t)
	const seeds, count, pool = 4, 150, 430_000
	e := engine(t, "a100-8b")
	for _, c := range []struct {
		workload string
		rate     float64 // of a load of 0.8
		bound    float64
	}{{"agentcgroup", 0.0127, 1.03}, {"bfcl", 0.0226, 1.09}} {
		t.Run(c.workload, func(t *testing.T) {
			set := generate(t, c.workload)
			var after, never float64 // sums of logarithms
			for seed := uint64(1); seed <= seeds; seed++ {
				ps := set.Draw(seed, count, pool/2)
				mean := func(w sim.World) (sum float64) {
					r := simulate(t, sim.Config{
						Engine: e, Pool: pool, Policy: sched.NewInterlude, Guard: sched.DefaultGuard, World: w,
						Programs: ps, Arrivals: workload.Poisson(seed, len(ps), c.rate),
					})
					for _, jct := range r.JCT {
						sum += jct.Seconds() / float64(len(r.JCT))
					}
					return sum
				}
				said := mean(sim.World{})
				a := mean(sim.World{NoEnds: true, ForgetAfter: 10 * programs.Minute}) / said
				n := mean(sim.World{NoEnds: true}) / said
				t.Logf("seed %d: %.3f, and %.3f where nobody is forgotten", seed, a, n)
				after, never = after+math.Log(a)/seeds, never+math.Log(n)/seeds
			}
			a, n := math.Exp(after), math.Exp(never)
			t.Logf("mean: %.3f, and %.3f", a, n)
			if a > c.bound || a > n {
				t.Errorf("without ends, programs take %.3f of what they do with them when they are forgotten, and %.3f when not; want at most %.2f", a, n, c.bound)
			}
		})
	}
}
