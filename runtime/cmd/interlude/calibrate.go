package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/sim/cost"
)

type benchStepsCmd struct {
	Model   string `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Threads int    `help:"Compute threads; 0: one per processor." default:"0"`
	Steps   int    `help:"Steps to measure; half of them are fitted to, half show how far off the fit is." default:"160"`
	Quick   bool   `help:"Fewer steps and shorter contexts: within 50 s on two quiet cores."`
	JSON    bool   `help:"Print one JSON object." name:"json"`
}

// calibration is the simulator's engine beside the real one, on this machine.
type calibration struct {
	Model     string    `json:"model"`
	Threads   int       `json:"threads"`
	Processor string    `json:"processor"`
	Steps     int       `json:"steps"`
	Fitted    fitFigure `json:"fitted"`                // to one half of the steps, compared with the other
	Shipped   fitFigure `json:"shipped"`               // cpu-135m as it is, compared with the same half
	Speed     float64   `json:"shipped_over_measured"` // median ratio of step times: how much faster this machine is
	Scaled    fitFigure `json:"shipped_scaled"`        // cpu-135m, its times divided by that

	Rates rates `json:"fitted_rates"` // of the fit to one half
}

// rates are those of a cost.Engine that a fit determines.
type rates struct {
	Flops        float64 `json:"flops"`
	AttnFlops    float64 `json:"attention_flops"` // a token and cell
	Bandwidth    float64 `json:"bandwidth"`
	Overhead     float64 `json:"overhead_seconds"`
	ItemOverhead float64 `json:"item_overhead_seconds"`
}

// fitFigure is an engine and how far its steps are from measured ones, in parts of the
// measured time.
type fitFigure struct {
	MeanError  float64 `json:"mean_error"`
	WorstError float64 `json:"worst_error"`
	Prefill    float64 `json:"prefill_tokens_per_second"` // of 512 tokens
	Decode1    float64 `json:"decode_tokens_per_second"`  // of one sequence behind 512 cells
	Decode8    float64 `json:"decode_tokens_per_second_of_8"`
}

// Run measures steps of many shapes and fits the cost model to them.
func (c *benchStepsCmd) Run(ctx context.Context) error {
	if c.Steps < 40 {
		return fmt.Errorf("--steps %d: it takes 40 at least to tell a fit from chance", c.Steps)
	}
	longest := 4096
	if c.Quick {
		c.Steps, longest = min(c.Steps, 80), 2048
	}
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	e, err := gpu.Open(gpu.Options{
		Libraries: o.engine.Dir, Model: o.model.Path, Device: "cpu", Weights: "auto", KVBytes: 1 << 30,
		MaxStep: 128, Threads: c.Threads, TuneFile: tuneFile(),
	})
	if err != nil {
		return err
	}
	defer e.Close()
	samples, err := measureSteps(ctx, e, c.Steps, min(longest, e.Geometry().MaxContext))
	if err != nil {
		return fmt.Errorf("measure steps: %w", err)
	}
	out, err := calibrate(samples, e.Geometry())
	if err != nil {
		return err
	}
	out.Model, out.Threads, out.Processor = o.model.Name, c.Threads, runtime.GOARCH
	if out.Threads == 0 {
		out.Threads = runtime.NumCPU()
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// calibrate fits to every second sample and compares with the others.
func calibrate(samples []cost.Sample, g engine.Geometry) (*calibration, error) {
	var fit, held []cost.Sample
	for i := range samples {
		if i%2 == 0 {
			fit = append(fit, samples[i])
		} else {
			held = append(held, samples[i])
		}
	}
	shipped, err := cost.ByName("cpu-135m")
	if err != nil {
		return nil, err
	}
	base := *shipped
	base.KVBytes = programs.Bytes(g.CellBytes)
	fitted, _, err := cost.Fit(base, fit)
	if err != nil {
		return nil, err
	}
	var ratios []float64
	for i := range fit {
		ratios = append(ratios, shipped.Step(fit[i].Items).Seconds()/fit[i].Took.Seconds())
	}
	slices.Sort(ratios)
	speed := ratios[len(ratios)/2]
	scaled := slices.Clone(held)
	for i := range scaled {
		scaled[i].Took = programs.Seconds(scaled[i].Took.Seconds() * speed)
	}
	return &calibration{
		Steps: len(samples), Fitted: figureOf(fitted, held), Shipped: figureOf(shipped, held),
		Speed: speed, Scaled: figureOf(shipped, scaled),
		Rates: rates{
			Flops: fitted.Flops, AttnFlops: fitted.AttnFlops, Bandwidth: min(fitted.Bandwidth, math.MaxFloat64),
			Overhead: fitted.Overhead, ItemOverhead: fitted.ItemOverhead,
		},
	}, nil
}

func figureOf(e *cost.Engine, held []cost.Sample) fitFigure {
	d := e.Deviation(held)
	eight := make([]cost.Item, 8)
	for i := range eight {
		eight[i] = cost.Item{From: 512, Count: 1}
	}
	return fitFigure{
		MeanError: d.Mean, WorstError: d.Worst,
		Prefill: 512 / e.Prefill(0, 512).Seconds(),
		Decode1: 1 / e.Decode(512).Seconds(), Decode8: 8 / e.Step(eight).Seconds(),
	}
}

// decoding is how many sequences a measured step may have.
const decoding = 8

// measureSteps runs steps of shapes that differ in items, tokens and contexts
// independently: up to eight sequences, each behind any context up to the longest, of
// which any number decode and at most one has a chunk of prompt. Each shape is run
// twice and the shorter time counts, as what else the machine does only adds to it.
func measureSteps(ctx context.Context, e *gpu.Engine, steps, longest int) ([]cost.Sample, error) {
	const whole = engine.Seq(1)
	if err := prefill(e, whole, longest-128); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 2))
	samples := make([]cost.Sample, 0, steps)
	for i := range steps {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		shape := shapeOf(random, longest-256)
		s := cost.Sample{Items: shape, Took: math.MaxInt64}
		for range 2 {
			took, err := timeStep(e, whole, shape)
			if err != nil {
				return nil, err
			}
			s.Took = min(s.Took, took)
		}
		samples = append(samples, s)
		if (i+1)%(steps/4) == 0 {
			fmt.Fprintf(os.Stderr, "%d of %d steps\n", i+1, steps)
		}
	}
	return samples, nil
}

// shapeOf draws a step.
func shapeOf(random *rand.Rand, longest int) (items []cost.Item) {
	context := func() programs.Tokens { // as many short ones as long ones, by orders of magnitude
		return programs.Tokens(math.Exp(random.Float64()*math.Log(float64(longest)/16)) * 16)
	}
	for range random.IntN(decoding) {
		items = append(items, cost.Item{From: context(), Count: 1})
	}
	if len(items) == 0 || random.IntN(2) == 0 {
		items = append(items, cost.Item{From: context(), Count: programs.Tokens(2 + random.IntN(118))})
	}
	return items
}

// timeStep runs a step of the shape on forks of the sequence, and drops them.
func timeStep(e *gpu.Engine, from engine.Seq, shape []cost.Item) (programs.Duration, error) {
	items := make([]engine.Item, len(shape))
	for i, it := range shape {
		seq := from + engine.Seq(i) + 1
		if err := e.Fork(from, seq, int(it.From)); err != nil {
			return 0, err
		}
		defer e.Release(seq) // the steps of a bench are the only user of the engine
		if err := e.Reserve(seq, int(it.From+it.Count)); err != nil {
			return 0, err
		}
		items[i] = engine.Item{Seq: seq, Tokens: tokens(int(it.Count)), Sample: true}
	}
	out := make([]engine.Output, len(items))
	begin := time.Now()
	err := e.Step(items, out)
	return programs.Duration(time.Since(begin)), err
}

// prefill fills a new sequence.
func prefill(e *gpu.Engine, seq engine.Seq, n int) error {
	if err := e.New(seq); err != nil {
		return err
	}
	if err := e.Reserve(seq, n); err != nil {
		return err
	}
	for done := 0; done < n; {
		count := min(n-done, e.Geometry().MaxStep)
		out := make([]engine.Output, 1)
		if err := e.Step([]engine.Item{{Seq: seq, Tokens: tokens(count)}}, out); err != nil {
			return err
		}
		done += count
	}
	return nil
}

// tokens are as good as any.
func tokens(n int) []engine.Token {
	ts := make([]engine.Token, n)
	for i := range ts {
		ts[i] = engine.Token(1000 + i%5000)
	}
	return ts
}
