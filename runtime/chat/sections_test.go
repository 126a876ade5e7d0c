package chat

import (
	"fmt"
	"slices"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
)

// counting is a tokenizer that notes what it is asked.
type counting struct {
	chattest.Tokenizer
	asked []string
}

func (c *counting) Tokenize(text string, addSpecial, parseSpecial bool) []engine.Token {
	c.asked = append(c.asked, text)
	return c.Tokenizer.Tokenize(text, addSpecial, parseSpecial)
}

// TestKnownSections: what the template says each time is tokenised once.
func TestKnownSections(t *testing.T) {
	tokenizer := &counting{}
	template, err := Compile(chattest.ChatML, tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	c := &talk{t: t, conversation: template.Begin(testTime)}
	c.ask("one", "")
	c.answer("1", '1', chattest.ImEnd)
	tokenizer.asked = nil
	c.ask("two", "")
	if want := []string{"\n", "<|im_start|>user\ntwo"}; !slices.Equal(tokenizer.asked, want) {
		t.Errorf("tokenised %q, want %q", tokenizer.asked, want)
	}
	for i := range 3 * knownSections {
		c.ask(fmt.Sprint(i), "")
	}
	if n := len(template.sections.known); n > knownSections {
		t.Errorf("%d sections are known, want at most %d", n, knownSections)
	}
}
