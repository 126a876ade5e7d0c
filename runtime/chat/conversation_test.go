package chat

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
)

var testTime = time.Date(2026, 3, 7, 14, 5, 9, 0, time.UTC)

func TestConversationGrowsByTokens(t *testing.T) {
	c := newTalk(t, chattest.ChatML)
	c.ask("Hello", "‹<|im_start|>›user\nHello‹<|im_end|>›\n‹<|im_start|>›assistant\n")
	// Sampled in other tokens than the tokenizer would make of the text.
	c.answer("Hello", 'H', 'e', 'l', 'l', 'o', chattest.ImEnd)
	c.ask("Bye", "‹<|im_start|>›user\nHello‹<|im_end|>›\n‹<|im_start|>›assistant\nHello‹<|im_end|>›\n‹<|im_start|>›user\nBye‹<|im_end|>›\n‹<|im_start|>›assistant\n")
	if got := chattest.Cut(c.prompt.Tokens); !strings.Contains(got, "|H|e|l|l|o|‹<|im_end|>›|") {
		t.Errorf("the answer's tokens are not as they were sampled: %s", got)
	}
	if c.prompt.Rewritten {
		t.Error("nothing was rewritten")
	}
}

// TestHowAnswersEnd looks at the seam between an answer and the template.
func TestHowAnswersEnd(t *testing.T) {
	for _, c := range []struct {
		name, template, text string
		tokens               []engine.Token
		want                 string // from the answer on, in tokens
	}{
		{"with the template's end", chattest.ChatML, "op", []engine.Token{'o', 'p', chattest.ImEnd}, "o|p|‹<|im_end|>›|\n|‹<|im_start|>›"},
		{"with another end", chattest.ChatML, "op", []engine.Token{'o', 'p', chattest.EndOfText}, "o|p|‹<|im_end|>›|\n|‹<|im_start|>›"},
		{"for length", chattest.ChatML, "op", []engine.Token{'o', 'p'}, "o|p|‹<|im_end|>›|\n|‹<|im_start|>›"},
		{"before a stop string", chattest.ChatML, "aS", []engine.Token{'a', 'S', 'S', 'T', 'O'}, "a|S|‹<|im_end|>›|\n|‹<|im_start|>›"},
		{"inside a token", chattest.ChatML, "aHe", []engine.Token{'a', 262, '!'}, "a|H|he-less"},
		{"with a broken rune", chattest.ChatML, "a�", []engine.Token{'a', 0xe6}, "a|�|�|�|‹<|im_end|>›|\n|‹<|im_start|>›"},
		{"with nothing", chattest.ChatML, "", []engine.Token{chattest.ImEnd}, "‹<|im_end|>›|\n|‹<|im_start|>›"},
		{"with white space that the template takes off", trimming, " op\n", []engine.Token{' ', 'o', 'p', '\n', chattest.EOS}, " |o|p|\n|‹</s>›|‹<s>›"},
	} {
		t.Run(c.name, func(t *testing.T) {
			talk := newTalk(t, c.template)
			talk.ask("x", "")
			before := len(talk.prompt.Tokens)
			talk.answer(c.text, c.tokens...)
			talk.ask("y", "")
			want := strings.Replace(c.want, "|he-less", "|e|‹<|im_end|>›|\n|‹<|im_start|>›", 1)
			if got := chattest.Cut(talk.prompt.Tokens[before:]); !strings.HasPrefix(got, want) {
				t.Errorf("got  %s\nwant %s …", got, want)
			}
			if talk.prompt.Rewritten {
				t.Error("rewritten")
			}
			talk.answer("z", 'z', chattest.ImEnd)
			talk.ask("again", "")
			if got := chattest.Cut(talk.prompt.Tokens[before:]); !strings.HasPrefix(got, want) || talk.prompt.Rewritten {
				t.Errorf("a turn later, rewritten %v:\ngot  %s\nwant %s …", talk.prompt.Rewritten, got, want)
			}
		})
	}
}

