package node_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk/wire"
)

func TestATurn(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.replies(map[string]string{"hi": "Hello 日本"})
		r.engine.Pace(func([]engine.Item) time.Duration { return 10 * time.Millisecond })
		start := time.Now()
		j := r.ask("p", 1, "hi")
		result := r.finished(j)

		if want := []string{"H", "e", "l", "l", "o", " ", "日", "本"}; !slices.Equal(j.parts, want) {
			t.Errorf("streamed %q, want %q", j.parts, want)
		}
		if first, fifth := j.at[0].Sub(start), j.at[4].Sub(start); first != 10*time.Millisecond || fifth != 50*time.Millisecond {
			t.Errorf("the first part came after %v and the fifth after %v; want 10ms and 50ms", first, fifth)
		}
		if result.Outcome != wire.Completed || result.FinishReason != wire.FinishStop || result.Text != "Hello 日本" || result.Node != "node-a" {
			t.Errorf("result %+v", result)
		}
		if got := chattest.Spell(tokens(result)); got != "Hello 日本‹<|im_end|>›" {
			t.Errorf("tokens %s", got)
		}
		prompt := len(chattest.Tokenizer{}.Tokenize("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", false, true))
		if want := (wire.Usage{PromptTokens: prompt, PrefilledTokens: prompt, CompletionTokens: 13}); result.Usage != want {
			t.Errorf("usage %+v, want %+v", result.Usage, want)
		}
		if got := result.Timing; got.ScheduledMS != 0 || got.TTFTMS != 10 || got.TotalMS != 130 {
			t.Errorf("timing %+v", got)
		}
	})
}

// TestWarmTurn: a turn runs what is new in its context and no more.
func TestWarmTurn(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.replies(map[string]string{"one": "Hello", "two": "world", "three": "op"})
		first := r.finished(r.ask("p", 1, "one"))
		second := r.finished(r.ask("p", 2, "two"))
		if second.Text != "world" {
			t.Errorf("text %q", second.Text)
		}
		// All that was said but the token that ended the answer has a cell.
		want := first.Usage.PromptTokens + first.Usage.CompletionTokens - 1
		if second.Usage.ReusedTokens != want || second.Usage.ReusedTokens+second.Usage.PrefilledTokens != second.Usage.PromptTokens {
			t.Errorf("usage %+v, want %d reused", second.Usage, want)
		}
		if s := r.node.Stats(); s.Completed != 2 || s.Rewritten != 0 || s.Rebuilt != 0 || s.Reused != int64(want) {
			t.Errorf("%+v", s)
		}
	})
}

// TestEndings are those of a turn that answers "abSTOPcd", a byte a token, and
// what the next turn finds in the context.
func TestEndings(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*wire.Turn)
		outcome wire.Outcome
		reason  wire.FinishReason
		text    string
		parts   string
		next    string // of the context, before the next question
	}{
		{"the model ends", func(*wire.Turn) {}, wire.Completed, wire.FinishStop, "abSTOPcd", "a|b|S|T|O|P|c|d", "abSTOPcd‹<|im_end|>›"},
		{"length", func(w *wire.Turn) { w.Sampling.MaxTokens = 3 }, wire.Completed, wire.FinishLength, "abS", "a|b|S", "abS‹<|im_end|>›"},
		{"a stop string", func(w *wire.Turn) { w.Sampling.Stop = []string{"STOP"} }, wire.Completed, wire.FinishStopString, "ab", "a|b", "ab‹<|im_end|>›"},
		{"not quite a stop string", func(w *wire.Turn) { w.Sampling.Stop = []string{"STOPS"} }, wire.Completed, wire.FinishStop, "abSTOPcd", "a|b|STOPc|d", "abSTOPcd‹<|im_end|>›"},
		{"length inside a stop string", func(w *wire.Turn) { w.Sampling.Stop, w.Sampling.MaxTokens = []string{"STOP"}, 4 }, wire.Completed, wire.FinishLength, "abST", "a|b|ST", "abST‹<|im_end|>›"},
		{"deadline", func(w *wire.Turn) { w.TimeoutMS = 35 }, wire.DeadlineExceeded, "", "abS", "a|b|S", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, nil, func(r *rig) {
				r.replies(map[string]string{"one": "abSTOPcd", "two": "x"})
				r.engine.Pace(func([]engine.Item) time.Duration { return 10 * time.Millisecond })
				j := r.ask("p", 1, "one", c.change)
				result := r.finished(j)
				if result.Outcome != c.outcome || result.FinishReason != c.reason || result.Text != c.text {
					t.Errorf("%s %s %q, want %s %s %q", result.Outcome, result.FinishReason, result.Text, c.outcome, c.reason, c.text)
				}
				if got := strings.Join(j.parts, "|"); got != c.parts {
					t.Errorf("streamed %s, want %s", got, c.parts)
				}
				var contexts []string
				r.engine.Script(func(ctx []engine.Token) engine.Token {
					contexts = append(contexts, chattest.Spell(ctx))
					return chattest.ImEnd
				})
				r.finished(r.ask("p", 2, "two"))
				said := "‹<|im_start|>›user\none‹<|im_end|>›\n‹<|im_start|>›assistant\n" + c.next + "\n"
				if c.next == "" {
					said = ""
				}
				if want := said + "‹<|im_start|>›user\ntwo‹<|im_end|>›\n‹<|im_start|>›assistant\n"; contexts[0] != want {
					t.Errorf("the next context is\n%s\nwant\n%s", contexts[0], want)
				}
			})
		})
	}
}

