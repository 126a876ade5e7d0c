package wire

import (
	"encoding/json"
	"time"
)

// Version is the schema of this package: the "v" of every message.
const Version = 1

// Turn is one request for generation. Tenant, program and turn may be left out
// when it is submitted, since the subject says them; when given they must agree.
type Turn struct {
	Version int    `json:"v"`
	Tenant  string `json:"tenant,omitempty"`
	Program string `json:"program,omitempty"`
	Turn    int64  `json:"turn,omitempty"`

	Mode     Mode      `json:"mode,omitempty"`
	Class    Class     `json:"class,omitempty"`
	Messages []Message `json:"messages"`
	Tools    []Tool    `json:"tools,omitzero"` // absent: those of the turn before

	// Prompt stands in the place of messages: the whole context as a text, which is put
	// before the model as it is, without its chat template. Control tokens that it spells are
	// control tokens. It goes with ModeReplace, which it has by default.
	Prompt string `json:"prompt,omitempty"`

	// From is a turn of another program of the tenant's, or of this one, whose conversation,
	// answer included, stands before the messages: a fork. It goes with ModeReplace.
	From *Spot `json:"from,omitempty"`

	ToolChoice ToolChoice `json:"tool_choice,omitzero"`
	Format     Format     `json:"format,omitzero"` // what the answer must be

	Sampling  Sampling  `json:"sampling,omitzero"`
	Lifecycle Lifecycle `json:"lifecycle,omitzero"`

	// TimeoutMS is how long after its acceptance the turn must be answered, in
	// milliseconds; 0 means whenever. A turn that is short of time goes before others of
	// its tenant, as far as the tenant's part of the node allows.
	TimeoutMS int64 `json:"timeout_ms,omitempty"`

	// AcceptedAt is set by the node that accepts the turn. Clients leave it out.
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
}

// Spot is a turn of one of a tenant's programs.
type Spot struct {
	Program string `json:"program"`
	Turn    int64  `json:"turn"`
}

// ID names the turn.
func (t *Turn) ID() ID { return ID{Tenant: t.Tenant, Program: t.Program, Turn: t.Turn} }

// Deadline is when an accepted turn must be answered; ok is false when it may be
// whenever.
func (t *Turn) Deadline() (at time.Time, ok bool) {
	if t.TimeoutMS == 0 {
		return time.Time{}, false
	}
	return t.AcceptedAt.Add(time.Duration(t.TimeoutMS) * time.Millisecond), true
}

// Mode says what the messages of a turn are.
type Mode string

// The modes. An empty Mode is ModeAppend.
const (
	ModeAppend  Mode = "append"  // what is new since the answer to the turn before
	ModeReplace Mode = "replace" // the whole conversation
)

// Class says who waits for a turn. A node bounds the wait for the first token by it.
type Class string

// The classes. An empty Class is ClassInteractive.
const (
	ClassInteractive Class = "interactive" // somebody waits, or an agent does
	ClassBackground  Class = "background"  // nobody waits: it may take hours
)

// Message is one message in the shape of OpenAI's chat API.
type Message struct {
	Role       string     `json:"role"` // system, developer, user, assistant or tool
	Content    Content    `json:"content"`
	Name       string     `json:"name,omitempty"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`   // of an assistant's message
	ToolCallID string     `json:"tool_call_id,omitempty"` // of a tool's message: the call that it answers
}

// Content is a message's text. In JSON it is a string, null, or a list of parts
// {"type":"text","text":…}, which are joined; it is written as a string.
type Content string

// ToolCall is a call that an assistant's message makes.
type ToolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"` // "function"
	Function FunctionCall `json:"function"`
}

// FunctionCall names a function and its arguments, a JSON object as a string.
type FunctionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// Tool is a function that the model may call.
type Tool struct {
	Type     string   `json:"type"` // "function"
	Function Function `json:"function"`
}

// Function describes a function to the model.
type Function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"` // a JSON schema: an object
	Strict      bool            `json:"strict,omitempty"`
}

// ToolChoice says whether the answer calls tools. The zero value leaves it to the model.
type ToolChoice struct {
	Mode   ToolMode `json:"mode,omitempty"`
	Name   string   `json:"name,omitempty"`   // with ToolsRequired: of the one tool that is called
	Single bool     `json:"single,omitempty"` // one call at most
}

