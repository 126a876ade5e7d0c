package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// agent has one conversation with a node. It belongs to one goroutine.
type agent interface {
	// turn says the next thing and reads the answer to its end.
	turn(ctx context.Context, s saying) (heard, error)
}

// opening is what a conversation begins with.
type opening struct {
	system string
	tools  []sdk.Tool
}

// saying is what an agent says in a turn, and what it wants to hear.
type saying struct {
	text   string
	tokens int    // of the answer, at most; of a text exactly as many
	call   string // the tool that the answer calls; empty: it is a text
}

func (s *saying) sampling() sdk.Sampling {
	return sdk.Sampling{MaxTokens: s.tokens, IgnoreEOS: s.call == ""}
}

// heard is an answer.
type heard struct {
	first   time.Duration // from the turn's beginning to the first of the answer
	text    string
	calls   []sdk.ToolCall
	prompt  int // tokens
	cached  int // of them, that were not computed again
	program string
}

// sdkAgent names its program and says only what is new.
type sdkAgent struct {
	opening
	program *sdk.Program
	asked   []sdk.ToolCall // by the last answer
	begun   bool
}

func (a *sdkAgent) turn(ctx context.Context, s saying) (h heard, err error) {
	t := sdk.Turn{Messages: []sdk.Message{next(s.text, a.asked)}, Tools: a.tools, Sampling: s.sampling()}
	switch {
	case s.call != "":
		t.Choice = sdk.Choice{Mode: wire.ToolsRequired, Name: s.call, Single: true}
	case len(a.tools) > 0:
		t.Choice.Mode = wire.ToolsNone
	}
	if !a.begun {
		t.Messages = slices.Insert(t.Messages, 0, sdk.System(a.system))
	}
	began := time.Now()
	answer, err := a.program.Turn(ctx, t)
	if err != nil {
		return h, err
	}
	for p, err := range answer.Pieces() {
		if err != nil {
			return h, err
		}
		if h.first == 0 && (p.Text != "" || p.ID != "") {
			h.first = time.Since(began)
		}
	}
	r, err := answer.Result(ctx)
	if err != nil {
		return h, err
	}
	a.begun, a.asked = true, r.ToolCalls()
	h.text, h.calls, h.program = r.Said(), r.ToolCalls(), a.program.ID()
	h.prompt, h.cached = r.Usage.PromptTokens, r.Usage.ReusedTokens+r.Usage.RestoredTokens
	return h, nil
}

// next is the message behind an answer: what the tool that it called says, or the user.
func next(text string, asked []sdk.ToolCall) sdk.Message {
	if len(asked) > 0 {
		return sdk.ToolResult(asked[0].ID, text)
	}
	return sdk.User(text)
}

// chatAgent speaks OpenAI's Chat Completions API and names nothing: it sends the whole
// conversation each time, and what it heard not as it heard it (see retold).
type chatAgent struct {
	opening
	client *http.Client
	url    string // of the gateway
	said   []any  // messages
	asked  []sdk.ToolCall
}

// chatCall is a request.
type chatCall struct {
	Model         string     `json:"model"`
	Messages      []any      `json:"messages"`
	Tools         []sdk.Tool `json:"tools,omitempty"`
	ToolChoice    any        `json:"tool_choice,omitempty"`
	MaxTokens     int        `json:"max_tokens"`
	Temperature   float64    `json:"temperature"`
	IgnoreEOS     bool       `json:"ignore_eos"`
	Stream        bool       `json:"stream"`
	StreamOptions object     `json:"stream_options"`
}

type object = map[string]any

func (a *chatAgent) turn(ctx context.Context, s saying) (h heard, err error) {
	if a.said == nil {
		a.said = append(a.said, sdk.System(a.system))
	}
	a.said = append(a.said, next(s.text, a.asked))
	began := time.Now()
	sampling := s.sampling()
	call := chatCall{
		Messages: a.said, Tools: a.tools, MaxTokens: sampling.MaxTokens, IgnoreEOS: sampling.IgnoreEOS, Stream: true, StreamOptions: object{"include_usage": true},
	}
	switch {
	case s.call != "":
		call.ToolChoice = object{"type": "function", "function": object{"name": s.call}}
	case len(a.tools) > 0:
		call.ToolChoice = "none"
	}
	response, err := post(ctx, a.client, a.url, call)
	if err != nil {
		return h, err
	}
	defer response.Body.Close()
	h.program = response.Header.Get("X-Interlude-Program")
	err = readChat(response.Body, func(c *chatChunk) {
		if h.first == 0 && c.says() {
			h.first = time.Since(began)
		}
		h.add(c)
	})
	if err != nil {
		return h, err
	}
	a.said, a.asked = append(a.said, retold(h.text, h.calls, len(a.said))), h.calls
	return h, nil
}

