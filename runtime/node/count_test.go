package node_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/interlude-run/interlude/sdk/wire"
)

// TestPrompts: a prompt is put before the model as it is, and a later one has the cells of
// what it begins with.
func TestPrompts(t *testing.T) {
	play(t, nil, func(r *rig) {
		prompt := func(text string) func(*wire.Turn) {
			return func(w *wire.Turn) {
				w.Messages, w.Prompt, w.Mode, w.Sampling.MaxTokens = nil, text, wire.ModeReplace, 4
			}
		}
		first := r.finished(r.ask("p", 1, "", prompt("<|im_start|>Once upon a time")))
		if first.Outcome != wire.Completed || first.Usage.PromptTokens != len("‹Once upon a time")-2 || first.Pieces != nil {
			t.Errorf("%+v", first)
		}
		second := r.finished(r.ask("p", 2, "", prompt("<|im_start|>Once upon a time there was")))
		if second.Outcome != wire.Completed || second.Usage.ReusedTokens < len("Once upon a time")-1 {
			t.Errorf("%+v", second)
		}
		third := r.finished(r.ask("p", 3, "Hi"))
		if third.Outcome != wire.Rejected || third.Error == nil || third.Error.Code != wire.CodeInvalidMessages {
			t.Errorf("a message behind a prompt: %+v", third)
		}
		fourth := r.finished(r.ask("p", 4, "Hi", func(w *wire.Turn) { w.Mode = wire.ModeReplace }))
		if fourth.Outcome != wire.Completed {
			t.Errorf("messages in its place: %+v", fourth)
		}
	})
}

// TestCount: the number is that of the turn's prompt, with what was said before.
func TestCount(t *testing.T) {
	ctx := context.Background()
	play(t, nil, func(r *rig) {
		r.replies(map[string]string{"one": "1"})
		first := r.ask("p", 1, "one")
		r.finished(first)
		question := func(turn int64) *wire.Turn {
			return &wire.Turn{Tenant: "t", Program: "p", Turn: turn, Messages: []wire.Message{{Role: "user", Content: "two"}}}
		}
		history := func(context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error) {
			return func(yield func(*wire.Turn, *wire.Result) bool) { yield(first.turn, first.result) }, nil
		}
		n, err := r.node.Count(ctx, question(2), history)
		if second := r.finished(r.ask("p", 2, "two")); err != nil || n != second.Usage.PromptTokens {
			t.Errorf("counted %d, %v; the prompt has %d", n, err, second.Usage.PromptTokens)
		}
		alone, err := r.node.Count(ctx, question(1), nil)
		if err != nil || alone >= n || alone < len("two") {
			t.Errorf("alone it has %d, %v", alone, err)
		}
		bad := question(1)
		bad.Messages[0].Role = "robot"
		var e *wire.Error
		if _, err := r.node.Count(ctx, bad, nil); !errors.As(err, &e) || e.Code != wire.CodeInvalidMessages {
			t.Errorf("%v", err)
		}
		lost := func(context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error) { return nil, errTest }
		if _, err := r.node.Count(ctx, question(2), lost); !errors.Is(err, errTest) {
			t.Errorf("%v", err)
		}
		if r.node.Stats().Counted != 2 {
			t.Errorf("%d are counted", r.node.Stats().Counted)
		}
	})
}

// TestForkOfAProgram: the conversation of the turn that it goes on from is before it, and is no
// past of its own.
func TestForkOfAProgram(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.replies(map[string]string{"one": "1", "two": "2", "other": "3"})
		first := r.ask("p", 1, "one")
		r.finished(first)
		r.finished(r.ask("p", 2, "two"))
		from := func(w *wire.Turn) {
			w.Mode, w.From, w.Lifecycle.Parent = wire.ModeReplace, &wire.Spot{Program: "p", Turn: 1}, "p"
		}
		r.broker.results["q"] = []exchange{{first.turn, first.result}} // as package turns tells it
		fork := r.finished(r.ask("q", 1, "other", from))
		straight := r.finished(r.ask("s", 1, "one"))
		same := r.finished(r.ask("s", 2, "other"))
		if fork.Outcome != wire.Completed || fork.Text != "3" || fork.Usage.PromptTokens != same.Usage.PromptTokens {
			t.Errorf("%+v, want the context of %+v", fork, same)
		}
		if fork.Miss == nil || fork.Miss.Reason != wire.MissFirstTurn {
			t.Errorf("its miss is %+v", fork.Miss)
		}
		if fork.Usage.ReusedTokens < straight.Usage.PromptTokens-1 {
			t.Errorf("%d of its parent's tokens are reused", fork.Usage.ReusedTokens)
		}
		lost := r.finished(r.askAs("u", 1, "other", func(j *job) {
			j.forgot = &wire.Error{Code: wire.CodeNotFound, Message: "forgotten", Hint: "send all"}
		}, from))
		if lost.Outcome != wire.Rejected || lost.Error.Code != wire.CodeNotFound {
			t.Errorf("from what is lost: %+v", lost)
		}
	})
}
