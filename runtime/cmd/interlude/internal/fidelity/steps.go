package fidelity

import (
	"slices"

	"github.com/interlude-run/interlude/runtime/sim/cost"
)

// Kind is a kind of step.
type Kind string

// The kinds, and all of them together.
const (
	All     Kind = "all"
	Decodes Kind = "decodes" // one token of each item
	Prompts Kind = "prompts" // no item of one token
	Mixed   Kind = "mixed"
)

// Kinds lists them.
var Kinds = []Kind{All, Decodes, Prompts, Mixed}

// KindOf is the kind of a step.
func KindOf(items []cost.Item) Kind {
	decodes := 0
	for i := range items {
		if items[i].Count == 1 {
			decodes++
		}
	}
	switch decodes {
	case len(items):
		return Decodes
	case 0:
		return Prompts
	}
	return Mixed
}

// StepErrors are how far an engine's steps of a kind are from measured ones. Errors are in
// parts of the measured time.
type StepErrors struct {
	Kind     Kind    `json:"kind"`
	Steps    int     `json:"steps"`
	Measured float64 `json:"measured_seconds"` // in all
	InAll    float64 `json:"error_in_all"`     // of the sum of their times: above 0 the model is too slow
	Mean     float64 `json:"mean_error"`       // of the absolute errors of each
	Median   float64 `json:"median_error"`     // of the signed errors of each
	Worst    float64 `json:"worst_error"`
}

// ErrorsByKind compares, kind by kind; kinds of which there was no step are left out.
func ErrorsByKind(e *cost.Engine, samples []cost.Sample) (by []StepErrors) {
	for _, kind := range Kinds {
		of := slices.Clone(samples)
		if kind != All {
			of = slices.DeleteFunc(of, func(s cost.Sample) bool { return KindOf(s.Items) != kind })
		}
		if len(of) > 0 {
			by = append(by, stepErrors(kind, e, of))
		}
	}
	return by
}

func stepErrors(kind Kind, e *cost.Engine, samples []cost.Sample) StepErrors {
	d := e.Deviation(samples)
	out := StepErrors{Kind: kind, Steps: len(samples), Mean: d.Mean, Worst: d.Worst}
	predicted, signed := 0.0, make([]float64, 0, len(samples))
	for i := range samples {
		is, was := e.Step(samples[i].Items).Seconds(), samples[i].Took.Seconds()
		predicted += is
		out.Measured += was
		signed = append(signed, is/was-1)
	}
	slices.Sort(signed)
	out.InAll, out.Median = predicted/out.Measured-1, signed[len(signed)/2]
	return out
}

// Slowness is how many times as long the steps took in all as the engine's would.
func Slowness(e *cost.Engine, steps []cost.Sample) float64 {
	predicted, measured := 0.0, 0.0
	for i := range steps {
		predicted += e.Step(steps[i].Items).Seconds()
		measured += steps[i].Took.Seconds()
	}
	return measured / predicted
}

// Slower is the engine with steps that take so many times as long.
func Slower(e *cost.Engine, times float64) *cost.Engine {
	s := *e
	s.Flops /= times
	s.Bandwidth /= times
	s.Overhead *= times
	s.ItemOverhead *= times
	return &s
}

// Jitter is how the times of steps scatter around an engine's that is as fast in all as
// their batch: factors, one on average.
func Jitter(e *cost.Engine, batches [][]cost.Sample) (factors []float64) {
	sum := 0.0
	for _, b := range batches {
		slow := Slowness(e, b)
		for i := range b {
			f := b[i].Took.Seconds() / (slow * e.Step(b[i].Items).Seconds())
			factors, sum = append(factors, f), sum+f
		}
	}
	for i := range factors {
		factors[i] *= float64(len(factors)) / sum
	}
	return factors
}