func TestCancel(t *testing.T) {
	play(t, nil, func(r *rig) {
		blocked := r.engine.Block(1)
		j := r.ask("p", 1, "hi")
		<-blocked
		close(j.cancelled)
		if got := r.finished(j); got.Outcome != wire.Cancelled || got.Text != "" {
			t.Errorf("result %+v", got)
		}
		synctest.Wait()
		if c := r.engine.Counters(); c.Interrupted != 1 {
			t.Errorf("%+v: the step was not interrupted", c)
		}
		r.replies(map[string]string{"again": "yes"})
		if got := r.finished(r.ask("p", 2, "again")); got.Text != "yes" {
			t.Errorf("the next turn: %+v", got)
		}
	})
}

// TestDeadlineWhileWaiting: a turn that never gets its place is answered in time.
func TestDeadlineWhileWaiting(t *testing.T) {
	play(t, func(s *stage) { s.MaxRunning = 1 }, func(r *rig) {
		blocked := r.engine.Block(1)
		first := r.ask("p", 1, "hi")
		<-blocked
		start := time.Now()
		j := r.ask("q", 1, "hi", func(w *wire.Turn) { w.TimeoutMS = 2000 })
		if got := r.finished(j); got.Outcome != wire.DeadlineExceeded || time.Since(start) != 2*time.Second {
			t.Errorf("%s after %v", got.Outcome, time.Since(start))
		}
		late := r.ask("s", 1, "hi", func(w *wire.Turn) { w.TimeoutMS, w.AcceptedAt = 1000, start })
		if got := r.finished(late); got.Outcome != wire.DeadlineExceeded {
			t.Errorf("a turn whose time was up on arrival: %s", got.Outcome)
		}
		close(first.cancelled)
		r.finished(first)
	})
}

func TestRewrittenPast(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.finished(r.ask("p", 1, "one"))
		got := r.finished(r.ask("p", 2, "", func(w *wire.Turn) {
			w.Mode = wire.ModeReplace
			w.Messages = []wire.Message{{Role: "user", Content: "once"}, {Role: "assistant", Content: "yes"}, {Role: "user", Content: "more"}}
		}))
		common := len(chattest.Tokenizer{}.Tokenize("<|im_start|>user\non", false, true))
		if got.Outcome != wire.Completed || got.Usage.ReusedTokens != common {
			t.Errorf("%s, usage %+v, want %d reused", got.Outcome, got.Usage, common)
		}
		if s := r.node.Stats(); s.Rewritten != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestUncached(t *testing.T) {
	play(t, nil, func(r *rig) {
		none := func(w *wire.Turn) { w.Lifecycle.Reuse = wire.ReuseOff }
		r.finished(r.ask("p", 1, "one", none))
		if got := r.finished(r.ask("p", 2, "two", none)); got.Usage.ReusedTokens != 0 {
			t.Errorf("usage %+v", got.Usage)
		}
		synctest.Wait()
		if s := r.node.Stats(); s.KVUsed != 0 || r.engine.Memory().Used != 0 {
			t.Errorf("%+v, engine %+v", s, r.engine.Memory())
		}
	})
}

func TestLastTurn(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.finished(r.ask("p", 1, "one", func(w *wire.Turn) { w.Lifecycle.Last = true }))
		synctest.Wait()
		if used := r.engine.Memory().Used; used != 0 {
			t.Errorf("%d bytes are used", used)
		}
	})
}

