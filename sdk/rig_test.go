package sdk_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// natsServer is a real server in this process; connect is a connection to it.
func natsServer(t testing.TB) (connect func() *nats.Conn) {
	t.Helper()
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.NoPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	return func() *nats.Conn {
		c, err := b.Connect()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
}

// serve runs the real intake with a runner in the engine's place.
func serve(t testing.TB, conn *nats.Conn, run turns.RunnerFunc) {
	t.Helper()
	serveWith(t, conn, turns.Config{}, run)
}

func serveWith(t testing.TB, conn *nats.Conn, cfg turns.Config, run turns.RunnerFunc) {
	t.Helper()
	s, err := turns.New(context.Background(), conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, run) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	// Those who ask at once are to find somebody: not all requests are sent again where nobody listens yet.
	probe := wire.ID{Tenant: wire.DefaultTenant, Program: "probe", Turn: 1}.Subject(wire.KindRead)
	await(t, "the node to listen", func() bool {
		_, err := conn.Request(probe, nil, time.Second)
		return err == nil
	})
}

func use(t testing.TB, conn *nats.Conn, opts ...sdk.Option) *sdk.Client {
	t.Helper()
	c, err := sdk.Use(conn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// echo answers with the last message, word by word.
func echo(ctx context.Context, job *turns.Job) {
	turn, err := job.Turn(ctx)
	if err != nil {
		return
	}
	messages := turn.Messages
	text := string(messages[len(messages)-1].Content)
	for i := range len(text) {
		_ = job.Stream(wire.Chunk{Text: text[i : i+1]})
	}
	_ = job.Finish(ctx, wire.Result{Outcome: wire.Completed, FinishReason: wire.FinishStop, Text: text})
}

// hang runs until nobody wants the turn.
func hang(ctx context.Context, job *turns.Job) {
	select {
	case <-ctx.Done():
	case <-job.Cancelled():
	}
}

// script is a node that does just what a test says: it accepts every turn and
// sends what is listed.
func script(t testing.TB, conn *nats.Conn, id wire.ID, messages ...any) {
	t.Helper()
	_, err := conn.Subscribe(id.Subject(wire.KindSubmit), func(m *nats.Msg) {
		reply(t, m, wire.Reply{Version: wire.Version, Accepted: &wire.Accepted{Tenant: id.Tenant, Program: id.Program, Turn: id.Turn}})
		for _, v := range messages {
			kind := wire.KindStream
			if _, ok := v.(wire.Result); ok {
				kind = wire.KindResult
			}
			data, err := json.Marshal(v)
			if err != nil {
				t.Error(err)
			}
			if err := conn.Publish(id.Subject(kind), data); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

func reply(t testing.TB, m *nats.Msg, r wire.Reply) {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Error(err)
	}
	if err := m.Respond(data); err != nil {
		t.Error(err)
	}
}
