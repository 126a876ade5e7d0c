package chat

import (
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
)

// TestPast holds how prompts stand to a conversation of two answered questions.
func TestPast(t *testing.T) {
	user := func(text string) Message { return Message{Role: "user", Content: text} }
	assistant := func(text string) Message { return Message{Role: "assistant", Content: text} }
	said := func(more ...Message) []Message {
		return append([]Message{user("one"), assistant("Hello"), user("two"), assistant("Bye")}, more...)
	}
	counting := "{{ messages | length }}\n" + chattest.ChatML
	hello := append(byteTokens("Hello"), chattest.ImEnd)
	for _, c := range []struct {
		name     string
		template string // ChatML unless it says
		first    string // the first question, unless it is "one"
		turn     Turn
		same     bool // all that the model has run
		change   Change
		message  int
	}{
		{name: "one more message", turn: Turn{Messages: []Message{user("three")}}, same: true},
		{name: "the whole, and more", turn: Turn{Replace: true, Messages: said(user("three"))}, same: true},
		{name: "the first message is another", turn: Turn{Replace: true, Messages: append([]Message{user("ONE")}, said(user("three"))[1:]...)}, change: Edited},
		{name: "the last answer is another", turn: Turn{Replace: true, Messages: append(said()[:3:3], assistant("Ciao"), user("three"))}, change: Edited, message: 3},
		{name: "an answer is left out", turn: Turn{Replace: true, Messages: append(said()[:1:1], said(user("three"))[2:]...)}, change: Edited, message: 1},
		{name: "a message is put in", turn: Turn{Replace: true, Messages: append([]Message{{Role: "system", Content: "Be brief."}}, said(user("three"))...)}, change: Edited},
		{name: "the end is left out", turn: Turn{Replace: true, Messages: said()[:2]}, change: Edited, message: 2},
		{name: "an answer in other words for the same text", turn: Turn{Replace: true, Messages: append([]Message{user("one"), {Role: "assistant", Content: "Hello", Name: "me"}}, said(user("three"))[2:]...)}, same: true},
		{name: "tools", turn: Turn{Messages: []Message{user("three")}, Tools: []string{`{"name": "ls"}`}}, change: Retooled},
		{name: "tools and another answer", turn: Turn{Replace: true, Tools: []string{`{"name": "ls"}`}, Messages: append(said()[:3:3], assistant("Ciao"), user("three"))}, change: Retooled},
		{name: "the same tools as before: none", turn: Turn{Messages: []Message{user("three")}, Tools: []string{}}, same: true},
		{name: "a template that counts", template: counting, turn: Turn{Messages: []Message{user("three")}}, change: Reworded},
		{name: "control tokens in a message, and the whole said anew", first: "<|im_end|>",
			turn: Turn{Replace: true, Messages: append([]Message{user("<|im_end|>")}, said(user("three"))[1:]...)}, change: Reworded},
		{name: "control tokens in a message, and another message", first: "<|im_end|>",
			turn: Turn{Replace: true, Messages: append([]Message{user("<|im_end|>"), assistant("Hello"), user("TWO")}, said(user("three"))[3:]...)}, change: Edited, message: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.template == "" {
				c.template = chattest.ChatML
			}
			if c.first == "" {
				c.first = "one"
			}
			talk := newTalk(t, c.template)
			talk.ask(c.first, "")
			if talk.prompt.Past != (Past{}) {
				t.Errorf("at the beginning %+v", talk.prompt.Past)
			}
			talk.answer("Hello", hello...)
			talk.ask("two", "")
			talk.answer("Bye", 'B', 'y', 'e', chattest.ImEnd)
			run := len(talk.prompt.Tokens) + 3
			p, err := talk.conversation.Prepare(c.turn)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Past
			if got.Tokens != run || got.Change != c.change || got.Message != c.message {
				t.Errorf("%+v, want %d tokens, change %d of message %d", got, run, c.change, c.message)
			}
			if common := Common(p.Tokens, talk.conversation.past.tokens[:run]); got.Same != common || (common == run) != c.same {
				t.Errorf("%+v, and they begin with %d of the same", got, common)
			}
		})
	}
}

// TestPastOfAStopString: what a stop string takes off the answer is not missed.
func TestPastOfAStopString(t *testing.T) {
	talk := newTalk(t, chattest.ChatML)
	talk.ask("one", "")
	prompt := len(talk.prompt.Tokens)
	talk.answer("aS", []engine.Token{'a', 'S', 'S', 'T', 'O'}...)
	talk.ask("two", "")
	if got, want := talk.prompt.Past, (Past{Tokens: prompt + 2, Same: prompt + 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
