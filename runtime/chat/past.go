package chat

import "slices"

// Past is how a prompt stands to the conversation before it.
type Past struct {
	// Tokens is how many tokens of the conversation so far the model has run, and Same how
	// many of these, from the start, the prompt begins with. Both are 0 at the beginning.
	Tokens, Same int

	// Change is why not all are the same. Message is, of Edited, the index of the first
	// message that is another or is not there, from 0.
	Change  Change
	Message int

	// Edit is, of Edited, what was done to the messages of the past.
	Edit Edit
}

// Change is why a prompt does not begin with all that was there before.
type Change uint8

// The changes.
const (
	Unchanged Change = iota
	Edited           // the client changed a message, dropped one or put one in
	Retooled         // the tools are others
	Reworded         // the template writes the past in another way, or messages have to be read anew, see guard.go
)

// before says how the next transcript stands to the past, of which so many pieces stand.
func (c *Conversation) before(next *transcript, stand int) Past {
	p := Past{Tokens: c.past.computed, Same: c.past.computed}
	if stand == len(c.past.pieces) {
		return p
	}
	if p.Same = Common(c.past.tokens[:c.past.computed], next.tokens); p.Same < p.Tokens {
		if p.Change, p.Message = c.why(next, stand); p.Change == Edited {
			p.Edit = editOf(c.past.messages, next.messages, next.text)
		}
	}
	return p
}

// why tells what made the next transcript depart from the past in the piece behind those
// that stand.
func (c *Conversation) why(next *transcript, stand int) (Change, int) {
	message, edited := c.edit(next, stand)
	retooled := !slices.Equal(c.past.tools, next.tools)
	switch {
	case retooled && (!edited || c.toolsComeFirst(next)):
		return Retooled, 0
	case edited:
		return Edited, message
	}
	return Reworded, 0
}

// edit finds the first message that is another than it was, or is not there, if it can be
// what the departure comes from: it is rendered in the piece that departs, or follows it.
// What messages before that say in another way is rendered to the same text.
func (c *Conversation) edit(next *transcript, stand int) (message int, edited bool) {
	was := c.past.messages
	if stand > 0 {
		message = c.past.pieces[stand-1].messages
	}
	for message < len(was) && message < len(next.messages) && was[message].equal(next.messages[message]) {
		message++
	}
	if message == len(was) {
		return 0, false
	}
	guarded := next.guarded || c.past.guarded // then pieces were not compared
	return message, guarded || message <= c.past.pieces[stand].messages
}

// toolsComeFirst tells whether the new tools are the first that the text departs with: with
// the old ones it would go on for longer as it was.
func (c *Conversation) toolsComeFirst(next *transcript) bool {
	r, err := c.template.render(input{messages: next.messages, tools: c.past.tools, now: c.now}, beginning{})
	return err == nil && commonText(r.text, c.past.text) > commonText(next.text, c.past.text)
}

// commonText is how many bytes a and b begin with in common.
func commonText(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func (m Message) equal(o Message) bool {
	return m.Role == o.Role && m.Content == o.Content && m.Name == o.Name && m.ToolCallID == o.ToolCallID && slices.Equal(m.Calls, o.Calls)
}
