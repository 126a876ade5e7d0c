package turns_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestOneAtATimeInOrder: two nodes, three programs, turns sent without waiting.
func TestOneAtATimeInOrder(t *testing.T) {
	const programs, length = 3, 12
	b := startBroker(t, t.TempDir())
	var mu sync.Mutex
	running := map[string]bool{}
	last := map[string]int64{}
	runner := turns.RunnerFunc(func(ctx context.Context, job *turns.Job) {
		id := job.ID()
		mu.Lock()
		if running[id.Program] || last[id.Program] != id.Turn-1 {
			t.Errorf("%v runs after turn %d, another at the same time: %v", id, last[id.Program], running[id.Program])
		}
		running[id.Program] = true
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		running[id.Program], last[id.Program] = false, id.Turn
		mu.Unlock()
		if err := job.Finish(ctx, completed("done")); err != nil {
			t.Errorf("finish %v: %v", id, err)
		}
	})
	for range 2 {
		(&node{}).start(t, b, turns.Config{}, runner)
	}
	c := connect(t, b)
	for turn := int64(1); turn <= length; turn++ {
		for p := range programs {
			mustSubmit(t, c, turnID(fmt.Sprint("p", p), turn), "go")
		}
	}
	for p := range programs {
		result(t, c, turnID(fmt.Sprint("p", p), length))
	}
}

// TestFirstResultStands: whoever subscribes to results sees no other.
func TestFirstResultStands(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	id := turnID("p", 1)
	seen, err := c.SubscribeSync(id.Subject(wire.KindResult))
	if err != nil {
		t.Fatal(err)
	}
	mustSubmit(t, c, id, "hi")
	job := n.next(t)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), id.Subject(wire.KindFinish), []byte(`{"v":1,"outcome":"completed","text":"first"}`),
		jetstream.WithExpectLastSequencePerSubject(0)); err != nil {
		t.Fatal(err)
	}
	if err := job.Finish(t.Context(), completed("second")); !errors.Is(err, turns.ErrOver) {
		t.Errorf("finish after another: %v, want ErrOver", err)
	}
	close(ended(job))
	if r := result(t, c, id); r.Text != "first" {
		t.Errorf("the answer is %q", r.Text)
	}
	m, err := seen.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := wire.Decode[wire.Result](m.Data); err != nil || r.Text != "first" {
		t.Errorf("seen %+v, %v", r, err)
	}
	mustSubmit(t, c, turnID("q", 1), "later")
	end(t, n.next(t), completed("later"))
	if pending, _, _ := seen.Pending(); pending != 0 {
		t.Errorf("%d more results were seen", pending)
	}
}

func TestFinishTwice(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{Node: "n1"}), connect(t, b)
	mustSubmit(t, c, turnID("p", 1), "hi")
	job := n.next(t)
	if err := job.Finish(t.Context(), wire.Result{Outcome: "splendid"}); err == nil || errors.Is(err, turns.ErrOver) {
		t.Errorf("an outcome that is none: %v", err)
	}
	end(t, job, completed("hello"))
	if err := job.Finish(t.Context(), completed("again")); !errors.Is(err, turns.ErrOver) {
		t.Errorf("finish again: %v", err)
	}
	if err := job.HandBack(t.Context()); !errors.Is(err, turns.ErrOver) {
		t.Errorf("hand back after finish: %v", err)
	}
	if err := job.Stream(wire.Chunk{Text: "more"}); !errors.Is(err, turns.ErrOver) {
		t.Errorf("stream after finish: %v", err)
	}
	r := result(t, c, turnID("p", 1))
	if r.ID() != turnID("p", 1) || r.Node != "n1" || r.Attempt != 1 || !r.Timing.AcceptedAt.Equal(job.AcceptedAt()) || r.Timing.TotalMS <= 0 {
		t.Errorf("result %+v does not say whose it is", r)
	}
}

