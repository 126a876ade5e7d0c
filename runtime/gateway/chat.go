package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file is OpenAI's Chat Completions API: POST /v1/chat/completions.

// chatRequest has the fields that mean something here. Others are left alone.
type chatRequest struct {
	extras
	generation
	Messages []chatMessage `json:"messages"`
	Tools    []struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	} `json:"tools"`
	ToolChoice        json.RawMessage `json:"tool_choice"`
	ParallelToolCalls *bool           `json:"parallel_tool_calls"`

	MaxCompletionTokens int  `json:"max_completion_tokens"`
	Logprobs            bool `json:"logprobs"`
	TopLogprobs         int  `json:"top_logprobs"`
}

type chatMessage struct {
	Role       string         `json:"role"`
	Content    content        `json:"content"`
	Name       string         `json:"name"`
	ToolCalls  []sdk.ToolCall `json:"tool_calls"`
	ToolCallID string         `json:"tool_call_id"`
}

func (g *Gateway) chatCompletions(w http.ResponseWriter, r *http.Request, tenant string) error {
	if err := g.admit(); err != nil {
		return err
	}
	var q chatRequest
	if err := read(r, &q); err != nil {
		return err
	}
	a, err := g.chatAsk(w.Header(), r, &q, tenant)
	if err != nil {
		return err
	}
	var flights []*flight
	defer func() {
		for _, f := range flights {
			f.leave()
		}
	}()
	for i := range max(q.N, 1) {
		f, err := g.takeoff(r.Context(), a.variant(i))
		if err != nil {
			return err
		}
		flights = append(flights, f)
	}
	told(w.Header(), flights[0])
	c := chatAnswer{g: g, created: time.Now().Unix(), named: a.choice.Name != "", probs: q.Logprobs, id: fmt.Sprintf("chatcmpl-%s-%d", flights[0].program, flights[0].turn)}
	if q.Stream {
		if err := flights[0].begins(r.Context(), idle); err != nil {
			return err // with its status, by which clients decide what to do
		}
		c.stream(r.Context(), newEvents(w), flights, q.StreamOptions.IncludeUsage)
		return nil
	}
	return c.whole(r.Context(), w, flights)
}

// chatAsk reads a request.
func (g *Gateway) chatAsk(h http.Header, r *http.Request, q *chatRequest, tenant string) (*ask, error) {
	a := &ask{tenant: tenant, tools: []sdk.Tool{}}
	q.named(r, a)
	var messages []sdk.Message
	for _, m := range q.Messages {
		for i := range m.ToolCalls {
			m.ToolCalls[i].Type = cmp.Or(m.ToolCalls[i].Type, "function")
		}
		messages = append(messages, sdk.Message{Role: m.Role, Content: wire.Content(m.Content.text), Name: m.Name, ToolCalls: m.ToolCalls, ToolCallID: m.ToolCallID})
	}
	var err error
	if a.messages, err = g.prepare(messages, "messages"); err != nil {
		return nil, err
	}
	for _, t := range q.Tools {
		if t.Type != "function" && t.Type != "" {
			warn(h, "a tool of type %s is left out: it cannot be called here", t.Type)
			continue
		}
		a.tools = append(a.tools, t.Function.tool())
	}
	if a.choice, err = toolChoice(q.ToolChoice, q.ParallelToolCalls); err != nil {
		return nil, err
	}
	switch {
	case q.TopLogprobs < 0 || q.TopLogprobs > mostLogprobs:
		return nil, invalid("top_logprobs", "%d is not within 0 and %d", q.TopLogprobs, mostLogprobs)
	case q.TopLogprobs > 0 && !q.Logprobs:
		return nil, invalid("top_logprobs", "it is given without logprobs")
	case q.MaxCompletionTokens < 0:
		return nil, invalid("max_completion_tokens", "it is negative")
	}
	if err := q.fill(a); err != nil {
		return nil, err
	}
	a.sampling.MaxTokens = cmp.Or(q.MaxCompletionTokens, q.MaxTokens)
	a.sampling.Logprobs, a.sampling.TopLogprobs = q.Logprobs, q.TopLogprobs
	return a, nil
}

// variant is the ask for the n-th of several answers to one prompt.
func (a *ask) variant(n int) *ask {
	if n == 0 {
		return a
	}
	b := *a
	b.choiceIndex, b.apart, b.program, b.known = n, true, "", digest{}
	if b.key != "" {
		b.key = fmt.Sprintf("%s #%d", b.key, n)
	}
	if b.sampling.Seed != nil {
		s := *b.sampling.Seed + uint32(n)
		b.sampling.Seed = &s
	}
	return &b
}

// told tells in headers which turn of which program a request became.
func told(h http.Header, f *flight) {
	h.Set("X-Interlude-Program", f.program)
	h.Set("X-Interlude-Turn", fmt.Sprint(f.turn))
}

// chatAnswer writes answers in Chat's shape.
type chatAnswer struct {
	g       *Gateway
	id      string
	created int64
	named   bool // the client named the tool that is called
	probs   bool // it asked for log probabilities
}

