package workload

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/interlude-run/interlude/programs"
)

// published is a workload of which the moments of three counts are known, and
// no more. Turns are normal; the rest is log-normal. The largest context,
// output included, is what the tokens of a program are taken for. The inputs
// share what the outputs leave of it like the pieces of a stick that is broken
// at random; a turn keeps all that the one before left.
type published struct {
	name, tool string
	turns      moments
	gap        moments // seconds
	final      moments // tokens
}

// moments are a mean and a standard deviation.
type moments struct{ mean, deviation float64 }

// normal draws from the normal distribution with these moments.
func (m moments) normal(random *rand.Rand) float64 {
	return m.mean + m.deviation*random.NormFloat64()
}

// logNormal draws from the log-normal distribution with these moments.
func (m moments) logNormal(random *rand.Rand) float64 {
	variance := math.Log1p(m.deviation * m.deviation / (m.mean * m.mean))
	return m.mean * math.Exp(math.Sqrt(variance)*random.NormFloat64()-variance/2)
}

// output is what no publication tells: 250 tokens a turn in the mean, spread as
// in recorded agent runs.
var output = moments{250, 325}

// program generates a program on its own.
func (w *published) program(id int, random *rand.Rand, o options) []Program {
	p := Program{ID: fmt.Sprintf("%s/%d", w.name, id), Source: w.name, Parent: -1}
	p.Turns = w.generate(random, o)
	return []Program{p}
}

func (w *published) generate(random *rand.Rand, o options) []Turn {
	ts := make([]Turn, max(1, int(math.Round(w.turns.normal(random)))))
	// Two tokens a turn are the least that leaves each an input and an output.
	final := max(programs.Tokens(w.final.logNormal(random)), 2*programs.Tokens(len(ts)))
	inputs := final - generateOutputs(ts, final, random)
	var pieces float64
	weights := make([]float64, len(ts))
	for i := range weights {
		weights[i] = random.ExpFloat64()
		pieces += weights[i]
	}
	// The ends of the pieces are rounded, not the pieces: they add up.
	spare := float64(inputs - programs.Tokens(len(ts)))
	var sum float64
	var given programs.Tokens
	for i := range ts {
		sum += weights[i]
		upTo := programs.Tokens(math.Round(spare * sum / pieces))
		ts[i].Input = 1 + upTo - given
		given = upTo
		if i > 0 {
			ts[i].Prefix = ts[i-1].end()
		}
		if i < len(ts)-1 {
			ts[i].Tool = w.tool
			ts[i].Gap = o.cut(programs.Seconds(w.gap.logNormal(random)))
		}
	}
	return ts
}

// generateOutputs sets the outputs, at most half of final, and gives their sum.
func generateOutputs(ts []Turn, final programs.Tokens, random *rand.Rand) programs.Tokens {
	drawn := make([]float64, len(ts))
	var all float64
	for i := range drawn {
		drawn[i] = output.logNormal(random)
		all += drawn[i]
	}
	shrink := min(1, float64(final)/2/all)
	var sum programs.Tokens
	for i := range ts {
		ts[i].Output = max(1, programs.Tokens(drawn[i]*shrink))
		sum += ts[i].Output
	}
	return sum
}
