package toolpredict

import "math"

// family is the log-normal that fits all lengths, tools' or people's, beside a prior.
// The levels start from it. No family fits recorded lengths for long, and the counts
// take over; one that does fit is known after tens of samples, when the counts still
// have gaps. Calls that were given up are not in it: their lengths are not known. The prior keeps a share, because a fit knows nothing of rare lengths.
type family struct {
	prior           *dist
	n, sum, squares float64 // of the logarithms, forgotten as counts are
	stale           float64 // samples since the fit
	dist            dist
}

// The prior is worth so many samples beside the fit, and never has less than the share.
const (
	priorSamples = 5
	priorShare   = 0.1
)

func newFamily(prior *dist) family { return family{prior: prior, dist: *prior} }

// learn takes in a length. The fit follows when 5 % of the samples are new.
func (f *family) learn(seconds float64) {
	ln := math.Log(min(max(seconds, minSeconds), maxSeconds))
	keep := 1 - ln2/longMemory
	f.n = f.n*keep + 1
	f.sum = f.sum*keep + ln
	f.squares = f.squares*keep + ln*ln
	if f.stale++; f.stale > f.n/20 {
		f.stale = 0
		f.refit()
	}
}

// narrowest is the least deviation of a fit: about a third of a bin.
const narrowest = 0.1

func (f *family) refit() {
	mean := f.sum / f.n
	variance := (f.squares - f.n*mean*mean + priorSamples*priorSigma*priorSigma) / (f.n + priorSamples)
	fit := lognormal(math.Exp(mean), math.Sqrt(max(variance, narrowest*narrowest)))
	wide := max(priorSamples/(f.n+priorSamples), priorShare)
	for i, p := range f.prior {
		f.dist[i] = (1-wide)*fit[i] + wide*p
	}
}