func TestFork(t *testing.T) {
	play(t, nil, func(r *rig) {
		question := strings.Repeat("abc ", 20)
		r.finished(r.ask("parent", 1, question))
		got := r.finished(r.ask("child", 1, question+"and more", func(w *wire.Turn) { w.Lifecycle.Parent = "parent" }))
		common := len(chattest.Tokenizer{}.Tokenize("<|im_start|>user\n"+question, false, true))
		if got.Usage.ReusedTokens != common {
			t.Errorf("usage %+v, want %d reused", got.Usage, common)
		}
	})
}

// TestOpening: programs of a tenant that begin with the same system prompt share it, without
// a word of their client, also when the first of them has ended; a sub-agent has its own and
// not its parent's; and other tenants share nothing.
func TestOpening(t *testing.T) {
	play(t, nil, func(r *rig) {
		prompt := strings.Repeat("abc ", 20)
		opening := len(chattest.Tokenizer{}.Tokenize("<|im_start|>system\n"+prompt+"<|im_end|>\n<|im_start|>user\n", false, true))
		with := func(tenant, parent, prompt string) func(*wire.Turn) {
			return func(w *wire.Turn) {
				w.Tenant, w.Lifecycle.Parent = tenant, parent
				w.Messages = append([]wire.Message{{Role: "system", Content: wire.Content(prompt)}}, w.Messages...)
			}
		}
		last := func(w *wire.Turn) { w.Lifecycle.Last = true }
		for _, c := range []struct {
			program string
			change  []func(*wire.Turn)
			reused  int
		}{
			{"first", []func(*wire.Turn){with("t", "", prompt)}, 0},
			{"second", []func(*wire.Turn){with("t", "", prompt)}, opening},
			{"other", []func(*wire.Turn){with("u", "", prompt)}, 0},
			{"parent", []func(*wire.Turn){with("t", "", strings.Repeat("xyz ", 20))}, 0},
			{"child", []func(*wire.Turn){with("t", "parent", prompt), last}, opening},
		} {
			got := r.finished(r.ask(c.program, 1, "question of "+c.program, c.change...))
			if got.Usage.ReusedTokens != c.reused {
				t.Errorf("%s: usage %+v, want %d reused", c.program, got.Usage, c.reused)
			}
		}
		r.finished(r.ask("first", 2, "goodbye", last))
		if got := r.finished(r.ask("third", 1, "hello", with("t", "", prompt))); got.Usage.ReusedTokens != opening {
			t.Errorf("the first has ended: usage %+v, want %d reused", got.Usage, opening)
		}
	})
}

// TestTogether: programs that run at once get the texts that they get alone.
func TestTogether(t *testing.T) {
	question := func(i int) string { return fmt.Sprintf("question %d, %s", i, strings.Repeat("x", 7*i)) }
	limit := func(w *wire.Turn) { w.Sampling.MaxTokens = 20 }
	alone := map[int]string{}
	for i := range 6 {
		play(t, nil, func(r *rig) {
			r.finished(r.ask("p", 1, question(i), limit))
			alone[i] = chattest.Cut(tokens(r.finished(r.ask("p", 2, question(i), limit))))
		})
	}
	play(t, func(s *stage) { s.MaxRunning = 4 }, func(r *rig) {
		r.engine.Pace(func(items []engine.Item) time.Duration { return time.Millisecond * time.Duration(len(items)) })
		for turn := range int64(2) {
			var jobs []*job
			for i := range 6 {
				jobs = append(jobs, r.ask(fmt.Sprint("p", i), turn+1, question(i), limit))
			}
			for i, j := range jobs {
				if got := chattest.Cut(tokens(r.finished(j))); turn == 1 && got != alone[i] {
					t.Errorf("program %d: together %s, alone %s", i, got, alone[i])
				}
			}
		}
	})
}