const trimming = `{% for m in messages %}<s>{{ m.role }}: {{ m.content | trim }}</s>{% endfor %}<s>assistant: `

func TestRewrittenPast(t *testing.T) {
	c := newTalk(t, read(t, "testdata/templates/qwen3.jinja"))
	c.ask("one", "")
	first := len(c.prompt.Tokens)
	c.answer("<think>\nhm\n</think>\n\n1", append(byteTokens("<think>\nhm\n</think>\n\n1"), chattest.ImEnd)...)
	c.ask("two", "‹<|im_start|>›user\none‹<|im_end|>›\n‹<|im_start|>›assistant\n1‹<|im_end|>›\n‹<|im_start|>›user\ntwo‹<|im_end|>›\n‹<|im_start|>›assistant\n")
	if !c.prompt.Rewritten {
		t.Error("the template drops what was thought, and nobody noticed")
	}
	second := len(c.prompt.Tokens)
	c.answer("2", '2', chattest.ImEnd)
	c.ask("three", "")
	if c.prompt.Rewritten {
		t.Error("rewritten once more")
	}
	if first >= second {
		t.Fatal("the second prompt is no longer than the first")
	}
}

// TestReplace gives whole conversations, as stateless clients do.
func TestReplace(t *testing.T) {
	c := newTalk(t, chattest.ChatML)
	c.ask("one", "")
	c.answer("Hello", 'H', 'e', 'l', 'l', 'o', chattest.ImEnd)
	known := "‹<|im_start|>›|user|\n|o|n|e|‹<|im_end|>›|\n|‹<|im_start|>›|assistant|\n|H|e|l|l|o|‹<|im_end|>›"
	user := func(text string) Message { return Message{Role: "user", Content: text} }
	assistant := func(text string) Message { return Message{Role: "assistant", Content: text} }
	for _, r := range []struct {
		name      string
		messages  []Message
		rewritten bool
		want      string // how the tokens begin
	}{
		{"the same and more", []Message{user("one"), assistant("Hello"), user("two")}, false, known},
		{"another answer", []Message{user("one"), assistant("Bye"), user("two")}, true,
			"‹<|im_start|>›|user|\n|o|n|e|‹<|im_end|>›|\n|‹<|im_start|>›|assistant|\n|B|y|e|‹<|im_end|>›"},
		{"an answer that goes on", []Message{user("one"), assistant("Hello world"), user("two")}, false,
			"‹<|im_start|>›|user|\n|o|n|e|‹<|im_end|>›|\n|‹<|im_start|>›|assistant|\n|H|e|l|l|o| world|‹<|im_end|>›"},
		{"another question", []Message{user("the"), assistant("Hello"), user("two")}, true,
			"‹<|im_start|>›|user|\n|the|‹<|im_end|>›|\n|‹<|im_start|>›|assistant|\n|Hello|‹<|im_end|>›"},
		{"less", []Message{user("one")}, true, "‹<|im_start|>›|user|\n|o|n|e|‹<|im_end|>›|\n|‹<|im_start|>›|assistant|\n"},
	} {
		t.Run(r.name, func(t *testing.T) {
			p, err := c.conversation.Prepare(Turn{Messages: r.messages, Replace: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := chattest.Cut(p.Tokens); !strings.HasPrefix(got, r.want) || p.Rewritten != r.rewritten {
				t.Errorf("rewritten %v, tokens %s\nwant %v, %s", p.Rewritten, got, r.rewritten, r.want)
			}
		})
	}
}

// TestPreparedIsNotSaid: a turn that fails leaves no trace.
func TestPreparedIsNotSaid(t *testing.T) {
	c := newTalk(t, chattest.ChatML)
	c.ask("one", "")
	c.answer("1", '1', chattest.ImEnd)
	c.ask("this one fails", "")
	c.ask("two", "‹<|im_start|>›user\none‹<|im_end|>›\n‹<|im_start|>›assistant\n1‹<|im_end|>›\n‹<|im_start|>›user\ntwo‹<|im_end|>›\n‹<|im_start|>›assistant\n")
	if _, err := c.conversation.Prepare(Turn{Messages: []Message{{Role: "nobody"}}}); !errors.Is(err, ErrMessages) {
		t.Errorf("error %v", err)
	}
	c.answer("2", '2', chattest.ImEnd)
	c.ask("three", "")
	if c.prompt.Rewritten {
		t.Error("what failed was remembered")
	}
}

// TestRebuilt: the same turns and answers give the same tokens again.
func TestRebuilt(t *testing.T) {
	script := func() []engine.Token {
		c := newTalk(t, read(t, "testdata/templates/headers.jinja"))
		c.ask("one", "")
		c.answer("Hello\n", 'H', 'e', 'l', 'l', 'o', '\n', chattest.EOS)
		c.ask("two", "")
		c.answer("2", '2')
		c.ask("three", "")
		return c.prompt.Tokens
	}
	if a, b := chattest.Cut(script()), chattest.Cut(script()); a != b {
		t.Errorf("%s\nand\n%s", a, b)
	}
}

func TestTools(t *testing.T) {
	c := newTalk(t, read(t, "testdata/templates/qwen2.5.jinja"))
	prepare := func(tools []string) string {
		p, err := c.conversation.Prepare(Turn{Messages: []Message{{Role: "user", Content: "x"}}, Tools: tools})
		if err != nil {
			t.Fatal(err)
		}
		c.prompt = p
		return chattest.Spell(p.Tokens)
	}
	if !strings.Contains(prepare([]string{`{"z": 1, "a": 2}`}), `{"z": 1, "a": 2}`) {
		t.Error("the tool is not there, or its keys have moved")
	}
	c.answer("1", '1', chattest.ImEnd)
	if !strings.Contains(prepare(nil), `{"z": 1, "a": 2}`) {
		t.Error("the tool of the turn before is gone")
	}
	if c.prompt.Rewritten {
		t.Error("rewritten")
	}
	if strings.Contains(prepare([]string{}), `{"z": 1, "a": 2}`) || !c.prompt.Rewritten {
		t.Error("the tool was taken away and stays")
	}
}

func TestBOSComesOnce(t *testing.T) {
	for template, want := range map[string]string{
		chattest.ChatML: "‹<s>›‹<|im_start|>›user",
		trimming:        "‹<s>›user",
	} {
		compiled, err := Compile(template, chattest.Tokenizer{AddBOS: true})
		if err != nil {
			t.Fatal(err)
		}
		c := &talk{t: t, conversation: compiled.Begin(testTime)}
		c.ask("x", "")
		c.answer("y", 'y')
		c.ask("z", "")
		if got := chattest.Spell(c.prompt.Tokens); !strings.HasPrefix(got, want) {
			t.Errorf("tokens %s, want %s …", got, want)
		}
	}
}

// talk is a conversation and its last prompt.
type talk struct {
	t            *testing.T
	conversation *Conversation
	prompt       *Prompt
}

func newTalk(t *testing.T, template string) *talk {
	return &talk{t: t, conversation: compile(t, template).Begin(testTime)}
}

// ask prepares a user's message and compares the whole context; "" is not
// compared.
func (c *talk) ask(text, want string) {
	c.t.Helper()
	var err error
	if c.prompt, err = c.conversation.Prepare(Turn{Messages: []Message{{Role: "user", Content: text}}}); err != nil {
		c.t.Fatal(err)
	}
	if got := chattest.Spell(c.prompt.Tokens); want != "" && got != want {
		c.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func (c *talk) answer(text string, tokens ...engine.Token) {
	c.conversation.Complete(c.prompt, text, tokens)
}

func byteTokens(text string) (tokens []engine.Token) {
	for _, b := range []byte(text) {
		tokens = append(tokens, engine.Token(b))
	}
	return tokens
}
