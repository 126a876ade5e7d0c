package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestMiss has conversations lose what they had for every reason there is, and tells what
// their last turns are told.
func TestMiss(t *testing.T) {
	const cell = 64
	short := func(w *wire.Turn) { w.Sampling.MaxTokens = 4 }
	last := func(w *wire.Turn) { w.Lifecycle.Last = true }
	none := func(w *wire.Turn) { w.Lifecycle.Reuse = wire.ReuseOff }
	// replace sends a whole conversation of a user and the assistant in turn.
	replace := func(texts ...string) func(*wire.Turn) {
		return func(w *wire.Turn) {
			w.Mode, w.Messages = wire.ModeReplace, nil
			for i, text := range texts {
				w.Messages = append(w.Messages, wire.Message{Role: [2]string{"user", "assistant"}[i%2], Content: wire.Content(text)})
			}
		}
	}
	tool := func(name string) func(*wire.Turn) {
		return func(w *wire.Turn) { w.Tools = []wire.Tool{{Type: "function", Function: wire.Function{Name: name}}} }
	}
	small := func(s *stage) { s.geometry.PoolBytes = 256 * cell }
	// crowd has another program of so many tokens come and go.
	crowd := func(r *rig, tokens int) { r.finished(r.ask("crowd", 1, strings.Repeat("c", tokens), short, last)) }

	for _, c := range []struct {
		name    string
		set     func(*stage)
		then    func(r *rig) *wire.Result // what follows the program's first turn, "one", which is answered "abcd"
		reason  wire.MissReason
		message int  // −1: none
		all     bool // nothing was found of what was known
	}{
		{name: "all is there", reason: wire.MissNone, message: -1,
			then: func(r *rig) *wire.Result { return r.finished(r.ask("p", 2, "two")) }},
		{name: "the same, sent in whole", reason: wire.MissNone, message: -1,
			then: func(r *rig) *wire.Result { return r.finished(r.ask("p", 2, "", replace("one", "abcd", "two"))) }},
		{name: "the end is left out", reason: wire.MissNone, message: -1,
			then: func(r *rig) *wire.Result { return r.finished(r.ask("p", 2, "", replace("one"))) }},
		{name: "a turn that failed was never said", reason: wire.MissNone, message: -1,
			then: func(r *rig) *wire.Result {
				r.engine.Pace(func([]engine.Item) time.Duration { return 10 * time.Millisecond })
				j := r.ask("p", 2, strings.Repeat("x", 50), func(w *wire.Turn) { w.TimeoutMS = 5 })
				if got := r.finished(j); got.Outcome != wire.DeadlineExceeded {
					r.Errorf("it ended as %s", got.Outcome)
				}
				return r.finished(r.ask("p", 3, "two"))
			}},
		{name: "first turn", reason: wire.MissFirstTurn, message: -1,
			then: func(r *rig) *wire.Result { return r.finished(r.ask("other", 1, "one")) }},
		{name: "a part was evicted", set: func(s *stage) { s.geometry.PoolBytes = 768 * cell }, reason: wire.MissEvicted, message: -1,
			then: func(r *rig) *wire.Result {
				r.finished(r.ask("p", 2, strings.Repeat("x", 400), short))
				crowd(r, 400)
				got := r.finished(r.ask("p", 3, "two"))
				if got.Usage.ReusedTokens == 0 {
					r.Errorf("%+v: want a part of it reused", got.Usage)
				}
				return got
			}},
		{name: "all was evicted, and the node has not kept the tokens", set: small, reason: wire.MissEvicted, message: -1, all: true,
			then: func(r *rig) *wire.Result { crowd(r, 235); return r.finished(r.ask("p", 2, "two")) }},
		{name: "it came back from the host", reason: wire.MissNone, message: -1,
			set:  func(s *stage) { small(s); s.HostBytes = 4096 * cell },
			then: func(r *rig) *wire.Result { crowd(r, 235); return r.finished(r.ask("p", 2, "two")) }},
		{name: "the question is another", reason: wire.MissHistoryEdited, message: 0,
			then: func(r *rig) *wire.Result { return r.finished(r.ask("p", 2, "", replace("ONE", "abcd", "two"))) }},
		{name: "the answer is another", reason: wire.MissHistoryEdited, message: 1,
			then: func(r *rig) *wire.Result { return r.finished(r.ask("p", 2, "", replace("one", "no", "two"))) }},
		{name: "a later question is another", reason: wire.MissHistoryEdited, message: 2,
			then: func(r *rig) *wire.Result {
				r.finished(r.ask("p", 2, "two", short))
				return r.finished(r.ask("p", 3, "", replace("one", "abcd", "TWO", "efgh", "three")))
			}},
		{name: "an answer was dropped", reason: wire.MissHistoryEdited, message: 1,
			then: func(r *rig) *wire.Result {
				return r.finished(r.ask("p", 2, "", func(w *wire.Turn) {
					replace("one")(w)
					w.Messages = append(w.Messages, wire.Message{Role: "user", Content: "and then two"})
				}))
			}},
		{name: "the client let go of it and then did not edit", reason: wire.MissHistoryEdited, message: -1,
			then: func(r *rig) *wire.Result {
				id := wire.ID{Tenant: "t", Program: "p", Turn: 1}
				if _, err := r.node.Signal(r.Context(), id, &wire.Signal{Version: 1, Rewrite: &wire.Rewrite{}}); err != nil {
					r.Error(err)
				}
				return r.finished(r.ask("p", 2, "two"))
			}, all: true},
		{name: "other tools", reason: wire.MissToolsChanged, message: -1,
			then: func(r *rig) *wire.Result { return r.finished(r.ask("p", 2, "two", tool("ls"))) }},
		{name: "other tools, and a later message is another", reason: wire.MissToolsChanged, message: -1,
			then: func(r *rig) *wire.Result {
				return r.finished(r.ask("p", 2, "", replace("one", "no", "two"), tool("ls")))
			}},
		{name: "the template counts the messages", reason: wire.MissTemplateRewrote, message: -1, all: true,
			set:  func(s *stage) { s.template = "{{ messages | length }} messages\n" + chattest.ChatML },
			then: func(r *rig) *wire.Result { return r.finished(r.ask("p", 2, "two")) }},
		{name: "another node", reason: wire.MissOtherNode, message: -1, all: true,
			then: func(r *rig) *wire.Result { return after(r, "node-b") }},
		{name: "the node was started anew", reason: wire.MissForgotten, message: -1, all: true,
			then: func(r *rig) *wire.Result { return after(r, "node-a") }},
		{name: "it stayed away for long", reason: wire.MissForgotten, message: -1, all: true,
			set: func(s *stage) { s.ForgetAfter = time.Second },
			then: func(r *rig) *wire.Result {
				time.Sleep(2 * time.Second)
				return r.finished(r.ask("p", 2, "two"))
			}},
		{name: "on request", reason: wire.MissUncached, message: -1, all: true,
			then: func(r *rig) *wire.Result { return r.finished(r.ask("p", 2, "two", none)) }},
		{name: "on request of the turn before", reason: wire.MissUncached, message: -1, all: true,
			then: func(r *rig) *wire.Result {
				r.finished(r.ask("p", 2, "two", none, short))
				return r.finished(r.ask("p", 3, "three"))
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, c.set, func(r *rig) {
				r.replies(map[string]string{"one": "abcd", "two": "efgh"})
				first := r.finished(r.ask("p", 1, "one")).Usage
				got := c.then(r)
				u, m := got.Usage, got.Miss
				if got.Outcome != wire.Completed || m == nil || m.Reason != c.reason {
					t.Fatalf("%s, %+v, miss %+v; want %s", got.Outcome, got.Error, m, c.reason)
				}
				if told := m.Message != nil; told != (c.message >= 0) || told && *m.Message != c.message {
					t.Errorf("message %s, want %d", number(m.Message), c.message)
				}
				if lost := c.reason != wire.MissNone && c.reason != wire.MissFirstTurn; lost != (m.Tokens > 0) || m.Tokens > u.PrefilledTokens {
					t.Errorf("%d tokens were missed, of %+v", m.Tokens, u)
				}
				if c.all && (u.ReusedTokens+u.RestoredTokens > 0 || m.Tokens < first.PromptTokens+first.CompletionTokens-1) {
					t.Errorf("%d tokens were missed, of %+v; want all", m.Tokens, u)
				}
			})
		})
	}
}

// after stops the rig's node and has another of that name go on with the program.
func after(r *rig, name string) *wire.Result {
	b := newRig(r.T, r.broker, func(s *stage) { s.Name = name })
	r.shutDown()
	defer b.shutDown()
	b.replies(map[string]string{"two": "efgh"})
	return b.finished(b.ask("p", 2, "two"))
}

func number(n *int) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

// TestMissReasons: the wire has a word for every miss that there is.
func TestMissReasons(t *testing.T) {
	words := []wire.MissReason{
		wire.MissNone, wire.MissFirstTurn, wire.MissEvicted, wire.MissHistoryEdited, wire.MissToolsChanged,
		wire.MissTemplateRewrote, wire.MissOtherNode, wire.MissForgotten, wire.MissUncached, wire.MissInexact,
	}
	if len(words) != len(programs.Misses) {
		t.Fatalf("%d words for %d misses", len(words), len(programs.Misses))
	}
	for i, m := range programs.Misses {
		if words[i] != wire.MissReason(m.String()) {
			t.Errorf("%v is %q on the wire", m, words[i])
		}
	}
}
