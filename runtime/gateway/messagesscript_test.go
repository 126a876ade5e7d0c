package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// messagesRig has a script whose answers come one after the other.
type messagesRig struct {
	*rig
	script  []messagesScript
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

func newMessagesRig(t testing.TB, script ...messagesScript) *messagesRig {
	t.Helper()
	s := &messagesRig{script: script, started: make(chan struct{}, 16), dropped: make(chan struct{}, 16)}
	s.rig = startRig(t, "small", s.next)
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

// next gives the answer that is next in the script.
func (s *messagesRig) next(_ context.Context, job *turns.Job, _ *wire.Turn) wire.Result {
	s.mu.Lock()
	answer := saying("the script is at its end")
	if len(s.script) > 0 {
		answer, s.script = s.script[0], s.script[1:]
	}
	s.mu.Unlock()
	s.started <- struct{}{}
	r := wire.Result{FinishReason: answer.finish, Usage: answer.usage}
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
		r.Outcome, r.Error = wire.Failed, answer.failed
	}
	return r // a cancelled turn has its end already
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
