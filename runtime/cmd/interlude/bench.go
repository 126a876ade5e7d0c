package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/interlude-run/interlude/gpu/bench"
)

type benchCmd struct {
	Engine benchEngineCmd `cmd:"" help:"The engine beside libllama, and a node's own share of a turn."`
	Steps  benchStepsCmd  `cmd:"" help:"Steps of the engine beside the simulator's model of them."`
	Gaps   benchGapsCmd   `cmd:"" help:"Predictions of how long tools take, scored out of sample beside simpler ones."`
	Replay benchReplayCmd `cmd:"" help:"Agent runs with real text under memory pressure, policies side by side."`

	Fidelity benchFidelityCmd `cmd:"" help:"The simulator beside the real engine, on the same agent runs, policy by policy."`
}

type benchEngineCmd struct {
	Model   string `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Threads int    `help:"Compute threads; 0: one per processor." default:"0"`
	Quick   bool   `help:"Fewer repetitions: within 50 s on two quiet cores."`
	JSON    bool   `help:"Print one JSON object." name:"json"`
}

// engineReport is all that is measured.
type engineReport struct {
	*bench.Result
	nodeReport
}

// Run measures the engine first, alone in the process, and then a node.
func (c *benchEngineCmd) Run(ctx context.Context) error {
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	r, err := bench.Run(ctx, bench.Options{
		Libraries: o.engine.Dir, Model: o.model.Path, Threads: c.Threads, TuneFile: tuneFile(), Quick: c.Quick,
		Busy:     busyProcess,
		Progress: func(what string, done, of int) { fmt.Fprintf(os.Stderr, "[%d/%d] %s\n", done, of+1, what) },
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "[8/9] turns over NATS")
	report := engineReport{Result: r}
	if report.nodeReport, err = measureNode(ctx, o, c.Quick); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

const busyEnv = "INTERLUDE_BUSY_CHILD"

// busyProcess starts a process that keeps one processor busy, at normal priority.
func busyProcess(ctx context.Context) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), busyEnv+"=1")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}, nil
}

// busyChild is what that process does, until it is killed or its parent is gone.
func busyChild() bool {
	if os.Getenv(busyEnv) == "" {
		return false
	}
	parent := os.Getppid()
	for os.Getppid() == parent {
		for range 1 << 28 {
		}
	}
	return true
}