// ToolMode is who chooses.
type ToolMode string

// The modes. An empty ToolMode is ToolsAuto.
const (
	ToolsAuto     ToolMode = "auto"     // the model
	ToolsNone     ToolMode = "none"     // the tools are shown, and nothing of the answer is taken for a call
	ToolsRequired ToolMode = "required" // the answer is one or more calls
)

// Format says what an answer must be. The zero value is any text.
type Format struct {
	Kind   FormatKind      `json:"kind,omitempty"`
	Schema json.RawMessage `json:"schema,omitempty"` // of FormatSchema: a JSON schema
	Strict bool            `json:"strict,omitempty"` // a schema that cannot be held in full is refused, not loosened
}

// FormatKind names a format.
type FormatKind string

// The formats. An empty FormatKind is FormatText.
const (
	FormatText   FormatKind = "text"
	FormatJSON   FormatKind = "json_object"
	FormatSchema FormatKind = "json_schema"
)

// Sampling says how tokens are chosen. The zero value is greedy, up to whatever
// the node allows.
type Sampling struct {
	MaxTokens        int               `json:"max_tokens,omitempty"` // 0: as many as fit
	Temperature      float64           `json:"temperature,omitempty"`
	TopK             int               `json:"top_k,omitempty"`             // 0: all
	TopP             float64           `json:"top_p,omitempty"`             // 0 or 1: all
	MinP             float64           `json:"min_p,omitempty"`             // 0: all
	RepeatPenalty    float64           `json:"repeat_penalty,omitempty"`    // 0 or 1: none
	FrequencyPenalty float64           `json:"frequency_penalty,omitempty"` // 0: none
	PresencePenalty  float64           `json:"presence_penalty,omitempty"`  // 0: none
	PenaltyWindow    int               `json:"penalty_window,omitempty"`    // tokens looked back for penalties; 0: the node's default
	Seed             *uint32           `json:"seed,omitempty"`              // absent: drawn once, when the turn is accepted
	Stop             []string          `json:"stop,omitempty"`              // strings that end the answer, and are not part of it
	LogitBias        map[int32]float64 `json:"logit_bias,omitempty"`        // by token
	Grammar          string            `json:"grammar,omitempty"`           // GBNF
	IgnoreEOS        bool              `json:"ignore_eos,omitempty"`

	// Logprobs asks for Result.Logprobs, and TopLogprobs, up to 20, for as many of the likeliest
	// tokens in each place.
	Logprobs    bool `json:"logprobs,omitempty"`
	TopLogprobs int  `json:"top_logprobs,omitempty"`
}

// Lifecycle is what the client knows of the program beyond this turn.
type Lifecycle struct {
	Last     bool      `json:"last,omitempty"`      // no turn comes after this one
	ToolHint *ToolHint `json:"tool_hint,omitempty"` // what is called with the answer
	Parent   string    `json:"parent,omitempty"`    // the program that started this one
	Reuse    Reuse     `json:"reuse,omitempty"`

	// RemainingTurns is how many turns will follow this one, as far as the client can
	// tell; 0 is unknown. It is used as far as a tenant's have proved right.
	RemainingTurns int `json:"remaining_turns,omitempty"`
}

// ToolHint names the tool that is called and how long that takes.
type ToolHint struct {
	Name       string `json:"name,omitempty"`      // may be left out where a person is waited for
	Arguments  string `json:"arguments,omitempty"` // a JSON object, as in FunctionCall: they tell the class
	Class      string `json:"class,omitempty"`     // of the arguments, such as a subcommand: calls that take alike long
	ExpectedMS int64  `json:"expected_ms,omitempty"`
	Human      bool   `json:"human,omitempty"` // a person is waited for
}

// Reuse says which computed context of earlier turns the turn may have.
type Reuse string

// The kinds of reuse. An empty Reuse is ReuseExact.
const (
	ReuseOff Reuse = "off" // none: everything is computed anew, and nothing is left for others

	// ReuseExact is what computing the context from its start would give: of this program, of
	// its parent and of others that begin alike.
	ReuseExact Reuse = "exact"

	// ReuseApproximate is also text that was computed behind another one: what follows an edit
	// of the program's history, and what other programs of the tenant have read. Their
	// answers may differ from those of exact reuse.
	ReuseApproximate Reuse = "approximate"
)
