package turns_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestAcceptedIsDurable: the server and the node go away right after the reply.
func TestAcceptedIsDurable(t *testing.T) {
	dir := t.TempDir()
	b := startBroker(t, dir)
	cfg := turns.Config{AckWait: 100 * time.Millisecond}
	first := startNode(t, b, cfg)
	mustSubmit(t, connect(t, b), turnID("p", 1), "hi")
	accepted := body(t, first.next(t))
	b.Shutdown()
	first.conn.Close()

	b = startBroker(t, dir)
	again := body(t, startNode(t, b, cfg).next(t))
	if again.Messages[0].Content != "hi" || !again.AcceptedAt.Equal(accepted.AcceptedAt) || *again.Sampling.Seed != *accepted.Sampling.Seed {
		t.Errorf("ran %+v, accepted %+v", again, accepted)
	}
}

func TestSameTurnTwice(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	id := turnID("p", 1)
	mustSubmit(t, c, id, "hi")
	job := n.next(t)
	if r := ask(t, c, id.Subject(wire.KindSubmit), `{"messages": [{"content":"hi", "role":"user"}], "v": 1, "mode":"append"}`); r.Accepted == nil || !r.Accepted.Duplicate {
		t.Errorf("the same turn, written otherwise: %+v, %v", r.Accepted, r.Error)
	}
	refused(t, submit(t, c, id, "ho"), wire.CodeConflict)
	end(t, job, completed("hello"))
	if r := submit(t, c, id, "hi"); r.Accepted == nil || !r.Accepted.Duplicate {
		t.Errorf("after it has ended: %+v, %v", r.Accepted, r.Error)
	}
	mustSubmit(t, c, turnID("p", 2), "next")
	if next := n.next(t); next.ID().Turn != 2 {
		t.Errorf("ran %v, which had its end", next.ID())
	}
	if r := result(t, c, id); r.Text != "hello" {
		t.Errorf("the answer became %q", r.Text)
	}
}

// TestSameTurnAtOnce: of many who send the same turn to two nodes, one is first.
func TestSameTurnAtOnce(t *testing.T) {
	b := startBroker(t, t.TempDir())
	startEcho(t, b, turns.Config{})
	startEcho(t, b, turns.Config{})
	id := turnID("p", 1)
	var mu sync.Mutex
	firsts := 0
	var all sync.WaitGroup
	for range 20 {
		c := connect(t, b)
		all.Go(func() {
			r := submit(t, c, id, "hi")
			mu.Lock()
			defer mu.Unlock()
			if r.Accepted == nil {
				t.Errorf("refused: %v", r.Error)
			} else if !r.Accepted.Duplicate {
				firsts++
			}
		})
	}
	all.Wait()
	if firsts != 1 {
		t.Errorf("%d were first", firsts)
	}
}

func TestOrderIsChecked(t *testing.T) {
	b := startBroker(t, t.TempDir())
	startNode(t, b, turns.Config{})
	c := connect(t, b)
	refused(t, submit(t, c, turnID("p", 2), "too early"), wire.CodeOutOfOrder)
	mustSubmit(t, c, turnID("p", 1), "one")
	mustSubmit(t, c, turnID("p", 2), "two")
	refused(t, submit(t, c, turnID("p", 4), "too early"), wire.CodeOutOfOrder)
	refused(t, submit(t, c, turnID("q", 2), "of another program"), wire.CodeOutOfOrder)
}

func TestInvalidTurnsHarmNobody(t *testing.T) {
	b := startBroker(t, t.TempDir())
	startEcho(t, b, turns.Config{MaxTurnBytes: 1000})
	c := connect(t, b)
	for _, bad := range []struct {
		subject, data string
		code          wire.Code
	}{
		{turnID("p", 1).Subject(wire.KindSubmit), `{`, wire.CodeInvalidJSON},
		{turnID("p", 1).Subject(wire.KindSubmit), `{"v":1}`, wire.CodeInvalidTurn},
		{turnID("p", 1).Subject(wire.KindSubmit), message(strings.Repeat("x", 1000), ""), wire.CodeTooLarge},
		{"interlude.v1.acme.submit.p.0", message("hi", ""), wire.CodeInvalidSubject},
		{"interlude.v1.acme.submit.p.x", message("hi", ""), wire.CodeInvalidSubject},
		{"interlude.v1.acme.cancel.p.x", "", wire.CodeInvalidSubject},
		{"interlude.v1.acme.cancel.p.1", "", wire.CodeNotFound},
		{"interlude.v1.acme.read.p.1", "", wire.CodeNotFound},
	} {
		refused(t, ask(t, c, bad.subject, bad.data), bad.code)
	}
	// Nobody asks for this reply.
	if err := c.Publish(turnID("q", 1).Subject(wire.KindSubmit), []byte(message("silent", ""))); err != nil {
		t.Fatal(err)
	}
	mustSubmit(t, c, turnID("p", 1), "hi")
	if got := result(t, c, turnID("p", 1)).Text + result(t, c, turnID("q", 1)).Text; got != "hisilent" {
		t.Errorf("answers %q", got)
	}
}

