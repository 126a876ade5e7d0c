package turns_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// holder is a runner that keeps what it is given until the server stops.
type holder struct {
	mu   sync.Mutex
	jobs map[wire.ID]*turns.Job
	more int // turns that were given more than once
}

func (h *holder) Take(ctx context.Context, job *turns.Job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.jobs == nil {
		h.jobs = map[wire.ID]*turns.Job{}
		context.AfterFunc(ctx, func() { h.handBack(ctx) })
	}
	if h.jobs[job.ID()] != nil {
		h.more++
	}
	h.jobs[job.ID()] = job
	if ctx.Err() != nil {
		_ = job.HandBack(ctx)
	}
}

// handBack ends all; an error says that a turn has had its end.
func (h *holder) handBack(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, j := range h.jobs {
		_ = j.HandBack(ctx)
	}
}

// has waits until so many turns were given, as long as more of them come.
func (h *holder) has(t *testing.T, count int) {
	t.Helper()
	given := h.given()
	for last := time.Now(); given < count; time.Sleep(5 * time.Millisecond) {
		switch now := h.given(); {
		case now > given:
			given, last = now, time.Now()
		case time.Since(last) > patience:
			t.Fatalf("of %d turns, %d were given", count, given)
		}
	}
}

func (h *holder) given() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.jobs)
}

// accept stores first turns of programs, as a node would.
func accept(t *testing.T, c *nats.Conn, count int) {
	t.Helper()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		w := wire.Turn{
			Version: wire.Version, Tenant: "acme", Program: fmt.Sprintf("agent-%06d", i), Turn: 1, AcceptedAt: time.Now(),
			Messages: []wire.Message{{Role: "user", Content: "hi"}},
		}
		data, err := wire.Encode(&w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishAsync(w.ID().Subject(wire.KindTurn), data); err != nil {
			t.Fatal(err)
		}
		if i == count-1 || js.PublishAsyncPending() == mostUnstored {
			stored(t, js)
		}
	}
}

// mostUnstored is fewer than the client lets be under way.
const mostUnstored = 1000

func stored(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(patience):
		t.Fatal("the turns are not stored")
	}
}

// hold starts a node that holds what it gets.
func hold(t *testing.T, b *broker.Server, cfg turns.Config) (*holder, *node) {
	h, n := &holder{}, &node{}
	n.start(t, b, cfg, h)
	return h, n
}

// TestHeadsAreSmall: what a turn in hand takes here, JetStream's own notes of it included.
func TestHeadsAreSmall(t *testing.T) {
	const most = 1024
	count := 100_000
	if testing.Short() {
		count = 20_000
	}
	b := startBroker(t, t.TempDir())
	startEcho(t, b, turns.Config{}).Shutdown(t.Context()) // the streams are there
	accept(t, connect(t, b), count)
	before := inUse()
	h, n := hold(t, b, turns.Config{BodyBytes: 1})
	h.has(t, count)
	each := (inUse() - before) / int64(count)
	t.Logf("%d turns take %d bytes each", count, each)
	if each > most {
		t.Errorf("a turn in hand takes %d bytes, more than %d", each, most)
	}
	runtime.KeepAlive(n)
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestWaitingTurnsHaveLeases: JetStream hears seldom of turns that wait, and of those that run
// four times in AckWait; it gives none of them to anybody else, though another node asks.
func TestWaitingTurnsHaveLeases(t *testing.T) {
	const count = 1000 // a lease of 4 s
	b := startBroker(t, t.TempDir())
	cfg := turns.Config{AckWait: time.Second}
	startEcho(t, b, cfg).Shutdown(t.Context())
	c := connect(t, b)
	accept(t, c, count)
	h, _ := hold(t, b, cfg)
	h.has(t, count)
	running := h.jobs[turnID("agent-000000", 1)]
	running.Start()
	other, _ := hold(t, b, cfg)

	var mu sync.Mutex
	told := map[string]int{} // how often, by the turn's place in the stream
	sub, err := c.Subscribe("$JS.ACK."+wire.TurnsStream+".>", func(m *nats.Msg) {
		about, err := (&nats.Msg{Sub: m.Sub, Reply: m.Subject}).Metadata()
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		told[fmt.Sprint(about.Sequence.Stream)]++
	})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * cfg.AckWait / 2)
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	waiting := 0
	for _, n := range told {
		waiting += n
	}
	waiting -= told["1"]
	// The running one is told of ten times, and one that waits once or twice, or once more
	// where its first lease, of when few had come, was a short one.
	if waiting > 5*count || told["1"] < 6 {
		t.Errorf("JetStream heard %d times of %d waiting turns, %d times of the running one", waiting, count, told["1"])
	}
	if h.more > 0 || len(other.jobs) > 0 {
		t.Errorf("%d turns came again, and %d to the other node", h.more, len(other.jobs))
	}
}

// TestDeadNodeLosesWhatWaits: the turn that it runs first, those that wait after their lease.
func TestDeadNodeLosesWhatWaits(t *testing.T) {
	const count = 300 // a lease of 1.2 s
	b := startBroker(t, t.TempDir())
	cfg := turns.Config{AckWait: 200 * time.Millisecond, WaitLease: time.Second}
	startEcho(t, b, cfg).Shutdown(t.Context())
	accept(t, connect(t, b), count)
	dead, n := hold(t, b, cfg)
	dead.has(t, count)
	dead.jobs[turnID("agent-000007", 1)].Start()
	time.Sleep(2 * cfg.AckWait) // all have leases
	n.conn.Close()
	next, _ := hold(t, b, cfg)
	next.has(t, 1)
	next.has(t, count)
	for _, j := range next.jobs {
		if j.Attempt() < 2 {
			t.Errorf("%v has attempt %d", j.ID(), j.Attempt())
		}
	}
}

// TestNothingAtHand: with no room for what turns say, all is read again, and programs whose
// turns were all sent at once are answered in order.
func TestNothingAtHand(t *testing.T) {
	const length = 30
	b := startBroker(t, t.TempDir())
	startEcho(t, b, turns.Config{BodyBytes: 1})
	c := connect(t, b)
	for turn := range int64(length) {
		for _, p := range []string{"a", "b"} {
			mustSubmit(t, c, turnID(p, turn+1), fmt.Sprint(p, turn))
		}
	}
	for turn := range int64(length) {
		for _, p := range []string{"a", "b"} {
			if r := result(t, c, turnID(p, turn+1)); r.Text != fmt.Sprint(p, turn) {
				t.Errorf("%s turn %d says %q", p, turn+1, r.Text)
			}
		}
	}
}