// TestPreempted: a pool that holds one program's context and not two; the second
// loses its place and still gives the text that it gives alone.
func TestPreempted(t *testing.T) {
	limit := func(w *wire.Turn) { w.Sampling.MaxTokens = 150; w.Sampling.IgnoreEOS = true }
	small := func(s *stage) { s.geometry.PoolBytes = 256 * s.geometry.CellBytes }
	var alone string
	play(t, nil, func(r *rig) { alone = chattest.Cut(tokens(r.finished(r.ask("b", 1, "two", limit)))) })
	play(t, small, func(r *rig) {
		r.engine.Pace(func([]engine.Item) time.Duration { return time.Millisecond })
		a, b := r.ask("a", 1, "one", limit), r.ask("b", 1, "two", limit)
		r.finished(a)
		if got := chattest.Cut(tokens(r.finished(b))); got != alone {
			t.Errorf("preempted %s\nalone     %s", got, alone)
		}
		if s := r.node.Stats(); s.Suspended == 0 {
			t.Error("nobody was preempted")
		}
	})
	play(t, small, func(r *rig) {
		r.engine.Pace(func([]engine.Item) time.Duration { return time.Millisecond })
		a := r.ask("a", 1, "one", limit)
		b := r.ask("b", 1, "two", limit, func(w *wire.Turn) { w.Sampling.Grammar = `root ::= "x"` })
		r.finished(a)
		<-b.over
		if b.result != nil {
			t.Errorf("a grammar went on from somewhere: %+v", b.result)
		}
	})
}

func TestRejected(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*wire.Turn)
		code   wire.Code
		says   string
	}{
		{"grammar", func(w *wire.Turn) { w.Sampling.Grammar = "not a grammar" }, wire.CodeInvalidGrammar, "grammar does not parse"},
		{"template", func(w *wire.Turn) { w.Messages[0].Role = "nobody" }, wire.CodeInvalidMessages, `role "nobody"`},
		{"bias", func(w *wire.Turn) { w.Sampling.LogitBias = map[int32]float64{320: 1} }, wire.CodeInvalidTurn, "0 to 319"},
		{"too long", func(w *wire.Turn) { w.Messages[0].Content = wire.Content(strings.Repeat("x", 600)) }, wire.CodeContextTooLong, "512"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, nil, func(r *rig) {
				got := r.finished(r.ask("p", 1, "hi", c.change))
				if got.Outcome != wire.Rejected || got.Error == nil || got.Error.Code != c.code ||
					!strings.Contains(got.Error.Message, c.says) || got.Error.Hint == "" {
					r.Fatalf("result %+v, error %+v", got, got.Error)
				}
				r.replies(map[string]string{"ok?": "yes"})
				if next := r.finished(r.ask("p", 2, "ok?")); next.Text != "yes" {
					t.Errorf("the next turn: %+v", next)
				}
			})
		})
	}
	play(t, func(s *stage) { s.geometry.PoolBytes = 64 * s.geometry.CellBytes }, func(r *rig) {
		got := r.finished(r.ask("p", 1, strings.Repeat("x", 100)))
		if got.Error == nil || got.Error.Code != wire.CodeContextTooLong || !strings.Contains(got.Error.Message, "pool holds 64") {
			t.Errorf("a prompt larger than the pool: %+v", got.Error)
		}
	})
}

// TestAnotherNode takes a program over: its context is the same to the token.
func TestAnotherNode(t *testing.T) {
	questions := []string{"one", "two", "three"}
	play(t, nil, func(a *rig) {
		a.replies(map[string]string{"one": "Hello", "two": "world", "three": "op"})
		for i, q := range questions {
			a.finished(a.ask("p", int64(i+1), q))
		}
		want := a.finished(a.ask("p", 4, "four"))

		b := newRig(t, a.broker, nil)
		a.shutDown()
		a.broker.results["p"] = a.broker.results["p"][:3]
		got := b.finished(b.ask("p", 4, "four"))
		if got.Usage.PromptTokens != want.Usage.PromptTokens || got.Usage.ReusedTokens != 0 {
			t.Errorf("usage %+v, on the first node %+v", got.Usage, want.Usage)
		}
		if s := b.node.Stats(); s.Rebuilt != 1 {
			t.Errorf("%+v", s)
		}
		b.shutDown()
	})
}

// TestAnotherNodeWasFaster: what this node made of the turn is not what was said.
func TestAnotherNodeWasFaster(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.replies(map[string]string{"one": "Hello"})
		r.broker.stolen = true
		r.finished(r.ask("p", 1, "one"))
		if got := r.finished(r.ask("p", 2, "one")); got.Outcome != wire.Completed {
			t.Errorf("%+v", got)
		}
		if s := r.node.Stats(); s.Rebuilt != 1 {
			t.Errorf("the conversation was not rebuilt: %+v", s)
		}
	})
}

