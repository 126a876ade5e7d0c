package node_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
)

// roomy is a stage with long contexts.
func roomy(s *stage) {
	s.geometry.MaxContext, s.geometry.PoolBytes = 4096, 8192*s.geometry.CellBytes
}

func approximate(w *wire.Turn) { w.Lifecycle.Reuse = wire.ReuseApproximate }

// replacing sends the messages as the whole conversation, each with its role's first letter.
func replacing(messages ...string) func(*wire.Turn) {
	return func(w *wire.Turn) { w.Mode, w.Messages = wire.ModeReplace, conversation(messages...) }
}

func conversation(messages ...string) (all []wire.Message) {
	roles := map[byte]string{'s': "system", 'u': "user", 'a': "assistant"}
	for _, m := range messages {
		all = append(all, wire.Message{Role: roles[m[0]], Content: wire.Content(m[1:])})
	}
	return all
}

// text is one of many that have no part in common.
func text(seed string, words int) string {
	var b strings.Builder
	for i := range words {
		b.WriteString(seed[i%len(seed):] + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + " ")
	}
	return b.String()
}

// TestEditedHistory: what follows an edit in the middle is taken from where it was, where the
// turn allows that, and 32 tokens of it are mended; a turn that does not gets what computing it
// all gives.
func TestEditedHistory(t *testing.T) {
	system, long, kept := "s"+text("xyz", 20), "u"+text("long", 40), "u"+text("kept", 60)
	before := replacing(system, long, "ayes", kept, "aso", "umore")
	after := replacing(system, "u[removed]", "ayes", kept, "aso", "uand more")
	tokens := func(parts ...string) int {
		return len(chattest.Tokenizer{}.Tokenize(strings.Join(parts, ""), false, true))
	}
	prefix := tokens("<|im_start|>system\n", system[1:], "<|im_end|>\n<|im_start|>user\n")
	same := tokens("<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n<|im_start|>user\n", kept[1:], "<|im_end|>\n<|im_start|>assistant\nso<|im_end|>\n<|im_start|>user\n")
	play(t, roomy, func(r *rig) {
		r.finished(r.ask("p", 1, "", before))
		got := r.finished(r.ask("p", 2, "", after, approximate))
		u := got.Usage
		if u.ReusedTokens != prefix || u.MovedTokens != same-32 || u.ReusedTokens+u.MovedTokens+u.PrefilledTokens != u.PromptTokens {
			r.Errorf("usage %+v, want %d reused and %d moved", u, prefix, same-32)
		}
		if want := []wire.Moved{{Program: "p", Turn: 1, Tokens: same}}; !reflect.DeepEqual(got.Moved, want) {
			r.Errorf("moved from %+v, want %+v", got.Moved, want)
		}
		synctest.Wait() // meanwhile all is computed as it would have been
		exact := r.finished(r.ask("p", 3, "", after))
		if u := exact.Usage; u.ReusedTokens != u.PromptTokens-1 || u.MovedTokens != 0 {
			r.Errorf("an exact turn after that: usage %+v", u)
		}
		other := r.finished(r.ask("q", 1, "", after))
		if !reflect.DeepEqual(exact.Tokens, other.Tokens) || reflect.DeepEqual(got.Tokens, other.Tokens) {
			r.Errorf("answers: approximate %v, exact %v, of a program of its own %v", got.Tokens, exact.Tokens, other.Tokens)
		}
	})
}

// TestSharedDocument: a program takes a text from another of its tenant that has read it behind
// another system prompt, and from nobody else's.
func TestSharedDocument(t *testing.T) {
	document := text("document", 80)
	alike := func(s *stage) {
		roomy(s)
		s.geometry.Layers = 1 // of which values follow from the token alone, so that none strays
	}
	play(t, alike, func(r *rig) {
		as := func(tenant string) func(*wire.Turn) { return func(w *wire.Turn) { w.Tenant = tenant } }
		r.finished(r.ask("reader", 1, "", replacing("s"+text("one", 10), "u"+document)))
		for _, c := range []struct {
			program string
			change  []func(*wire.Turn)
			moved   bool
		}{
			{"critic", []func(*wire.Turn){approximate}, true},
			{"exact", nil, false},
			{"critic", []func(*wire.Turn){approximate, as("other")}, false},
		} {
			change := append([]func(*wire.Turn){replacing("s"+text("two", 15), "u"+document)}, c.change...)
			got := r.finished(r.ask(c.program, 1, "", change...))
			if u := got.Usage; (u.MovedTokens >= len(document)-8) != c.moved || u.MovedTokens > 0 != c.moved {
				r.Errorf("%s/%s: usage %+v, moved %+v, want moved %v of %d", got.Tenant, c.program, u, got.Moved, c.moved, len(document))
			}
			if c.moved && (len(got.Moved) != 1 || got.Moved[0].Program != "reader" || got.Moved[0].Turn != 1) {
				r.Errorf("moved from %+v", got.Moved)
			}
		}
	})
}

