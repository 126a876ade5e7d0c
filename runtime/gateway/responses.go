package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/interlude-run/interlude/sdk"
)

// This file is OpenAI's Responses API: POST /v1/responses. The request's input and tools are in
// responsesinput.go, the answer in responseobject.go and responsestream.go, and what can be
// done with it afterwards in responseslater.go.

// responsesRequest has the fields that mean something here, or that the answer says again.
// Others are left alone.
type responsesRequest struct {
	extras
	Input              json.RawMessage `json:"input"`
	Instructions       *string         `json:"instructions"`
	PreviousResponseID string          `json:"previous_response_id"`
	Conversation       json.RawMessage `json:"conversation"`
	Prompt             json.RawMessage `json:"prompt"`

	Tools             []responsesTool            `json:"tools"`
	ToolChoice        json.RawMessage            `json:"tool_choice"`
	ParallelToolCalls *bool                      `json:"parallel_tool_calls"`
	MaxToolCalls      *int                       `json:"max_tool_calls"`
	Reasoning         json.RawMessage            `json:"reasoning"`
	Text              map[string]json.RawMessage `json:"text"`

	MaxOutputTokens  *int      `json:"max_output_tokens"`
	Temperature      *float64  `json:"temperature"`
	TopP             *float64  `json:"top_p"`
	TopK             int       `json:"top_k"`
	MinP             float64   `json:"min_p"`
	FrequencyPenalty float64   `json:"frequency_penalty"`
	PresencePenalty  float64   `json:"presence_penalty"`
	Seed             *int64    `json:"seed"`
	Stop             oneOrMany `json:"stop"`
	IgnoreEOS        bool      `json:"ignore_eos"`
	TopLogprobs      int       `json:"top_logprobs"`

	Stream           bool    `json:"stream"`
	Background       bool    `json:"background"`
	Store            *bool   `json:"store"`
	Truncation       string  `json:"truncation"`
	User             *string `json:"user"`
	SafetyIdentifier *string `json:"safety_identifier"`
}

func (g *Gateway) createResponse(w http.ResponseWriter, r *http.Request, tenant string) error {
	if err := g.admit(); err != nil {
		return err
	}
	var q responsesRequest
	if err := read(r, &q); err != nil {
		return err
	}
	a, tools, err := g.responsesAsk(w.Header(), r, &q, tenant)
	if err != nil {
		return err
	}
	f, err := g.takeoff(r.Context(), a)
	if err != nil {
		return err
	}
	defer f.leave()
	told(w.Header(), f)
	answer := g.responseOf(f.spot, time.Now())
	answer.asked(&q, tools)
	switch {
	case q.Stream:
		answer.stream(r.Context(), newEvents(w), f, -1)
		return nil
	case q.Background:
		writeJSON(w, http.StatusOK, answer.soFar(f))
		return nil
	}
	result, err := f.wait(r.Context())
	if err != nil {
		return err
	}
	pinned(w.Header(), result)
	writeJSON(w, http.StatusOK, answer.whole(result))
	return nil
}

// responsesAsk reads a request.
func (g *Gateway) responsesAsk(h http.Header, r *http.Request, q *responsesRequest, tenant string) (*ask, *toolset, error) {
	tools := newToolset(h, q.Tools)
	a := &ask{tenant: tenant, tools: tools.tools, background: q.Background}
	q.named(r, a)
	switch {
	case given(q.Prompt):
		return nil, nil, invalid("prompt", "no prompts are kept here; send instructions and input")
	case q.TopLogprobs != 0:
		return nil, nil, invalid("top_logprobs", "log probabilities are not served here")
	case q.MaxOutputTokens != nil && *q.MaxOutputTokens < 1:
		return nil, nil, invalid("max_output_tokens", "%d is less than 1", *q.MaxOutputTokens)
	}
	if q.Truncation == "auto" {
		warn(h, "truncation is disabled here: an input that is too long is refused")
	}
	var err error
	if a.named, err = q.conversation(); err != nil {
		return nil, nil, err
	}
	messages, err := responsesInput(h, q.Input, tools, g.items(r.Context(), tenant))
	if err != nil {
		return nil, nil, err
	}
	instructions, err := g.goOn(r.Context(), h, a, q)
	if err != nil {
		return nil, nil, err
	}
	if instructions != "" {
		messages = append([]sdk.Message{sdk.System(instructions)}, messages...)
	}
	if a.messages, err = g.prepare(messages, "input"); err != nil {
		return nil, nil, err
	}
	if a.choice, err = toolChoice(q.ToolChoice, q.ParallelToolCalls); err != nil {
		return nil, nil, err
	}
	var format *schemaFormat
	if f := q.Text["format"]; given(f) && json.Unmarshal(f, &format) != nil {
		return nil, nil, invalid("text.format", "it is no object with a type")
	}
	if a.format, err = format.format("text.format"); err != nil {
		return nil, nil, err
	}
	a.sampling = sdk.Sampling{
		MaxTokens: orZero(q.MaxOutputTokens), Temperature: temperature(q.Temperature), TopP: orZero(q.TopP), TopK: q.TopK, MinP: q.MinP,
		FrequencyPenalty: q.FrequencyPenalty, PresencePenalty: q.PresencePenalty, Seed: seed(q.Seed), Stop: q.Stop, IgnoreEOS: q.IgnoreEOS,
	}
	return a, tools, nil
}

