package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/interlude-run/interlude/sdk"
)

// This file is the object that the Responses API answers with.

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
	u.InputDetails.Cached = cachedTokens(x)
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
	if name, _ := q.conversation(); name != "" {
		a.Conversation = map[string]string{"id": name}
	}
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
	if given(q.ToolChoice) {
		a.ToolChoice = q.ToolChoice
	}
	a.Metadata = completed(`{}`, q.extras.Metadata)
	if given(q.Reasoning) {
		a.Reasoning = completed(`{"effort":null,"summary":null}`, q.Reasoning)
	}
	a.Text = q.shownText()
}

// shownText is the text's settings with the fields that the response has in any case.
func (q *responsesRequest) shownText() json.RawMessage {
	defaults := `{"type":"text"}`
	var said schemaFormat
	if json.Unmarshal(q.Text["format"], &said) == nil && said.Type == "json_schema" {
		defaults = `{"description":null,"strict":false}`
	}
	shown := map[string]json.RawMessage{"format": completed(defaults, q.Text["format"])}
	if v := q.Text["verbosity"]; given(v) {
		shown["verbosity"] = v
	}
	return written(shown)
}

// completed is an object with the fields of another one where it has none.
func completed(defaults string, said json.RawMessage) json.RawMessage {
	var all, fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(defaults), &all); err != nil {
		panic("gateway: odd defaults: " + err.Error())
	}
	if json.Unmarshal(said, &fields) == nil {
		maps.Copy(all, fields)
	}
	return written(all)
}

func written(v map[string]json.RawMessage) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic("gateway: a decoded object cannot be written: " + err.Error())
	}
	return data
}

// accepted has the times of a stored result.
func (a *responseAnswer) accepted(r *sdk.Result) {
	if !r.Timing.AcceptedAt.IsZero() {
		a.CreatedAt = r.Timing.AcceptedAt.Unix()
	}
}
