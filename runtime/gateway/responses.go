package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/interlude-run/interlude/sdk"
)

// This file is OpenAI's Responses API: POST /v1/responses, and what can be done with a
// response afterwards. Its answers are in responsestream.go, its input and tools in
// responsesinput.go.

// responsesRequest has the fields that mean something here, or that the answer says again.
// Others are left alone.
type responsesRequest struct {
	extras
	Input              json.RawMessage `json:"input"`
	Instructions       *string         `json:"instructions"`
	PreviousResponseID string          `json:"previous_response_id"`
	Conversation       json.RawMessage `json:"conversation"`
	Prompt             json.RawMessage `json:"prompt"`

	Tools             []responsesTool `json:"tools"`
	ToolChoice        json.RawMessage `json:"tool_choice"`
	ParallelToolCalls *bool           `json:"parallel_tool_calls"`
	MaxToolCalls      *int            `json:"max_tool_calls"`
	Text              json.RawMessage `json:"text"`
	Reasoning         json.RawMessage `json:"reasoning"`

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
	g.instructed(r.Context(), a, &q, f.program)
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
	case given(q.Conversation):
		return nil, nil, invalid("conversation", "conversations are not kept here under names of their own; go on by previous_response_id, or send all as input")
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
	messages, err := responsesInput(h, q.Input, tools)
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
	var text struct {
		Format *schemaFormat `json:"format"`
	}
	if given(q.Text) && json.Unmarshal(q.Text, &text) != nil {
		return nil, nil, invalid("text", "it is no object with a format")
	}
	if a.format, err = text.Format.format("text.format"); err != nil {
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
	if q.PreviousResponseID == "" {
		return instructions, nil
	}
	s, ok := responseSpot(q.PreviousResponseID)
	if !ok {
		return "", noPrevious(q.PreviousResponseID)
	}
	a.previous = &s
	last, err := g.ledger.last(ctx, a.tenant, s.program)
	if err != nil {
		return "", err
	}
	if last < s.turn { // nobody has noted it: the nodes may know of it all the same
		if _, err := g.resultOf(ctx, a.tenant, s); errors.Is(err, sdk.ErrNotFound) {
			return "", noPrevious(q.PreviousResponseID)
		}
	}
	before, _, err := g.ledger.get(ctx, key(a.tenant, instructed, s.program))
	switch {
	case err != nil:
		return "", err
	case before == instructionsDigest(instructions):
		return "", nil
	case before != "":
		warn(h, "the instructions of the response before stay in the conversation; others are said behind it")
	}
	return instructions, nil
}

func noPrevious(id string) error {
	return &refusal{status: http.StatusNotFound, code: "previous_response_not_found", param: "previous_response_id",
		message: fmt.Sprintf("there is no response %q, or it is forgotten; send the whole conversation as input", id)}
}

// instructed notes which instructions stand in a program's conversation.
func (g *Gateway) instructed(ctx context.Context, a *ask, q *responsesRequest, program string) {
	d := instructionsDigest(orZero(q.Instructions))
	if d == "" && (a.previous != nil || a.program == "") {
		return // those that stand still do, or none ever did
	}
	if noted, _, err := g.ledger.get(ctx, key(a.tenant, instructed, program)); err != nil || noted != d {
		g.note(a, entry{kind: instructed, name: program, value: d})
	}
}

// instructionsDigest is empty where there are none.
func instructionsDigest(instructions string) string {
	if instructions == "" {
		return ""
	}
	return sum([]byte("instructions"), instructions).String()
}

// getResponse reads a response from the stored result, or from the flight where it is under
// way. What the request said is not kept.
func (g *Gateway) getResponse(w http.ResponseWriter, r *http.Request, tenant string) error {
	id := r.PathValue("id")
	s, ok := responseSpot(id)
	if !ok {
		return noResponse(id)
	}
	stream, err := wantsStream(r)
	if err != nil {
		return err
	}
	if stream {
		return g.replay(w, r, tenant, s)
	}
	if f := g.underway(tenant, s); f != nil {
		defer f.leave()
		writeJSON(w, http.StatusOK, g.responseOf(s, time.Now()).soFar(f))
		return nil
	}
	answer, err := g.storedResponse(r.Context(), tenant, s)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// wantsStream tells whether a reader asks for events: in the query, or in a body, as OpenAI's
// client for Go does.
func wantsStream(r *http.Request) (bool, error) {
	if r.ContentLength == 0 {
		return r.URL.Query().Get("stream") == "true", nil
	}
	var q struct {
		Stream bool `json:"stream"`
	}
	err := read(r, &q)
	return q.Stream || r.URL.Query().Get("stream") == "true", err
}

// replay sends the events of a response behind a number. Those of a response under way are
// numbered as its other readers see them. Those of a stored one come with all of a text at
// once, so that they are fewer; its end is sent in any case.
func (g *Gateway) replay(w http.ResponseWriter, r *http.Request, tenant string, s spot) error {
	after := -1
	if text := r.URL.Query().Get("starting_after"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return invalid("starting_after", "%q is no event's number", text)
		}
		after = n
	}
	f, err := g.again(r.Context(), tenant, s)
	if errors.Is(err, sdk.ErrNotFound) {
		return noResponse(responseID(s))
	}
	if err != nil {
		return err
	}
	defer f.leave()
	told(w.Header(), f)
	answer := g.responseOf(s, time.Now())
	if r, _ := f.outcome(); r != nil {
		answer.accepted(r)
	}
	answer.stream(r.Context(), newEvents(w), f, after)
	return nil
}

// cancelResponse ends a response that is under way, and answers with it as it then is. One
// that is over stays as it is.
func (g *Gateway) cancelResponse(w http.ResponseWriter, r *http.Request, tenant string) error {
	id := r.PathValue("id")
	s, ok := responseSpot(id)
	if !ok {
		return noResponse(id)
	}
	c, err := g.client(tenant)
	if err != nil {
		return err
	}
	if _, err := c.Cancel(r.Context(), s.program, s.turn); errors.Is(err, sdk.ErrNotFound) {
		return noResponse(id)
	} else if err != nil {
		return err
	}
	answer, err := g.storedResponse(r.Context(), tenant, s)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// deleteResponse says that a response is deleted. The conversation that it belongs to goes on,
// so the turn stays until the nodes forget it.
func (g *Gateway) deleteResponse(w http.ResponseWriter, r *http.Request, tenant string) error {
	id := r.PathValue("id")
	s, ok := responseSpot(id)
	if !ok {
		return noResponse(id)
	}
	if _, err := g.storedResponse(r.Context(), tenant, s); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"id": id, "object": "response", "deleted": true})
	return nil
}

