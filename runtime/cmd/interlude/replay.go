package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
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
	Policies    []string      `help:"Compare with these; interlude is always there, with /full-steps behind it with steps as other systems fill them, with /host with a host tier." default:"program-fcfs,request-fcfs,interlude/host" placeholder:"NAME"`
	LlamaServer string        `help:"Compare with this llama-server too, without its cache in host memory and with it." placeholder:"PATH" name:"llama-server" type:"existingfile"`
	Runs        int           `help:"Agent runs." default:"24"`
	Turns       int           `help:"Most turns of a run." default:"12"`
	Chars       int           `help:"Most characters of what a tool prints." default:"120"`
	Tokens      int           `help:"Most tokens of an answer." default:"4"`
	Gaps        float64       `help:"Factor for the tools' times." default:"0.03"`
	KVBytes     byteSize      `help:"Memory for the cache; small, so that not all runs fit." default:"32MiB" name:"kv-bytes"`
	HostBytes   byteSize      `help:"Memory of the host tier, and of llama-server's cache in host memory." default:"1GiB" name:"host-kv-bytes"`
	Stagger     time.Duration `help:"Between the beginnings of two runs." default:"100ms"`
	Repetitions int           `help:"How often all is done, arms taking turns to be first." default:"3"`
	Quick       bool          `help:"Fewer and shorter runs, fewer policies, once: within 50 s on two quiet cores."`
	JSON        bool          `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*benchReplayCmd) Help() string {
	return "Replays agent runs with real text on the real engine, over NATS, under memory pressure: the same runs under one scheduling policy after the other. Policies of other systems run as published, with steps filled with prompt. The engine is set to give the same bits whatever runs beside a turn, and the answers are compared."
}

// Run replays everything and prints what it took.
func (c *benchReplayCmd) Run(ctx context.Context) error {
	if c.Quick {
		c.Runs, c.Turns, c.Repetitions = min(c.Runs, 9), min(c.Turns, 6), 1
		c.Chars, c.Tokens, c.KVBytes = min(c.Chars, 100), min(c.Tokens, 2), min(c.KVBytes, 12<<20)
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
	if c.Threads == 0 {
		c.Threads = runtime.NumCPU()
	}
	r := &replay.Report{
		Model: o.model.Name, Threads: c.Threads, Machine: fmt.Sprintf("%s/%s with %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		KVBytes: int64(c.KVBytes), Source: source, Runs: len(runs), Gaps: c.Gaps, Repetitions: c.Repetitions,
		Arms: make([]replay.Arm, len(arms)),
	}
	for i := range runs {
		r.Turns += len(runs[i].Turns)
	}
	for i := range arms {
		r.Arms[i].Name = arms[i].name
	}
	for repetition := range c.Repetitions {
		for k := range arms {
			i := (k + repetition) % len(arms)
			what := fmt.Sprintf("%d/%d %s", repetition+1, c.Repetitions, arms[i].name)
			if err := c.play(ctx, what, o, i, arms[i], runs, r); err != nil {
				return fmt.Errorf("%s: %w", arms[i].name, err)
			}
		}
	}
	r.Sum()
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.Print(os.Stdout)
}

// arm is how a server is set up.
type arm struct {
	name   string
	policy string
	full   bool
	host   int64
	llama  bool // a llama-server
}

// arms are ours and those that it is compared with.
func (c *benchReplayCmd) arms() ([]arm, error) {
	if c.Runs < 1 || c.Turns < 1 || c.Chars < 1 || c.Tokens < 1 || c.Repetitions < 1 || c.Threads < 0 || !(c.Gaps >= 0) || math.IsInf(c.Gaps, 1) || c.Stagger < 0 {
		return nil, errors.New("--runs, --turns, --chars, --tokens and --repetitions are at least 1, --threads, --gaps and --stagger at least 0")
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
			a.policy, a.full, a.host = sched.Default, false, int64(c.HostBytes)
		default:
			if _, err := sched.ByName(name); err != nil {
				return nil, err
			}
		}
		arms = append(arms, a)
	}
	if c.LlamaServer != "" {
		arms = append(arms, arm{name: "llama-server", llama: true}, arm{name: "llama-server/host", llama: true, host: int64(c.HostBytes)})
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

// play has the runs done by a server of the arm's.
func (c *benchReplayCmd) play(ctx context.Context, what string, o *obtained, i int, a arm, runs []replay.Run, r *replay.Report) error {
	report, end := progress(what, "turns")
	defer end()
	done := 0
	drive := func(ctx context.Context, server replay.Server) (*replay.Outcome, error) {
		return replay.Drive(ctx, server, runs, c.Stagger, func() { done++; report(done, r.Turns) })
	}
	if a.llama {
		return c.playLlama(ctx, o, i, a, r, drive)
	}
	return c.playNode(ctx, o, i, a, r, drive)
}

type drive func(context.Context, replay.Server) (*replay.Outcome, error)

func (c *benchReplayCmd) playNode(ctx context.Context, o *obtained, i int, a arm, r *replay.Report, drive drive) error {
	store, err := os.MkdirTemp("", "interlude-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	h, err := openHostWith(ctx, o, hostConfig{
		engineFlags: engineFlags{Weights: "auto", KVType: replayKVType, KVBytes: c.KVBytes, MaxStep: 128, Threads: c.Threads, Deterministic: true},
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
	r.KVTokensF16 = g.PoolBytes / int64(2*2*g.Layers*g.KVHeads*g.HeadDim)
	client, err := sdk.Connect(h.url)
	if err != nil {
		return err
	}
	defer client.Close()
	return during(ctx, h.run, func(ctx context.Context) error {
		if err := warmUp(ctx, client); err != nil {
			return err
		}
		before := h.node.Stats()
		out, err := drive(ctx, replay.Nodes{Client: client})
		if err != nil {
			return err
		}
		s := h.node.Stats()
		r.Add(i, out, replay.Counts{Restored: s.Restored - before.Restored, Suspended: s.Suspended - before.Suspended}, false)
		return nil
	})
}

// replayKVType is the type of our cached keys, the one that serve has unless it is told
// otherwise; values are f16.
const replayKVType = "q8_0"

// playLlama has a llama-server do the runs in as many bytes of cache, of the types that it
// has unless it is told otherwise, f16, with which it is also fastest here. It divides
// them evenly between slots: as many as have room for the longest context.
func (c *benchReplayCmd) playLlama(ctx context.Context, o *obtained, i int, a arm, r *replay.Report, drive drive) error {
	const margin = 64 // a template of its own may be a little longer
	cells := int(r.KVTokensF16)
	s, err := replay.StartLlamaServer(ctx, replay.LlamaOptions{
		Path: c.LlamaServer, Model: o.model.Path, Threads: c.Threads, Cells: cells,
		Slots: max(cells/(r.Longest+margin), 1), HostMiB: int(a.host >> 20),
	})
	if err != nil {
		return err
	}
	defer s.Close()
	out, err := drive(ctx, s)
	if err != nil {
		return err
	}
	r.Add(i, out, replay.Counts{}, true)
	return nil
}
