package chat

import "fmt"

// This file is for contexts that are a text of the client's, without a template: what it
// spells is what the model sees, control tokens included.

var errPlain = fmt.Errorf("%w: the turn before was a prompt, to which no message can be added: replace the conversation", ErrMessages)

// preparePlain makes tokens of a text. Where it goes on with a text and its answer, those keep
// their tokens.
func (c *Conversation) preparePlain(text string) *Prompt {
	next := transcript{text: text, plain: true}
	stand := 0
	if c.past.plain {
		stand = c.keep(&next)
	}
	done := next.end()
	if stand == 0 {
		next.tokens = c.template.begin(text)
	}
	next.tokens = append(next.tokens, c.template.tokenize(rendered{text: text[done.text:]})...)
	next.pieces = append(next.pieces, piece{text: len(text), tokens: len(next.tokens)})
	return &Prompt{Tokens: next.tokens, Rewritten: stand < len(c.past.pieces), Past: c.before(&next, stand), next: next}
}
