package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// rig is a gateway over a real NATS server and the real intake, with a script in the engine's
// place. It keeps every program's conversation as a node does. All that passes is judged.
type rig struct {
	t       testing.TB
	conn    *nats.Conn
	gateway *Gateway
	url     string
	answer  func(ctx context.Context, job *turns.Job, turn *wire.Turn) wire.Result
	count   func(turn *wire.Turn, before []wire.Exchange) int // of a prompt's tokens
	handled chan string                                       // the requests to url that the gateway has done with, as METHOD /path

	mu      sync.Mutex
	turns   []*wire.Turn     // that were run, in their order
	running map[wire.ID]bool // of these
	signals []string         // that were heard, as program/turn: what
	looker  looker
	talks   map[string][]wire.Message // what was said, answers included, by tenant and program
}

// newRig has a gateway that repeats the last message, until it is told otherwise.
func newRig(t testing.TB) *rig {
	return startRig(t, "m", func(_ context.Context, _ *turns.Job, turn *wire.Turn) wire.Result {
		if turn.Prompt != "" {
			return wire.Result{Text: "re: " + turn.Prompt}
		}
		return wire.Result{Text: "re: " + string(turn.Messages[len(turn.Messages)-1].Content)}
	})
}

func startRig(t testing.TB, model string, answer func(ctx context.Context, job *turns.Job, turn *wire.Turn) wire.Result) *rig {
	t.Helper()
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.NoPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	r := &rig{t: t, answer: answer, talks: map[string][]wire.Message{}, running: map[wire.ID]bool{}, handled: make(chan string, 256)}
	connect := func() *nats.Conn {
		c, err := b.Connect()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	r.conn = connect()
	server, err := turns.New(context.Background(), connect(), turns.Config{Counter: r, Signals: r, Looks: &r.looker})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx, turns.RunnerFunc(r.run)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	r.gateway = r.another(Config{Model: model})
	g := judged(t, r.gateway)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		g.ServeHTTP(w, q)
		select {
		case r.handled <- q.Method + " " + q.URL.Path:
		default: // nobody wants to know
		}
	}))
	t.Cleanup(func() {
		r.gateway.Close()
		web.Close()
	})
	r.url = web.URL
	return r
}

// another is one more gateway over the same nodes.
func (r *rig) another(cfg Config) *Gateway {
	r.t.Helper()
	cfg.Conn = r.conn
	g, err := New(context.Background(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(g.Close)
	return g
}

// Count implements turns.Counter.
func (r *rig) Count(ctx context.Context, turn *wire.Turn, before func(context.Context) ([]wire.Exchange, error)) (int, error) {
	past, err := before(ctx)
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		return 0, &wire.Error{Code: wire.CodeInternal, Message: "nobody counts here"}
	}
	return r.count(turn, past), nil
}

// Signal implements turns.Signals for programs whose last turn is over.
func (r *rig) Signal(_ context.Context, id wire.ID, s *wire.Signal) (*wire.SignalAck, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := int64(0)
	for _, t := range r.turns {
		if t.Tenant == id.Tenant && t.Program == id.Program {
			last = t.Turn
		}
	}
	switch {
	case last < id.Turn:
		return nil, nil
	case last > id.Turn || r.running[id]:
		return nil, &wire.Error{Code: wire.CodeNotWaiting, Message: "its turn is not over"}
	}
	what := "other"
	if s.Ended {
		what = "ended"
	}
	r.signals = append(r.signals, fmt.Sprintf("%s/%d: %s", id.Program, id.Turn, what))
	return &wire.SignalAck{Tenant: id.Tenant, Program: id.Program, Turn: id.Turn}, nil
}

// run is the engine's place.
func (r *rig) run(ctx context.Context, job *turns.Job) {
	turn, err := job.Turn(ctx)
	if err != nil {
		return
	}
	name := turn.Tenant + "/" + turn.Program
	r.mu.Lock()
	said := turn.Messages
	if turn.Mode != wire.ModeReplace {
		said = append(slices.Clone(r.talks[name]), said...)
	}
	r.turns = append(r.turns, turn)
	r.running[turn.ID()] = true
	answer := r.answer
	r.mu.Unlock()
	result := answer(ctx, job, turn)
	r.mu.Lock()
	delete(r.running, turn.ID())
	r.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if result.Outcome == "" {
		result.Outcome = wire.Completed
	}
	if result.Outcome == wire.Completed {
		if result.FinishReason == "" {
			result.FinishReason = wire.FinishStop
		}
		r.mu.Lock()
		r.talks[name] = append(slices.Clone(said), wire.Message{Role: "assistant", Content: wire.Content(result.Said()), ToolCalls: result.ToolCalls()})
		r.mu.Unlock()
	}
	_ = job.Finish(ctx, result)
}

// last is the turn that was run last.
func (r *rig) last() *wire.Turn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.turns[len(r.turns)-1]
}

func (r *rig) ran() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.turns)
}

// talk is what a program's conversation is.
func (r *rig) talk(program string) []wire.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.talks["default/"+program]
}

// post sends a request and gives the answer.
func (r *rig) post(path string, body any, headers ...string) *httptest.ResponseRecorder {
	return send(r.t, r.gateway, http.MethodPost, path, body, headers...)
}

func send(t testing.TB, g http.Handler, method, path string, body any, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return sendWith(t.Context(), t, g, method, path, body, headers...)
}

// sendWith is send by a client that goes away when ctx ends.
func sendWith(ctx context.Context, t testing.TB, g http.Handler, method, path string, body any, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	data, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	q := httptest.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, bytes.NewReader(data))
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	judged(t, g).ServeHTTP(w, q)
	return w
}

type object = map[string]any

func message(role, content string) object { return object{"role": role, "content": content} }
