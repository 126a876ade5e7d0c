package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk"
)

type benchReplayCmd struct {
	Traces      string        `help:"Folder with text/swebench-mini-text.jsonl.gz, recorded runs; where there is none, runs are made from a source tree." placeholder:"DIR" type:"path" env:"INTERLUDE_TRACES"`
	Dir         string        `help:"Source tree that made runs look through." type:"existingdir" default:"."`
	Model       string        `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Threads     int           `help:"Compute threads; 0: one per processor." default:"0"`
	Policies    []string      `help:"Compare with these; interlude is always there, with /full-steps behind it with steps as other systems fill them, with /host with a host tier." default:"program-fcfs,request-fcfs,always-pin,thunder,continuum,interlude/full-steps,interlude/host" placeholder:"NAME"`
	Runs        int           `help:"Agent runs." default:"16"`
	Turns       int           `help:"Most turns of a run." default:"8"`
	Chars       int           `help:"Most characters of what a tool prints." default:"1200"`
	Tokens      int           `help:"Most tokens of an answer." default:"32"`
	Gaps        float64       `help:"Factor for the tools' times." default:"0.5"`
	KVBytes     byteSize      `help:"Memory for the cache; small, so that not all runs fit." default:"96MiB" name:"kv-bytes"`
	Stagger     time.Duration `help:"Between the beginnings of two runs." default:"100ms"`
	Repetitions int           `help:"How often all is done, arms taking turns to be first." default:"3"`
	Quick       bool          `help:"Fewer and shorter runs, fewer policies, once: within 50 s on two quiet cores."`
	JSON        bool          `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*benchReplayCmd) Help() string {
	return "Replays agent runs with real text on the real engine, over NATS, under memory pressure: the same runs under one scheduling policy after the other. Policies of other systems run as published, with steps filled with prompt."
}

// replayReport is what the runs took.
type replayReport struct {
	Model       string  `json:"model"`
	Threads     int     `json:"threads"`
	Processor   string  `json:"processor"`
	KVBytes     int64   `json:"kv_bytes"`
	KVTokens    int64   `json:"kv_tokens"`
	Source      string  `json:"source"`
	Runs        int     `json:"runs"`
	Turns       int     `json:"turns"`
	Gaps        float64 `json:"gaps"`
	Repetitions int     `json:"repetitions"`

	LRU       float64 `json:"lru_over_ours_mean_jct,omitempty"`          // program FCFS with LRU
	Request   float64 `json:"request_fcfs_over_ours_mean_jct,omitempty"` // request FCFS with LRU
	Identical bool    `json:"texts_identical"`

	Arms []replayArm `json:"arms"`

	answers [][]string // of ours, the first time
}

// replayArm is a policy's part: medians over the repetitions, in seconds.
type replayArm struct {
	Name      string     `json:"name"`
	OverOurs  float64    `json:"over_ours_mean_jct"` // the median of the repetitions' ratios
	Spread    [2]float64 `json:"over_ours_spread"`   // the least and the largest
	MeanJCT   float64    `json:"jct_mean"`
	P95JCT    float64    `json:"jct_p95"`
	MaxJCT    float64    `json:"jct_max"`
	P50TTFT   float64    `json:"ttft_p50"`
	P99TTFT   float64    `json:"ttft_p99"`
	MaxTTFT   float64    `json:"ttft_max"`
	Prefilled int        `json:"prefilled_tokens"`
	Reused    int        `json:"reused_tokens"`
	Generated int        `json:"generated_tokens"`
	Restored  int64      `json:"restored_cells"`
	Suspended int64      `json:"suspended"`
	Differ    int        `json:"answers_other_than_ours"`

	means []float64
}

