package chat

import "github.com/interlude-run/interlude/gpu/engine"

// This file finds what conversations of one agent framework have in common: the system
// prompt and the tools, which are much of an agent's context and the same in every run.

// stranger is a question that no conversation has, to be put behind a system prompt: a
// noncharacter, the last that contents would be marked with.
var stranger = string(marks[1])

// opening is how many of a first prompt's tokens every conversation begins with that has
// the same tools, the same system messages first, and the same date, whatever is asked
// then; 0 when it has neither, or when the template refuses them with another question.
func (t *Template) opening(in input, prompt []engine.Token) int {
	n := 0
	for n < len(in.messages) && (in.messages[n].Role == "system" || in.messages[n].Role == "developer") {
		n++
	}
	if n == 0 && len(in.tools) == 0 {
		return 0
	}
	in.messages = append(in.messages[:n:n], Message{Role: "user", Content: stranger})
	r, err := t.render(in, beginning{})
	if err != nil {
		return 0
	}
	return Common(append(t.begin(r.text), t.tokenize(r)...), prompt)
}

// Common is how many tokens a and b begin with in common.
func Common(a, b []engine.Token) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