func TestChunksAreCounted(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	id := turnID("p", 1)
	stream, err := c.SubscribeSync(id.Subject(wire.KindStream))
	if err != nil {
		t.Fatal(err)
	}
	mustSubmit(t, c, id, "hi")
	job := n.next(t)
	for _, text := range []string{"a", "b", "c"} {
		if err := job.Stream(wire.Chunk{Text: text, Seq: 99, Attempt: 99}); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range []string{"a", "b", "c"} {
		m, err := stream.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.Decode[wire.Chunk](m.Data)
		if want := (wire.Chunk{Version: 1, Attempt: 1, Seq: int64(i + 1), Text: text}); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

// TestHeldTurnsAreKept: a turn that takes long stays with its node.
func TestHeldTurnsAreKept(t *testing.T) {
	b := startBroker(t, t.TempDir())
	cfg := turns.Config{AckWait: 100 * time.Millisecond}
	nodes := []*node{startNode(t, b, cfg), startNode(t, b, cfg)}
	c := connect(t, b)
	mustSubmit(t, c, turnID("p", 1), "slow")
	mustSubmit(t, c, turnID("p", 2), "waits") // held with it, or looked at again and again
	var job *turns.Job
	select {
	case job = <-nodes[0].jobs:
	case job = <-nodes[1].jobs:
	}
	select {
	case <-time.After(5 * cfg.AckWait):
	case again := <-nodes[0].jobs:
		t.Fatalf("%v runs too", again.ID())
	case again := <-nodes[1].jobs:
		t.Fatalf("%v runs too", again.ID())
	}
	end(t, job, completed("done"))
}

// TestDeadNode: its turns go to another one, and what it says later is void.
func TestDeadNode(t *testing.T) {
	b := startBroker(t, t.TempDir())
	cfg := turns.Config{AckWait: 100 * time.Millisecond}
	first := startNode(t, b, cfg)
	c := connect(t, b)
	mustSubmit(t, c, turnID("p", 1), "hi")
	dead := first.next(t)
	second := startNode(t, b, cfg)
	first.conn.Close()
	job := second.next(t)
	if job.Attempt() <= dead.Attempt() {
		t.Errorf("attempt %d after attempt %d", job.Attempt(), dead.Attempt())
	}
	end(t, job, completed("from the second"))
	if err := dead.Finish(t.Context(), completed("from the dead")); err == nil {
		t.Error("the dead node finished")
	}
	if r := result(t, c, turnID("p", 1)); r.Text != "from the second" {
		t.Errorf("the answer is %q", r.Text)
	}
	if err := <-first.gone; err == nil {
		t.Error("a node without its connection says that all is well")
	}
}

func TestHandBack(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	mustSubmit(t, c, turnID("p", 1), "hi")
	mustSubmit(t, c, turnID("p", 2), "then")
	first := n.next(t)
	if err := first.HandBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(ended(first))
	again := n.next(t)
	if again.ID().Turn != 1 || again.Attempt() <= first.Attempt() {
		t.Errorf("then came %v, attempt %d", again.ID(), again.Attempt())
	}
	close(ended(again)) // a runner that forgets
	once := n.next(t)
	end(t, once, completed("one"))
	end(t, n.next(t), completed("two"))
	if r := result(t, c, turnID("p", 2)); r.Text != "two" {
		t.Errorf("the answer is %q", r.Text)
	}
}

// TestCancel: whatever a turn is doing. The node that is asked may be another than
// the one that runs it.
func TestCancel(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	cancel := func(id wire.ID, want wire.Outcome) {
		t.Helper()
		if r := ask(t, c, id.Subject(wire.KindCancel), ""); r.Cancelled == nil || r.Cancelled.Outcome != want {
			t.Errorf("cancel %v: %+v, %v; want %s", id, r.Cancelled, r.Error, want)
		}
		if r := result(t, c, id); r.Outcome != want {
			t.Errorf("%v is %s, want %s", id, r.Outcome, want)
		}
	}
	mustSubmit(t, c, turnID("p", 1), "runs")
	running := n.next(t)
	mustSubmit(t, c, turnID("p", 2), "waits")
	mustSubmit(t, c, turnID("p", 3), "comes last")
	(&node{}).start(t, b, turns.Config{MaxJobs: 1}, turns.RunnerFunc(func(ctx context.Context, j *turns.Job) { <-ctx.Done() }))
	cancel(turnID("p", 2), wire.Cancelled)
	cancel(turnID("p", 1), wire.Cancelled)
	select {
	case <-running.Cancelled():
	case <-time.After(patience):
		t.Fatal("the runner does not know")
	}
	if err := running.Finish(t.Context(), completed("too late")); !errors.Is(err, turns.ErrOver) {
		t.Errorf("finish after cancel: %v", err)
	}
	cancel(turnID("p", 3), wire.Cancelled)
	cancel(turnID("p", 3), wire.Cancelled)
}

func TestCancelAfterTheEnd(t *testing.T) {
	b := startBroker(t, t.TempDir())
	startEcho(t, b, turns.Config{})
	c := connect(t, b)
	id := turnID("p", 1)
	mustSubmit(t, c, id, "hi")
	result(t, c, id)
	if r := ask(t, c, id.Subject(wire.KindCancel), ""); r.Cancelled == nil || r.Cancelled.Outcome != wire.Completed {
		t.Errorf("cancel: %+v, %v", r.Cancelled, r.Error)
	}
	if r := result(t, c, id); r.Text != "hi" {
		t.Errorf("the answer became %+v", r)
	}
}

// TestDeadlineWhileWaiting: it counts from the acceptance, and before the turn is
// handed over the server keeps it.
func TestDeadlineWhileWaiting(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	mustSubmit(t, c, turnID("p", 1), "runs")
	first := n.next(t)
	if r := ask(t, c, turnID("p", 2).Subject(wire.KindSubmit), message("waits", `,"timeout_ms":30`)); r.Accepted == nil {
		t.Fatal(r.Error)
	}
	if r := result(t, c, turnID("p", 2)); r.Outcome != wire.DeadlineExceeded || r.Error == nil || r.Error.Code != wire.CodeDeadlineExceeded || r.Timing.TotalMS < 30 {
		t.Errorf("result %+v, %v", r, r.Error)
	}
	end(t, first, completed("done"))
}

func TestHistory(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	for i, turn := range []struct {
		more string
		r    wire.Result
	}{
		{``, completed("a1")},
		{`,"mode":"replace"`, completed("a2")},
		{``, wire.Result{Outcome: wire.Failed, Text: "a3"}},
		{``, wire.Result{Outcome: wire.Completed, Text: "a4", Tokens: []int32{7, 8}}},
	} {
		id := turnID("p", int64(i+1))
		if r := ask(t, c, id.Subject(wire.KindSubmit), message(fmt.Sprint("q", i+1), turn.more)); r.Accepted == nil {
			t.Fatal(r.Error)
		}
		end(t, n.next(t), turn.r)
	}
	mustSubmit(t, c, turnID("p", 5), "q5")
	job := n.next(t)
	past, err := job.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got string
	for _, e := range past {
		got += fmt.Sprintf("%s %s %v\n", e.Turn.Messages[0].Content, e.Result.Text, e.Result.Tokens)
	}
	if want := "q1 a1 []\nq2 a2 []\nq4 a4 [7 8]\n"; got != want {
		t.Errorf("history\n%s, want\n%s", got, want)
	}

	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	results, err := js.Stream(t.Context(), wire.ResultsStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := results.Purge(t.Context(), jetstream.WithPurgeSubject(turnID("p", 4).Subject(wire.KindResult))); err != nil {
		t.Fatal(err)
	}
	if _, err := job.History(t.Context()); !errors.Is(err, turns.ErrHistoryLost) {
		t.Errorf("without a result: %v, want ErrHistoryLost", err)
	}
}

// TestShutdown: what runs is finished, what waits goes to another node, and
// nothing new is taken.
func TestShutdown(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{}), connect(t, b)
	mustSubmit(t, c, turnID("p", 1), "runs")
	mustSubmit(t, c, turnID("p", 2), "waits")
	job := n.next(t)
	shut := make(chan error, 1)
	go func() { shut <- n.Shutdown(context.Background()) }()
	other := startNode(t, b, turns.Config{})
	mustSubmit(t, c, turnID("q", 1), "for the other")
	if j := other.next(t); j.ID().Program != "q" {
		t.Errorf("the other node got %v", j.ID())
	} else {
		end(t, j, completed("q"))
	}
	select {
	case err := <-shut:
		t.Fatalf("did not wait: %v", err)
	default:
	}
	end(t, job, completed("one"))
	if err := <-shut; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-n.gone; err != nil {
		t.Errorf("run: %v", err)
	}
	end(t, other.next(t), completed("two"))
	if r := result(t, c, turnID("p", 2)); r.Text != "two" {
		t.Errorf("the answer is %q", r.Text)
	}
}

// TestShutdownRunsOutOfPatience: the runner's context ends, and the turn goes to
// another node at once.
func TestShutdownRunsOutOfPatience(t *testing.T) {
	b := startBroker(t, t.TempDir())
	n, c := startNode(t, b, turns.Config{AckWait: time.Hour}), connect(t, b)
	mustSubmit(t, c, turnID("p", 1), "runs")
	n.next(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := n.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	other := startNode(t, b, turns.Config{AckWait: time.Hour})
	end(t, other.next(t), completed("done"))
}

func TestConfigIsChecked(t *testing.T) {
	b := startBroker(t, t.TempDir())
	for _, cfg := range []turns.Config{{MaxQueued: -1}, {MaxJobs: -1}, {AckWait: time.Microsecond}} {
		if _, err := turns.New(t.Context(), connect(t, b), cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
