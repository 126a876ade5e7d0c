package chat

import (
	"slices"
	"strings"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Conversation is what a program and the model have said to each other, as text
// and as the tokens that the model saw and sampled. The package documentation
// tells how it grows. It has one owner.
type Conversation struct {
	template *Template
	now      time.Time
	past     transcript
}

// transcript is a conversation at some moment. Its slices are shared with later
// ones and never written to.
type transcript struct {
	messages []Message
	tools    []string
	offered  []Tool         // the tools, read
	text     string         // as rendered, answers included
	tokens   []engine.Token // of the text
	pieces   []piece
	computed int       // tokens that the model has run: all but the last of an answer
	opening  int       // tokens, see Prompt
	open     bool      // the last piece is an answer that no template has written yet
	stands   beginning // of the last prompt's text
	guarded  bool      // some content spells a control token
	plain    bool      // a text of the client's, see Turn.Prompt, and no messages
}

// piece is a stretch of the transcript: what a turn added, or the answer to it.
type piece struct {
	text, tokens, messages int // where it ends
}

// Begin starts a conversation. now is the time that its template is told
// whenever it asks: one that changed would change the past.
func (t *Template) Begin(now time.Time) *Conversation {
	return &Conversation{template: t, now: now}
}

// Turn is what a turn adds.
type Turn struct {
	Messages []Message

	// Replace says that Messages are the whole conversation, not what is new.
	Replace bool

	// Tools that the model may call, each a JSON object in OpenAI's shape. nil
	// means those of the turn before.
	Tools []string

	// Prompt, where it is not empty, is the whole context as a text: no message is said and no
	// template is used. Only another one, or messages that replace it, can follow.
	Prompt string
}

// Prompt is a conversation to be answered. It belongs to no one until the
// conversation's Complete gets it, and any number may be prepared before.
type Prompt struct {
	// Tokens are the whole context. They are not to be changed.
	Tokens []engine.Token

	// Rewritten tells that the template writes some of the past in another way
	// than before, or that Messages did: tokens that were known before are not
	// the beginning of Tokens.
	Rewritten bool

	// Past says how many tokens of the past Tokens begins with, and why not all.
	Past Past

	// Opening is how many of Tokens are the system prompt and the tools: all
	// conversations that have the same begin with the same tokens.
	Opening int

	next transcript
}

// Size is what the prompt takes in memory, in bytes, about.
func (p *Prompt) Size() int { return p.next.size() }

// Prepare renders the conversation with the turn's messages and makes tokens of
// what is new in it. An error is ErrMessages; the conversation is as it was in
// any case.
func (c *Conversation) Prepare(turn Turn) (*Prompt, error) {
	switch {
	case turn.Prompt != "":
		return c.preparePlain(turn.Prompt), nil
	case c.past.plain && !turn.Replace:
		return nil, errPlain
	}
	next := transcript{tools: c.past.tools}
	if turn.Tools != nil {
		next.tools = slices.Clone(turn.Tools)
	}
	if !turn.Replace {
		next.messages = slices.Clip(c.past.messages)
	}
	next.messages = append(next.messages, turn.Messages...)

	in := input{messages: next.messages, tools: next.tools, now: c.now}
	r, err := c.template.render(in, c.known(&next))
	if err != nil {
		return nil, err
	}
	next.text, next.stands = r.text, r.beginning()
	if next.offered = c.past.offered; !slices.Equal(next.tools, c.past.tools) {
		next.offered = readTools(next.tools)
	}
	next.guarded = len(r.guards) > 0
	stand := 0 // pieces of the past
	if c.past.plain || turn.Replace && (next.guarded || c.past.guarded) {
		// Text that spells control tokens is told from control tokens by where it
		// came from, and the client says anew where all came from.
	} else {
		stand = c.keep(&next)
	}
	done, anew := next.end(), len(next.pieces) == 0
	if anew {
		next.tokens = c.template.begin(r.text)
	}
	next.tokens = append(next.tokens, c.template.tokenize(r.from(done.text))...)
	next.pieces = append(next.pieces, piece{text: len(r.text), tokens: len(next.tokens), messages: len(next.messages)})
	if next.opening = c.past.opening; anew {
		next.opening = c.template.opening(in, next.tokens)
	}
	return &Prompt{
		Tokens: next.tokens, Rewritten: stand < len(c.past.pieces), Past: c.before(&next, stand),
		Opening: next.opening, next: next,
	}, nil
}

// Beginning renders the conversation with its first n messages, and others behind them. What
// the tokens of the result have in common with those of the whole is what a turn keeps that
// replaces what is behind the n messages with the others. An error is ErrMessages.
func (c *Conversation) Beginning(n int, then ...Message) (*Prompt, error) {
	messages := c.past.messages
	return c.Prepare(Turn{Replace: true, Messages: slices.Concat(messages[:min(n, len(messages))], then)})
}

// known is what the template has written before of the next transcript, for good: with the
// same tools, all that the last prompt had stands, and an answer follows.
func (c *Conversation) known(next *transcript) beginning {
	asked := len(c.past.messages) - 1 // and answered
	if asked < 0 || len(next.messages) <= asked || next.messages[asked].Role != "assistant" ||
		!slices.Equal(c.past.tools, next.tools) || !slices.EqualFunc(c.past.messages[:asked], next.messages[:asked], Message.equal) {
		return beginning{}
	}
	return c.past.stands
}

// keep takes over the pieces of the past that the new text begins with, and
// tells how many they are.
func (c *Conversation) keep(next *transcript) (stand int) {
	var was piece
	next.tokens = make([]engine.Token, 0, len(c.past.tokens)+max(len(next.text)-len(c.past.text), 0)/2+16)
	at := 0
	for i, p := range c.past.pieces {
		rest := next.text[at:]
		text, tokens := c.past.text[was.text:p.text], c.past.tokens[was.tokens:p.tokens]
		open := c.past.open && i == len(c.past.pieces)-1
		if open {
			text = asWritten(text, rest)
		}
		if !strings.HasPrefix(rest, text) {
			return i
		}
		at += len(text)
		if open {
			tokens, at = c.template.closeAnswer(tokens, next.text, at)
		}
		next.tokens = append(next.tokens, tokens...)
		next.pieces = append(next.pieces, piece{text: at, tokens: len(next.tokens), messages: p.messages})
		was = p
	}
	return len(c.past.pieces)
}

// asWritten is the answer as the template wrote it: many take the white space
// off its ends. The model saw it with that, so its tokens stand.
func asWritten(answer, rest string) string {
	for _, a := range [...]string{
		answer,
		strings.TrimRight(answer, whiteSpace),
		strings.TrimLeft(answer, whiteSpace),
		strings.Trim(answer, whiteSpace),
	} {
		if strings.HasPrefix(rest, a) {
			return a
		}
	}
	return answer
}

const whiteSpace = " \t\r\n\v\f"

// closeAnswer settles how an answer ends whose text ends at that place of the
// new text: with the token that the model ended it with when the template goes
// on with the same, else with the template's.
func (t *Template) closeAnswer(tokens []engine.Token, text string, at int) ([]engine.Token, int) {
	n := len(tokens)
	if n == 0 || !t.tokenizer.IsEnd(tokens[n-1]) {
		return tokens, at
	}
	spelling := t.spelling[tokens[n-1]]
	if spelling == "" || !strings.HasPrefix(text[at:], spelling) {
		return tokens[:n-1], at
	}
	return tokens, at + len(spelling)
}

// Complete adds the prompt, which this conversation has prepared since its last
// Complete, and the model's answer: its text as the program got it, and its
// tokens as they were sampled. Tokens that spell something else than the text, as
// those of a stop string do, are left out; what they leave of the text will be
// tokenised with what follows.
func (c *Conversation) Complete(p *Prompt, text string, tokens []engine.Token) {
	next := p.next
	next.messages = append(next.messages, Message{Role: "assistant", Content: text})
	kept, spelled := c.template.spell(tokens, text)
	next.tokens = append(next.tokens, kept...)
	next.computed = len(next.tokens)
	if len(kept) > 0 && len(kept) == len(tokens) { // the last was sampled and not run
		next.computed--
	}
	next.text += text[:spelled]
	next.stands.text = next.text[:len(next.stands.text)] // one copy in memory
	next.pieces = append(next.pieces, piece{text: len(next.text), tokens: len(next.tokens), messages: len(next.messages)})
	next.open = true
	c.past = next
}

// spell gives the longest beginning of the tokens that spells a beginning of the
// text, and how much of it.
func (t *Template) spell(tokens []engine.Token, text string) (kept []engine.Token, length int) {
	for i, token := range tokens {
		piece := t.tokenizer.Piece(token)
		if !strings.HasPrefix(text[length:], string(piece)) {
			return tokens[:i], length
		}
		length += len(piece)
	}
	return tokens, length
}

// Size is what the conversation takes in memory, in bytes, about.
func (c *Conversation) Size() int { return c.past.size() }

func (t *transcript) size() int {
	const perToken = 4
	return 2*len(t.text) + perToken*cap(t.tokens) // messages hold the text once more
}

// end is the last piece; the zero piece when there is none.
func (t *transcript) end() piece {
	if len(t.pieces) == 0 {
		return piece{}
	}
	return t.pieces[len(t.pieces)-1]
}
