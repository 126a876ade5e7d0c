package wire

import "time"

// Result is how a turn ended. A turn has exactly one.
type Result struct {
	Version int    `json:"v"`
	Tenant  string `json:"tenant"`
	Program string `json:"program"`
	Turn    int64  `json:"turn"`

	Outcome      Outcome      `json:"outcome"`
	FinishReason FinishReason `json:"finish_reason,omitempty"` // of a completed turn
	Text         string       `json:"text"`                    // the answer as the model wrote it; partial unless completed
	Pieces       []Piece      `json:"pieces,omitempty"`        // the answer's parts; absent where all of it is text
	Tokens       []int32      `json:"tokens,omitempty"`        // the answer as it was sampled
	Logprobs     []Logprob    `json:"logprobs,omitempty"`      // of the first tokens of these, see Logprob
	Error        *Error       `json:"error,omitempty"`         // unless completed

	// Loosened are the keywords of the turn's schema that the answer was not held to.
	Loosened []string `json:"loosened,omitempty"`

	Usage   Usage   `json:"usage"`
	Miss    *Miss   `json:"miss,omitempty"`    // of every turn that a node took in; absent where one was rejected or cancelled before
	Moved   []Moved `json:"moved,omitempty"`   // where the moved tokens of its prompt are from
	Strayed float64 `json:"strayed,omitempty"` // how far those that were checked were from exact, at most; see Moved
	Timing  Timing  `json:"timing"`
	Pin     *Pin    `json:"pin,omitempty"`     // of the program's cache, while its tool runs
	Node    string  `json:"node,omitempty"`    // that finished it
	Attempt int     `json:"attempt,omitempty"` // that finished it
}

// Pin is what the program's cache is worth keeping until its next turn. It is soft: the
// memory goes earlier when somebody needs it more, and stays as long as nobody does.
type Pin struct {
	TTLMS      int64 `json:"ttl_ms"`      // how long keeping it costs others less than losing it
	ExpectedMS int64 `json:"expected_ms"` // until the next turn
	ReloadMS   int64 `json:"reload_ms"`   // what having it again would take
}

// ID names the turn.
func (r *Result) ID() ID { return ID{Tenant: r.Tenant, Program: r.Program, Turn: r.Turn} }

// Exchange is a turn and how it was answered.
type Exchange struct {
	Turn   Turn
	Result Result
}

// Outcome tells how a turn ended. Only a completed turn becomes part of the
// conversation; any other is as if it had never been said.
type Outcome string

// The outcomes.
const (
	Completed        Outcome = "completed"
	Cancelled        Outcome = "cancelled"         // by a client
	DeadlineExceeded Outcome = "deadline_exceeded" // timeout_ms passed
	Rejected         Outcome = "rejected"          // it cannot be served as it is
	Failed           Outcome = "failed"            // it could have been, and was not
)

// FinishReason tells why a completed answer is not longer.
type FinishReason string

// The reasons.
const (
	FinishStop       FinishReason = "stop"        // the model ended it
	FinishLength     FinishReason = "length"      // max_tokens, or the end of the context
	FinishStopString FinishReason = "stop_string" // one of the stop strings
)

// Usage counts tokens. Once the first token of an answer is sampled,
//
//	reused_tokens + restored_tokens + moved_tokens + prefilled_tokens = prompt_tokens
//
// unless the turn lost its place in memory on its way (nobody is told that it did): what
// was computed or brought back again is then counted again. A turn that ends before its
// first token has counts of what was done until then.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`          // the whole context before the answer
	ReusedTokens     int `json:"reused_tokens"`          // of these, found in the cache on the device
	MovedTokens      int `json:"moved_tokens,omitempty"` // of these, taken from where they were computed behind another text; see ReuseApproximate
	RestoredTokens   int `json:"restored_tokens"`        // of these, brought back from host memory or disk for this turn
	PrefilledTokens  int `json:"prefilled_tokens"`       // run through the model before the first token of the answer
	CompletionTokens int `json:"completion_tokens"`      // sampled
}

// Moved is where tokens were taken from that were computed behind another text.
//
// Those of other programs are checked: their first tokens are computed anew, and where the
// values of one layer stray from what they were by more than a quarter, ‖new − moved‖ / ‖new‖,
// all that follows is computed, too. Result.Strayed is the most of what was used.
type Moved struct {
	Program string `json:"program"`
	Turn    int64  `json:"turn"`   // its last when they were found
	Tokens  int    `json:"tokens"` // those that were computed anew to mend the others included
}

