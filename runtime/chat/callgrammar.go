package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/interlude-run/interlude/runtime/grammar"
)

// Tool is a function that an answer may call.
type Tool struct {
	Name       string
	Parameters []byte // JSON schema of its arguments; none where it is empty
	Strict     bool   // the schema is to be kept to the letter
}

// ErrTools says that no grammar can be made for the tools. It comes wrapped with the reason.
var ErrTools = errors.New("a call cannot be asked for")

// CallGrammar adds the rules of an answer that is calls to the tools and nothing else, one
// or, without one, one or more, and gives the name of the rule that stands for it. The
// answer is written as the template writes calls. Where there is reasoning, the answer may
// begin with it.
//
// Errors are ErrTools, or those of the builder for a strict schema.
func (f *Format) CallGrammar(b *grammar.Builder, tools []Tool, one bool) (rule string, err error) {
	if len(tools) == 0 {
		return "", fmt.Errorf("%w: there are no tools", ErrTools)
	}
	w := callWriter{Builder: b, form: &f.calls}
	calls := make([]string, len(tools))
	for i, tool := range tools {
		if calls[i], err = w.call(tool); err != nil {
			return "", fmt.Errorf("tool %q: %w", tool.Name, err)
		}
	}
	e := &f.calls.exact
	call := b.Rule("call", strings.Join(calls, " | "))
	body := w.literal(e.before) + " " + call
	if !one && e.between != "" {
		body += " (" + w.literal(w.behindCall(e.between)) + " " + call + ")*"
	}
	body += " " + w.literal(w.behindCall(e.after))
	if r := f.reasoning; r.close != "" {
		thought := w.until(r.close) + ` "\n"*`
		if f.channels {
			thought = w.until(r.close) + " " + grammar.Literal(f.said[0])
		}
		if !f.inside {
			thought = "(" + grammar.Literal(r.open) + " " + thought + ")?"
		}
		body = thought + " " + body
	}
	return b.Rule("calls", body), nil
}

// callWriter writes calls as rules.
type callWriter struct {
	*grammar.Builder
	form *callForm
}

// call is the rule of a core with a call of the tool.
func (w *callWriter) call(tool Tool) (string, error) {
	e := &w.form.exact
	var name jsonWriter
	name.quote(tool.Name)
	spelled := name.String()[1 : name.Len()-1]
	if w.form.shape == taggedShape {
		arguments, err := w.tagged(tool)
		if err != nil {
			return "", err
		}
		return w.Rule(tool.Name, grammar.Literal(tool.Name+e.middle)+arguments), nil
	}
	arguments, err := w.arguments(tool)
	if err != nil {
		return "", err
	}
	if w.form.shape == namedShape {
		spelled = tool.Name
	}
	return w.Rule(tool.Name, w.literal(e.head+spelled+e.middle)+" "+arguments+" "+w.literal(e.tail)), nil
}

// arguments is the rule of arguments that are a JSON object.
func (w *callWriter) arguments(tool Tool) (string, error) {
	if len(bytes.TrimSpace(tool.Parameters)) == 0 {
		return w.Object(), nil
	}
	var schema map[string]json.RawMessage
	if err := json.Unmarshal(tool.Parameters, &schema); err != nil {
		return "", fmt.Errorf("%w: its parameters are no object: %w", ErrTools, err)
	}
	if len(schema) == 0 {
		return w.Object(), nil
	}
	parameters := tool.Parameters
	if schema["type"] == nil { // arguments are an object anyway
		schema["type"] = json.RawMessage(`"object"`)
		var err error
		if parameters, err = json.Marshal(schema); err != nil {
			return "", fmt.Errorf("%w: its parameters: %w", ErrTools, err)
		}
	}
	rule, _, err := w.Schema(parameters, tool.Strict)
	return rule, err
}

// literal is a text of the template in GBNF. A telltale's id in it stands for any.
func (w *callWriter) literal(text string) string {
	for _, t := range telltales {
		text = strings.ReplaceAll(text, t.id, "\x00")
	}
	var items []string
	for i, part := range strings.Split(text, "\x00") {
		if i > 0 {
			items = append(items, "[a-zA-Z0-9]{9}")
		}
		if part != "" {
			items = append(items, grammar.Literal(part))
		}
	}
	return strings.Join(items, " ")
}

// Tagged arguments

