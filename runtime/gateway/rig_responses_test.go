package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// scripted answers turns in a node's place: by what their last message says.
type scripted struct {
	answers map[string]scriptedAnswer
	handled chan string // the requests that the gateway has done with, as METHOD /path

	mu    sync.Mutex
	turns []wire.Turn // that came, in their order
}

// scriptedAnswer is what a turn is answered with.
type scriptedAnswer struct {
	pieces []wire.Piece  // one chunk each
	hold   chan struct{} // if any: the end waits until it is closed, or until the turn is cancelled
	finish wire.FinishReason
	err    *wire.Error // if any: it fails with it, behind the pieces
	once   *wire.Error // if any: the same, the first time
}

// text is an answer of a text in pieces, and call one of a call of a tool.
func text(pieces ...string) (a scriptedAnswer) {
	for _, p := range pieces {
		a.pieces = append(a.pieces, wire.Piece{Kind: wire.PieceText, Text: p})
	}
	return a
}

func call(id, name string, arguments ...string) []wire.Piece {
	pieces := []wire.Piece{{Kind: wire.PieceToolCall, ID: id, Name: name}}
	for _, a := range arguments {
		pieces = append(pieces, wire.Piece{Kind: wire.PieceToolCall, Text: a})
	}
	pieces[len(pieces)-1].Done = true
	return pieces
}

func (s *scripted) run(ctx context.Context, job *turns.Job) {
	turn, err := job.Turn(ctx)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.turns = append(s.turns, *turn)
	s.mu.Unlock()
	a, ok := s.answers[string(turn.Messages[len(turn.Messages)-1].Content)]
	if !ok {
		a.err = &wire.Error{Code: wire.CodeInternal, Message: "the script has no answer"}
	}
	r := wire.Result{Outcome: wire.Completed, FinishReason: wire.FinishStop, Usage: wire.Usage{PromptTokens: 20, ReusedTokens: 5, RestoredTokens: 3, PrefilledTokens: 12, CompletionTokens: 4}}
	for _, p := range a.pieces {
		r.Text += p.Text
		r.Pieces = wire.Join(r.Pieces, p)
		_ = job.Stream(wire.Chunk{Text: p.Text, Pieces: []wire.Piece{p}})
	}
	if a.hold != nil {
		select {
		case <-a.hold:
		case <-job.Cancelled():
			_ = job.Finish(ctx, wire.Result{Outcome: wire.Cancelled})
			return
		case <-ctx.Done():
			return
		}
	}
	if a.once != nil && s.came(string(turn.Messages[len(turn.Messages)-1].Content)) == 1 {
		a.err = a.once
	}
	if a.finish != "" {
		r.FinishReason = a.finish
	}
	if a.err != nil {
		r.Outcome, r.FinishReason, r.Error = wire.Failed, "", a.err
		if a.err.Code == wire.CodeContextTooLong {
			r.Outcome = wire.Rejected
		}
	}
	_ = job.Finish(ctx, r)
}

// came is how many turns ended with a message.
func (s *scripted) came(last string) (n int) {
	for _, turn := range s.taken() {
		if string(turn.Messages[len(turn.Messages)-1].Content) == last {
			n++
		}
	}
	return n
}

// taken are the turns that came.
func (s *scripted) taken() []wire.Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]wire.Turn(nil), s.turns...)
}

// serveResponses has a gateway over a NATS server of its own, and OpenAI's client of it, which
// sends nothing twice.
func serveResponses(t *testing.T, answers map[string]scriptedAnswer) (*scripted, openai.Client, string) {
	t.Helper()
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.NoPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	node, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	conn, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)

	script := &scripted{answers: answers, handled: make(chan string, 256)}
	server, err := turns.New(context.Background(), node, turns.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx, turns.RunnerFunc(script.run)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})

	g, err := New(context.Background(), Config{Conn: conn, Model: "scripted"})
	if err != nil {
		t.Fatal(err)
	}
	judged := Judged(t, g)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		judged.ServeHTTP(w, r)
		script.handled <- r.Method + " " + r.URL.Path
	}))
	t.Cleanup(func() {
		g.Close()
		web.Close()
	})
	client := openai.NewClient(option.WithBaseURL(web.URL+"/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0))
	return script, client, web.URL
}
