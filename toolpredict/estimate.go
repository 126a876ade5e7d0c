package toolpredict

import "math"

// Estimate is the distribution of a gap's length, as it was thought of when the gap
// began, and the chance that it never ends. It is a plain value; the zero Estimate is not one.
type Estimate struct {
	survival [bins + 1]float64 // P(edges[i] ≤ W < ∞)
	beyond   [bins + 1]float64 // E[W; edges[i] ≤ W < ∞], in seconds
	never    float64           // P(W = ∞)
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
	e.never = p[never] / total
}

// Survival is the chance that the gap is longer than t, or never ends.
func (e *Estimate) Survival(t Seconds) float64 {
	alive, _ := e.from(float64(t))
	return alive + e.never
}

// Never is the chance that a gap which has lasted for elapsed never ends.
func (e *Estimate) Never(elapsed Seconds) float64 {
	alive, _ := e.from(float64(elapsed))
	return e.never / (alive + e.never)
}

// Within is the chance that a gap that has lasted for elapsed ends within the time
// ahead.
func (e *Estimate) Within(elapsed, ahead Seconds) float64 {
	alive, _ := e.from(float64(elapsed))
	if alive < impossible {
		return 0
	}
	later, _ := e.from(float64(elapsed + max(ahead, 0)))
	return (alive - later) / (alive + e.never)
}

// rare is the part of the gaps that last longest whose length is not listened to: each
// counts as if it were as long as the shortest of them. A histogram's mean is at the mercy of
// its last bins, and one sample of 10⁶ s in a thousand would outweigh all others (Winsor's
// mean: Dixon, 1960).
const rare = 0.01

// impossible is a chance that is taken for none.
const impossible = 1e-300

// Residual is how much longer a gap will be, on the mean, when it has lasted for elapsed
// and will end: E[min(W, q) − elapsed | elapsed < W < ∞], where one in a hundred such is longer
// than q. A gap that has lasted for longer than 10⁷ s is expected to last as long again.
func (e *Estimate) Residual(elapsed Seconds) Seconds {
	t := max(float64(elapsed), 0)
	alive, beyond := e.from(t)
	if alive < impossible {
		return Seconds(max(t, minSeconds))
	}
	q, beyondQ := e.whereLeft(rare * alive)
	return Seconds(max((beyond-beyondQ)/alive+q*rare-t, minSeconds/10))
}

// Kept is how long a gap that has lasted for elapsed will be watched, on the mean, by
// somebody who waits for its end, but not for longer than until it has lasted for the time
// until, nor for longer than all but one in a hundred of those that end:
// E[min(W, q, until) − elapsed | elapsed < W].
func (e *Estimate) Kept(elapsed, until Seconds) Seconds {
	t, end := max(float64(elapsed), 0), max(float64(until), float64(elapsed))
	alive, beyond := e.from(t)
	q, later, beyondQ := 2*max(t, minSeconds), 0.0, 0.0
	if alive >= impossible {
		later = rare * alive
		q, beyondQ = e.whereLeft(later)
	}
	if q > end {
		q = end
		later, beyondQ = e.from(q)
	}
	kept := beyond - beyondQ + q*later - t*alive + (q-t)*e.never
	return Seconds(max(kept/max(alive+e.never, impossible), minSeconds/10))
}

// Quantile is the length that a gap which has lasted for elapsed, and ends, stays below
// with the chance p, between 0 and 1.
func (e *Estimate) Quantile(p float64, elapsed Seconds) Seconds {
	alive, _ := e.from(float64(elapsed))
	length, _ := e.whereLeft(alive * (1 - min(max(p, 0), 1)))
	return max(elapsed, Seconds(length))
}

// whereLeft is the length that gaps exceed, and end, with the chance alive, and the mean of
// those times that chance.
func (e *Estimate) whereLeft(alive float64) (length, beyond float64) {
	lo, hi := 0, bins // survival[lo] > alive ≥ survival[hi]
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; e.survival[mid] > alive {
			lo = mid
		} else {
			hi = mid
		}
	}
	part := e.survival[lo] - e.survival[hi]
	if part <= 0 {
		return edges[lo], e.beyond[lo]
	}
	into := (e.survival[lo] - alive) / part
	length = math.Exp(lnEdges[lo] + into*(lnEdges[lo+1]-lnEdges[lo]))
	return length, e.beyond[hi] + (alive-e.survival[hi])*logUniformMean(length, edges[hi])
}

// from is the chance of a length of t or more that is one, and their mean times that
// chance. Within a bin lengths are spread evenly in their logarithm.
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