// tagged is what follows the name of a call with tagged arguments: those of the schema in
// its order, and any where it has none.
func (w *callWriter) tagged(tool Tool) (string, error) {
	var schema struct {
		Properties  json.RawMessage
		Required    []string
		Defs        json.RawMessage `json:"$defs"`
		Definitions json.RawMessage
	}
	if len(bytes.TrimSpace(tool.Parameters)) > 0 {
		if err := json.Unmarshal(tool.Parameters, &schema); err != nil {
			return "", fmt.Errorf("%w: its parameters are no schema: %w", ErrTools, err)
		}
	}
	e := &w.form.exact
	if schema.Properties == nil {
		return " (" + grammar.Literal(e.keyOpen) + " [a-zA-Z0-9_-]+ " + grammar.Literal(e.keyClose) + " " + w.until(w.form.valueEnd) + " " + grammar.Literal(e.gap) + ")*", nil
	}
	properties, err := members(schema.Properties)
	if err != nil {
		return "", fmt.Errorf("%w: its parameters: %w", ErrTools, err)
	}
	var body strings.Builder
	for _, p := range properties {
		value, err := w.taggedValue(p.value, schema.Defs, schema.Definitions, tool.Strict)
		if err != nil {
			return "", fmt.Errorf("parameter %q: %w", p.name, err)
		}
		item := grammar.Literal(e.keyOpen+p.name) + " " + value + " " + grammar.Literal(e.gap)
		if required(schema.Required, p.name) {
			body.WriteString(" " + item)
		} else {
			body.WriteString(" (" + item + ")?")
		}
	}
	return body.String(), nil
}

// taggedValue is what follows the name of an argument: text without quotes, or JSON.
func (w *callWriter) taggedValue(schema, defs, definitions json.RawMessage, strict bool) (string, error) {
	e := &w.form.exact
	var s map[string]json.RawMessage
	if json.Unmarshal(schema, &s) == nil && string(s["type"]) == `"string"` {
		var choices []string
		if json.Unmarshal(s["enum"], &choices) == nil && len(choices) > 0 {
			for i, c := range choices {
				choices[i] = grammar.Literal(c)
			}
			return grammar.Literal(e.keyClose) + " (" + strings.Join(choices, " | ") + ") " + grammar.Literal(e.tail), nil
		}
		return grammar.Literal(e.keyClose) + " " + w.until(w.form.valueEnd), nil
	}
	if s != nil {
		for name, rules := range map[string]json.RawMessage{"$defs": defs, "definitions": definitions} {
			if s[name] == nil && rules != nil {
				s[name] = rules
			}
		}
		var err error
		if schema, err = json.Marshal(s); err != nil {
			return "", fmt.Errorf("%w: %w", ErrTools, err)
		}
	}
	rule, _, err := w.Schema(schema, strict)
	if err != nil {
		return "", err
	}
	return grammar.Literal(e.jsonClose) + " " + rule + " " + grammar.Literal(e.tail), nil
}

// behindCall is a text of the template from behind a call's arguments on: in the tagged
// form, each argument has brought its end.
func (w *callWriter) behindCall(text string) string {
	e := &w.form.exact
	if w.form.shape != taggedShape {
		return text
	}
	return strings.TrimPrefix(strings.TrimPrefix(text, e.tail), e.gap)
}

// until is any text up to the marker and with it:
//
//	[^<]* "<" ( "<" | [^</] [^<]* "<" | "/" ( "<" | [^<t] [^<]* "<" | "t" (…) ) )* "/think>"
//
// where the marker's first character stands in it once. Else no text before it is allowed.
func (w *callWriter) until(marker string) string {
	first, size := utf8.DecodeRuneInString(marker)
	rest := []rune(marker[size:])
	if len(rest) == 0 || strings.ContainsRune(marker[size:], first) {
		return grammar.Literal(marker)
	}
	open, others := grammar.Literal(string(first)), "[^"+class(first)+"]*"
	again := ""
	for i := len(rest) - 1; i >= 0; i-- {
		body := open + " | [^" + class(first) + class(rest[i]) + "] " + others + " " + open
		if again != "" {
			body += " | " + grammar.Literal(string(rest[i])) + " " + again
		}
		again = w.Rule("text", body)
	}
	return others + " " + open + " " + again + "* " + grammar.Literal(string(rest))
}

// class is a character as it is written in a GBNF class.
func class(r rune) string {
	if r < utf8.RuneSelf {
		return fmt.Sprintf(`\x%02x`, r)
	}
	return string(r)
}

// member is one of an object's, in the order of its text.
type member struct {
	name  string
	value json.RawMessage
}

// members reads an object.
func members(object json.RawMessage) (all []member, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func required(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