// Run replays everything and prints what it took.
func (c *benchReplayCmd) Run(ctx context.Context) error {
	if c.Quick {
		c.Runs, c.Turns, c.Repetitions = min(c.Runs, 8), min(c.Turns, 6), 1
		c.Chars, c.Tokens = min(c.Chars, 700), min(c.Tokens, 16)
		c.KVBytes = min(c.KVBytes, 36<<20)
		c.Policies = []string{"program-fcfs", "request-fcfs"}
	}
	arms, err := c.arms()
	if err != nil {
		return err
	}
	runs, source, err := c.runs()
	if err != nil {
		return err
	}
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	r := &replayReport{
		Model: o.model.Name, Threads: c.Threads, Processor: runtime.GOARCH, KVBytes: int64(c.KVBytes),
		Source: source, Runs: len(runs), Gaps: c.Gaps, Repetitions: c.Repetitions, Identical: true,
		Arms: make([]replayArm, len(arms)),
	}
	if r.Threads == 0 {
		r.Threads = runtime.NumCPU()
	}
	for i := range runs {
		r.Turns += len(runs[i].Turns)
	}
	for repetition := range c.Repetitions {
		for k := range arms {
			i := (k + repetition) % len(arms)
			fmt.Fprintf(os.Stderr, "repetition %d of %d: %s\n", repetition+1, c.Repetitions, arms[i].name)
			if err := c.play(ctx, o, arms[i], runs, r, &r.Arms[i]); err != nil {
				return fmt.Errorf("%s: %w", arms[i].name, err)
			}
		}
	}
	r.sum()
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.print(os.Stdout)
}

// arm is how a node is set up.
type arm struct {
	name   string
	policy string
	full   bool
	host   int64
}

// arms are ours and those that it is compared with.
func (c *benchReplayCmd) arms() ([]arm, error) {
	if c.Runs < 1 || c.Turns < 1 || c.Chars < 1 || c.Tokens < 1 || c.Repetitions < 1 || !(c.Gaps >= 0) || math.IsInf(c.Gaps, 1) || c.Stagger < 0 {
		return nil, errors.New("--runs, --turns, --chars, --tokens and --repetitions are at least 1, --gaps and --stagger at least 0")
	}
	arms := []arm{{name: sched.Default, policy: sched.Default}}
	for _, name := range c.Policies {
		a := arm{name: name, policy: name, full: true}
		switch name {
		case sched.Default:
			continue
		case sched.Default + "/full-steps":
			a.policy = sched.Default
		case sched.Default + "/host":
			a.policy, a.full, a.host = sched.Default, false, 1<<30
		default:
			if _, err := sched.ByName(name); err != nil {
				return nil, err
			}
		}
		arms = append(arms, a)
	}
	return arms, nil
}

// runs are recorded ones where there are some.
func (c *benchReplayCmd) runs() (runs []replay.Run, source string, err error) {
	limits := replay.Limits{Turns: c.Turns, Chars: c.Chars, Tokens: c.Tokens, Gaps: c.Gaps}
	dir := c.Traces
	if dir == "" {
		dir = filepath.Join("..", "shared", "traces")
	}
	path := filepath.Join(dir, "text", "swebench-mini-text.jsonl.gz")
	runs, err = replay.Recorded(path, c.Runs, limits)
	switch {
	case err == nil:
		return runs, "recorded: " + filepath.Base(path), nil
	case c.Traces != "" || !errors.Is(err, fs.ErrNotExist):
		return nil, "", fmt.Errorf("read recorded runs: %w", err)
	}
	runs, err = replay.Made(c.Dir, c.Runs, limits)
	return runs, "made from a source tree", err
}

