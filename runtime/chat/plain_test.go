package chat

import (
	"errors"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
)

// TestPrompt: a text is the whole context, as it is; only what replaces it can follow.
func TestPrompt(t *testing.T) {
	c := compile(t, chattest.ChatML).Begin(testTime)
	prepare := func(turn Turn, want string) *Prompt {
		t.Helper()
		p, err := c.Prepare(turn)
		if err != nil {
			t.Fatal(err)
		}
		if got := chattest.Spell(p.Tokens); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		return p
	}
	p := prepare(Turn{Prompt: "<|im_start|>a{{ b }}"}, "‹<|im_start|>›a{{ b }}")
	if p.Rewritten || p.Opening != 0 || p.Past != (Past{}) || len(p.Tools()) > 0 {
		t.Errorf("%+v", p)
	}
	c.Complete(p, "op", []engine.Token{'o', 'p', chattest.ImEnd})
	if _, err := c.Prepare(Turn{Messages: []Message{{Role: "user", Content: "x"}}}); !errors.Is(err, ErrMessages) {
		t.Errorf("a message behind a prompt: %v", err)
	}
	// A prompt that goes on with the text and the answer has their tokens.
	p = prepare(Turn{Prompt: "<|im_start|>a{{ b }}op and on"}, "‹<|im_start|>›a{{ b }}op and on")
	if p.Past.Same != p.Past.Tokens || p.Past.Tokens != 11 || p.Rewritten {
		t.Errorf("the past is %+v, rewritten %v", p.Past, p.Rewritten)
	}
	c.Complete(p, "x", nil)
	p = prepare(Turn{Replace: true, Messages: []Message{{Role: "user", Content: "Hi"}}}, "‹<|im_start|>›user\nHi‹<|im_end|>›\n‹<|im_start|>›assistant\n")
	c.Complete(p, "ho", []engine.Token{'h', 'o', chattest.ImEnd})
	prepare(Turn{Messages: []Message{{Role: "user", Content: "x"}}},
		"‹<|im_start|>›user\nHi‹<|im_end|>›\n‹<|im_start|>›assistant\nho‹<|im_end|>›\n‹<|im_start|>›user\nx‹<|im_end|>›\n‹<|im_start|>›assistant\n")
	if p = prepare(Turn{Prompt: "b"}, "b"); p.Past.Change != Edited || p.Past.Same != 0 || !p.Rewritten {
		t.Errorf("a prompt behind messages: %+v", p.Past)
	}
}
