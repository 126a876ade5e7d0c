package toolpredict

import "math"

// Estimate is the distribution of a gap's length, as it was thought of when the gap
// began. It is a plain value; the zero Estimate is not one.
type Estimate struct {
	survival [bins + 1]float64 // P(W ≥ edges[i])
	beyond   [bins + 1]float64 // E[W; W ≥ edges[i]], in seconds
}

// set sums p up from the longest bin.
func (e *Estimate) set(p *dist) {
	total := 0.0
	for _, q := range p {
		total += q
	}
	e.survival[bins], e.beyond[bins] = 0, 0
	for i := bins - 1; i >= 0; i-- {
		e.survival[i] = e.survival[i+1] + p[i]/total
		e.beyond[i] = e.beyond[i+1] + p[i]/total*means[i]
	}
}

// Survival is the chance that the gap is longer than t.
func (e *Estimate) Survival(t Seconds) float64 {
	alive, _ := e.from(float64(t))
	return alive
}

// Residual is how much longer the gap will be, on the mean, when it has lasted for
// elapsed: E[W − elapsed | W > elapsed]. Lengths beyond 10⁶ s count as if spread up to
// 10⁷ s; a gap that has lasted longer than that is expected to last as long again.
func (e *Estimate) Residual(elapsed Seconds) Seconds {
	t := float64(elapsed)
	alive, beyond := e.from(t)
	if alive < 1e-300 {
		return max(elapsed, minSeconds)
	}
	return Seconds(max(beyond/alive-max(t, 0), minSeconds/10))
}

// Within is the chance that a gap that has lasted for elapsed ends within the time
// ahead.
func (e *Estimate) Within(elapsed, ahead Seconds) float64 {
	alive := e.Survival(elapsed)
	if alive < 1e-300 {
		return 0
	}
	return 1 - e.Survival(elapsed+max(ahead, 0))/alive
}

// Quantile is the length that a gap which has lasted for elapsed stays below with the
// chance p, between 0 and 1.
func (e *Estimate) Quantile(p float64, elapsed Seconds) Seconds {
	want := e.Survival(elapsed) * (1 - min(max(p, 0), 1))
	lo, hi := 0, bins // survival[lo] > want ≥ survival[hi]
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; e.survival[mid] > want {
			lo = mid
		} else {
			hi = mid
		}
	}
	part := e.survival[lo] - e.survival[hi]
	if part <= 0 {
		return Seconds(edges[lo])
	}
	into := (e.survival[lo] - want) / part
	return max(elapsed, Seconds(math.Exp(lnEdges[lo]+into*(lnEdges[lo+1]-lnEdges[lo]))))
}

// from is the chance of a length of t or more, and their mean times that chance.
// Within a bin lengths are spread evenly in their logarithm.
func (e *Estimate) from(t float64) (alive, beyond float64) {
	if !(t > edges[0]) {
		return e.survival[0], e.beyond[0]
	}
	if t >= edges[bins] {
		return 0, 0
	}
	i := binOf(t)
	part := e.survival[i] - e.survival[i+1]
	left := part * (lnEdges[i+1] - math.Log(t)) / (lnEdges[i+1] - lnEdges[i])
	if left <= 0 {
		return e.survival[i+1], e.beyond[i+1]
	}
	return e.survival[i+1] + left, e.beyond[i+1] + left*logUniformMean(t, edges[i+1])
}
