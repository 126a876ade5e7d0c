package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file reads what OpenAI's two APIs have in common.

// content is a message's: a text, null, or parts that are joined.
type content struct{ text string }

// UnmarshalJSON refuses parts that are no text.
func (c *content) UnmarshalJSON(data []byte) error {
	switch data = bytes.TrimSpace(data); {
	case bytes.Equal(data, []byte("null")):
		return nil
	case data[0] == '"':
		return json.Unmarshal(data, &c.text)
	case data[0] == '[':
		var parts []struct {
			Type    string `json:"type"`
			Text    string `json:"text"`
			Refusal string `json:"refusal"`
		}
		if err := json.Unmarshal(data, &parts); err != nil {
			return err
		}
		for _, p := range parts {
			switch p.Type {
			case "text", "input_text", "output_text", "summary_text", "reasoning_text", "":
				c.text += p.Text
			case "refusal":
				c.text += p.Refusal
			default:
				return invalid("messages", "a part of type %q: this model reads text alone", p.Type)
			}
		}
		return nil
	}
	return invalid("messages", "a content is neither a text nor a list of parts")
}

// oneOrMany is a text or a list of texts.
type oneOrMany []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMany) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte(`"`)) {
		var one string
		err := json.Unmarshal(data, &one)
		*o = oneOrMany{one}
		return err
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// function is a tool's, in Chat's shape inside "function", in Responses' beside "type".
type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      *bool           `json:"strict"`
}

func (f *function) tool() sdk.Tool {
	parameters := f.Parameters
	if bytes.Equal(bytes.TrimSpace(parameters), []byte("null")) {
		parameters = nil
	}
	return sdk.Tool{Type: "function", Function: sdk.Function{
		Name: f.Name, Description: f.Description, Parameters: parameters, Strict: f.Strict != nil && *f.Strict,
	}}
}

// schemaFormat is a response_format, or the format of Responses' text.
type schemaFormat struct {
	Type       string `json:"type"`
	JSONSchema *struct {
		Schema json.RawMessage `json:"schema"`
		Strict *bool           `json:"strict"`
	} `json:"json_schema"`
	Schema json.RawMessage `json:"schema"` // of Responses
	Strict *bool           `json:"strict"`
}

func (f *schemaFormat) format(param string) (sdk.Format, error) {
	if f == nil {
		return sdk.Format{}, nil
	}
	switch f.Type {
	case "", "text":
		return sdk.Format{}, nil
	case "json_object":
		return sdk.Format{Kind: wire.FormatJSON}, nil
	case "json_schema":
		schema, strict := f.Schema, f.Strict
		if f.JSONSchema != nil {
			schema, strict = f.JSONSchema.Schema, f.JSONSchema.Strict
		}
		if len(schema) == 0 {
			return sdk.Format{Kind: wire.FormatJSON}, nil
		}
		return sdk.Format{Kind: wire.FormatSchema, Schema: schema, Strict: strict != nil && *strict}, nil
	}
	return sdk.Format{}, invalid(param, "the format %q is none of text, json_object and json_schema", f.Type)
}

// toolChoice reads tool_choice in both shapes. A call that is required is one, unless the
// client asks for parallel ones: a small model that may go on calling does.
func toolChoice(data json.RawMessage, parallel *bool) (c sdk.Choice, err error) {
	defer func() {
		c.Single = c.Single || parallel != nil && !*parallel || parallel == nil && c.Mode == wire.ToolsRequired
	}()
	data = bytes.TrimSpace(data)
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return c, nil
	}
	if data[0] == '"' {
		var mode string
		if err := json.Unmarshal(data, &mode); err != nil {
			return c, err
		}
		switch mode {
		case "auto", "none", "required":
			c.Mode = wire.ToolMode(mode)
		case "any":
			c.Mode = wire.ToolsRequired
		default:
			return c, invalid("tool_choice", "%q is none of auto, none and required", mode)
		}
		return c, nil
	}
	var named struct {
		Type     string `json:"type"`
		Name     string `json:"name"`
		Mode     string `json:"mode"` // of allowed_tools
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if err := json.Unmarshal(data, &named); err != nil {
		return c, invalid("tool_choice", "it is neither a word nor a function's name")
	}
	switch named.Type {
	case "function":
		c.Mode, c.Name, c.Single = wire.ToolsRequired, named.Function.Name+named.Name, true
	case "allowed_tools":
		c.Mode = wire.ToolMode(named.Mode)
	default:
		return c, invalid("tool_choice", "a tool of type %q cannot be called here", named.Type)
	}
	return c, nil
}

// logitBias reads tokens that are keys of an object.
func logitBias(biases map[string]float64) (map[int32]float64, error) {
	if len(biases) == 0 {
		return nil, nil
	}
	by := map[int32]float64{}
	for token, bias := range biases {
		n, err := strconv.ParseInt(token, 10, 32)
		if err != nil {
			return nil, invalid("logit_bias", "%q is no token", token)
		}
		by[int32(n)] = bias
	}
	return by, nil
}

// temperature is what both APIs mean where a client says nothing.
func temperature(t *float64) float64 {
	if t == nil {
		return 1
	}
	return *t
}

// seed is any number that a client gives.
func seed(n *int64) *uint32 {
	if n == nil {
		return nil
	}
	s := uint32(*n)
	return &s
}

// prepare checks and mends messages: some clients put system prompts behind other messages,
// or several of them, which templates refuse.
func (g *Gateway) prepare(messages []sdk.Message, param string) ([]sdk.Message, error) {
	mended := make([]sdk.Message, 0, len(messages))
	for i, m := range messages {
		switch m.Role {
		case "system", "developer":
			text, stripped := withoutVolatile(string(m.Content))
			if stripped {
				g.strippedOnce.Do(func() {
					g.cfg.Log.Info("lines that begin with x-anthropic- are taken out of system prompts: they change with every request")
				})
			}
			if stripped && strings.TrimSpace(text) == "" {
				continue
			}
			m.Role, m.Content = "system", wire.Content(text)
			if n := len(mended); n > 0 && mended[n-1].Role == "system" {
				mended[n-1].Content += "\n\n" + m.Content
				continue
			}
		case "user", "assistant":
		case "tool", "function":
			m.Role = "tool"
			if m.ToolCallID == "" {
				return nil, invalid(fmt.Sprintf("%s[%d].tool_call_id", param, i), "a tool's message must say which call it answers")
			}
		default:
			return nil, invalid(fmt.Sprintf("%s[%d].role", param, i), "%q is none of system, developer, user, assistant and tool", m.Role)
		}
		mended = append(mended, m)
	}
	if len(mended) == 0 {
		return nil, invalid(param, "there are no messages")
	}
	return mended, nil
}

// mostWarnings are told of one request: clients take so many headers and no more.
const mostWarnings = 8

// warn tells in a header what of a request is left out, each thing once.
func warn(h http.Header, format string, args ...any) {
	const name = "X-Interlude-Warning"
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	if told := h.Values(name); len(told) < mostWarnings && !slices.Contains(told, text) {
		h.Add(name, text)
	}
}
