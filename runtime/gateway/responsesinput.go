package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file reads what a request of the Responses API says: its input, a text or a list of
// items, and its tools.

// inputItem is one of the kinds that mean something here.
type inputItem struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Role string `json:"role"`

	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Arguments string `json:"arguments"`

	Content json.RawMessage `json:"content"` // of a message
	Output  json.RawMessage `json:"output"`  // of a call
}

// responsesInput reads messages out of input. What an assistant said in one go is several
// items there, and one message here. find gives items that the client only names.
func responsesInput(h http.Header, input json.RawMessage, tools *toolset, find func(id string) (*outputItem, error)) ([]sdk.Message, error) {
	input = bytes.TrimSpace(input)
	switch {
	case !given(input):
		return nil, invalid("input", "it is missing")
	case input[0] == '"':
		var text string
		if err := json.Unmarshal(input, &text); err != nil {
			return nil, invalid("input", "it cannot be read: %v", err)
		}
		return []sdk.Message{sdk.User(text)}, nil
	case input[0] != '[':
		return nil, invalid("input", "it is neither a text nor a list of items")
	}
	var items []json.RawMessage
	if err := json.Unmarshal(input, &items); err != nil {
		return nil, invalid("input", "it cannot be read: %v", err)
	}
	var messages []sdk.Message
	dropped := map[string]bool{}
	for i, data := range items {
		where := fmt.Sprintf("input[%d]", i)
		var item inputItem
		if err := json.Unmarshal(data, &item); err != nil {
			return nil, invalid(where, "it is no item: %v", err)
		}
		switch { // the short forms
		case item.Type == "" && item.Role != "":
			item.Type = "message"
		case item.Type == "" && item.ID != "":
			item.Type = "item_reference"
		}
		switch item.Type {
		case "message":
			text, err := itemText(item.Content, where+".content")
			if err != nil {
				return nil, err
			}
			if item.Role == "assistant" {
				m := assistant(&messages)
				m.Content += wire.Content(text)
				continue
			}
			messages = append(messages, sdk.Message{Role: item.Role, Content: wire.Content(text)})
		case "function_call":
			m := assistant(&messages)
			m.ToolCalls = append(m.ToolCalls, sdk.ToolCall{ID: item.CallID, Type: "function", Function: wire.FunctionCall{
				Name: tools.told(toolName{item.Namespace, item.Name}), Arguments: item.Arguments,
			}})
		case "function_call_output":
			text, err := itemText(item.Output, where+".output")
			if err != nil {
				return nil, err
			}
			if item.CallID == "" {
				return nil, invalid(where+".call_id", "an output must say which call it answers")
			}
			messages = append(messages, sdk.ToolResult(item.CallID, text))
		case "reasoning": // the model's own: it is in the conversation where the model wants it there
		case "item_reference":
			it, err := find(item.ID)
			if err != nil {
				return nil, err
			}
			if it == nil {
				return nil, invalid(where, "there is no item %.128q, or it is forgotten; send the item itself", item.ID)
			}
			it.say(&messages)
		default:
			if !dropped[item.Type] {
				warn(h, "input of type %.64q is left out: it means nothing here", item.Type)
			}
			dropped[item.Type] = true
		}
	}
	return messages, nil
}

// items finds what was said in earlier turns by the IDs of the items, which name the turn.
func (g *Gateway) items(ctx context.Context, tenant string) func(id string) (*outputItem, error) {
	said := map[spot][]*outputItem{}
	return func(id string) (*outputItem, error) {
		_, rest, _ := strings.Cut(id, "_")
		cut := max(strings.LastIndexByte(rest, '-'), 0)
		s, ok := responseSpot("resp_" + rest[:cut])
		if !ok {
			return nil, nil
		}
		if _, ok := said[s]; !ok {
			r, err := g.resultOf(ctx, tenant, s)
			switch {
			case errors.Is(err, sdk.ErrNotFound), errors.Is(err, sdk.ErrNotFinished):
				return nil, nil
			case err != nil:
				return nil, err
			}
			said[s] = g.responseOf(s, time.Now()).whole(r).Output
		}
		for _, it := range said[s] {
			if it.id == id {
				return it, nil
			}
		}
		return nil, nil
	}
}

