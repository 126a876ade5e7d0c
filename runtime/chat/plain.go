package chat

import "fmt"

// This file is for contexts that are a text of the client's, without a template: what it
// spells is what the model sees, control tokens included.

var errPlain = fmt.Errorf("%w: the turn before was a prompt, to which no message can be added: replace the conversation", ErrMessages)

// preparePlain makes tokens of a text. What they have in common with those before is found by
// comparing them.
func (c *Conversation) preparePlain(text string) *Prompt {
	next := transcript{text: text, plain: true}
	next.tokens = append(c.template.begin(text), c.template.tokenize(rendered{text: text})...)
	next.pieces = []piece{{text: len(text), tokens: len(next.tokens)}}
	return &Prompt{Tokens: next.tokens, Rewritten: len(c.past.pieces) > 0, Past: c.before(&next, 0), next: next}
}