// goOn finds the turn that previous_response_id names, and gives the instructions that are
// still to be said.
//
// At OpenAI, the instructions of the response before do not stand any longer, so clients send
// them again with each request. Here what was said stays said: the same instructions are left
// out, and others are a system message behind the conversation.
func (g *Gateway) goOn(ctx context.Context, h http.Header, a *ask, q *responsesRequest) (instructions string, err error) {
	instructions = orZero(q.Instructions)
	standing := instructionsDigest(instructions)
	program := ""
	switch {
	case a.named != "":
		program = namedProgram(a.named)
	case q.PreviousResponseID == "":
		if standing != "" || a.program != "" { // which may have had others
			a.standing = &standing
		}
		return instructions, nil
	default:
		if program, err = g.goOnFrom(ctx, a, q.PreviousResponseID); err != nil {
			return "", err
		}
	}
	before, err := g.instructions(ctx, a, program)
	switch {
	case err != nil:
		return "", err
	case standing == before:
		return "", nil
	case standing != "":
		a.standing = &standing
	}
	if before != "" {
		warn(h, "the instructions of the response before stay in the conversation; others are said behind them")
	}
	return instructions, nil
}

// instructions gives a digest of those that stand in a program, as far as it is gone on from.
func (g *Gateway) instructions(ctx context.Context, a *ask, program string) (string, error) {
	value, _, err := g.ledger.get(ctx, key(a.tenant, instructed, program))
	if err != nil {
		return "", err
	}
	s, ok := parseSpot(value)
	if !ok || a.previous != nil && s.turn > a.previous.turn { // they were said later: a fork has not heard them
		return "", nil
	}
	a.stood = s.program
	return a.stood, nil
}

// goOnFrom finds the turn of a response, and gives its program.
func (g *Gateway) goOnFrom(ctx context.Context, a *ask, id string) (program string, err error) {
	s, ok := responseSpot(id)
	if !ok {
		return "", noPrevious(id)
	}
	a.previous = &s
	last, err := g.ledger.last(ctx, a.tenant, s.program)
	if err != nil {
		return "", err
	}
	if last < s.turn { // nobody has noted it: the nodes may know of it all the same
		if _, err := g.resultOf(ctx, a.tenant, s); errors.Is(err, sdk.ErrNotFound) {
			return "", noPrevious(id)
		}
	}
	return s.program, nil
}

// conversation is the name of the one that the request goes on with: a text, or an object
// with an id. None is made ahead: one begins when it is first named.
func (q *responsesRequest) conversation() (name string, err error) {
	if !given(q.Conversation) {
		return "", nil
	}
	var object struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(q.Conversation, &name) != nil && json.Unmarshal(q.Conversation, &object) != nil {
		return "", invalid("conversation", "it is neither a name nor an object with an id")
	}
	name = cmp.Or(name, object.ID)
	switch {
	case name == "" || len(name) > mostName:
		return "", invalid("conversation", "a name of %d bytes is not within 1 and %d", len(name), mostName)
	case q.PreviousResponseID != "":
		return "", invalid("conversation", "it says what the request goes on with, and previous_response_id does, too; send one of them")
	}
	return name, nil
}

// mostName is how long the name of a conversation may be.
const mostName = 256

func noPrevious(id string) error {
	return &refusal{status: http.StatusNotFound, code: "previous_response_not_found", param: "previous_response_id",
		message: fmt.Sprintf("there is no response %q, or it is forgotten; send the whole conversation as input", id)}
}

// instructionsDigest is empty where there are none.
func instructionsDigest(instructions string) string {
	if instructions == "" {
		return ""
	}
	return sum([]byte("instructions"), instructions).String()
}

// given tells whether a field says something.
func given(field json.RawMessage) bool {
	field = bytes.TrimSpace(field)
	return len(field) > 0 && !bytes.Equal(field, []byte("null"))
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
