package main

import (
	"context"
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

// replayFlags say what is replayed, and on what.
type replayFlags struct {
	Setting   string        `help:"What the defaults below are of. short: 24 agents, 12 turns, outputs of 120 characters, answers of 4 tokens, a cache of 32MiB; long: 12, 10, 1000, 64 and 128MiB, with contexts of 2,000 to 4,000 tokens." enum:"short,long" default:"short"`
	Runs      string        `help:"File with the runs, .jsonl or .jsonl.gz: recorded conversations, traces of numbers alone, or sessions of agentic-bench. Default: recordings in --traces." placeholder:"FILE" type:"path"`
	Traces    string        `help:"Folder with text/swebench-mini-text.jsonl.gz, recorded runs; where there is none, runs are made from a source tree." placeholder:"DIR" type:"path" env:"INTERLUDE_TRACES"`
	Dir       string        `help:"Source tree whose text fills runs that come without." type:"existingdir" default:"."`
	Model     string        `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Threads   int           `help:"Compute threads; 0: one per processor." default:"0"`
	Agents    int           `help:"Agents, each with a run of its own. 0: the setting's." default:"0"`
	Turns     int           `help:"Most turns of a run. 0: the setting's." default:"0"`
	Chars     int           `help:"Most characters of what a tool prints. 0: the setting's." default:"0"`
	Tokens    int           `help:"Most tokens of an answer. 0: the setting's." default:"0"`
	Gaps      float64       `help:"Factor for the tools' times." default:"0.03"`
	KVBytes   byteSize      `help:"Memory for the cache; small, so that not all runs fit. 0: the setting's." default:"0" name:"kv-bytes"`
	HostBytes byteSize      `help:"Memory of the host tier, and of llama-server's cache in host memory." default:"1GiB" name:"host-kv-bytes"`
	Stagger   time.Duration `help:"Between the beginnings of two runs." default:"100ms"`

	Repetitions int  `help:"How often all is done, arms taking turns to be first." default:"3"`
	Quick       bool `help:"Fewer and shorter runs, fewer policies, once: bench replay takes 50 s on two quiet cores then."`
}

// replaySetting is what the flags are by default.
type replaySetting struct {
	agents, turns, chars, tokens int
	kvBytes                      byteSize
}

var replaySettings = map[string]replaySetting{
	"short": {24, 12, 120, 4, 32 << 20},
	"long":  {12, 10, 1000, 64, 128 << 20},
}

// settle fills in what is not set, and refuses what cannot be.
func (c *replayFlags) settle() error {
	if c.Agents < 0 || c.Turns < 0 || c.Chars < 0 || c.Tokens < 0 || c.Repetitions < 1 || c.Threads < 0 || !(c.Gaps >= 0) || math.IsInf(c.Gaps, 1) || c.Stagger < 0 {
		return errors.New("--repetitions is at least 1, and --agents, --turns, --chars, --tokens, --threads, --gaps and --stagger at least 0")
	}
	s := replaySettings[c.Setting]
	for _, f := range []struct {
		flag    *int
		setting int
	}{{&c.Agents, s.agents}, {&c.Turns, s.turns}, {&c.Chars, s.chars}, {&c.Tokens, s.tokens}, {&c.Threads, runtime.NumCPU()}} {
		if *f.flag == 0 {
			*f.flag = f.setting
		}
	}
	if c.KVBytes == 0 {
		c.KVBytes = s.kvBytes
	}
	if c.Quick {
		c.Agents, c.Turns, c.Repetitions = min(c.Agents, 9), min(c.Turns, 6), 1
		c.Chars, c.Tokens, c.KVBytes = min(c.Chars, 100), min(c.Tokens, 2), min(c.KVBytes, 12<<20)
	}
	return nil
}

// runs are those of the file that is named, or recorded ones where there are some.
func (c *replayFlags) runs() (runs []replay.Run, source string, err error) {
	limits := replay.Limits{Turns: c.Turns, Chars: c.Chars, Tokens: c.Tokens, Gaps: c.Gaps}
	if c.Runs != "" {
		runs, err = replay.Recorded(c.Runs, c.Agents, limits, c.Dir)
		if err != nil {
			return nil, "", fmt.Errorf("read runs: %w", err)
		}
		return runs, "from " + filepath.Base(c.Runs), nil
	}
	dir := c.Traces
	if dir == "" {
		dir = filepath.Join("..", "shared", "traces")
	}
	path := filepath.Join(dir, "text", "swebench-mini-text.jsonl.gz")
	runs, err = replay.Recorded(path, c.Agents, limits, c.Dir)
	switch {
	case err == nil:
		return runs, "recorded: " + filepath.Base(path), nil
	case c.Traces != "" || !errors.Is(err, fs.ErrNotExist):
		return nil, "", fmt.Errorf("read recorded runs: %w", err)
	}
	runs, err = replay.Made(c.Dir, c.Agents, limits)
	return runs, "made from a source tree", err
}

// report is what is measured, as yet without a measurement.
func (c *replayFlags) report(o *obtained, runs []replay.Run, source string, arms []arm) *replay.Report {
	r := &replay.Report{
		Model: o.model.Name, Threads: c.Threads, Machine: fmt.Sprintf("%s/%s with %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		KVBytes: int64(c.KVBytes), Source: source, Runs: len(runs), Gaps: c.Gaps, Repetitions: c.Repetitions,
		Chars: c.Chars, Tokens: c.Tokens, Arms: make([]replay.Arm, len(arms)),
	}
	for i := range runs {
		r.Turns += len(runs[i].Turns)
	}
	for i := range arms {
		r.Arms[i].Name = arms[i].name
	}
	return r
}

// arm is how a server is set up.
type arm struct {
	name   string
	policy string
	full   bool
	host   int64
	llama  bool // a llama-server
}

// armsOf are ours, and those of the policies that are named.
func (c *replayFlags) armsOf(policies []string) ([]arm, error) {
	arms := []arm{{name: sched.Default, policy: sched.Default}}
	for _, name := range policies {
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
	return arms, nil
}

// replayKVType is the type of our cached keys, the one that serve has unless it is told
// otherwise; values are f16.
const replayKVType = "q8_0"

// replayStep is the most tokens of a step.
const replayStep = 128

// engine is what runs are replayed on.
func (c *replayFlags) engine() engineFlags {
	return engineFlags{Weights: "auto", KVType: replayKVType, KVBytes: c.KVBytes, MaxStep: replayStep, Threads: c.Threads, Deterministic: true}
}

// onNode opens a node of the arm's, lets adjust change its configuration, and has use talk
// to it once it is warm. When it returns the node is closed.
func (c *replayFlags) onNode(ctx context.Context, o *obtained, a arm, adjust func(*node.Config), use func(context.Context, *host, *sdk.Client) error) error {
	store, err := os.MkdirTemp("", "interlude-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	h, err := openHostWith(ctx, o, hostConfig{
		engineFlags: c.engine(),
		natsFlags:   natsFlags{Listen: anyLoopback, Store: store},
		nodeFlags:   nodeFlags{MaxQueue: 1024, MaxTokens: 256, MaxAge: time.Hour, AckWait: 4 * time.Second},
		log:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, func(cfg *node.Config) {
		cfg.Policy, cfg.FixedSteps, cfg.HostBytes = a.policy, a.full, a.host
		adjust(cfg)
	})
	if err != nil {
		return err
	}
	defer h.close()
	client, err := sdk.Connect(h.url)
	if err != nil {
		return err
	}
	defer client.Close()
	return during(ctx, h.run, func(ctx context.Context) error {
		if err := warmUp(ctx, client); err != nil {
			return err
		}
		return use(ctx, h, client)
	})
}
