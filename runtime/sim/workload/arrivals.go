package workload

import (
	"fmt"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/interlude-run/interlude/programs"
)

// Poisson gives n arrival times, in order, of programs that come independently
// of each other, perSecond of them in the mean. With the same seed another rate
// stretches the same times, and another n cuts them off elsewhere. It panics if
// perSecond is not positive.
func Poisson(seed uint64, n int, perSecond float64) []programs.Time {
	random := stream(seed, "arrivals", 0)
	return renewals(n, perSecond, random.ExpFloat64)
}

// Bursty is Poisson with gaps between arrivals that are gamma distributed, with
// coefficient of variation cv: 1 is Poisson's, 3 gives dense bursts and long
// lulls. It panics if perSecond or cv is not positive.
func Bursty(seed uint64, n int, perSecond, cv float64) []programs.Time {
	if !(cv > 0) {
		panic(fmt.Sprintf("workload: arrivals with a coefficient of variation of %v", cv))
	}
	shape := 1 / (cv * cv)
	gamma := distuv.Gamma{Alpha: shape, Beta: shape, Src: source(seed, "arrivals", 0)}
	return renewals(n, perSecond, gamma.Rand)
}

// renewals adds up gaps, whose mean is 1, into times.
func renewals(n int, perSecond float64, gap func() float64) []programs.Time {
	if !(perSecond > 0) {
		panic(fmt.Sprintf("workload: %v arrivals per second", perSecond))
	}
	times := make([]programs.Time, n)
	var sum float64
	for i := range times {
		sum += gap()
		times[i] = programs.Time(programs.Seconds(sum / perSecond))
	}
	return times
}