// notServed refuses what clients can do without.
func (g *Gateway) notServed(_ http.ResponseWriter, r *http.Request, _ string) error {
	return &refusal{status: http.StatusNotImplemented, code: "not_implemented", message: r.URL.Path + " is not served here"}
}

// storedResponse is a response as the nodes know it.
func (g *Gateway) storedResponse(ctx context.Context, tenant string, s spot) (*response, error) {
	answer := g.responseOf(s, time.Now())
	r, err := g.resultOf(ctx, tenant, s)
	switch {
	case errors.Is(err, sdk.ErrNotFound):
		return nil, noResponse(responseID(s))
	case errors.Is(err, sdk.ErrNotFinished): // it runs for another gateway
		answer.Status = statusInProgress
		return &answer.response, nil
	case err != nil:
		return nil, err
	}
	answer.accepted(r)
	return answer.whole(r), nil
}

func (g *Gateway) resultOf(ctx context.Context, tenant string, s spot) (*sdk.Result, error) {
	c, err := g.client(tenant)
	if err != nil {
		return nil, err
	}
	return c.Result(ctx, s.program, s.turn)
}

func noResponse(id string) error {
	return &refusal{status: http.StatusNotFound, code: "response_not_found", message: fmt.Sprintf("there is no response %q, or it is forgotten", id)}
}

// responseID names a turn so that it can be read back without being looked up.
func responseID(s spot) string { return fmt.Sprintf("resp_%s-%d", s.program, s.turn) }