type chatUsage struct {
	Prompt        int `json:"prompt_tokens"`
	Completion    int `json:"completion_tokens"`
	Total         int `json:"total_tokens"`
	PromptDetails struct {
		Cached     int `json:"cached_tokens"`
		CacheWrite int `json:"cache_write_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// add counts another answer; the prompt is one.
func (u *chatUsage) add(x sdk.Usage, first bool) {
	if first {
		u.Prompt = x.PromptTokens
		u.PromptDetails.Cached = cachedTokens(x)
		u.PromptDetails.CacheWrite = x.PrefilledTokens
	}
	u.Completion += x.CompletionTokens
	u.Total = u.Prompt + u.Completion
}

// finish is why an answer ended. A call that the client named ends with stop, as at OpenAI.
func (c *chatAnswer) finish(r *sdk.Result) string {
	switch {
	case r.FinishReason == wire.FinishLength:
		return "length"
	case len(r.ToolCalls()) > 0 && !c.named:
		return "tool_calls"
	}
	return "stop"
}

func (c *chatAnswer) whole(ctx context.Context, w http.ResponseWriter, flights []*flight) error {
	choices := []any{}
	var usage chatUsage
	for i, f := range flights {
		r, err := f.wait(ctx)
		if err != nil {
			return err
		}
		pinned(w.Header(), r)
		usage.add(r.Usage, i == 0)
		message := map[string]any{"role": "assistant", "content": r.Said(), "refusal": nil}
		if reasoning := r.Reasoning(); reasoning != "" {
			message["reasoning_content"], message["reasoning"] = reasoning, reasoning // servers and clients know it by either name
		}
		if calls := r.ToolCalls(); len(calls) > 0 {
			message["tool_calls"] = calls
			if r.Said() == "" {
				message["content"] = nil
			}
		}
		choices = append(choices, map[string]any{"index": i, "message": message, "logprobs": chatLogprobs(c.probs, r), "finish_reason": c.finish(r)})
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"id": c.id, "object": "chat.completion", "created": c.created, "model": c.g.cfg.Model, "system_fingerprint": nil,
		"choices": choices, "usage": usage,
	})
	return nil
}

// pinned tells for how long the program's cache is worth keeping.
func pinned(h http.Header, r *sdk.Result) {
	if r.Pin != nil {
		h.Set("X-Interlude-Pin-Ttl-Ms", fmt.Sprint(r.Pin.TTLMS))
		h.Set("X-Interlude-Pin-Expected-Ms", fmt.Sprint(r.Pin.ExpectedMS))
	}
}

func (c *chatAnswer) stream(ctx context.Context, e *events, flights []*flight, withUsage bool) {
	var usage chatUsage
	for i, f := range flights {
		c.chunk(e, i, map[string]any{"role": "assistant", "content": ""}, nil, nil)
		err := follow(ctx, e, f, func(p sdk.Piece) { c.chunk(e, i, delta(p), nil, nil) })
		if err != nil {
			e.send("", refused(err).openAI()) // clients take a stream that just ends for a success
			return
		}
		r, err := f.outcome()
		if err != nil {
			e.send("", refused(err).openAI())
			return
		}
		usage.add(r.Usage, i == 0)
		if c.probs {
			c.chunk(e, i, map[string]any{}, chatLogprobs(true, r), nil)
		}
		c.chunk(e, i, map[string]any{}, nil, c.finish(r))
	}
	if withUsage {
		e.send("", c.envelope([]any{}, usage))
	}
	e.write("data: [DONE]\n\n")
}

// follow calls piece for what comes of an answer, joined where it came faster than it was
// written, and waits for the end. It is an error when the client is gone.
func follow(ctx context.Context, e *events, f *flight, piece func(sdk.Piece)) error {
	return followed(ctx, e, f, func(pieces []sdk.Piece) {
		var joined []sdk.Piece
		for _, p := range pieces {
			joined = wire.Join(joined, p)
		}
		for _, p := range joined {
			piece(p)
		}
	})
}

// followEach is follow without joining.
func followEach(ctx context.Context, e *events, f *flight, piece func(sdk.Piece)) error {
	return followed(ctx, e, f, func(pieces []sdk.Piece) {
		for _, p := range pieces {
			piece(p)
		}
	})
}

func followed(ctx context.Context, e *events, f *flight, news func([]sdk.Piece)) error {
	patience := time.NewTimer(idle - askAhead)
	defer patience.Stop()
	asked := false
	for n := 0; e.failed == nil; {
		pieces, over, changed := f.look(n)
		n += len(pieces)
		news(pieces)
		if over {
			return cmp.Or(e.failed, f.streamed())
		}
		select {
		case <-changed:
			asked = false
			patience.Reset(idle - askAhead)
		case <-patience.C:
			if asked = !asked; asked {
				f.observe()
				patience.Reset(askAhead)
				continue
			}
			e.idle(f.stands())
			patience.Reset(idle - askAhead)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return e.failed
}

// delta is a piece in Chat's shape.
func delta(p sdk.Piece) map[string]any {
	switch p.Kind {
	case wire.PieceReasoning:
		return map[string]any{"reasoning_content": p.Text, "reasoning": p.Text}
	case wire.PieceToolCall:
		call := map[string]any{"index": p.Index, "function": map[string]any{"arguments": p.Text}}
		if p.ID != "" {
			call["id"], call["type"] = p.ID, "function"
			call["function"] = map[string]any{"name": p.Name, "arguments": p.Text}
		}
		return map[string]any{"tool_calls": []any{call}}
	}
	return map[string]any{"content": p.Text}
}

func (c *chatAnswer) chunk(e *events, index int, delta map[string]any, logprobs, finish any) {
	e.send("", c.envelope([]any{map[string]any{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}}, nil))
}

func (c *chatAnswer) envelope(choices []any, usage any) any {
	m := map[string]any{
		"id": c.id, "object": "chat.completion.chunk", "created": c.created, "model": c.g.cfg.Model, "system_fingerprint": nil, "choices": choices,
	}
	if usage != nil {
		m["usage"] = usage
	}
	return m
}
