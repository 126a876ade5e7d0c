package toolpredict

import "math"

// The bins of lengths: one for what is below a millisecond, eight to the decade up
// to 10⁶ s, and one for what is longer.
const (
	perDecade  = 8
	decades    = 9
	bins       = decades*perDecade + 2
	minSeconds = 1e-3
	maxSeconds = 1e6
)

// edges[i] is where bin i begins, and edges[i+1] where it ends, in seconds; the last
// bin is taken to end at ten times where it begins.
var edges, lnEdges = func() (s, ln [bins + 1]float64) {
	for i := 1; i < bins; i++ {
		s[i] = minSeconds * math.Pow(10, float64(i-1)/perDecade)
		ln[i] = math.Log(s[i])
	}
	s[0], ln[0] = minSeconds/10, math.Log(minSeconds/10)
	s[bins], ln[bins] = maxSeconds*10, math.Log(maxSeconds*10)
	return s, ln
}()

// means[i] is the mean of what is spread over bin i evenly in its logarithm.
var means = func() (m [bins]float64) {
	for i := range m {
		m[i] = logUniformMean(edges[i], edges[i+1])
	}
	return m
}()

func logUniformMean(from, to float64) float64 {
	if ln := math.Log(to / from); ln > 1e-9 {
		return (to - from) / ln
	}
	return from
}

// binOf is the bin of a length, which is not NaN.
func binOf(seconds float64) int {
	switch {
	case seconds < minSeconds:
		return 0
	case seconds >= maxSeconds:
		return bins - 1
	}
	return min(1+int((math.Log10(seconds)+3)*perDecade), bins-2)
}

// never is the outcome behind the bins: the call does not return.
const never = bins

// neverPrior is its chance before any call is known to have been given up: next to
// nothing, as most calls return.
const neverPrior = 1e-4

// dist is a distribution over the bins and never.
type dist [bins + 1]float64

// lognormal is the distribution of the family with the median and the standard
// deviation of the logarithm, over bins that begin at ln[i], for what returns.
func lognormal(median, sigma float64) (d dist) {
	below := func(i int) float64 {
		switch i {
		case 0:
			return 0
		case bins:
			return 1
		}
		return math.Erfc((math.Log(median)-lnEdges[i])/(sigma*math.Sqrt2)) / 2
	}
	before := 0.0
	for i := range bins {
		next := below(i + 1)
		d[i] = (1 - neverPrior) * max(next-before, 1e-9) // nothing is impossible
		before = next
	}
	d[never] = neverPrior
	return d
}

// What is thought of lengths before any has been seen: wide enough for anything.
const priorSigma = 2.5

var toolPrior, humanPrior = lognormal(1, priorSigma), lognormal(60, priorSigma)
