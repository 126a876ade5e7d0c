package score

import (
	"math"
	"math/rand/v2"
)

// Interval is a mean and half the width of its 95 % confidence interval.
type Interval struct {
	Mean float64 `json:"mean"`
	Half float64 `json:"half"`
}

// sums are what programs' gaps add up to, by program. Gaps of one program are alike,
// so it is programs that are resampled and not gaps.
type sums []programSums

type programSums struct{ gaps, log, crps float64 }

func (s sums) minus(o sums) sums {
	d := make(sums, len(s))
	for i := range s {
		d[i] = programSums{s[i].gaps, s[i].log - o[i].log, s[i].crps - o[i].crps}
	}
	return d
}

// resamples is how often programs are drawn anew.
const resamples = 500

// intervals are the means over all gaps.
func (s sums) intervals(seed uint64) (log, crps Interval) {
	mean := func(pick func(i int) int) (log, crps float64) {
		var total programSums
		for i := range s {
			p := s[pick(i)]
			total.gaps += p.gaps
			total.log += p.log
			total.crps += p.crps
		}
		return total.log / total.gaps, total.crps / total.gaps
	}
	log.Mean, crps.Mean = mean(func(i int) int { return i })
	random := rand.New(rand.NewPCG(seed, 2))
	var n, ofLog, ofCRPS float64
	for range resamples {
		l, c := mean(func(int) int { return random.IntN(len(s)) })
		if !math.IsNaN(l) { // no program with a gap was drawn
			n++
			ofLog += (l - log.Mean) * (l - log.Mean)
			ofCRPS += (c - crps.Mean) * (c - crps.Mean)
		}
	}
	log.Half, crps.Half = 1.96*math.Sqrt(ofLog/n), 1.96*math.Sqrt(ofCRPS/n)
	return log, crps
}