// say adds what an item said to the conversation.
func (it *outputItem) say(messages *[]sdk.Message) {
	switch it.kind {
	case wire.PieceText:
		assistant(messages).Content += wire.Content(it.text)
	case wire.PieceToolCall: // by the name that the model called it: no others are kept
		m := assistant(messages)
		m.ToolCalls = append(m.ToolCalls, sdk.ToolCall{ID: it.callID, Type: "function", Function: wire.FunctionCall{Name: it.name.name, Arguments: it.text}})
	}
}

// assistant is the last message, if it is an assistant's, or a new one.
func assistant(messages *[]sdk.Message) *sdk.Message {
	if n := len(*messages); n == 0 || (*messages)[n-1].Role != "assistant" {
		*messages = append(*messages, sdk.Message{Role: "assistant"})
	}
	return &(*messages)[len(*messages)-1]
}

// itemText reads a text or a list of parts.
func itemText(data json.RawMessage, where string) (string, error) {
	if len(data) == 0 {
		return "", nil
	}
	var c content
	if err := json.Unmarshal(data, &c); err != nil {
		var r *refusal
		if errors.As(err, &r) {
			return "", invalid(where, "%s", r.message)
		}
		return "", invalid(where, "%v", err)
	}
	return c.text, nil
}

// responsesTool is a tool in Responses' shape: a function's fields stand beside its type.
type responsesTool struct {
	Type string `json:"type"`
	function
	Tools []responsesTool `json:"tools"` // of a namespace
}

// toolName is how the client names a function.
type toolName struct{ namespace, name string }

// toolset is what a request offers. The model knows no namespaces: a function in one is told
// by its own name where no other has it, and as namespace__name where one has.
type toolset struct {
	tools []sdk.Tool // never nil
	shown []any      // as the response lists them
	names map[string]toolName
	back  map[toolName]string
}

func newToolset(h http.Header, tools []responsesTool) *toolset {
	s := &toolset{tools: []sdk.Tool{}, shown: []any{}, names: map[string]toolName{}, back: map[toolName]string{}}
	uses := map[string]int{}
	for _, t := range tools {
		switch t.Type {
		case "function":
			uses[t.Name]++
		case "namespace":
			for _, inner := range t.Tools {
				uses[inner.Name]++
			}
		}
	}
	for _, t := range tools {
		switch t.Type {
		case "function":
			s.add(h, "", t, t.Name)
			s.shown = append(s.shown, shownFunction(t))
		case "namespace":
			inside := []any{}
			for _, inner := range t.Tools {
				if inner.Type != "function" {
					warn(h, "a tool of type %.64q is left out: it cannot be called here", inner.Type)
					continue
				}
				name := inner.Name
				if uses[name] > 1 {
					name = t.Name + "__" + name
				}
				s.add(h, t.Name, inner, name)
				inside = append(inside, shownFunction(inner))
			}
			s.shown = append(s.shown, map[string]any{"type": "namespace", "name": t.Name, "description": t.Description, "tools": inside})
		default:
			warn(h, "a tool of type %.64q is left out: it cannot be called here", t.Type)
		}
	}
	return s
}

func (s *toolset) add(h http.Header, namespace string, t responsesTool, told string) {
	if _, taken := s.names[told]; taken {
		warn(h, "a second tool of the name %.64q is left out", told)
		return
	}
	f := t.function
	f.Name = told
	s.tools = append(s.tools, f.tool())
	s.names[told] = toolName{namespace, t.Name}
	s.back[toolName{namespace, t.Name}] = told
}

// told is the name that the model knows a function by.
func (s *toolset) told(n toolName) string {
	if name, ok := s.back[n]; ok {
		return name
	}
	if n.namespace != "" {
		return n.namespace + "__" + n.name
	}
	return n.name
}

// named is the name that the client knows a function by.
func (s *toolset) named(told string) toolName {
	if s != nil {
		if n, ok := s.names[told]; ok {
			return n
		}
	}
	return toolName{name: told}
}

// shownFunction has the nullable fields.
func shownFunction(t responsesTool) any {
	parameters := t.Parameters
	if len(parameters) == 0 {
		parameters = json.RawMessage("null")
	}
	return map[string]any{
		"type": "function", "name": t.Name, "description": orNull(t.Description), "parameters": parameters, "strict": t.Strict,
	}
}