// responseSpot reads what responseID wrote.
func responseSpot(id string) (s spot, ok bool) {
	rest, ok := strings.CutPrefix(id, "resp_")
	n := strings.LastIndexByte(rest, '-')
	if !ok || n < 0 || !plainName.MatchString(rest[:n]) {
		return spot{}, false
	}
	turn, err := strconv.ParseInt(rest[n+1:], 10, 64)
	s = spot{rest[:n], turn}
	return s, err == nil && turn > 0 && responseID(s) == id
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

// The statuses of a response and of its items.
const (
	statusQueued     = "queued"
	statusInProgress = "in_progress"
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusFailed     = "failed"
	statusCancelled  = "cancelled"
)

// response is the object that the API answers with. Its nullable fields are there: clients
// read them.
type response struct {
	ID                 string             `json:"id"`
	Object             string             `json:"object"`
	CreatedAt          int64              `json:"created_at"`
	CompletedAt        *int64             `json:"completed_at"`
	Status             string             `json:"status"`
	Background         bool               `json:"background"`
	Error              *responseError     `json:"error"`
	IncompleteDetails  *incompleteDetails `json:"incomplete_details"`
	Instructions       *string            `json:"instructions"`
	MaxOutputTokens    *int               `json:"max_output_tokens"`
	MaxToolCalls       *int               `json:"max_tool_calls"`
	Model              string             `json:"model"`
	Output             []*outputItem      `json:"output"`
	ParallelToolCalls  bool               `json:"parallel_tool_calls"`
	PreviousResponseID *string            `json:"previous_response_id"`
	PromptCacheKey     *string            `json:"prompt_cache_key"`
	Reasoning          json.RawMessage    `json:"reasoning"`
	SafetyIdentifier   *string            `json:"safety_identifier"`
	ServiceTier        string             `json:"service_tier"`
	Store              bool               `json:"store"`
	Temperature        float64            `json:"temperature"`
	Text               json.RawMessage    `json:"text"`
	ToolChoice         json.RawMessage    `json:"tool_choice"`
	Tools              []any              `json:"tools"`
	TopLogprobs        int                `json:"top_logprobs"`
	TopP               float64            `json:"top_p"`
	FrequencyPenalty   float64            `json:"frequency_penalty"`
	PresencePenalty    float64            `json:"presence_penalty"`
	Truncation         string             `json:"truncation"`
	Usage              *responseUsage     `json:"usage"`
	User               *string            `json:"user"`
	Metadata           json.RawMessage    `json:"metadata"`
	Conversation       any                `json:"conversation"`
}

type responseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type incompleteDetails struct {
	Reason string `json:"reason"`
}

type responseUsage struct {
	Input        int `json:"input_tokens"`
	InputDetails struct {
		Cached     int `json:"cached_tokens"`
		CacheWrite int `json:"cache_write_tokens"`
	} `json:"input_tokens_details"`
	Output        int `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int `json:"total_tokens"`
}

func newResponseUsage(x sdk.Usage) *responseUsage {
	u := &responseUsage{Input: x.PromptTokens, Output: x.CompletionTokens, Total: x.PromptTokens + x.CompletionTokens}
	u.InputDetails.Cached = x.ReusedTokens + x.RestoredTokens
	u.InputDetails.CacheWrite = x.PrefilledTokens
	return u
}

// newResponseError has one of the codes that clients tell failures apart by.
func newResponseError(r *refusal) *responseError {
	code := "server_error"
	switch {
	case r.code == "context_length_exceeded":
		code = r.code
	case r.status == http.StatusTooManyRequests:
		code = "rate_limit_exceeded"
	case r.status < 500:
		code = "invalid_prompt"
	}
	return &responseError{code, r.message}
}

// responseOf begins the answer of a turn, with what OpenAI has where a request says nothing.
func (g *Gateway) responseOf(s spot, created time.Time) *responseAnswer {
	return &responseAnswer{suffix: strings.TrimPrefix(responseID(s), "resp_"), response: response{
		ID: responseID(s), Object: "response", CreatedAt: created.Unix(), Status: statusInProgress, Model: g.cfg.Model,
		Output: []*outputItem{}, ParallelToolCalls: true, ServiceTier: "default", Store: true, Temperature: 1, TopP: 1,
		Text: json.RawMessage(`{"format":{"type":"text"}}`), ToolChoice: json.RawMessage(`"auto"`), Tools: []any{},
		Truncation: "disabled", Metadata: json.RawMessage(`{}`),
	}}
}

// asked says again what the request said.
func (a *responseAnswer) asked(q *responsesRequest, tools *toolset) {
	a.tools = tools
	a.Instructions, a.MaxOutputTokens, a.MaxToolCalls = q.Instructions, q.MaxOutputTokens, q.MaxToolCalls
	a.PreviousResponseID, a.PromptCacheKey = orNull(q.PreviousResponseID), orNull(q.PromptCacheKey)
	a.User, a.SafetyIdentifier = q.User, q.SafetyIdentifier
	a.Background, a.Tools = q.Background, tools.shown
	a.FrequencyPenalty, a.PresencePenalty = q.FrequencyPenalty, q.PresencePenalty
	a.Temperature = temperature(q.Temperature)
	if q.TopP != nil {
		a.TopP = *q.TopP
	}
	if q.Store != nil {
		a.Store = *q.Store
	}
	if q.ParallelToolCalls != nil {
		a.ParallelToolCalls = *q.ParallelToolCalls
	}
	for _, f := range []struct{ said, shown *json.RawMessage }{
		{&q.Reasoning, &a.Reasoning}, {&q.ToolChoice, &a.ToolChoice}, {&q.extras.Metadata, &a.Metadata},
	} {
		if given(*f.said) {
			*f.shown = *f.said
		}
	}
	var text map[string]json.RawMessage
	if json.Unmarshal(q.Text, &text) == nil && given(text["format"]) {
		a.Text = q.Text
	}
}

// accepted has the times of a stored result.
func (a *responseAnswer) accepted(r *sdk.Result) {
	if !r.Timing.AcceptedAt.IsZero() {
		a.CreatedAt = r.Timing.AcceptedAt.Unix()
	}
}
