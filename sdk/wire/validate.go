package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// What a turn may have at most. The size of the whole message is bounded by the
// node's configuration.
const (
	maxMessages    = 4096
	maxTools       = 512
	maxTimeout     = 7 * 24 * time.Hour
	maxStops       = 16
	maxTopLogprobs = 20
	maxStopBytes   = 1024
	maxBiases      = 4096
	maxGrammar     = 256 << 10
	maxTokens      = 1 << 24
	maxHintBytes   = 256
)

// fillIn fills in what the subject says and what is the default.
func (t *Turn) fillIn(id ID) error {
	if t.Tenant != "" && t.Tenant != id.Tenant || t.Program != "" && t.Program != id.Program || t.Turn != 0 && t.Turn != id.Turn {
		return &Error{
			Code:    CodeInvalidSubject,
			Message: fmt.Sprintf("the message names another turn than its subject, which names %v", id),
			Hint:    "leave tenant, program and turn out of the message, or make them agree with the subject",
		}
	}
	t.Tenant, t.Program, t.Turn = id.Tenant, id.Program, id.Turn
	if t.Mode == "" && t.Prompt != "" {
		t.Mode = ModeReplace
	}
	if t.Mode == "" {
		t.Mode = ModeAppend
	}
	if t.Class == "" {
		t.Class = ClassInteractive
	}
	if t.Lifecycle.Reuse == "" {
		t.Lifecycle.Reuse = ReuseExact
	}
	t.AcceptedAt = time.Time{}
	return nil
}

// Validate says what is wrong with the turn, as an *Error with CodeInvalidTurn or
// CodeInvalidSubject.
func (t *Turn) Validate() error {
	if err := t.ID().Validate(); err != nil {
		return err
	}
	switch {
	case t.Mode != "" && t.Mode != ModeAppend && t.Mode != ModeReplace:
		return invalidTurn("mode", "%q is neither append nor replace", clip(string(t.Mode)))
	case t.Class != "" && t.Class != ClassInteractive && t.Class != ClassBackground:
		return invalidTurn("class", "%q is neither interactive nor background", clip(string(t.Class)))
	case len(t.Messages) == 0 && t.Prompt == "":
		return invalidTurn("messages", "there is none")
	case len(t.Messages) > maxMessages:
		return invalidTurn("messages", "there are %d, more than %d", len(t.Messages), maxMessages)
	case len(t.Tools) > maxTools:
		return invalidTurn("tools", "there are %d, more than %d", len(t.Tools), maxTools)
	case t.TimeoutMS < 0 || t.TimeoutMS > maxTimeout.Milliseconds():
		return invalidTurn("timeout_ms", "%d is not within 0 and %d", t.TimeoutMS, maxTimeout.Milliseconds())
	}
	for i := range t.Messages {
		if err := t.Messages[i].validate(fmt.Sprintf("messages[%d]", i)); err != nil {
			return err
		}
	}
	for i := range t.Tools {
		if err := t.Tools[i].validate(fmt.Sprintf("tools[%d]", i)); err != nil {
			return err
		}
	}
	if err := t.validateContext(); err != nil {
		return err
	}
	if err := t.validateShape(); err != nil {
		return err
	}
	if err := t.Sampling.validate(); err != nil {
		return err
	}
	return t.Lifecycle.validate()
}

// validateContext checks what stands in the place of messages, or before them.
func (t *Turn) validateContext() error {
	switch {
	case t.Prompt != "" && len(t.Messages) > 0:
		return invalidTurn("prompt", "the turn has messages, too")
	case t.Prompt != "" && t.From != nil:
		return invalidTurn("prompt", "it is the whole context, and the turn goes on from another one, too")
	case t.Prompt != "" && (len(t.Tools) > 0 || t.ToolChoice != ToolChoice{}):
		return invalidTurn("prompt", "tools are offered by the model's template, which a prompt has not")
	case t.Prompt != "" && t.Mode != ModeReplace:
		return invalidTurn("prompt", "it is the whole context: it goes with the mode replace")
	case t.From != nil && t.Mode != ModeReplace:
		return invalidTurn("from", "it goes with the mode replace")
	case t.From != nil && ID{t.Tenant, t.From.Program, t.From.Turn}.Validate() != nil:
		return invalidTurn("from", "it names no turn")
	case t.From != nil && t.From.Program == t.Program && t.From.Turn >= t.Turn:
		return invalidTurn("from", "the turn %d is not before this one", t.From.Turn)
	}
	return nil
}

// validateShape checks what is asked of the answer.
func (t *Turn) validateShape() error {
	c, f := t.ToolChoice, t.Format
	named := func(tool Tool) bool { return tool.Function.Name == c.Name }
	switch c.Mode {
	case "", ToolsAuto, ToolsNone, ToolsRequired:
	default:
		return invalidTurn("tool_choice.mode", "%q is none of auto, none and required", clip(string(c.Mode)))
	}
	switch {
	case c.Name != "" && c.Mode != ToolsRequired:
		return invalidTurn("tool_choice.name", "it goes with the mode required")
	case c.Mode == ToolsRequired && t.Tools != nil && len(t.Tools) == 0: // absent are those of the turn before
		return invalidTurn("tool_choice", "a call is required, and the turn has no tools")
	case c.Name != "" && t.Tools != nil && !slices.ContainsFunc(t.Tools, named):
		return invalidTurn("tool_choice.name", "%q is none of the turn's tools", clip(c.Name))
	}
	switch f.Kind {
	case "", FormatText, FormatJSON, FormatSchema:
	default:
		return invalidTurn("format.kind", "%q is none of text, json_object and json_schema", clip(string(f.Kind)))
	}
	constrained := f.Kind == FormatJSON || f.Kind == FormatSchema
	switch {
	case (f.Kind == FormatSchema) != (len(f.Schema) > 0):
		return invalidTurn("format.schema", "it goes with the kind json_schema, and that with it")
	case len(f.Schema) > maxGrammar:
		return invalidTurn("format.schema", "it has %d bytes, more than %d", len(f.Schema), maxGrammar)
	case len(f.Schema) > 0 && !json.Valid(f.Schema):
		return invalidTurn("format.schema", "it is not JSON")
	case constrained && t.Sampling.Grammar != "":
		return invalidTurn("format", "the turn has a grammar, too")
	case c.Mode == ToolsRequired && (constrained || t.Sampling.Grammar != ""):
		return invalidTurn("tool_choice", "a call is required, and the answer is held to something else, too")
	}
	return nil
}

