package turns

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestNothingIsLeftOfTurns: when the turns of more programs than are remembered are over,
// each with the turn behind it, the server has none of them in hand, and remembers as many as it
// is to.
func TestNothingIsLeftOfTurns(t *testing.T) {
	const count = recentTurns + 1000
	if testing.Short() {
		t.Skip("five thousand turns")
	}
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.NoPort})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Shutdown()
	conn, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s, err := New(t.Context(), conn, Config{Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	over := make(chan struct{}, count)
	go func() {
		ended <- s.Run(t.Context(), RunnerFunc(func(ctx context.Context, j *Job) {
			if _, err := j.Turn(ctx); err != nil {
				t.Error(err)
			}
			if err := j.Finish(ctx, wire.Result{Outcome: wire.Completed}); err != nil {
				t.Error(err)
			}
			over <- struct{}{}
		}))
	}()
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(count))
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		w := wire.Turn{
			Version: wire.Version, Tenant: fmt.Sprint("tenant-", i/50), Program: fmt.Sprint("agent-", i/2), Turn: int64(1 + i%2),
			AcceptedAt: time.Now(), Messages: []wire.Message{{Role: "user", Content: "hi"}},
		}
		data, err := wire.Encode(&w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishAsync(w.ID().Subject(wire.KindTurn), data); err != nil {
			t.Fatal(err)
		}
	}
	for n := range count {
		select {
		case <-over:
		case <-time.After(time.Minute):
			t.Fatalf("%d turns of %d are over", n, count)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(s.held.jobs)+len(s.held.tenants)+len(s.slots)+len(s.arriving) > 0 || s.bodies.Load() != 0 || s.waiting.Load() != 0 {
		t.Errorf("%d jobs of %d tenants are held, %d slots are taken, %d are arriving, %d bytes of bodies are kept and %d turns wait",
			len(s.held.jobs), len(s.held.tenants), len(s.slots), len(s.arriving), s.bodies.Load(), s.waiting.Load())
	}
	if n := len(s.recent.known); n != recentTurns {
		t.Errorf("%d turns are remembered, not %d", n, recentTurns)
	}
}
