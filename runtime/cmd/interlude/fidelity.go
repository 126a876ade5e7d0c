package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/fidelity"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

type benchFidelityCmd struct {
	replayFlags `embed:""`
	Policies    []string `help:"Policies to compare beside interlude; see bench replay." default:"program-fcfs,request-fcfs,thunder,interlude/host" placeholder:"NAME"`
	EngineModel string   `help:"The simulated engine: fitted to steps measured between the replays, or shipped, cpu-135m, as fast in all as those." enum:"fitted,shipped" default:"fitted"`
	Steps       int      `help:"Steps to measure before each replay." default:"40"`
	Seeds       int      `help:"Simulations of each replay, of which the medians count: they differ in the jitter of steps." default:"20"`
	JSON        bool     `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*benchFidelityCmd) Help() string {
	return `Replays agent runs on the real engine as bench replay does, and simulates the same programs: the same tokens, arrivals, tool times, cache, limits and policies, on a model of the engine. Errors are of the simulated times, in parts of the real ones.

Nothing is fitted to a replay. The model's rates come from steps that are measured before each replay and behind the last. A machine that others use too is not always as fast: each replay is simulated on an engine as fast as in the steps that were measured right before and right behind it, with step times that scatter as those did. What a turn takes on its way to the scheduler and back, and what a step takes beside the engine's own time, is measured on a run that is alone; moves of cells are timed with the steps.

Beside these errors stand those at the run's own speed, where the simulated engine is, in all, as fast as it was during the very replay: what is left then is the scheduling, and everything else but the machine's speed. Ours is replayed twice in each repetition; how far the two are apart is what the machine alone makes of the figures.`
}

// again is ours once more.
const again = sched.Default + "/again"

// Run replays, measures, simulates and compares.
func (c *benchFidelityCmd) Run(ctx context.Context) error {
	if err := c.settle(); err != nil {
		return misused(err)
	}
	if c.Quick {
		c.Policies = []string{"program-fcfs", "request-fcfs"}
	}
	if c.Steps < 20 || c.Seeds < 1 {
		return misused(errors.New("--steps is at least 20, and --seeds at least 1"))
	}
	if slices.Contains(c.Policies, again) {
		return misused(errors.New("ours is always replayed again"))
	}
	arms, err := c.armsOf(c.Policies)
	if err != nil {
		return misused(err)
	}
	arms = append(arms, arm{name: again, policy: sched.Default})
	runs, source, err := c.runs()
	if err != nil {
		return err
	}
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	b := &fidelityBench{c: c, obtained: o, arms: arms, runs: runs, source: source, played: make([][]fidelityRun, len(arms))}
	report, err := b.run(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	return report.Print(os.Stdout)
}

// fidelityBench is a comparison under way.
type fidelityBench struct {
	c        *benchFidelityCmd
	obtained *obtained
	arms     []arm
	runs     []replay.Run
	source   string

	batches [][]cost.Sample // steps measured before each replay, and once behind the last
	moves   []float64       // seconds a byte between engine and host, each time
	shell   sim.Shell       // what is around the core, apart from it
	played  [][]fidelityRun // by arm and repetition
}

// run measures a little before each replay and behind the last, so that what was measured
// is of the machine as it was, and simulates when all is there.
func (b *fidelityBench) run(ctx context.Context) (*fidelity.Report, error) {
	if err := b.alone(ctx); err != nil {
		return nil, err
	}
	for repetition := range b.c.Repetitions {
		for k := range b.arms {
			if err := b.measure(ctx); err != nil {
				return nil, err
			}
			i := (k + repetition) % len(b.arms)
			a := b.arms[i]
			p, err := b.play(ctx, fmt.Sprintf("%d/%d %s", repetition+1, b.c.Repetitions, a.name), a, b.runs)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", a.name, err)
			}
			p.batch = len(b.batches) - 1
			b.played[i] = append(b.played[i], *p)
		}
	}
	if err := b.measure(ctx); err != nil {
		return nil, err
	}
	return b.compare(ctx)
}

// fidelityRun is one replay, as its clients and its core saw it.
type fidelityRun struct {
	outcome   *replay.Outcome
	recording *fidelity.Recording
	core      core.Config
	inEngine  time.Duration // that its steps took, by the engine's own watch
	batch     int           // the steps measured before it; those behind it are the next
}

// play has the runs done by a node of the arm's.
func (b *fidelityBench) play(ctx context.Context, what string, a arm, runs []replay.Run) (*fidelityRun, error) {
	report, end := progress(what, "turns")
	defer end()
	done, turns := 0, 0
	for i := range runs {
		turns += len(runs[i].Turns)
	}
	p, recorder, watch := &fidelityRun{}, fidelity.NewRecorder(), &stopwatch{}
	err := b.c.onNode(ctx, b.obtained, a, func(cfg *node.Config) {
		watch.Engine = cfg.Engine
		cfg.Observe, cfg.Engine = recorder.Observe, watch
	}, func(ctx context.Context, h *host, client *sdk.Client) (err error) {
		p.core = h.node.Core()
		p.outcome, err = replay.Drive(ctx, replay.Nodes{Client: client}, runs, b.c.Stagger, func() { done++; report(done, turns) })
		return err
	})
	p.recording, p.inEngine = recorder.Recording(), watch.steps // the node is gone, and with it who writes to them
	return p, err
}

// stopwatch is an engine that takes the time of its steps. It belongs to whoever calls
// the engine.
type stopwatch struct {
	node.Engine
	steps time.Duration
}

func (w *stopwatch) Step(items []engine.Item, out []engine.Output) error {
	begin := time.Now()
	err := w.Engine.Step(items, out)
	w.steps += time.Since(begin)
	return err
}

// alone replays the first run with nobody beside it, for what is between clients, core and
// engine: ways of turns, and what a step takes beside the engine's own time.
func (b *fidelityBench) alone(ctx context.Context) error {
	p, err := b.play(ctx, "alone", b.arms[0], b.runs[:1])
	if err != nil {
		return fmt.Errorf("a run alone: %w", err)
	}
	in, out := p.recording.Ways(wire.DefaultTenant, b.runs[:1], p.outcome)
	var steps programs.Duration
	for i := range p.recording.Steps {
		steps += p.recording.Steps[i].Took
	}
	b.shell = sim.Shell{
		In: programs.Seconds(medianSeconds(in)), Out: programs.Seconds(medianSeconds(out)),
		Between: max(steps-programs.Duration(p.inEngine), 0) / programs.Duration(max(len(p.recording.Steps), 1)),
		Piece:   node.PieceBytes, Ahead: node.AheadBytes,
	}
	return nil
}

// measure takes a batch of steps, and moves.
func (b *fidelityBench) measure(ctx context.Context) error {
	f := b.c.engine()
	f.KVBytes = 1 << 30 // sequences of all shapes beside each other
	e, err := f.open(b.obtained)
	if err != nil {
		return err
	}
	defer e.Close()
	cells := int(int64(b.c.KVBytes) / e.Geometry().CellBytes)
	// Once, as in a run: the graph of the step is to be built, and what else the machine
	// does is a part of its time.
	samples, err := measureSteps(ctx, e, b.c.Steps, min(max(cells, 1024), 4096, e.Geometry().MaxContext), 1, uint64(len(b.batches)))
	if err != nil {
		return fmt.Errorf("measure steps: %w", err)
	}
	b.batches = append(b.batches, samples)
	rate, err := measureMoves(e)
	if err != nil {
		return fmt.Errorf("measure moves: %w", err)
	}
	b.moves = append(b.moves, rate)
	return nil
}

// compare simulates each arm and sets it beside what was measured.
func (b *fidelityBench) compare(ctx context.Context) (*fidelity.Report, error) {
	samples := slices.Concat(b.batches...)
	first := &b.played[0][0]
	e, err := b.engineModel(samples, &first.core)
	if err != nil {
		return nil, err
	}
	jitter := fidelity.Jitter(e, b.batches)
	ps, arrivals, err := first.recording.Programs(wire.DefaultTenant, b.runs, b.c.Stagger)
	if err != nil {
		return nil, err
	}
	r := &fidelity.Report{
		Setup: *b.c.report(b.obtained, b.runs, b.source, nil), EngineModel: b.c.EngineModel,
		Steps: fidelity.ErrorsByKind(e, samples), HostBytes: e.HostBytes,
		In: b.shell.In.Seconds(), Out: b.shell.Out.Seconds(), Between: b.shell.Between.Seconds(), Seeds: b.c.Seeds,
	}
	r.Setup.KVTokens = int64(first.core.Geometry.PoolCells())
	for i, a := range b.arms {
		p := fidelity.Policy{Name: a.name}
		var steps []cost.Sample
		for k := range b.played[i] {
			one := &b.played[i][k]
			r.Setup.Longest = max(r.Setup.Longest, one.outcome.Longest)
			steps = append(steps, one.recording.Steps...)
			p.Real = append(p.Real, fidelity.Measured(one.outcome, one.recording))
			around := fidelity.Slowness(e, slices.Concat(b.batches[one.batch:one.batch+2]...))
			own := fidelity.Slowness(e, one.recording.Steps)
			p.Around, p.Own = append(p.Around, around), append(p.Own, own)
			for _, s := range []struct {
				slowness float64
				to       *[]fidelity.Times
			}{{around, &p.Simulated}, {own, &p.AtOwnSpeed}} {
				t, err := b.simulate(ctx, a, &one.core, fidelity.Slower(e, s.slowness), jitter, ps, arrivals)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", a.name, err)
				}
				*s.to = append(*s.to, t)
			}
		}
		p.Steps = fidelity.ErrorsByKind(e, steps)
		r.Policies = append(r.Policies, p)
	}
	r.Sum(again)
	return r, nil
}

// simulate gives the medians over the seeds of jitter.
func (b *fidelityBench) simulate(ctx context.Context, a arm, of *core.Config, e *cost.Engine, jitter []float64, ps []workload.Program, arrivals []programs.Time) (fidelity.Times, error) {
	policy, err := sched.ByName(a.policy)
	if err != nil {
		return fidelity.Times{}, err
	}
	shell := b.shell
	shell.Core, shell.Jitter = of, jitter
	var all []fidelity.Times
	for seed := range b.c.Seeds {
		shell.Seed = uint64(seed)
		result, err := sim.Run(ctx, sim.Config{
			Engine: e, Pool: of.Geometry.PoolCells(), Policy: policy.New, FixedSteps: a.full,
			Programs: ps, Arrivals: arrivals, Shell: shell,
		})
		if err != nil {
			return fidelity.Times{}, err
		}
		all = append(all, fidelity.Simulated(result, ps, len(b.runs)))
	}
	return fidelity.Medians(all), nil
}

// engineModel is the simulated engine, on a machine as fast as it was on average.
func (b *fidelityBench) engineModel(samples []cost.Sample, of *core.Config) (*cost.Engine, error) {
	shipped, err := cost.ByName("cpu-135m")
	if err != nil {
		return nil, err
	}
	e := *shipped
	e.KVBytes, e.StepTokens, e.HostBytes = of.Geometry.CellBytes, of.StepTokens, 1/median(slices.Clone(b.moves))
	if b.c.EngineModel == "shipped" {
		return fidelity.Slower(&e, fidelity.Slowness(&e, samples)), nil
	}
	fitted, _, err := cost.Fit(e, samples)
	return fitted, err
}