// TestStrangeMessagesInTheStream: who may write to JetStream can put anything
// there.
func TestStrangeMessagesInTheStream(t *testing.T) {
	b := startBroker(t, t.TempDir())
	startEcho(t, b, turns.Config{})
	c := connect(t, b)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for subject, data := range map[string]string{
		turnID("p", 1).Subject(wire.KindTurn): "{",
		turnID("q", 1).Subject(wire.KindTurn): message("of another", `,"tenant":"acme","program":"x","turn":1`),
		"interlude.v1.acme.turn.p.x":          "{}",
	} {
		if _, err := js.Publish(t.Context(), subject, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"p", "q"} {
		if r := result(t, c, turnID(program, 1)); r.Outcome != wire.Rejected || r.Error == nil {
			t.Errorf("%s: %+v", program, r)
		}
	}
	mustSubmit(t, c, turnID("r", 1), "hi")
	if r := result(t, c, turnID("r", 1)); r.Text != "hi" {
		t.Errorf("answer %q", r.Text)
	}
}

func TestQueueIsBounded(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{MaxQueued: 3, MaxJobs: 1}), connect(t, b)
	for _, p := range []string{"a", "b", "c"} {
		mustSubmit(t, c, turnID(p, 1), "hi")
	}
	for range 20 {
		if e := refused(t, submit(t, c, turnID("d", 1), "hi"), wire.CodeQueueFull); e.RetryAfterMS <= 0 || !e.Retryable {
			t.Fatalf("%+v does not say when to come again", e)
		}
	}
	if r := submit(t, c, turnID("c", 1), "hi"); r.Accepted == nil || !r.Accepted.Duplicate {
		t.Errorf("what is in the queue was refused: %v", r.Error)
	}
	refused(t, submit(t, c, turnID("c", 1), "ho"), wire.CodeConflict)
	end(t, n.next(t), completed("done"))
	for {
		r := submit(t, c, turnID("d", 1), "hi")
		if r.Accepted != nil {
			break // the place that became free
		}
		refused(t, r, wire.CodeQueueFull)
	}
	refused(t, submit(t, c, turnID("e", 1), "hi"), wire.CodeQueueFull)
}

// TestOneTenantDoesNotFillTheQueue: one that sends without end leaves room for others, and
// room again for those behind them.
func TestOneTenantDoesNotFillTheQueue(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{MaxQueued: 36}), connect(t, b)
	fill := func(tenant string) (accepted int) {
		for i := range 40 {
			id := turnID(fmt.Sprint("p", i), 1)
			id.Tenant = tenant
			r := submit(t, c, id, "hi")
			if r.Accepted == nil {
				refused(t, r, wire.CodeQueueFull)
				return accepted
			}
			n.next(t) // it is in hand, and counts
			accepted++
		}
		return accepted
	}
	if got := fill("flood"); got != 32 {
		t.Errorf("a tenant alone has %d of 36 places, want 32", got)
	}
	if got := fill("zenith"); got < 3 {
		t.Errorf("beside it another has %d", got)
	}
}

// TestAFullQueueTellsItsPace: clients come again when there may be room, and not sooner
// than RetryAfter.
func TestAFullQueueTellsItsPace(t *testing.T) {
	b := startBroker(t, t.TempDir())
	var pace atomic.Int64
	startNode(t, b, turns.Config{MaxQueued: 1, RetryAfter: 100 * time.Millisecond, Pace: func() time.Duration { return time.Duration(pace.Load()) }})
	c := connect(t, b)
	mustSubmit(t, c, turnID("a", 1), "hi")
	for _, one := range []struct {
		pace time.Duration
		want int64 // in ms
	}{{0, 100}, {7 * time.Millisecond, 100}, {8200 * time.Millisecond, 8200}} {
		pace.Store(int64(one.pace))
		if e := refused(t, submit(t, c, turnID("b", 1), "hi"), wire.CodeQueueFull); e.RetryAfterMS != one.want {
			t.Errorf("at a pace of %v clients are told to come again after %d ms, want %d", one.pace, e.RetryAfterMS, one.want)
		}
	}
}

// deaf has no program.
type deaf struct{}

func (deaf) Signal(context.Context, wire.ID, *wire.Signal) (*wire.SignalAck, error) { return nil, nil }

// TestNodesReplyToInboxesOnly: a node has rights that its clients have not.
func TestNodesReplyToInboxesOnly(t *testing.T) {
	b := startBroker(t, t.TempDir())
	startEcho(t, b, turns.Config{Signals: deaf{}})
	c := connect(t, b)
	victim := turnID("p", 1)
	victim.Tenant = "zenith"
	mustSubmit(t, c, turnID("first", 1), "hi") // the node listens; before, the server itself would answer
	overheard, err := c.SubscribeSync("interlude.v1.zenith.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []wire.Kind{wire.KindSubmit, wire.KindCancel, wire.KindSignal, wire.KindRead} {
		for _, reply := range []string{victim.Subject(wire.KindResult), "$JS.API.STREAM.DELETE.INTERLUDE_TURNS", "_INBOX_zenith.x"} {
			m := &nats.Msg{Subject: turnID("evil", 1).Subject(kind), Reply: reply, Data: []byte(message("hi", ""))}
			if err := c.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustSubmit(t, c, turnID("good", 1), "hi") // the stream is there, and all before it was answered
	result(t, c, turnID("good", 1))
	if n, _, err := overheard.Pending(); n != 0 || err != nil {
		t.Errorf("%d messages for another tenant, %v", n, err)
	}
}
