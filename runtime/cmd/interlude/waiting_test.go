package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestAHundredThousandTurnsWait puts as many turns as a node takes by default before one
// whose engine is busy: the scheduler sees every one of them, a waiting one takes no more
// than 2 KB of memory, in turns, node and core together, and all are handed back when the
// node stops.
func TestAHundredThousandTurnsWait(t *testing.T) {
	const most = 2048
	count := core.DefaultTurns
	if testing.Short() {
		count = 5000
	}
	conn, err := nats.Connect(brokerApart(t)) // the server's own memory is not what is measured
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := t.Context()
	server, err := turns.New(ctx, conn, turns.Config{Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	fake := gputest.NewFake(gputest.Small())
	template, err := chat.Compile(chattest.ChatML, chattest.Tokenizer{})
	if err != nil {
		t.Fatal(err)
	}
	queue := newJobs()
	n, err := node.New(node.Config{
		Engine: fake, Template: template, Vocabulary: chattest.Tokenizer{}, Turns: queue,
		MaxRunning: 1, ReadyBytes: 1 << 20, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		t.Fatal(err)
	}
	store(t, js, count)

	blocked := fake.Block(1)
	before := heap()
	h := &host{turns: server, node: n, jobs: queue}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx) }()
	<-blocked
	for until := time.Now().Add(5 * time.Minute); n.Stats().Turns < int64(count) && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	s := n.Stats()
	if s.Turns != int64(count) || s.Ready > 1<<20 {
		t.Fatalf("the scheduler sees %d turns of %d, with %d bytes of prompts", s.Turns, count, s.Ready)
	}
	each := (heap() - before - s.Ready) / int64(count)
	t.Logf("%d turns wait and take %d bytes each", count, each)
	if each > most && !testing.Short() { // of fewer, what is there once counts too much
		t.Errorf("a turn that waits takes %d bytes, more than %d", each, most)
	}
	runtime.KeepAlive(h)

	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := n.Stats(); got.HandedBack+got.Completed+got.Failed+got.Cancelled != int64(count) {
		t.Errorf("of %d turns, %+v", count, got)
	}
	if err := fake.Check(); err != nil {
		t.Error(err)
	}
}

// store has turns accepted, without a node.
func store(t *testing.T, js jetstream.JetStream, count int) {
	t.Helper()
	for i := range count {
		w := wire.Turn{
			Version: wire.Version, Tenant: "default", Program: fmt.Sprintf("agent-%06d", i), Turn: 1, AcceptedAt: time.Now(),
			Messages: []wire.Message{{Role: "user", Content: "What is the capital of France?"}},
		}
		data, err := wire.Encode(&w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishAsync(w.ID().Subject(wire.KindTurn), data); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(time.Minute):
		t.Fatal("the turns are not stored")
	}
}

// heap is what is in use after everything else was collected.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
