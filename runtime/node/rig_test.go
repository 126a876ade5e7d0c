package node_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk/wire"
)

// rig is a node between a fake engine and fake turns, in a bubble of its own
// time.
type rig struct {
	*testing.T
	engine *gputest.Fake
	broker *broker
	node   *node.Node
	stop   context.CancelFunc
	err    error         // of Run
	ended  chan struct{} // closed when Run has returned
}

// stage is what a test changes of how a rig is set up.
type stage struct {
	node.Config
	geometry engine.Geometry
	template string
}

// play runs a test with a node.
func play(t *testing.T, set func(*stage), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBroker(), set)
		defer func() {
			r.shutDown()
			if err := r.engine.Check(); err != nil {
				t.Error(err)
			}
		}()
		test(r)
	})
}

func newRig(t *testing.T, b *broker, set func(*stage)) *rig {
	t.Helper()
	s := &stage{geometry: gputest.Small(), template: chattest.ChatML}
	s.Config = node.Config{Name: "node-a", Turns: b, Vocabulary: chattest.Tokenizer{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if set != nil {
		set(s)
	}
	r := &rig{T: t, broker: b, ended: make(chan struct{})}
	if s.Engine == nil {
		r.engine = gputest.NewFake(s.geometry)
		s.Engine = r.engine
	}
	var err error
	if s.Template, err = chat.Compile(s.template, s.Vocabulary); err != nil {
		t.Fatal(err)
	}
	if r.node, err = node.New(s.Config); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		defer close(r.ended)
		r.err = r.node.Run(ctx)
	}()
	return r
}

// shutDown stops the node and waits for it; what it was doing is handed back.
func (r *rig) shutDown() {
	r.stop()
	<-r.ended
}

// replies scripts the engine: to a question it answers with the text, in tokens
// of one byte, so that it differs from what the tokenizer would make.
func (r *rig) replies(answers map[string]string) {
	r.engine.Script(func(ctx []engine.Token) engine.Token {
		text := chattest.Spell(ctx)
		question, said := text, ""
		if at := strings.LastIndex(text, "user\n"); at >= 0 {
			question, said, _ = strings.Cut(text[at+len("user\n"):], "‹<|im_end|>›\n‹<|im_start|>›assistant\n")
		}
		answer, ok := answers[question]
		if !ok || len(said) >= len(answer) {
			return chattest.ImEnd
		}
		return engine.Token(answer[len(said)])
	})
}

// ask sends a turn of one question.
func (r *rig) ask(program string, turn int64, question string, change ...func(*wire.Turn)) *job {
	return r.askAs(program, turn, question, func(*job) {}, change...)
}

// askAs does so with a job that is changed before it is sent.
func (r *rig) askAs(program string, turn int64, question string, as func(*job), change ...func(*wire.Turn)) *job {
	w := &wire.Turn{
		Version: 1, Tenant: "t", Program: program, Turn: turn,
		Messages:   []wire.Message{{Role: "user", Content: wire.Content(question)}},
		AcceptedAt: time.Now(),
	}
	for _, c := range change {
		c(w)
	}
	return r.broker.sendAs(w, as)
}

// finished waits for the job's result.
func (r *rig) finished(j *job) *wire.Result {
	r.Helper()
	select {
	case <-j.over:
	case <-time.After(time.Hour):
		r.Fatalf("turn %s/%d has no end", j.turn.Program, j.turn.Turn)
	}
	if j.result == nil {
		r.Fatalf("turn %s/%d was handed back", j.turn.Program, j.turn.Turn)
	}
	return j.result
}

// broker is a node.Turns that keeps everything in memory.
type broker struct {
	jobs chan *job
	fail chan error

	mu      sync.Mutex
	results map[string][]exchange // by program
	stolen  bool                  // the next result is another node's
	broken  error                 // what jobs that are sent from now on answer
}

type exchange struct {
	turn   *wire.Turn
	result *wire.Result
}

func newBroker() *broker {
	return &broker{jobs: make(chan *job, 100), fail: make(chan error, 1), results: map[string][]exchange{}}
}

func (b *broker) send(w *wire.Turn) *job { return b.sendAs(w, func(*job) {}) }

func (b *broker) sendAs(w *wire.Turn, as func(*job)) *job {
	j := &job{broker: b, turn: w, cancelled: make(chan struct{}), over: make(chan struct{}), broken: b.broken}
	as(j)
	b.jobs <- j
	return j
}

func (b *broker) Next(ctx context.Context) (node.Job, error) {
	select {
	case j := <-b.jobs:
		return j, nil
	case err := <-b.fail:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// job is a node.Job that notes what becomes of it.
type job struct {
	broker    *broker
	turn      *wire.Turn
	cancelled chan struct{}
	over      chan struct{} // closed at its end
	read      int           // how often the turn was read
	started   bool
	parts     []string
	pieces    []wire.Piece // joined
	at        []time.Time  // of the parts
	result    *wire.Result
	broken    error           // what Finish and History answer
	lost      error           // what Turn answers
	forgot    error           // what History answers
	gate      <-chan struct{} // that Turn waits for
}

func (j *job) ID() wire.ID                    { return j.turn.ID() }
func (j *job) Attempt() int                   { return 1 }
func (j *job) AcceptedAt() time.Time          { return j.turn.AcceptedAt }
func (j *job) Deadline() (time.Time, bool)    { return j.turn.Deadline() }
func (j *job) Drop()                          {}
func (j *job) Start()                         { j.started = true }
func (j *job) GiveBack(context.Context) error { close(j.over); return nil }

func (j *job) Turn(context.Context) (*wire.Turn, error) {
	j.read++
	if j.gate != nil {
		<-j.gate
	}
	return j.turn, j.lost
}

func (j *job) OnCancel(f func()) {
	go func() {
		select {
		case <-j.cancelled:
			f()
		case <-j.over:
		}
	}()
}

func (j *job) Stream(text string, pieces []wire.Piece) {
	for _, p := range (&wire.Chunk{Text: text, Pieces: pieces}).Parts() {
		j.pieces = wire.Join(j.pieces, p)
	}
	if text == "" {
		return
	}
	j.parts = append(j.parts, text)
	j.at = append(j.at, time.Now())
}

func (j *job) History(context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error) {
	j.broker.mu.Lock()
	defer j.broker.mu.Unlock()
	past := slices.Clone(j.broker.results[j.turn.Program])
	return func(yield func(*wire.Turn, *wire.Result) bool) {
		for _, e := range past {
			if !yield(e.turn, e.result) {
				return
			}
		}
	}, cmp.Or(j.broken, j.forgot)
}

func (j *job) Finish(_ context.Context, r *wire.Result) (own bool, err error) {
	if j.broken != nil {
		return false, j.broken
	}
	j.broker.mu.Lock()
	defer j.broker.mu.Unlock()
	own = !j.broker.stolen
	j.broker.stolen = false
	if own && r.Outcome == wire.Completed {
		j.broker.results[j.turn.Program] = append(j.broker.results[j.turn.Program], exchange{j.turn, r})
	}
	j.result = r
	close(j.over)
	return own, nil
}

var errTest = errors.New("a test's error")
