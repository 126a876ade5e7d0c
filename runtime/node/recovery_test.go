package node_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/sdk/wire"
)

// A program whose past cannot be rendered any more, by a node with another model,
// goes on with a turn that replaces the conversation.
func TestReplaceLeavesAnUnusablePastBehind(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.finished(r.ask("p", 1, "one"))
		b := newRig(t, r.broker, func(s *stage) {
			s.template = `{% if messages[0].content == "one" %}{{ raise_exception("not that") }}{% endif %}` + chattest.ChatML
		})
		r.shutDown()
		got := b.finished(b.ask("p", 2, "fresh", func(w *wire.Turn) { w.Mode = wire.ModeReplace }))
		if got.Outcome != wire.Completed {
			t.Errorf("it ended as %s, %v", got.Outcome, got.Error)
		}
		b.shutDown()
	})
}

// Programs whose turns are cancelled before they ran leave nothing behind.
func TestCancelledInTheQueueLeavesNothing(t *testing.T) {
	play(t, func(s *stage) { s.MaxRunning = 1 }, func(r *rig) {
		blocked := r.engine.Block(1)
		first := r.ask("first", 1, "hi")
		<-blocked
		for i := range 50 {
			j := r.ask(fmt.Sprint("p", i), 1, "hello")
			synctest.Wait()
			close(j.cancelled)
			r.finished(j)
		}
		if n := r.node.Stats().Contexts; n != 1 {
			t.Errorf("%d contexts are kept, want that of the turn that runs", n)
		}
		close(first.cancelled)
		r.finished(first)
	})
}