// post sends a request and returns what begins to be answered.
func post(ctx context.Context, client *http.Client, url string, call chatCall) (*http.Response, error) {
	call.Model = "default"
	body, err := json.Marshal(call)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
		return nil, fmt.Errorf("the gateway answers %s: %s", response.Status, why)
	}
	return response, nil
}

// chatChunk is an event of a streamed answer.
type chatChunk struct {
	Choices []struct {
		Delta struct {
			Content   string `json:"content"`
			ToolCalls []struct {
				Index    int               `json:"index"`
				ID       string            `json:"id"`
				Function wire.FunctionCall `json:"function"`
			} `json:"tool_calls"`
		} `json:"delta"`
	} `json:"choices"`
	Usage *struct {
		Prompt  int `json:"prompt_tokens"`
		Details struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	} `json:"usage"`
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// says tells whether there is something of the answer in the event.
func (c *chatChunk) says() bool {
	return len(c.Choices) > 0 && (c.Choices[0].Delta.Content != "" || len(c.Choices[0].Delta.ToolCalls) > 0)
}

// add puts an event's part behind what was heard before.
func (h *heard) add(c *chatChunk) {
	if c.Usage != nil {
		h.prompt, h.cached = c.Usage.Prompt, c.Usage.Details.Cached
	}
	for _, choice := range c.Choices {
		h.text += choice.Delta.Content
		for _, part := range choice.Delta.ToolCalls {
			if part.ID != "" {
				h.calls = append(h.calls, sdk.ToolCall{ID: part.ID, Type: "function", Function: wire.FunctionCall{Name: part.Function.Name}})
			}
			if part.Index < len(h.calls) {
				h.calls[part.Index].Function.Arguments += part.Function.Arguments
			}
		}
	}
}

// readChat reads the events of an answer up to its end, and no answer without one.
func readChat(body io.Reader, event func(*chatChunk)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	ended := false
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		switch {
		case !ok:
			continue
		case string(data) == "[DONE]":
			ended = true // what is behind it is read, so that the connection can be used again
			continue
		}
		var c chatChunk
		if err := json.Unmarshal(data, &c); err != nil {
			return fmt.Errorf("%q: %w", data, err)
		}
		if c.Error != nil {
			return errors.New(c.Error.Message)
		}
		event(&c)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if !ended {
		return errors.New("the answer ends before its last part")
	}
	return nil
}

// retold is an answer as a client sends it back: texts trimmed, as a string or in parts by
// turns; null where there is only a call; arguments written anew. It means the same.
func retold(text string, calls []sdk.ToolCall, number int) object {
	m := object{"role": "assistant", "content": nil}
	switch text = strings.TrimSpace(text); {
	case text == "" && len(calls) > 0:
	case number%4 == 0:
		m["content"] = []object{{"type": "text", "text": text}}
	default:
		m["content"] = text
	}
	if len(calls) > 0 {
		anew := slices.Clone(calls)
		for i := range anew {
			anew[i].Function.Arguments = rewritten(anew[i].Function.Arguments)
		}
		m["tool_calls"] = anew
	}
	return m
}

// rewritten is a JSON text with other spacing and the keys of objects in falling order. A
// text that is no JSON is as it is.
func rewritten(text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return text
	}
	var b strings.Builder
	rewrite(&b, v)
	return b.String()
}

func rewrite(b *strings.Builder, v any) {
	switch v := v.(type) {
	case object:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		slices.Reverse(keys)
		b.WriteString("{\n")
		for i, k := range keys {
			if i > 0 {
				b.WriteString(" ,")
			}
			rewrite(b, k)
			b.WriteString(" : ")
			rewrite(b, v[k])
		}
		b.WriteString(" }")
	case []any:
		b.WriteString("[ ")
		for i, e := range v {
			if i > 0 {
				b.WriteString(" , ")
			}
			rewrite(b, e)
		}
		b.WriteString(" ]")
	default: // a text, a number, true, false or null
		data, err := json.Marshal(v)
		if err != nil {
			panic("what was decoded cannot be written: " + err.Error())
		}
		b.Write(data)
	}
}