// Miss is why context that earlier turns of the program had left was not found in the cache.
//
//	"miss":{"reason":"history_edited","tokens":512,"message":3}
type Miss struct {
	Reason MissReason `json:"reason"` // "none" where all that could be found was

	// Tokens is how many tokens earlier turns had left where this prompt has some, that were
	// neither in the cache on the device nor brought back. Where several reasons took some,
	// Reason is the one that took most. It is 0 for none and first_turn.
	Tokens int `json:"tokens"`

	// Message is, of history_edited, the index of the first message of the whole conversation
	// that is another or is not there any longer, from 0. It is absent where a signal had
	// said that the context would be rewritten, and it then was not.
	Message *int `json:"message,omitempty"`
}

// MissReason is why context was not found.
type MissReason string

// The reasons.
const (
	MissNone            MissReason = "none"             // all that could be found was
	MissFirstTurn       MissReason = "first_turn"       // no turn of the program was completed before
	MissEvicted         MissReason = "evicted"          // others needed the memory
	MissHistoryEdited   MissReason = "history_edited"   // a message of the past is another, was dropped or put in
	MissToolsChanged    MissReason = "tools_changed"    // the tools are others than in the turn before
	MissTemplateRewrote MissReason = "template_rewrote" // the model's template writes the past in another way than before
	MissOtherNode       MissReason = "other_node"       // another node, or this one under another name, computed it
	MissForgotten       MissReason = "forgotten"        // the node no longer knows the program
	MissInexact         MissReason = "inexact"          // it was moved from another context, and this turn wants what computing it gives
	MissUncached        MissReason = "uncached"         // reuse "off" of this turn, or of the one before
)

// Timing is in milliseconds since the turn was accepted.
type Timing struct {
	AcceptedAt  time.Time `json:"accepted_at,omitzero"`
	ScheduledMS float64   `json:"scheduled_ms"` // first run on the engine
	TTFTMS      float64   `json:"ttft_ms"`      // first token of the answer
	TotalMS     float64   `json:"total_ms"`
}

// Chunk is a piece of an answer's text, shown while it comes.
type Chunk struct {
	Version int    `json:"v"`
	Attempt int    `json:"attempt"` // grows when a turn begins anew
	Seq     int64  `json:"seq"`     // within the attempt, from 1 without a gap
	Text    string `json:"text"`    // whole UTF-8 characters

	// Pieces are what the text adds to the answer's parts: none where it may be part of a
	// marker. They are absent where the text is all that it adds.
	Pieces []Piece `json:"pieces,omitzero"`
}

// Parts are the chunk's pieces.
func (c *Chunk) Parts() []Piece {
	if c.Pieces == nil && c.Text != "" {
		return []Piece{{Kind: PieceText, Text: c.Text}}
	}
	return c.Pieces
}

// Reply is what a node replies to a request: exactly one of its parts.
type Reply struct {
	Version   int        `json:"v"`
	Accepted  *Accepted  `json:"accepted,omitempty"`
	Cancelled *CancelAck `json:"cancelled,omitempty"`
	Signalled *SignalAck `json:"signalled,omitempty"`
	Result    *Result    `json:"result,omitempty"`
	Counted   *Counted   `json:"counted,omitempty"`
	Programs  *Programs  `json:"programs,omitempty"`
	Error     *Error     `json:"error,omitempty"`
}

// Accepted says that a turn is stored and will have a Result.
type Accepted struct {
	Tenant        string `json:"tenant"`
	Program       string `json:"program"`
	Turn          int64  `json:"turn"`
	Duplicate     bool   `json:"duplicate,omitempty"` // it had been accepted before
	ResultSubject string `json:"result_subject"`
	StreamSubject string `json:"stream_subject"`
}

// CancelAck says how the turn ended: by this cancellation, or before it.
type CancelAck struct {
	Tenant  string  `json:"tenant"`
	Program string  `json:"program"`
	Turn    int64   `json:"turn"`
	Outcome Outcome `json:"outcome"`
}

// Counted says how many tokens the prompt of a turn has.
type Counted struct {
	PromptTokens int `json:"prompt_tokens"`
}
