package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/fidelity"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/runtime/sim/cost"
)

type benchStepsCmd struct {
	Model   string `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Threads int    `help:"Compute threads; 0: one per processor." default:"0"`
	Steps   int    `help:"Steps to measure; half of them are fitted to, half show how far off the fit is." default:"160"`
	Quick   bool   `help:"Fewer steps and shorter contexts: within 50 s on two quiet cores."`
	JSON    bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*benchStepsCmd) Help() string {
	return `Measures steps of many shapes on the real engine, fits the simulator's model of an engine to every second one and compares it with the others: the mean and the worst error in parts of the measured time, for all steps and for each kind. The same for cpu-135m, the shipped one, as it is, and with its times divided by how much faster this machine is.

Each step is run twice and the shorter time counts, so that what else the machine does, and the building of the step's graph, is left out; bench fidelity runs each once. The rates of cpu-135m are the mean of two runs of this command, and the README's errors are those that it prints, both without --quick.`
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

	Errors []fidelity.StepErrors `json:"step_errors"` // by kind of step
}

// Run measures steps of many shapes and fits the cost model to them.
func (c *benchStepsCmd) Run(ctx context.Context) error {
	if c.Steps < 40 {
		return misused(fmt.Errorf("--steps %d: it takes 40 at least to tell a fit from chance", c.Steps))
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
	samples, err := measureSteps(ctx, e, c.Steps, min(longest, e.Geometry().MaxContext), 2, 0)
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
	return out.print(os.Stdout)
}

// print writes tables.
func (c *calibration) print(out io.Writer) error {
	fmt.Fprintf(out, "%d steps of %s, %d threads, %s; errors on the half that was not fitted to, in parts of the measured time\n\n", c.Steps, c.Model, c.Threads, c.Processor)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tkind\tsteps\tseconds\tin all\tmedian\tmean |error|\tworst\t")
	figures := []struct {
		name string
		of   *fitFigure
	}{{"fitted", &c.Fitted}, {"cpu-135m", &c.Shipped}, {"cpu-135m, scaled", &c.Scaled}}
	for _, f := range figures {
		fidelity.PrintErrors(w, f.name, f.of.Errors)
	}
	fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\ntokens/s\tprefilled\tdecoded\tby eight\t")
	for _, f := range figures {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t\n", f.name, f.of.Prefill, f.of.Decode1, f.of.Decode8)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\ncpu-135m takes %.2f times as long as this machine; rates of the fit: %+v\n", c.Speed, c.Rates)
	return err
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
	return &calibration{
		Steps: len(samples), Fitted: figureOf(fitted, held), Shipped: figureOf(shipped, held),
		Speed: speed, Scaled: figureOf(fidelity.Slower(shipped, 1/speed), held),
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
		Errors: fidelity.ErrorsByKind(e, held),
	}
}

// decoding is how many sequences a measured step may have.
const decoding = 8

// measureSteps runs steps of shapes that differ in items, tokens and contexts
// independently: up to eight sequences, each behind any context up to the longest, of
// which any number decode and at most one has a chunk of prompt. Of a shape's tries the
// shortest counts, as what else the machine does only adds to it.
func measureSteps(ctx context.Context, e *gpu.Engine, steps, longest, tries int, seed uint64) ([]cost.Sample, error) {
	const whole = engine.Seq(1)
	if err := prefill(e, whole, longest-128); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 2+seed))
	samples := make([]cost.Sample, 0, steps)
	for i := range steps {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		shape := shapeOf(random, longest-256)
		s := cost.Sample{Items: shape, Took: math.MaxInt64}
		for range tries {
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

// measureMoves gives the seconds a byte that cells take between the engine and the host,
// the mean of both ways.
func measureMoves(e *gpu.Engine) (float64, error) {
	const from, to = engine.Seq(1), engine.Seq(2)
	cells := min(int(node.PieceBytes/e.Geometry().CellBytes), 128)
	var all []float64
	for range 9 {
		begin := time.Now()
		saved, err := e.Save(from, 0, cells)
		if err != nil {
			return 0, err
		}
		if err := e.New(to); err != nil {
			return 0, err
		}
		if err := e.Reserve(to, cells); err != nil {
			return 0, err
		}
		if err := e.Load(to, saved); err != nil {
			return 0, err
		}
		all = append(all, time.Since(begin).Seconds()/2/float64(int64(cells)*e.Geometry().CellBytes))
		if err := e.Release(to); err != nil {
			return 0, err
		}
	}
	return median(all), nil
}