// TestStrayed: values of the fake's second layer have nothing in common behind another text, so
// that all behind the eight tokens that tell it is computed, and nothing is sampled before that.
func TestStrayed(t *testing.T) {
	document := text("document", 80)
	play(t, roomy, func(r *rig) {
		r.finished(r.ask("reader", 1, "", replacing("s"+text("one", 10), "u"+document)))
		critic := replacing("s"+text("two", 15), "u"+document)
		got := r.finished(r.ask("critic", 1, "", critic, approximate))
		other := r.finished(r.ask("other", 1, "", critic))
		if u := got.Usage; u.MovedTokens != 0 || u.ReusedTokens+u.PrefilledTokens != u.PromptTokens || got.Strayed != 0 {
			r.Errorf("usage %+v, strayed %v", u, got.Strayed)
		}
		if !reflect.DeepEqual(got.Tokens, other.Tokens) {
			r.Errorf("answers %v, and of an exact turn %v", got.Tokens, other.Tokens)
		}
	})
}

// TestStrippedAnswers: what follows answers that lost their reasoning is computed anew.
func TestStrippedAnswers(t *testing.T) {
	kept := "u" + text("kept", 60)
	play(t, roomy, func(r *rig) {
		r.finished(r.ask("p", 1, "", replacing("uhi", "aI think: "+text("why", 30)+"yes", kept, "aso", "umore")))
		got := r.finished(r.ask("p", 2, "", replacing("uhi", "ayes", kept, "aso", "umore", "anow", "uand"), approximate))
		if got.Usage.MovedTokens != 0 || got.Moved != nil {
			r.Errorf("usage %+v, moved %+v", got.Usage, got.Moved)
		}
	})
}

// TestHomework: what a client says that the next turn will begin with is computed in the tool's
// time, and the turn finds it: all but what it adds.
func TestHomework(t *testing.T) {
	long, summary := "u"+text("long", 60), "u"+text("summary", 40)
	then := conversation(summary, "aso")
	play(t, roomy, func(r *rig) {
		r.finished(r.ask("p", 1, "", replacing("s"+text("xyz", 20), long, "ayes", "umore")))
		if _, err := r.signalled("p", 1, wire.Signal{Rewrite: &wire.Rewrite{KeepMessages: 1, Messages: then}}); err != nil {
			r.Fatal(err)
		}
		synctest.Wait()
		got := r.finished(r.ask("p", 2, "", replacing("s"+text("xyz", 20), summary, "aso", "unext")))
		added := len(chattest.Tokenizer{}.Tokenize("unext<|im_end|>\n<|im_start|>assistant\n", false, true))
		if u := got.Usage; u.PrefilledTokens > added+4 || u.MovedTokens != 0 {
			r.Errorf("usage %+v, want no more than %d prefilled", u, added+4)
		}
		other := r.finished(r.ask("q", 1, "", replacing("s"+text("xyz", 20), summary, "aso", "unext")))
		if !reflect.DeepEqual(got.Tokens, other.Tokens) {
			r.Errorf("answers %v, and of a program of its own %v", got.Tokens, other.Tokens)
		}
	})
}

// TestHomeworkGivesWay: a turn that comes while it goes on does not wait for it.
func TestHomeworkGivesWay(t *testing.T) {
	interrupted := 0
	set := func(s *stage) {
		roomy(s)
		s.Observe = func(_ programs.Time, _ core.Event, effects []core.Effect) {
			for _, e := range effects {
				if e.Kind == core.InterruptStep {
					interrupted++
				}
			}
		}
	}
	play(t, set, func(r *rig) {
		r.finished(r.ask("p", 1, "", replacing("shello", "u"+text("long", 60))))
		blocked := r.engine.Block(1)
		if _, err := r.signalled("p", 1, wire.Signal{Rewrite: &wire.Rewrite{KeepMessages: 1, Messages: conversation("u" + text("summary", 200))}}); err != nil {
			r.Fatal(err)
		}
		<-blocked
		other := r.ask("q", 1, "hi")
		if got := r.finished(other); got.Outcome != wire.Completed || interrupted == 0 {
			r.Errorf("%s, and %d interrupts", got.Outcome, interrupted)
		}
	})
}
