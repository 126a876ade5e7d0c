package chat

import (
	"fmt"
	"strings"
)

// Templates leave out what they do not know, without a word: a model would then
// never learn of its tools. What a template can say is found out when it is
// compiled, by rendering telltale words and looking for them; the rest is said
// in the messages that it can show.

// abilities is what a template shows of its input.
type abilities struct {
	system  bool // system messages
	late    bool // also behind others
	tools   bool // the tools
	calls   bool // an assistant's tool calls
	results bool // tool messages
	wants   wants
}

// probe finds out what the template shows. It fails when the template shows not
// even a user's message.
func (t *Template) probe() (can abilities, err error) {
	const word = "telltale"
	user := Message{Role: "user", Content: "question"}
	call := Message{Role: "assistant", Calls: []Call{{ID: "telltale1", Name: word, Arguments: `{"a": 1}`}}} // Mistral's IDs have 9 letters
	result := Message{Role: "tool", Content: "result", Name: "name", ToolCallID: "telltale1"}
	tool := `{"type": "function", "function": {"name": "` + word + `", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "integer", "description": "d"}}, "required": ["a"]}}}`
	shows := func(word string, tools []string, messages ...Message) bool {
		r, err := t.execute(input{messages: messages, tools: tools}, true)
		return err == nil && strings.Contains(r.text, word)
	}
	if _, err := t.execute(input{messages: []Message{user}}, true); err != nil {
		return can, fmt.Errorf("%w: it refuses a user's message: %w", ErrTemplate, err)
	}
	if !shows(word, nil, Message{Role: "user", Content: word}) {
		return can, fmt.Errorf("%w: it does not show a user's message", ErrTemplate)
	}
	can.system = shows(word, nil, Message{Role: "system", Content: word}, user)
	can.late = can.system && shows(word, nil, user, Message{Role: "assistant", Content: "answer"}, Message{Role: "system", Content: word}, user)
	can.tools = shows(word, []string{tool}, user)
	for _, w := range []wants{{}, {text: true}} {
		if call.wants = w; shows(word, nil, user, call, result) {
			can.calls, can.wants = true, w
			break
		}
	}
	if shows("{'a': 1}", nil, user, call, result) { // as Python writes it: the template takes them for text
		can.wants.texts = true
	}
	can.results = shows("result", nil, user, call, result)
	return can, nil
}

// adapt puts into messages what the template would leave out. Calls are told of in the form
// that they are read in.
func (can abilities) adapt(in input, calls *callForm) input {
	in.messages = append([]Message(nil), in.messages...)
	for i := range in.messages {
		if in.messages[i].Role == "developer" {
			in.messages[i].Role = "system"
		}
	}
	if len(in.tools) > 0 && !can.tools {
		in.messages = withTools(in.messages, in.tools, calls)
		in.tools = nil
	}
	if !can.calls {
		for i, m := range in.messages {
			if len(m.Calls) > 0 {
				in.messages[i] = spellCalls(m)
			}
		}
	}
	if !can.results {
		in.messages = mapRole(in.messages, "tool", "The tool's result:\n")
	}
	switch {
	case !can.system:
		in.messages = mapRole(in.messages, "system", "")
	case !can.late && len(in.messages) > 1:
		in.messages = append(in.messages[:1:1], mapRole(in.messages[1:], "system", "")...)
		if first, second := in.messages[0], in.messages[1]; first.Role == "user" && second.Role == "user" { // the second begins with a system's
			in.messages = append([]Message{{Role: "user", Name: first.Name, Content: first.Content + "\n\n" + second.Content}}, in.messages[2:]...)
		}
	}
	in.messages = can.give(in.messages)
	return in
}

// give makes messages as the template wants them.
func (can abilities) give(messages []Message) []Message {
	messages = append([]Message(nil), messages...)
	for i := range messages {
		messages[i].wants = can.wants
	}
	return messages
}

// withTools describes the tools in the system message.
func withTools(messages []Message, tools []string, calls *callForm) []Message {
	text := "You can call these tools. To call one, answer with " + calls.example() + " and nothing else.\n" +
		strings.Join(tools, "\n")
	if len(messages) > 0 && messages[0].Role == "system" {
		messages[0].Content += "\n\n" + text
		return messages
	}
	return append([]Message{{Role: "system", Content: text}}, messages...)
}

// spellCalls writes an assistant's calls as its text.
func spellCalls(m Message) Message {
	for _, c := range m.Calls {
		if m.Content != "" {
			m.Content += "\n"
		}
		var name jsonWriter
		name.quote(c.Name)
		m.Content += fmt.Sprintf(`{"name": %s, "arguments": %s}`, name.String(), c.Arguments)
	}
	m.Calls = nil
	return m
}

// mapRole lets the user say what messages of a role say, in one message with the
// user's own before and behind, since such templates want roles to alternate.
func mapRole(messages []Message, role, before string) (mapped []Message) {
	joinable := false // the last of mapped is or has been of that role
	for _, m := range messages {
		was := m.Role == role
		if was {
			m = Message{Role: "user", Content: before + m.Content}
		}
		if n := len(mapped); n > 0 && m.Role == "user" && mapped[n-1].Role == "user" && (was || joinable) {
			mapped[n-1].Content += "\n\n" + m.Content
		} else {
			mapped = append(mapped, m)
		}
		joinable = m.Role == "user" && (was || joinable)
	}
	return mapped
}