// TestForgottenTalks: with no memory for conversations, each turn rebuilds, and
// finds its cells all the same.
func TestForgottenTalks(t *testing.T) {
	play(t, func(s *stage) { s.TalkBytes = 1 }, func(r *rig) {
		r.replies(map[string]string{"one": "Hello", "two": "x"})
		first := r.finished(r.ask("p", 1, "one")).Usage
		second := r.finished(r.ask("p", 2, "two"))
		if want := first.PromptTokens + first.CompletionTokens - 1; second.Usage.ReusedTokens != want || second.Text != "x" {
			t.Errorf("%q, usage %+v, want %d reused", second.Text, second.Usage, want)
		}
		if s := r.node.Stats(); s.Rebuilt != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestTheSameTurnTwice: Turns that hand out a turn again while it runs do no harm.
func TestTheSameTurnTwice(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.replies(map[string]string{"one": "Hello"})
		r.engine.Pace(func([]engine.Item) time.Duration { return time.Millisecond })
		a, b := r.ask("p", 1, "one"), r.ask("p", 1, "one")
		if x, y := r.finished(a), r.finished(b); x.Text != "Hello" || y.Text != "Hello" {
			t.Errorf("%+v and %+v", x, y)
		}
	})
}

// TestTheDateOfAConversation is that of its first completed turn, for every turn
// and on every node.
func TestTheDateOfAConversation(t *testing.T) {
	dated := func(s *stage) { s.template = `{{ strftime_now("%d") }}` + chattest.ChatML }
	play(t, dated, func(a *rig) {
		a.replies(nil)
		next := func(r *rig, turn int64) (context string) {
			time.Sleep(24 * time.Hour)
			r.engine.Script(func(ctx []engine.Token) engine.Token {
				context = chattest.Spell(ctx)
				return chattest.ImEnd
			})
			r.finished(r.ask("p", turn, "hi"))
			return context[:2]
		}
		a.finished(a.ask("p", 1, "hi", func(w *wire.Turn) { w.Messages[0].Role = "nobody" }))
		if day := next(a, 2); day != "02" {
			t.Errorf("turn 2 is of day %s", day)
		}
		if day := next(a, 3); day != "02" {
			t.Errorf("turn 3 is of day %s", day)
		}
		b := newRig(t, a.broker, dated)
		a.shutDown()
		if day := next(b, 4); day != "02" {
			t.Errorf("turn 4, on another node, is of day %s", day)
		}
		b.shutDown()
	})
}

// TestHistoryOfAnotherModel: a past that this model's template refuses.
func TestHistoryOfAnotherModel(t *testing.T) {
	play(t, nil, func(r *rig) {
		first := r.finished(r.ask("p", 1, "one"))
		b := newRig(t, r.broker, func(s *stage) {
			s.template = `{% if messages[0].content == "one" %}{{ raise_exception("not that") }}{% endif %}` + chattest.ChatML
		})
		r.shutDown()
		got := b.finished(b.ask("p", 2, "two"))
		if first.Outcome != wire.Completed || got.Outcome != wire.Rejected || !strings.Contains(got.Error.Message, "not that") {
			t.Errorf("%+v, %+v", got, got.Error)
		}
		b.shutDown()
	})
}

func TestUnreadableHistoryAndResult(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.broker.broken = errTest
		j := r.ask("p", 2, "hi")
		<-j.over
		if j.result != nil {
			t.Errorf("answered without its history: %+v", j.result)
		}
		first := r.ask("q", 1, "hi")
		<-first.over
		synctest.Wait()
		if s := r.node.Stats(); s.HandedBack != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestDrain(t *testing.T) {
	play(t, func(s *stage) { s.MaxRunning, s.Grace = 1, time.Second }, func(r *rig) {
		r.replies(map[string]string{"short": "Hello", "long": strings.Repeat("x", 400)})
		r.engine.Pace(func([]engine.Item) time.Duration { return 10 * time.Millisecond })
		running := r.ask("a", 1, "short")
		time.Sleep(5 * time.Millisecond)
		waiting := r.ask("b", 1, "short")
		time.Sleep(10 * time.Millisecond)
		start := time.Now()
		r.stop()
		<-waiting.over
		if waiting.result != nil || time.Since(start) != 0 {
			t.Errorf("the waiting turn was kept for %v: %+v", time.Since(start), waiting.result)
		}
		if got := r.finished(running); got.Text != "Hello" {
			t.Errorf("the running turn: %+v", got)
		}
		<-r.ended
		if r.err != nil {
			t.Errorf("Run: %v", r.err)
		}
	})
	play(t, func(s *stage) { s.Grace = time.Second }, func(r *rig) {
		r.replies(map[string]string{"long": strings.Repeat("x", 400)})
		r.engine.Pace(func([]engine.Item) time.Duration { return 10 * time.Millisecond })
		j := r.ask("a", 1, "long")
		time.Sleep(15 * time.Millisecond)
		start := time.Now()
		r.stop()
		<-r.ended
		if j.result != nil || time.Since(start) != time.Second {
			t.Errorf("Run ended after %v with %+v", time.Since(start), j.result)
		}
	})
}

func TestEngineTrouble(t *testing.T) {
	t.Run("a step fails", func(t *testing.T) {
		play(t, nil, func(r *rig) {
			r.engine.Fail(1, errTest)
			got := r.finished(r.ask("p", 1, "hi"))
			if got.Outcome != wire.Failed || got.Error == nil || !got.Error.Retryable || !strings.Contains(got.Error.Message, errTest.Error()) {
				t.Errorf("%+v, %+v", got, got.Error)
			}
			if next := r.finished(r.ask("p", 2, "hi")); next.Outcome != wire.Completed {
				t.Errorf("the next turn: %+v", next)
			}
		})
	})
	for name, trouble := range map[string]func(*rig){
		"the engine breaks": func(r *rig) { r.engine.Fail(2, engine.ErrBroken) },
		"the engine panics": func(r *rig) { r.engine.Script(func([]engine.Token) engine.Token { panic("bang") }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newBroker(), func(s *stage) { s.MaxRunning = 1 })
				r.engine.Pace(func([]engine.Item) time.Duration { return time.Millisecond }) // both turns are in the node when it happens
				trouble(r)
				running, waiting := r.ask("p", 1, "hi"), r.ask("q", 1, "hi")
				<-r.ended
				for _, j := range []*job{running, waiting} {
					<-j.over
					if j.result != nil {
						t.Errorf("result %+v", j.result)
					}
				}
				if r.err == nil || !strings.Contains(r.err.Error(), "engine") {
					t.Errorf("Run: %v", r.err)
				}
			})
		})
	}
}

func TestTurnsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newBroker(), nil)
		r.broker.fail <- errTest
		<-r.ended
		if !errors.Is(r.err, errTest) {
			t.Errorf("Run: %v", r.err)
		}
	})
}

// TestObserve sees what the core did with a turn.
func TestObserve(t *testing.T) {
	var seen []string
	play(t, func(s *stage) {
		s.Observe = func(_ programs.Time, _ core.Event, effects []core.Effect) {
			for _, e := range effects {
				if e.Kind == core.StartTurn || e.Kind == core.FinishTurn {
					seen = append(seen, e.Kind.String()+" "+e.Turn.String())
				}
			}
		}
	}, func(r *rig) {
		r.finished(r.ask("p", 1, "hi"))
	})
	if want := []string{"start t/p/1", "finish t/p/1"}; !slices.Equal(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
}

func TestConfig(t *testing.T) {
	if _, err := node.New(node.Config{}); err == nil {
		t.Error("an empty config is taken")
	}
}

// TestForgetAfter: a node forgets programs that stay away, unless it is told otherwise.
func TestForgetAfter(t *testing.T) {
	template, err := chat.Compile(chattest.ChatML, chattest.Tokenizer{})
	if err != nil {
		t.Fatal(err)
	}
	made := func(after time.Duration) (*node.Node, error) {
		return node.New(node.Config{
			Engine: gputest.NewFake(gputest.Small()), Template: template, Vocabulary: chattest.Tokenizer{}, Turns: newBroker(), ForgetAfter: after,
		})
	}
	for after, want := range map[time.Duration]programs.Duration{
		0: core.DefaultForgetAfter, time.Minute: programs.Minute, node.Never: 0,
	} {
		n, err := made(after)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Core().ForgetAfter; got != want {
			t.Errorf("with %v the core forgets after %v, want %v", after, got, want)
		}
	}
	if _, err := made(-time.Second); err == nil {
		t.Error("a negative time is taken")
	}
}

func tokens(r *wire.Result) (tokens []engine.Token) {
	for _, t := range r.Tokens {
		tokens = append(tokens, engine.Token(t))
	}
	return tokens
}