// play has the runs done on a node of the arm's.
func (c *benchReplayCmd) play(ctx context.Context, o *obtained, a arm, runs []replay.Run, r *replayReport, into *replayArm) error {
	store, err := os.MkdirTemp("", "interlude-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	h, err := openHostWith(ctx, o, hostConfig{
		engineFlags: engineFlags{Weights: "auto", KVType: "auto", KVBytes: c.KVBytes, MaxStep: 128, Threads: c.Threads, Deterministic: true},
		natsFlags:   natsFlags{Listen: anyLoopback, Store: store},
		nodeFlags:   nodeFlags{MaxQueue: 1024, MaxTokens: 256, MaxAge: time.Hour, AckWait: 4 * time.Second},
		log:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, func(cfg *node.Config) {
		cfg.Policy, cfg.FixedSteps, cfg.HostBytes = a.policy, a.full, a.host
	})
	if err != nil {
		return err
	}
	defer h.close()
	g := h.engine.Geometry()
	r.KVTokens = g.PoolBytes / g.CellBytes
	client, err := sdk.Connect(h.url)
	if err != nil {
		return err
	}
	defer client.Close()
	var out *replay.Outcome
	err = during(ctx, h.run, func(ctx context.Context) error {
		if err := warmUp(ctx, client); err != nil {
			return err
		}
		before := h.node.Stats()
		var err error
		if out, err = replay.Drive(ctx, client, runs, c.Stagger); err != nil {
			return err
		}
		s := h.node.Stats()
		into.Restored, into.Suspended = s.Restored-before.Restored, s.Suspended-before.Suspended
		return nil
	})
	if err != nil {
		return err
	}
	into.take(a.name, out)
	if r.answers == nil {
		r.answers = out.Answers
	}
	into.Differ += others(r.answers, out.Answers)
	r.Identical = r.Identical && into.Differ == 0
	return nil
}

// take takes in a repetition.
func (a *replayArm) take(name string, out *replay.Outcome) {
	a.Name = name
	jct, ttft := seconds(out.JCT), seconds(out.TTFT)
	mean := 0.0
	for _, s := range jct {
		mean += s / float64(len(jct))
	}
	a.means = append(a.means, mean)
	if mean > median(a.means) && len(a.means) > 1 {
		return // what is shown is the repetition with the median of the means, or one below
	}
	a.MeanJCT, a.P95JCT, a.MaxJCT = mean, quantile(jct, 0.95), quantile(jct, 1)
	a.P50TTFT, a.P99TTFT, a.MaxTTFT = quantile(ttft, 0.5), quantile(ttft, 0.99), quantile(ttft, 1)
	a.Prefilled, a.Reused, a.Generated = out.Prefilled, out.Reused, out.Generated
}

func seconds(ds []time.Duration) (s []float64) {
	for _, d := range ds {
		s = append(s, d.Seconds())
	}
	slices.Sort(s)
	return s
}

// quantile is by nearest rank, of sorted values.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// others counts the answers that are not the same in both.
func others(a, b [][]string) (n int) {
	for i := range a {
		for k := range a[i] {
			if a[i][k] != b[i][k] {
				fmt.Fprintf(os.Stderr, "DEBUG run %d turn %d: %q / %q\n", i, k, a[i][k], b[i][k])
				n++
			}
		}
	}
	return n
}

// sum compares the arms with ours, repetition by repetition.
func (r *replayReport) sum() {
	ours := r.Arms[0].means
	for i := range r.Arms {
		a := &r.Arms[i]
		var ratios []float64
		for k := range a.means {
			ratios = append(ratios, a.means[k]/ours[k])
		}
		slices.Sort(ratios)
		a.OverOurs = median(ratios)
		a.Spread = [2]float64{ratios[0], ratios[len(ratios)-1]}
		switch a.Name {
		case "program-fcfs":
			r.LRU = a.OverOurs
		case "request-fcfs":
			r.Request = a.OverOurs
		}
	}
}

func (r *replayReport) print(out io.Writer) error {
	fmt.Fprintf(out, "%d agent runs, %d turns (%s) on %s, %d threads, a cache of %d tokens; %d repetitions\n\n",
		r.Runs, r.Turns, r.Source, r.Model, r.Threads, r.KVTokens, r.Repetitions)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "policy\tJCT mean s\tover ours\tspread\tp95\tmax\tTTFT p50\tp99\tmax\tprefilled\treused\trestored\tsuspended\t")
	for _, a := range r.Arms {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f–%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%d\t%d\t\n",
			a.Name, a.MeanJCT, a.OverOurs, a.Spread[0], a.Spread[1], a.P95JCT, a.MaxJCT,
			a.P50TTFT, a.P99TTFT, a.MaxTTFT, a.Prefilled, a.Reused, a.Restored, a.Suspended)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	texts := "the same"
	if !r.Identical {
		texts = "NOT the same"
	}
	_, err := fmt.Fprintf(out, "\nanswers of all policies are %s\n", texts)
	return err
}