func (m *Message) validate(where string) error {
	switch m.Role {
	case "system", "developer", "user", "assistant", "tool":
	default:
		return invalidTurn(where+".role", "%q is none of system, developer, user, assistant and tool", clip(m.Role))
	}
	switch {
	case len(m.ToolCalls) > 0 && m.Role != "assistant":
		return invalidTurn(where+".tool_calls", "only an assistant's message may have them")
	case m.ToolCallID != "" && m.Role != "tool":
		return invalidTurn(where+".tool_call_id", "only a tool's message may have it")
	case m.ToolCallID == "" && m.Role == "tool":
		return invalidTurn(where+".tool_call_id", "a tool's message must say which call it answers")
	}
	for i, c := range m.ToolCalls {
		switch {
		case c.Type != "function":
			return invalidTurn(fmt.Sprintf("%s.tool_calls[%d].type", where, i), "%q is not function", clip(c.Type))
		case c.Function.Name == "":
			return invalidTurn(fmt.Sprintf("%s.tool_calls[%d].function.name", where, i), "it is empty")
		}
	}
	return nil
}

func (t *Tool) validate(where string) error {
	switch {
	case t.Type != "function":
		return invalidTurn(where+".type", "%q is not function", clip(t.Type))
	case t.Function.Name == "":
		return invalidTurn(where+".function.name", "it is empty")
	case len(t.Function.Parameters) > 0 && !isObject(t.Function.Parameters):
		return invalidTurn(where+".function.parameters", "it is not a JSON object")
	}
	return nil
}

func (s *Sampling) validate() error {
	for _, r := range []struct {
		name              string
		value, low, above float64
	}{
		{"max_tokens", float64(s.MaxTokens), 0, maxTokens},
		{"temperature", s.Temperature, 0, 5},
		{"top_k", float64(s.TopK), 0, maxTokens},
		{"top_p", s.TopP, 0, 1},
		{"min_p", s.MinP, 0, 1},
		{"repeat_penalty", s.RepeatPenalty, 0, 10},
		{"frequency_penalty", s.FrequencyPenalty, -2, 2},
		{"presence_penalty", s.PresencePenalty, -2, 2},
		{"penalty_window", float64(s.PenaltyWindow), 0, maxTokens},
		{"stop", float64(len(s.Stop)), 0, maxStops},
		{"logit_bias", float64(len(s.LogitBias)), 0, maxBiases},
		{"grammar", float64(len(s.Grammar)), 0, maxGrammar},
		{"top_logprobs", float64(s.TopLogprobs), 0, maxTopLogprobs},
	} {
		if !(r.low <= r.value && r.value <= r.above) {
			return invalidTurn("sampling."+r.name, "%v is not within %v and %v", r.value, r.low, r.above)
		}
	}
	if s.TopLogprobs > 0 && !s.Logprobs {
		return invalidTurn("sampling.top_logprobs", "it is given without logprobs")
	}
	for _, stop := range s.Stop {
		if stop == "" || len(stop) > maxStopBytes {
			return invalidTurn("sampling.stop", "a stop string of %d bytes is not within 1 and %d", len(stop), maxStopBytes)
		}
	}
	tokens := make([]int32, 0, len(s.LogitBias))
	for token := range s.LogitBias {
		tokens = append(tokens, token)
	}
	slices.Sort(tokens) // the same turn gets the same error
	for _, token := range tokens {
		if bias := s.LogitBias[token]; token < 0 || math.IsNaN(bias) || math.Abs(bias) > 100 {
			return invalidTurn("sampling.logit_bias", "token %d with %v: tokens are from 0, biases within -100 and 100", token, bias)
		}
	}
	return nil
}

// maxRemaining is more turns than any program has had.
const maxRemaining = 1_000_000

func (l *Lifecycle) validate() error {
	switch {
	case l.Reuse != "" && l.Reuse != ReuseOff && l.Reuse != ReuseExact && l.Reuse != ReuseApproximate:
		return invalidTurn("lifecycle.reuse", "%q is none of off, exact and approximate", clip(string(l.Reuse)))
	case l.Parent != "" && !isName(l.Parent):
		return invalidTurn("lifecycle.parent", "%q is no program's name", clip(l.Parent))
	case l.RemainingTurns < 0 || l.RemainingTurns > maxRemaining:
		return invalidTurn("lifecycle.remaining_turns", "%d is not within 0 and %d", l.RemainingTurns, maxRemaining)
	case l.ToolHint != nil:
		if field, why := l.ToolHint.fault(); field != "" {
			return invalidTurn("lifecycle.tool_hint."+field, "%s", why)
		}
	}
	return nil
}

func isObject(data json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data)
}

func invalidTurn(field, format string, args ...any) *Error {
	return &Error{
		Code:    CodeInvalidTurn,
		Message: field + ": " + fmt.Sprintf(format, args...),
		Hint:    "correct " + field + " and send the turn again with the same number",
	}
}
