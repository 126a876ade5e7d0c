package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk/wire"
)

// instant is an engine that computes nothing, so that what is left is the node.
type instant struct {
	geometry engine.Geometry
	token    engine.Token
}

func (e *instant) Geometry() engine.Geometry                                     { return e.geometry }
func (e *instant) New(engine.Seq) error                                          { return nil }
func (e *instant) Reserve(engine.Seq, int) error                                 { return nil }
func (e *instant) Fork(engine.Seq, engine.Seq, int) error                        { return nil }
func (e *instant) Truncate(engine.Seq, int) error                                { return nil }
func (e *instant) Release(engine.Seq) error                                      { return nil }
func (e *instant) Interrupt()                                                    {}
func (e *instant) Save(engine.Seq, int, int) (engine.Saved, error)               { return engine.Saved{}, nil }
func (e *instant) Load(engine.Seq, engine.Saved) error                           { return nil }
func (e *instant) Place(engine.Placement) error                                  { return nil }
func (e *instant) Read(engine.Seq, []int, ...int) (engine.KV, error)             { return engine.KV{}, nil }
func (e *instant) Pack(s engine.Saved) engine.Saved                              { return s }
func (e *instant) SetSampling(engine.Seq, engine.Sampling, []engine.Token) error { return nil }

func (e *instant) Step(_ []engine.Item, out []engine.Output) error {
	for i := range out {
		out[i] = engine.Output{Token: e.token, End: e.token == chattest.ImEnd}
	}
	return nil
}

func startInstant(b *testing.B, e *instant) (*broker, func()) {
	e.geometry = gputest.Small()
	e.geometry.MaxContext, e.geometry.PoolBytes, e.geometry.MaxStep = 1<<30, 1<<40, 8192
	template, err := chat.Compile(chattest.ChatML, chattest.Tokenizer{})
	if err != nil {
		b.Fatal(err)
	}
	broker := newBroker()
	n, err := node.New(node.Config{
		Engine: e, Template: template, Vocabulary: chattest.Tokenizer{}, Turns: broker,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	return broker, func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
	}
}

// BenchmarkWarmTurn is what the node takes of a warm turn of one token, from
// Turns to the result, in a conversation that grows to a few thousand tokens.
func BenchmarkWarmTurn(b *testing.B) {
	broker, stop := startInstant(b, &instant{token: chattest.ImEnd})
	defer stop()
	question := strings.Repeat("what does this line mean? ", 4)
	var took []time.Duration
	turn := int64(0)
	for b.Loop() {
		if turn == 40 {
			turn = 0
		}
		turn++
		start := time.Now()
		j := broker.send(&wire.Turn{
			Tenant: "t", Program: "p", Turn: turn, AcceptedAt: start, Mode: mode(turn),
			Messages: []wire.Message{{Role: "user", Content: wire.Content(question)}},
		})
		<-j.over
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// mode begins the conversation anew at its first turn.
func mode(turn int64) wire.Mode {
	if turn == 1 {
		return wire.ModeReplace
	}
	return wire.ModeAppend
}

// BenchmarkDecodeStep is what the node takes of a step of so many decodes, their
// text streamed.
func BenchmarkDecodeStep(b *testing.B) {
	for _, n := range []int{1, 8, 32} {
		b.Run(fmt.Sprint("turns=", n), func(b *testing.B) {
			broker, stop := startInstant(b, &instant{token: 'x'})
			defer stop()
			jobs := make([]*job, n)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range jobs {
				jobs[i] = broker.send(&wire.Turn{
					Tenant: "t", Program: fmt.Sprint("p", i), Turn: 1, AcceptedAt: time.Now(),
					Messages: []wire.Message{{Role: "user", Content: "go on"}},
					Sampling: wire.Sampling{MaxTokens: b.N},
				})
			}
			for _, j := range jobs {
				<-j.over
			}
		})
	}
}
