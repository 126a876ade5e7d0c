package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ardanlabs/jinja"
)

// Message is one message of a conversation, in the shape of OpenAI's chat API
// with its text parts joined.
type Message struct {
	Role       string // system, developer, user, assistant or tool
	Content    string
	Name       string // of the speaker, or of the tool that answers
	ToolCallID string // of a tool's message: the call that it answers
	Calls      []Call // of an assistant's message

	wants // of the template
}

// wants are what some templates want of messages with calls.
type wants struct {
	text  bool // a text, if an empty one
	texts bool // arguments as text
}

// Call is a tool call that an assistant's message makes.
type Call struct {
	ID        string
	Name      string
	Arguments string // a JSON object
}

// ErrMessages says that the messages cannot be put before the model. It comes
// wrapped with the reason.
var ErrMessages = errors.New("the messages do not fit the model's chat template")

// validate refuses what would let a message break out of its place in the
// template: only contents are guarded, see guard.go.
func (m Message) validate() error {
	switch m.Role {
	case "system", "developer", "user", "assistant", "tool":
	default:
		return fmt.Errorf("%w: role %q is none of system, developer, user, assistant and tool", ErrMessages, m.Role)
	}
	if len(m.Calls) > 0 && m.Role != "assistant" {
		return fmt.Errorf("%w: a %s message has tool calls, which only an assistant's may", ErrMessages, m.Role)
	}
	return nil
}

// value is the message as templates see it. Texts pass through guard.
func (m Message) value(guard func(string) string) jinja.Value {
	v := jinja.NewDict()
	d := v.AsDict()
	d.Set("role", jinja.NewString(m.Role))
	switch {
	case m.Content == "" && len(m.Calls) > 0 && !m.text:
		d.Set("content", jinja.None())
	default:
		d.Set("content", jinja.NewString(guard(m.Content)))
	}
	if m.Name != "" {
		d.Set("name", jinja.NewString(guard(m.Name)))
	}
	if m.ToolCallID != "" {
		d.Set("tool_call_id", jinja.NewString(guard(m.ToolCallID)))
	}
	if len(m.Calls) > 0 {
		calls := make([]jinja.Value, len(m.Calls))
		for i, c := range m.Calls {
			calls[i] = c.value(guard, m.texts)
		}
		d.Set("tool_calls", jinja.NewList(calls))
	}
	return v
}

// value is the call as templates see it: arguments are an object where they can
// be read as one, since most templates write them as JSON themselves.
func (c Call) value(guard func(string) string, text bool) jinja.Value {
	arguments, err := decode(c.Arguments, guard)
	if err != nil || text {
		arguments = jinja.NewString(guard(c.Arguments))
	}
	function := dict("name", jinja.NewString(guard(c.Name)), "arguments", arguments)
	return dict("id", jinja.NewString(guard(c.ID)), "type", jinja.NewString("function"), "function", function)
}

func dict(pairs ...any) jinja.Value {
	v := jinja.NewDict()
	for i := 0; i < len(pairs); i += 2 {
		v.AsDict().Set(pairs[i].(string), pairs[i+1].(jinja.Value))
	}
	return v
}

// decode reads JSON as a template's value, with the keys of objects in the order
// that they have in the text. Strings and keys pass through guard.
func decode(text string, guard func(string) string) (jinja.Value, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := decodeValue(d, guard)
	if err != nil {
		return jinja.Undefined(), err
	}
	if d.More() {
		return jinja.Undefined(), errors.New("more than one JSON value")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, guard func(string) string) (jinja.Value, error) {
	token, err := d.Token()
	if err != nil {
		return jinja.Undefined(), err
	}
	switch t := token.(type) {
	case string:
		return jinja.NewString(guard(t)), nil
	case json.Delim:
		if t == '[' {
			return decodeList(d, guard)
		}
		return decodeObject(d, guard)
	}
	return jinja.FromGoValue(token), nil // a number, a boolean or null
}

func decodeList(d *json.Decoder, guard func(string) string) (jinja.Value, error) {
	list := jinja.NewList(nil)
	for d.More() {
		v, err := decodeValue(d, guard)
		if err != nil {
			return jinja.Undefined(), err
		}
		list.AsList().Append(v)
	}
	_, err := d.Token() // the closing bracket
	return list, err
}

func decodeObject(d *json.Decoder, guard func(string) string) (jinja.Value, error) {
	object := jinja.NewDict()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return jinja.Undefined(), err
		}
		v, err := decodeValue(d, guard)
		if err != nil {
			return jinja.Undefined(), err
		}
		object.AsDict().Set(guard(key.(string)), v)
	}
	_, err := d.Token() // the closing brace
	return object, err
}
