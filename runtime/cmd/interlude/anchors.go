package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk"
)

type benchAnchorsCmd struct {
	Model   string `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Threads int    `help:"Compute threads; 0: one per processor." default:"0"`
	Dir     string `help:"Source tree that texts are made of." type:"existingdir" default:"."`
	Quick   bool   `help:"Fewer samples."`
	Part    string `help:"What to measure: ${enum}." enum:"quality,times,all" default:"all"`
	JSON    bool   `help:"Print one JSON object." name:"json"`
}

// anchorsReport has the parts that were measured; the others are nil.
type anchorsReport struct {
	*qualityFigures
	*agentFigures
	*editFigures
}

// Run measures.
func (c *benchAnchorsCmd) Run(ctx context.Context) error {
	if c.Threads == 0 {
		c.Threads = runtime.NumCPU()
	}
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	corpus, err := readCorpus(c.Dir)
	if err != nil {
		return err
	}
	var r anchorsReport
	if c.Part != "times" {
		if r.qualityFigures, err = c.measureQuality(ctx, o, corpus); err != nil {
			return fmt.Errorf("quality: %w", err)
		}
	}
	if c.Part != "quality" {
		if err := c.measureTimes(ctx, o, corpus, &r); err != nil {
			return fmt.Errorf("times: %w", err)
		}
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.print(os.Stdout)
}

func (c *benchAnchorsCmd) measureTimes(ctx context.Context, o *obtained, corpus *corpus, r *anchorsReport) error {
	scale, repetitions := agentsScale{role: 512, answer: 512, tasks: []int{1024, 2048, 4096}, rounds: 2}, 5
	if c.Quick {
		scale, repetitions = agentsScale{role: 160, answer: 64, tasks: []int{512}, rounds: 2}, 1
	}
	edits, err := c.measureEdits(ctx, o, corpus, repetitions)
	if err != nil {
		return err
	}
	agents, err := c.measureAgents(ctx, o, corpus, scale)
	r.editFigures, r.agentFigures = &edits, &agents
	return err
}

// onNode opens a node and has use talk to it once it is warm.
func (c *benchAnchorsCmd) onNode(ctx context.Context, o *obtained, adjust func(*node.Config), use func(context.Context, *sdk.Client) error) error {
	store, err := os.MkdirTemp("", "interlude-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	h, err := openHostWith(ctx, o, hostConfig{
		engineFlags: engineFlags{Weights: "auto", KVType: replayKVType, KVBytes: 2 << 30, MaxStep: 512, Threads: c.Threads},
		natsFlags:   natsFlags{Listen: anyLoopback, Store: store},
		nodeFlags:   nodeFlags{MaxQueue: 64, MaxTokens: 1024, MaxAge: time.Hour, AckWait: 4 * time.Second},
		log:         benchLog(),
	}, adjust)
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
		return use(ctx, client)
	})
}

// answered submits a turn and waits for its result.
func answered(ctx context.Context, p *sdk.Program, t sdk.Turn) (*sdk.Result, error) {
	answer, err := p.Turn(ctx, t)
	if err != nil {
		return nil, err
	}
	return answer.Result(ctx)
}
