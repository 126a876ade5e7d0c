package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk"
)

// nodeReport is what a node costs beside its engine.
type nodeReport struct {
	WarmOverhead float64 `json:"warm_ttft_overhead_ms_p50"` // TTFT of a warm turn at the client, less the engine's steps until then
	WarmTTFT     float64 `json:"warm_ttft_ms_p50"`
	ToScheduled  float64 `json:"publish_to_scheduled_us_p50"` // from the client's publish to the turn before the scheduler, in process
	WarmTurns    int     `json:"warm_turns"`
}

// measureNode runs a program of short turns on a node with an embedded server,
// the client in the same process, and takes times where it can see them: at the
// client's call, at the core's event, around every step, at the first text.
func measureNode(ctx context.Context, o *obtained, quick bool) (nodeReport, error) {
	store, err := os.MkdirTemp("", "interlude-bench-")
	if err != nil {
		return nodeReport{}, err
	}
	defer os.RemoveAll(store)
	probe := &probe{}
	h, err := openHostWith(ctx, o, hostConfig{
		engineFlags: engineFlags{Weights: "auto", KVType: "auto", KVBytes: 256 << 20, MaxStep: 512},
		natsFlags:   natsFlags{Listen: anyLoopback, Store: store},
		nodeFlags:   nodeFlags{MaxQueue: 64, MaxTokens: 256, MaxAge: time.Hour, AckWait: 4 * time.Second},
		log:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, probe.attach)
	if err != nil {
		return nodeReport{}, err
	}
	defer h.close()
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- h.run(serving) }()
	defer func() { stop(); <-served }()

	conn, err := h.broker.Connect()
	if err != nil {
		return nodeReport{}, err
	}
	defer conn.Close()
	client, err := sdk.Use(conn)
	if err != nil {
		return nodeReport{}, err
	}
	turns := 60
	if quick {
		turns = 24
	}
	program := client.Program("bench")
	var overhead, ttft, scheduled []float64
	for i := range turns {
		m, err := probe.turn(ctx, program, i)
		if err != nil {
			return nodeReport{}, fmt.Errorf("turn %d: %w", i+1, err)
		}
		if i < 4 { // cold caches and the first graphs
			continue
		}
		overhead = append(overhead, (m.first-m.steps).Seconds()*1e3)
		ttft = append(ttft, m.first.Seconds()*1e3)
		scheduled = append(scheduled, m.scheduled.Seconds()*1e6)
	}
	return nodeReport{WarmOverhead: median(overhead), WarmTTFT: median(ttft), ToScheduled: median(scheduled), WarmTurns: len(ttft)}, nil
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// probe is where the times of the turn under way are noted.
type probe struct {
	mu      sync.Mutex
	arrived time.Time     // the core's TurnArrived
	steps   time.Duration // in the engine, until the first text
	counted bool
}

// attach puts the probe between the node and its engine, and behind the core.
func (p *probe) attach(c *node.Config) {
	c.Engine = timedEngine{c.Engine, p}
	c.Observe = func(_ programs.Time, ev core.Event, _ []core.Effect) {
		if _, ok := ev.(*core.TurnArrived); ok {
			p.mu.Lock()
			p.arrived = time.Now()
			p.mu.Unlock()
		}
	}
}

type timedEngine struct {
	node.Engine
	p *probe
}

func (e timedEngine) Step(items []engine.Item, out []engine.Output) error {
	start := time.Now()
	err := e.Engine.Step(items, out)
	took := time.Since(start)
	e.p.mu.Lock()
	if !e.p.counted {
		e.p.steps += took
		for _, it := range items {
			e.p.counted = e.p.counted || it.Sample // the token that the client waits for
		}
	}
	e.p.mu.Unlock()
	return err
}

// begin forgets the turn before.
func (p *probe) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps, p.counted = 0, false
}

// spent is the time in the engine until the first text.
func (p *probe) spent() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.steps
}

type turnTimes struct{ first, steps, scheduled time.Duration }

// turn measures one turn of a few words.
func (p *probe) turn(ctx context.Context, program *sdk.Program, i int) (m turnTimes, err error) {
	p.begin()
	start := time.Now()
	answer, err := program.Turn(ctx, sdk.Turn{
		Messages: []sdk.Message{sdk.User(fmt.Sprintf("The tool returned exit code 0 after %d ms. What next?", 17*i))},
		Sampling: sdk.Sampling{MaxTokens: 4, IgnoreEOS: true},
	})
	if err != nil {
		return m, err
	}
	for _, err := range answer.Text() {
		if err != nil {
			return m, err
		}
		if m.first == 0 {
			m.first = time.Since(start)
			p.mu.Lock()
			m.steps, m.scheduled = p.steps, p.arrived.Sub(start)
			p.mu.Unlock()
		}
	}
	if m.first == 0 {
		return m, fmt.Errorf("an answer without text")
	}
	_, err = answer.Result(ctx)
	return m, err
}
