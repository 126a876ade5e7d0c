package chat

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/chat/chattest"
)

// TestOpening: what two conversations with the same system prompt and tools are said to
// begin with, they begin with, and it has all of both; under every template.
func TestOpening(t *testing.T) {
	templates, err := os.ReadDir("testdata/templates")
	if err != nil {
		t.Fatal(err)
	}
	const system = "You fix bugs in the repository that is mounted at /src."
	tool := `{"type": "function", "function": {"name": "run_tests", "description": "Runs them.", "parameters": {"type": "object", "properties": {}}}}`
	for _, entry := range templates {
		for _, c := range []struct {
			name     string
			system   string
			tools    []string
			expected []string
		}{
			{"a system prompt", system, nil, []string{system}},
			{"tools", "", []string{tool}, []string{"run_tests"}},
			{"both", system, []string{tool}, []string{system, "run_tests"}},
			{"neither", "", nil, nil},
		} {
			t.Run(entry.Name()+"/"+c.name, func(t *testing.T) {
				compiled, err := Compile(read(t, "testdata/templates/"+entry.Name()), chattest.Tokenizer{})
				if err != nil {
					t.Fatal(err)
				}
				prepare := func(question string) *Prompt {
					var messages []Message
					if c.system != "" {
						messages = append(messages, Message{Role: "system", Content: c.system})
					}
					p, err := compiled.Begin(testTime).Prepare(Turn{Messages: append(messages, Message{Role: "user", Content: question}), Tools: c.tools})
					if err != nil {
						t.Fatal(err)
					}
					return p
				}
				a, b := prepare("Why does it fail?"), prepare("Add a test.")
				if a.Opening != b.Opening || !slices.Equal(a.Tokens[:a.Opening], b.Tokens[:b.Opening]) {
					t.Errorf("one begins with %q, the other with %q", chattest.Spell(a.Tokens[:a.Opening]), chattest.Spell(b.Tokens[:b.Opening]))
				}
				opening := chattest.Spell(a.Tokens[:a.Opening])
				for _, expected := range c.expected {
					if !strings.Contains(opening, expected) {
						t.Errorf("%q is not in %q", expected, opening)
					}
				}
				if c.expected == nil && a.Opening != 0 || strings.Contains(opening, "Why") {
					t.Errorf("it begins with %q", opening)
				}
			})
		}
	}
}

// TestOpeningOfLaterTurns: it stays, until the past is rewritten.
func TestOpeningOfLaterTurns(t *testing.T) {
	c := newTalk(t, chattest.ChatML)
	first, err := c.conversation.Prepare(Turn{Messages: []Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	c.conversation.Complete(first, "b", chattest.Tokenizer{}.Tokenize("b", false, false))
	second, err := c.conversation.Prepare(Turn{Messages: []Message{{Role: "user", Content: "c"}}})
	if err != nil || second.Opening != first.Opening || first.Opening == 0 {
		t.Errorf("%d tokens, then %d, %v", first.Opening, second.Opening, err)
	}
	other, err := c.conversation.Prepare(Turn{Replace: true, Messages: []Message{{Role: "system", Content: "Be long."}, {Role: "user", Content: "a"}}})
	if err != nil || other.Opening != first.Opening-1 { // a byte is a token
		t.Errorf("%d tokens, then %d, %v", first.Opening, other.Opening, err)
	}
	none, err := c.conversation.Prepare(Turn{Replace: true, Messages: []Message{{Role: "user", Content: "a"}}})
	if err != nil || none.Opening != 0 {
		t.Errorf("%d tokens of nothing, %v", none.Opening, err)
	}
}
