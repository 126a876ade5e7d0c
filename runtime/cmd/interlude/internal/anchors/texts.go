package anchors

import (
	"fmt"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
)

// Texts make cases of text.
type Texts struct {
	Template *chat.Template
	Text     func(number, tokens int) string // the same for the same number, about so long
	Length   int                             // tokens of a program's context, about
}

// textsOfOne is how many numbers of texts a program has.
const textsOfOne = 16

// Cases are a program's: a text that another agent has read (shared), and four edits of its
// own history.
func (t *Texts) Cases(program int) (cases []Case, err error) {
	text := func(k, percent int) string {
		return t.Text(textsOfOne*program+k, t.Length*percent/100)
	}
	other, err := t.tokens([]chat.Message{{Role: "user", Content: t.Text(textsOfOne*program+textsOfOne-1, t.Length)}})
	if err != nil {
		return nil, err
	}
	ask := chat.Message{Role: "user", Content: "What would you change first, and why?"}
	system := func(more string) chat.Message {
		return chat.Message{Role: "system", Content: "You are a careful engineer." + more}
	}
	past := []chat.Message{
		system(""),
		{Role: "user", Content: "Look at this.\n" + text(0, 15)},
		{Role: "assistant", Content: "I read the file first."},
		{Role: "user", Content: "Output:\n" + text(1, 25)},
		{Role: "assistant", Content: "I see. What do the tests say?"},
		{Role: "user", Content: "They say:\n" + text(2, 55)},
		{Role: "assistant", Content: "That is clear."},
	}
	with := func(i int, m chat.Message) []chat.Message {
		edited := append([]chat.Message{}, past...)
		edited[i] = m
		return append(edited, ask)
	}
	agent := func(role int, last string) []chat.Message {
		return []chat.Message{
			system(" " + text(role, 8*(role-3))),
			{Role: "user", Content: "The task:\n" + text(0, 20) + "\n\nA worker's report:\n" + text(1, 25) + "\n\nThe tool's output:\n" + text(2, 35) + last},
		}
	}
	for _, e := range []struct {
		name    string
		kind    anchor.Kind
		was, is []chat.Message
	}{
		{Shared, anchor.Sibling, agent(4, "\n\nSum it up."), agent(5, "\n\nWhat would you change first, and why?")},
		{"drop", anchor.Trim, past, with(3, chat.Message{Role: "user", Content: "[output removed]"})},
		{"replace", anchor.Trim, past, with(3, chat.Message{Role: "user", Content: "Output:\n" + text(6, 20)})},
		{"system line", anchor.Preface, past, with(0, system(" Today is Monday, the third of March."))},
		{"compaction", anchor.Compaction, past, append([]chat.Message{past[0], {Role: "user", Content: "So far I have read a file and its output: " + text(7, 5)}}, append(past[4:len(past):len(past)], ask)...)},
	} {
		c := Case{Program: program, Name: e.name, Kind: e.kind, Other: other}
		if c.Source, err = t.tokens(e.was); err == nil {
			c.Target, err = t.tokens(e.is)
		}
		if err != nil {
			return nil, fmt.Errorf("program %d, %s: %w", program, e.name, err)
		}
		for _, i := range t.Template.ControlTokens(c.Target) {
			c.Borders = append(c.Borders, programs.Tokens(i))
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// Shared is the name of the case in which an agent reads what another has read.
const Shared = "shared"

// Far are the names of the edits that the shipped schemes are meant to survive nearly unseen.
var Far = []string{"drop", "replace", "system line"}

func (t *Texts) tokens(messages []chat.Message) ([]engine.Token, error) {
	p, err := t.Template.Begin(time.Unix(0, 0)).Prepare(chat.Turn{Messages: messages})
	if err != nil {
		return nil, err
	}
	return p.Tokens, nil
}
