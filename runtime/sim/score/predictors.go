package score

import (
	"math"

	"github.com/interlude-run/interlude/toolpredict"
)

// model is the prediction that the runtime uses.
type model struct{ *toolpredict.Model }

func (m *model) Forecast(c toolpredict.Call) (f Forecast) {
	var e toolpredict.Estimate
	m.Estimate(c, &e)
	above := 1.0
	for i := range f {
		next := e.Survival(toolpredict.Seconds(edges[i+1]))
		f[i] = above - next
		above = next
	}
	return f
}

// priorSamples is what the prior is worth beside what has been seen.
const priorSamples = 5

// prior is what is thought of gaps before any has been seen.
func prior(human bool) *Forecast {
	if human {
		return humanPrior
	}
	return toolPrior
}

var toolPrior, humanPrior = normal(0, 2.5), normal(math.Log(60), 2.5)

// normal is the forecast for logarithms with the mean and the deviation.
func normal(mean, deviation float64) *Forecast {
	return cumulative(func(ln float64) float64 { return math.Erfc((mean-ln)/(deviation*math.Sqrt2)) / 2 })
}

// cumulative is the forecast for a distribution function of ln t. No bin has less than
// 10⁻⁹.
func cumulative(below func(ln float64) float64) *Forecast {
	var f Forecast
	before := 0.0
	for i := range f {
		next := 1.0
		if i < bins-1 {
			next = below(lnEdges[i+1])
		}
		f[i] = max(next-before, 1e-9)
		before = next
	}
	return &f
}

// counts are what was seen.
type counts struct {
	bins Forecast
	sum  float64
}

func (h *counts) add(took toolpredict.Seconds) {
	h.bins[binOf(float64(took))]++
	h.sum++
}

func (h *counts) forecast(prior *Forecast) (f Forecast) {
	for i := range f {
		f[i] = (h.bins[i] + priorSamples*prior[i]) / (h.sum + priorSamples)
	}
	return f
}

// histogram counts calls that have the same key together.
type histogram struct {
	key   func(toolpredict.Call) toolpredict.Call
	kinds map[toolpredict.Call]*counts
}

func newHistogram() *histogram {
	return &histogram{
		key:   func(c toolpredict.Call) toolpredict.Call { return toolpredict.Call{Human: c.Human} },
		kinds: make(map[toolpredict.Call]*counts),
	}
}

func newPerTool() *histogram {
	h := newHistogram()
	h.key = func(c toolpredict.Call) toolpredict.Call {
		return toolpredict.Call{Human: c.Human, Tool: c.Tool, Class: c.Class}
	}
	return h
}

func (h *histogram) of(c toolpredict.Call) *counts {
	k := h.key(c)
	if h.kinds[k] == nil {
		h.kinds[k] = new(counts)
	}
	return h.kinds[k]
}

func (h *histogram) Forecast(c toolpredict.Call) Forecast { return h.of(c).forecast(prior(c.Human)) }

func (h *histogram) Observe(c toolpredict.Call, took toolpredict.Seconds) { h.of(c).add(took) }

// logNormal fits the logarithms of all lengths, those below 1 ms as 1 ms.
type logNormal struct {
	seen [2]struct{ n, sum, squares float64 } // of tools and of people
}

func person(human bool) int {
	if human {
		return 1
	}
	return 0
}

func (l *logNormal) Forecast(c toolpredict.Call) Forecast {
	s := l.seen[person(c.Human)]
	mean, deviation := 0.0, 2.5
	if c.Human {
		mean = math.Log(60)
	}
	n := s.n + priorSamples
	squares := (s.squares + priorSamples*(deviation*deviation+mean*mean)) / n
	mean = (s.sum + priorSamples*mean) / n
	return *normal(mean, math.Sqrt(max(squares-mean*mean, 1e-4)))
}

func (l *logNormal) Observe(c toolpredict.Call, took toolpredict.Seconds) {
	s := &l.seen[person(c.Human)]
	ln := math.Log(max(float64(took), edges[1]))
	s.n++
	s.sum += ln
	s.squares += ln * ln
}

// continuum is the rule of Continuum's authors, made smooth by the prior.
type continuum struct{ all, tools *histogram }

// enough is the K of the rule.
const enough = 100

func newContinuum() *continuum { return &continuum{newHistogram(), newPerTool()} }

func (r *continuum) Forecast(c toolpredict.Call) Forecast {
	switch {
	case r.tools.of(c).sum >= enough:
		return r.tools.Forecast(c)
	case r.all.of(c).sum >= enough:
		return r.all.Forecast(c)
	}
	return *exponential
}

var exponential = cumulative(func(ln float64) float64 { return -math.Expm1(-math.Exp(ln)) })

func (r *continuum) Observe(c toolpredict.Call, took toolpredict.Seconds) {
	r.all.Observe(c, took)
	r.tools.Observe(c, took)
}
