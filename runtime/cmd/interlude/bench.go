package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/interlude-run/interlude/gpu/bench"
	"github.com/interlude-run/interlude/runtime/pull"
)

type benchCmd struct {
	Engine benchEngineCmd `cmd:"" help:"The engine beside libllama, and a node's own share of a turn."`
	Steps  benchStepsCmd  `cmd:"" help:"Steps of the engine beside the simulator's model of them."`
	Gaps   benchGapsCmd   `cmd:"" help:"Predictions of how long tools take, scored out of sample beside simpler ones."`
	Replay benchReplayCmd `cmd:"" help:"Agent runs with real text under memory pressure, policies side by side."`

	Anchors benchAnchorsCmd `cmd:"" help:"What reuse of moved context gains, and what it costs in quality."`
	Gateway benchGatewayCmd `cmd:"" help:"What the HTTP gateway costs: time, reuse and many streams at once."`

	Constrained benchConstrainedCmd `cmd:"" help:"Speed of decoding under a grammar, over free decoding."`
	Fidelity    benchFidelityCmd    `cmd:"" help:"The simulator beside the real engine, on the same agent runs, policy by policy."`
}

type benchEngineCmd struct {
	Model   string   `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Quant   []string `help:"Quantisations to measure: q4_1, q4_k_m, q4_0, q8_0; those that the model is not in are made of it once. Default: all." placeholder:"NAME,..."`
	Threads int      `help:"Compute threads; 0: one per processor." default:"0"`
	Quick   bool     `help:"Fewer repetitions: within 4 minutes on two quiet cores, instead of 8."`
	JSON    bool     `help:"Print one JSON object." name:"json"`

	LlamaServer string `help:"Compare a node with this llama-server too, each in a process of its own: as they ship, but for the number of threads." placeholder:"PATH" name:"llama-server" type:"existingfile"`
}

// engineReport is all that is measured.
type engineReport struct {
	*bench.Result
	nodeReport
	Whole map[string]*wholeFigures // by quantisation; nil without --llama-server
}

// MarshalJSON implements json.Marshaler.
func (r *engineReport) MarshalJSON() ([]byte, error) {
	if r.Whole == nil {
		return bench.Merge(r.Result, r.nodeReport)
	}
	return bench.Merge(r.Result, r.nodeReport, map[string]any{"whole_process": r.Whole})
}

// Run measures the engine first, alone in the process, and then a node.
func (c *benchEngineCmd) Run(ctx context.Context) error {
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	cache, err := pull.DefaultDir()
	if err != nil {
		return err
	}
	r, err := bench.Run(ctx, bench.Options{
		Libraries: o.engine.Dir, Model: o.model.Path, Quantisations: c.Quant, Cache: cache,
		Threads: c.Threads, TuneFile: tuneFile(), Quick: c.Quick,
		Busy:     busyProcess,
		Progress: func(what string, done, of int) { fmt.Fprintf(os.Stderr, "[%d/%d] %s\n", done, of, what) },
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "turns over NATS")
	report := &engineReport{Result: r}
	if report.nodeReport, err = measureNode(ctx, o, c.Quick); err != nil {
		return err
	}
	if c.LlamaServer != "" {
		w := &wholeProcess{llamaServer: c.LlamaServer, threads: r.Threads, repetitions: 6, interlude: itself}
		if c.Quick {
			w.repetitions = 2
		}
		report.Whole = map[string]*wholeFigures{}
		for _, f := range r.Quantisations {
			fmt.Fprintf(os.Stderr, "%s: a node beside llama-server\n", f.Name)
			if report.Whole[f.Name], err = w.measure(ctx, f.Path); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	return report.print(os.Stdout)
}

// print shows the report to a person.
func (r *engineReport) print(out io.Writer) error {
	if err := r.Result.Print(out); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "a node's warm turns (%d): first token after %.1f ms, %.1f ms more than its steps; scheduled %.0f µs after it is published; medians\n",
		r.WarmTurns, r.WarmTTFT, r.WarmOverhead, r.ToScheduled); err != nil || r.Whole == nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nwhole processes,\tllama-server\tours\tratio\tllama-server\tours\tratio\t")
	fmt.Fprintln(w, "tokens/s\tprefill\tprefill\t\tdecode\tdecode\t\t")
	for _, q := range r.Quantisations {
		f := r.Whole[q.Name]
		fmt.Fprintf(w, "%s\t", strings.ToUpper(q.Name))
		for _, row := range []string{"prefill", "decode"} {
			fmt.Fprintf(w, "%.1f\t%.1f\t%.2f\t", f.TokensPerSecond[row+"_llama_server"].Median, f.TokensPerSecond[row+"_ours"].Median, f.RatioSpread[row].Median)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
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
