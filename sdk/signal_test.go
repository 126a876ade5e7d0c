package sdk_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// hearer is a node as far as signals go: it has one program.
type hearer struct {
	program string
	mu      sync.Mutex
	heard   []wire.Signal
}

func (h *hearer) Signal(_ context.Context, id wire.ID, s *wire.Signal) (*wire.SignalAck, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case id.Program != h.program:
		return nil, nil
	case id.Turn != 1:
		return nil, &wire.Error{Code: wire.CodeNotWaiting, Message: "another turn", Hint: "wait"}
	}
	h.heard = append(h.heard, *s)
	return &wire.SignalAck{Tenant: id.Tenant, Program: id.Program, Turn: id.Turn, Pin: &wire.Pin{TTLMS: 7}}, nil
}

// TestSignals reach the node that has the program, among two.
func TestSignals(t *testing.T) {
	connect := natsServer(t)
	a, b := &hearer{program: "a"}, &hearer{program: "b"}
	serveWith(t, connect(), turns.Config{Signals: a}, echo)
	serveWith(t, connect(), turns.Config{Signals: b}, echo)
	client := use(t, connect())
	ctx := t.Context()

	program := client.Program("b")
	if _, err := program.ToolStarted(ctx, sdk.ToolHint{Name: "ls"}); err == nil {
		t.Error("a signal goes out before the first turn")
	}
	answer(t, program)
	var pin *sdk.Pin
	err := sdk.ErrNoCache
	for range 20 { // the second node's subscription may be on its way
		if pin, err = program.ToolStarted(ctx, sdk.ToolHint{Name: "pytest", ExpectedMS: 60_000}); !errors.Is(err, sdk.ErrNoCache) {
			break
		}
	}
	if err != nil || pin == nil || pin.TTLMS != 7 {
		t.Errorf("tool started: %+v, %v", pin, err)
	}
	if _, err := program.ToolProgress(ctx, 1500*time.Millisecond); err != nil {
		t.Errorf("tool progress: %v", err)
	}
	if err := program.Compacting(ctx, 2); err != nil {
		t.Errorf("compacting: %v", err)
	}
	if err := program.End(ctx); err != nil {
		t.Errorf("end: %v", err)
	}
	want := []wire.Signal{
		{Version: 1, Calls: []sdk.ToolHint{{Name: "pytest", ExpectedMS: 60_000}}},
		{Version: 1, Progress: &wire.Progress{ExpectedMS: 1500}},
		{Version: 1, Rewrite: &wire.Rewrite{KeepMessages: 2}},
		{Version: 1, Ended: true},
	}
	if !reflect.DeepEqual(b.heard, want) || len(a.heard) > 0 {
		t.Errorf("the node that has the program heard %+v, the other %+v; want %+v", b.heard, a.heard, want)
	}

	if _, err := program.ToolStarted(ctx, sdk.ToolHint{}); !errors.Is(err, &sdk.Error{Code: wire.CodeInvalidSignal}) {
		t.Errorf("a tool without a name: %v", err)
	}
	answer(t, program)
	if err := program.End(ctx); !errors.Is(err, sdk.ErrNotWaiting) {
		t.Errorf("after a turn that the node knows better: %v", err)
	}
	stranger := client.Program("c")
	answer(t, stranger)
	if err := stranger.End(ctx); !errors.Is(err, sdk.ErrNoCache) {
		t.Errorf("of a program that no node has: %v", err)
	}
}

// answer has a turn answered.
func answer(t *testing.T, p *sdk.Program) {
	t.Helper()
	a, err := p.Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("hi")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Result(t.Context()); err != nil {
		t.Fatal(err)
	}
}
