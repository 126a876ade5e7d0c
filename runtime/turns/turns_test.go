package turns_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func startBroker(t testing.TB, dir string) *broker.Server {
	t.Helper()
	b, err := broker.Start(broker.Config{StoreDir: dir, Port: broker.NoPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	return b
}

func connect(t testing.TB, b *broker.Server) *nats.Conn {
	t.Helper()
	conn, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// node is a server that runs, and what it has running.
type node struct {
	*turns.Server
	conn *nats.Conn
	jobs chan *turns.Job // one for each Run of its runner, which ends with end
	gone chan error      // what Run returned
}

// startNode starts a node whose jobs the test ends by hand.
func startNode(t testing.TB, b *broker.Server, cfg turns.Config) *node {
	n := &node{jobs: make(chan *turns.Job, 1000)}
	n.start(t, b, cfg, turns.RunnerFunc(func(ctx context.Context, job *turns.Job) {
		n.jobs <- job
		select {
		case <-ended(job):
		case <-job.Cancelled():
		case <-ctx.Done():
		}
	}))
	return n
}

// startEcho starts a node that answers each turn with its last message, unless it
// has a result by then.
func startEcho(t testing.TB, b *broker.Server, cfg turns.Config) *node {
	n := &node{}
	n.start(t, b, cfg, turns.RunnerFunc(func(ctx context.Context, job *turns.Job) {
		said := body(t, job).Messages
		if err := job.Finish(ctx, completed(string(said[len(said)-1].Content))); err != nil && ctx.Err() == nil && !errors.Is(err, turns.ErrOver) {
			t.Errorf("finish %v: %v", job.ID(), err)
		}
	}))
	return n
}

func (n *node) start(t testing.TB, b *broker.Server, cfg turns.Config, r turns.Runner) {
	t.Helper()
	n.conn = connect(t, b)
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if n.Server, err = turns.New(ctx, n.conn, cfg); err != nil {
		t.Fatal(err)
	}
	n.gone = make(chan error, 1)
	go func() { n.gone <- n.Run(ctx, r) }()
	t.Cleanup(func() {
		cancel()
		_ = n.Shutdown(context.Background())
	})
	if err := n.conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

// next is the next job that the node is given.
func (n *node) next(t testing.TB) *turns.Job {
	t.Helper()
	select {
	case j := <-n.jobs:
		return j
	case <-time.After(patience):
		t.Fatal("the node got no turn")
		return nil
	}
}

// body is what a job's turn says.
func body(t testing.TB, j *turns.Job) *wire.Turn {
	t.Helper()
	turn, err := j.Turn(context.Background())
	if err != nil {
		t.Error(err)
		return &wire.Turn{Messages: []wire.Message{{}}}
	}
	return turn
}

// ends tells runners that the test has ended their job.
var ends sync.Map // *turns.Job → chan struct{}

func ended(j *turns.Job) chan struct{} {
	c, _ := ends.LoadOrStore(j, make(chan struct{}))
	return c.(chan struct{})
}

// end finishes a job and has its runner return.
func end(t testing.TB, j *turns.Job, r wire.Result) {
	t.Helper()
	if err := j.Finish(t.Context(), r); err != nil {
		t.Fatalf("finish %v: %v", j.ID(), err)
	}
	close(ended(j))
}

func completed(text string) wire.Result {
	return wire.Result{Outcome: wire.Completed, FinishReason: wire.FinishStop, Text: text}
}

func turnID(program string, turn int64) wire.ID {
	return wire.ID{Tenant: "acme", Program: program, Turn: turn}
}

// ask sends a request until a node answers.
func ask(t testing.TB, c *nats.Conn, subject, data string) *wire.Reply {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); {
		m, err := c.Request(subject, []byte(data), patience)
		if err != nil {
			time.Sleep(5 * time.Millisecond) // its subscription is on its way
			continue
		}
		r, err := wire.Decode[wire.Reply](m.Data)
		if err != nil {
			t.Fatalf("reply to %s: %v", subject, err)
		}
		return r
	}
	t.Fatalf("no reply to %s", subject)
	return nil
}

func submit(t testing.TB, c *nats.Conn, id wire.ID, text string) *wire.Reply {
	t.Helper()
	return ask(t, c, id.Subject(wire.KindSubmit), message(text, ""))
}

func message(text, more string) string {
	return fmt.Sprintf(`{"v":1,"messages":[{"role":"user","content":%q}]%s}`, text, more)
}

func mustSubmit(t testing.TB, c *nats.Conn, id wire.ID, text string) {
	t.Helper()
	if r := submit(t, c, id, text); r.Accepted == nil || r.Accepted.Duplicate {
		t.Fatalf("submit %v: %+v, %v", id, r.Accepted, r.Error)
	}
}

// result waits for a turn's result.
func result(t testing.TB, c *nats.Conn, id wire.ID) *wire.Result {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		r := ask(t, c, id.Subject(wire.KindRead), "")
		if r.Result != nil {
			return r.Result
		}
		if r.Error.Code != wire.CodeNotFinished {
			t.Fatalf("result of %v: %v", id, r.Error)
		}
	}
	t.Fatalf("%v has no result", id)
	return nil
}

func refused(t testing.TB, r *wire.Reply, code wire.Code) *wire.Error {
	t.Helper()
	if r.Error == nil || r.Error.Code != code || r.Error.Message == "" || r.Error.Hint == "" {
		t.Fatalf("got %+v, %v; want the error %s with message and hint", r.Accepted, r.Error, code)
	}
	return r.Error
}
