package score

import "math"

// The bins of lengths, in which densities are taken: eight to the decade from 1 ms to
// 10⁶ s, and one more on either side.
const (
	perDecade = 8
	bins      = 9*perDecade + 2
)

// edges[i] is where bin i begins, in seconds; the first and the last bin count as a
// decade wide.
var edges, lnEdges = func() (s, ln [bins + 1]float64) {
	for i := range s {
		ln[i] = math.Ln10 * (float64(i-1)/perDecade - 3)
	}
	ln[0], ln[bins] = math.Ln10*-4, math.Ln10*7
	for i := range s {
		s[i] = math.Exp(ln[i])
	}
	return s, ln
}()

func binOf(seconds float64) int {
	if seconds < edges[1] {
		return 0
	}
	i := 1 + int((math.Log10(seconds)+3)*perDecade+1e-9)
	return min(max(i, 1), bins-1)
}

// Forecast is a distribution of lengths: the chance of each bin. Within a bin lengths
// are spread evenly in their logarithm.
type Forecast [bins]float64

// LogScore is −ln of the density of ln t at t, in nats.
func (f *Forecast) LogScore(t float64) float64 {
	i := binOf(t)
	return -math.Log(f[i] / (lnEdges[i+1] - lnEdges[i]))
}

// CRPS is ∫ (F(x) − [x ≥ t])² dx, in seconds.
func (f *Forecast) CRPS(t float64) float64 {
	t = min(max(t, edges[0]), edges[bins])
	below, sum := 0.0, 0.0
	for i, p := range f {
		from, to := edges[i], edges[i+1]
		slope := p / (lnEdges[i+1] - lnEdges[i])
		at := below - slope*lnEdges[i] // F(x) = at + slope·ln x
		switch {
		case to <= t:
			sum += squares(at, slope, from, to)
		case from >= t:
			sum += squares(at-1, slope, from, to)
		default:
			sum += squares(at, slope, from, t) + squares(at-1, slope, t, to)
		}
		below += p
	}
	return sum
}

// squares is ∫ (a + b·ln x)² dx.
func squares(a, b, from, to float64) float64 {
	until := func(x float64) float64 {
		v := a + b*math.Log(x)
		return x * (v*v - 2*b*v + 2*b*b)
	}
	return until(to) - until(from)
}
