package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// messagesRig is a gateway over a real NATS server and the real intake of turns. In the
// model's place a script answers.
type messagesRig struct {
	url string

	mu      sync.Mutex
	script  []messagesScript
	turns   []*wire.Turn // that the runner was given
	started chan struct{}
	dropped chan struct{} // receives when a turn was cancelled
}

// messagesScript is an answer of the script.
type messagesScript struct {
	pieces []wire.Piece
	finish wire.FinishReason // empty: stop
	usage  wire.Usage
	failed *wire.Error   // the turn ends with it, behind the pieces
	steps  chan struct{} // each piece waits for one; nil: none does
	hangs  bool          // behind the pieces, until the turn is cancelled
}

func textPiece(s string) wire.Piece       { return wire.Piece{Kind: wire.PieceText, Text: s} }
func thoughtPiece(s string) wire.Piece    { return wire.Piece{Kind: wire.PieceReasoning, Text: s} }
func saying(s string) messagesScript      { return messagesScript{pieces: []wire.Piece{textPiece(s)}} }
func failing(e wire.Error) messagesScript { return messagesScript{failed: &e} }
func (s *messagesRig) add(more ...messagesScript) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, more...)
}

// calls is a whole call of a tool, in one piece.
func callPiece(index int, id, name, arguments string) wire.Piece {
	return wire.Piece{Kind: wire.PieceToolCall, Index: index, ID: id, Name: name, Text: arguments, Done: true}
}

func newMessagesRig(t *testing.T, script ...messagesScript) *messagesRig {
	t.Helper()
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.NoPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	conn, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	server, err := turns.New(t.Context(), conn, turns.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &messagesRig{script: script, started: make(chan struct{}, 16), dropped: make(chan struct{}, 16)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx, turns.RunnerFunc(s.run)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	g, err := New(t.Context(), Config{Conn: conn, Model: "small", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	web := httptest.NewServer(Judged(t, g))
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

// client is the official one.
func (s *messagesRig) client(opts ...option.RequestOption) *anthropic.Client {
	c := anthropic.NewClient(append([]option.RequestOption{
		option.WithBaseURL(s.url), option.WithAPIKey("key"), option.WithMaxRetries(0),
	}, opts...)...)
	return &c
}

// given are the turns that have come to the runner.
func (s *messagesRig) given() []*wire.Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.turns)
}

func (s *messagesRig) run(ctx context.Context, job *turns.Job) {
	turn, err := job.Turn(ctx)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.turns = append(s.turns, turn)
	answer := saying("the script is at its end")
	if len(s.script) > 0 {
		answer, s.script = s.script[0], s.script[1:]
	}
	s.mu.Unlock()
	s.started <- struct{}{}
	r := wire.Result{Outcome: wire.Completed, FinishReason: answer.finish, Usage: answer.usage}
	if r.FinishReason == "" {
		r.FinishReason = wire.FinishStop
	}
	for _, p := range answer.pieces {
		if answer.steps != nil {
			<-answer.steps
		}
		_ = job.Stream(wire.Chunk{Text: p.Text, Pieces: []wire.Piece{p}})
		r.Text += p.Text
		r.Pieces = wire.Join(r.Pieces, p)
	}
	if answer.hangs {
		<-job.Cancelled()
		s.dropped <- struct{}{}
	}
	if answer.steps != nil {
		<-answer.steps
	}
	if answer.failed != nil {
		r.Outcome, r.FinishReason, r.Error = wire.Failed, "", answer.failed
	}
	_ = job.Finish(ctx, r) // a cancelled turn has its end already
}

// post sends a request as it is.
func (s *messagesRig) post(t *testing.T, ctx context.Context, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/messages?beta=true", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}
