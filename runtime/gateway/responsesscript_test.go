package gateway

import (
	"context"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// scripted has a script that answers by what the last message of a turn says.
type scripted struct {
	*rig
	answers map[string]scriptedAnswer
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

// find gives the answer to the last message, or to the prompt.
func (s *scripted) find(ctx context.Context, job *turns.Job, turn *wire.Turn) wire.Result {
	a, ok := s.answers[lastSaid(turn)]
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
			return wire.Result{Outcome: wire.Cancelled}
		case <-ctx.Done():
			return wire.Result{}
		}
	}
	if a.once != nil && s.came(lastSaid(turn)) == 1 {
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
	return r
}

func lastSaid(turn *wire.Turn) string {
	if turn.Prompt != "" {
		return turn.Prompt
	}
	return string(turn.Messages[len(turn.Messages)-1].Content)
}

// came is how many turns ended with a message.
func (s *scripted) came(last string) (n int) {
	for _, turn := range s.taken() {
		if lastSaid(&turn) == last {
			n++
		}
	}
	return n
}

// taken are the turns that came.
func (s *scripted) taken() (all []wire.Turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, turn := range s.turns {
		all = append(all, *turn)
	}
	return all
}

// serveResponses has a gateway with a script, and OpenAI's client of it, which sends nothing
// twice.
func serveResponses(t *testing.T, answers map[string]scriptedAnswer) (*scripted, openai.Client, string) {
	t.Helper()
	script := &scripted{answers: answers}
	script.rig = startRig(t, "scripted", script.find)
	client := openai.NewClient(option.WithBaseURL(script.url+"/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0))
	return script, client, script.url
}
