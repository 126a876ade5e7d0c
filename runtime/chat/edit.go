package chat

import (
	"slices"
	"strings"
)

// Edit is what a client did to the messages of the past. What a cache that was computed with
// the old ones is worth for the new ones depends on it.
type Edit uint8

// The kinds of edits, from nothing to what changes most of what the model is to do.
const (
	Kept      Edit = iota // all messages are as they were
	Prefaced              // system messages alone are others
	Trimmed               // messages that are no answers are others, were dropped, or put in
	Compacted             // half of the messages or more are gone, for fewer in their place
	Stripped              // answers say something else than they did, such as the same without their reasoning
)

// String names the edit in one lower-case word.
func (e Edit) String() string {
	return [...]string{"kept", "prefaced", "trimmed", "compacted", "stripped"}[e]
}

// editOf compares messages with those of the past. Messages that are in both, in the same
// order, are the same; what is between two of these was changed. For example,
//
//	was  S  U1 A1 T1 A2 T2
//	now  S  U1 A1 t1 A2 T2 A3 …    Trimmed: T1 became t1
//	now  S  U1 a1 T1 a2 T2 A3 …    Stripped
//	now  S  U′       A2 T2 A3 …    Compacted: three of six became one
//
// What follows the last message of the past is new, and no edit. The past has answers as the
// model wrote them, and a client may send them with their calls taken out: an answer
// stands where the text that the new messages are rendered to has it word for word.
func editOf(was, now []Message, text string) (e Edit) {
	from, to, fewer := 0, 0, 0 // of both, what is looked at already; and how many fewer there are now
	for i, m := range was {
		n := slices.IndexFunc(now[to:], func(n Message) bool { return m.equal(n) || m.writes(n, text) })
		if n < 0 {
			continue
		}
		e = max(e, change(was[from:i], now[to:to+n]))
		fewer += max(0, i-from-n)
		from, to = i+1, to+n+1
	}
	rest := was[from:] // what became of these may be the next as many, or what is new
	e = max(e, change(rest, now[to:min(len(now), to+len(rest))]))
	if fewer > 1 && 2*fewer >= len(was) {
		return Compacted
	}
	return e
}

// writes tells whether the answer n can be m, which the text has.
func (m Message) writes(n Message, text string) bool {
	return m.Role == "assistant" && n.Role == m.Role && m.Content != "" && strings.Contains(text, strings.Trim(m.Content, whiteSpace))
}

// change is what was done where these messages were, and those are now.
func change(were, are []Message) Edit {
	system := func(m Message) bool { return m.Role == "system" || m.Role == "developer" }
	answer := func(m Message) bool { return m.Role == "assistant" }
	switch {
	case len(were)+len(are) == 0:
		return Kept
	case slices.ContainsFunc(were, answer) && slices.ContainsFunc(are, answer):
		return Stripped
	case !slices.ContainsFunc(append(slices.Clip(were), are...), func(m Message) bool { return !system(m) }):
		return Prefaced
	}
	return Trimmed
}
