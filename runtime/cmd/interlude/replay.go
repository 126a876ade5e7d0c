package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk"
)

type benchReplayCmd struct {
	replayFlags `embed:""`
	Policies    []string      `help:"Compare with these; interlude is always there, with /full-steps behind it with steps as other systems fill them, with /host with a host tier." default:"program-fcfs,request-fcfs,interlude/full-steps,interlude/host" placeholder:"NAME"`
	LlamaServer string        `help:"Compare with this llama-server too, without its cache in host memory and with it." placeholder:"PATH" name:"llama-server" type:"existingfile"`
	SLOTTFT     time.Duration `help:"Search for the most agents of which --slo-share have the first token of each turn within this time. 0: any." name:"slo-ttft" default:"0"`
	SLOJCT      time.Duration `help:"And are done within this time. 0: any." name:"slo-jct" default:"0"`
	SLOShare    float64       `help:"The share of the agents that must." name:"slo-share" default:"0.9"`
	JSON        bool          `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*benchReplayCmd) Help() string {
	return `Replays agent runs with real text on the real engine, over NATS, under memory pressure: the same runs under one scheduling policy after the other. Policies of other systems run as published, with steps filled with prompt. The engine is set to give the same bits whatever runs beside a turn, and the answers are compared.

Runs are cut to what a small model takes: by default (--setting short) an answer has at most 4 tokens and what a tool prints 120 characters, so that prompts are nearly all of the work. --setting long has answers of 64 tokens and contexts of 2,000 to 4,000.

--runs takes a file, plain or compressed, with a run a line: recorded conversations with "messages", sessions of agentic-bench (abench-session-jsonl-v1) with "session_id", or traces of token counts, whose text is taken from --dir. Where a trace's context is rewritten, the replay's goes on.

With --slo-ttft or --slo-jct each server is searched, by halving, for the most agents of which --slo-share keep both; each try is a replay of its own.`
}

// Run replays everything and prints what it took.
func (c *benchReplayCmd) Run(ctx context.Context) error {
	if err := c.settle(); err != nil {
		return misused(err)
	}
	if c.SLOTTFT < 0 || c.SLOJCT < 0 || !(c.SLOShare > 0 && c.SLOShare <= 1) {
		return misused(errors.New("--slo-ttft and --slo-jct are at least 0, and --slo-share is above 0 and at most 1"))
	}
	if c.Quick {
		c.Policies = []string{"program-fcfs", "request-fcfs"}
	}
	arms, err := c.armsOf(c.Policies)
	if err != nil {
		return misused(err)
	}
	if c.LlamaServer != "" {
		arms = append(arms, arm{name: "llama-server", llama: true}, arm{name: "llama-server/host", llama: true, host: int64(c.HostBytes)})
	}
	runs, source, err := c.runs()
	if err != nil {
		return err
	}
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	r := c.report(o, runs, source, arms)
	for repetition := range c.Repetitions {
		for k := range arms {
			i := (k + repetition) % len(arms)
			what := fmt.Sprintf("%d/%d %s", repetition+1, c.Repetitions, arms[i].name)
			out, counts, err := c.play(ctx, what, o, arms[i], runs, r)
			if err != nil {
				return fmt.Errorf("%s: %w", arms[i].name, err)
			}
			r.Add(i, out, counts, arms[i].llama)
		}
	}
	if err := c.searchSLO(ctx, o, arms, runs, r); err != nil {
		return err
	}
	r.Sum()
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.Print(os.Stdout)
}

// searchSLO finds how many agents each server takes within the limits, if there are any.
func (c *benchReplayCmd) searchSLO(ctx context.Context, o *obtained, arms []arm, runs []replay.Run, r *replay.Report) error {
	if c.SLOTTFT == 0 && c.SLOJCT == 0 {
		return nil
	}
	r.SLO = &replay.SLO{TTFT: c.SLOTTFT, JCT: c.SLOJCT, Share: c.SLOShare}
	for i := range arms {
		most, err := replay.MostAgents(len(runs), func(n int) (bool, error) {
			out, _, err := c.play(ctx, fmt.Sprintf("%s, %d agents", arms[i].name, n), o, arms[i], runs[:n], r)
			return err == nil && r.SLO.Kept(out), err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", arms[i].name, err)
		}
		r.Arms[i].WithinSLO = &most
	}
	return nil
}

// play has the runs done by a server of the arm's.
func (c *benchReplayCmd) play(ctx context.Context, what string, o *obtained, a arm, runs []replay.Run, r *replay.Report) (out *replay.Outcome, counts replay.Counts, err error) {
	report, end := progress(what, "turns")
	defer end()
	done, turns := 0, 0
	for i := range runs {
		turns += len(runs[i].Turns)
	}
	drive := func(ctx context.Context, server replay.Server) (err error) {
		out, err = replay.Drive(ctx, server, runs, c.Stagger, func() { done++; report(done, turns) })
		return err
	}
	if a.llama {
		err = c.onLlama(ctx, o, a, r, drive)
		return out, counts, err
	}
	err = c.onNode(ctx, o, a, func(*node.Config) {}, func(ctx context.Context, h *host, client *sdk.Client) error {
		g := h.engine.Geometry()
		r.KVTokens = g.PoolBytes / g.CellBytes
		r.KVTokensF16 = g.PoolBytes / int64(2*2*g.Layers*g.KVHeads*g.HeadDim)
		before := h.node.Stats()
		if err := drive(ctx, replay.Nodes{Client: client}); err != nil {
			return err
		}
		s := h.node.Stats()
		counts = replay.Counts{Restored: s.Restored - before.Restored, Suspended: s.Suspended - before.Suspended}
		return nil
	})
	return out, counts, err
}

// onLlama has a llama-server do the runs in as many bytes of cache, of the types that it
// has unless it is told otherwise, f16, with which it is also fastest here. It divides
// them evenly between slots: as many as have room for the longest context.
func (c *benchReplayCmd) onLlama(ctx context.Context, o *obtained, a arm, r *replay.Report, drive func(context.Context, replay.Server) error) error {
	const margin = 64 // a template of its own may be a little longer
	cells := int(r.KVTokensF16)
	s, err := replay.StartLlamaServer(ctx, replay.LlamaOptions{
		Path: c.LlamaServer, Model: o.model.Path, Threads: c.Threads,
		Cache: &replay.LlamaCache{Cells: cells, Slots: max(cells/(r.Longest+margin), 1), HostMiB: int(a.host >> 20)},
	})
	if err != nil {
		return err
	}
	defer s.Close()
	return drive(ctx, s)
}
