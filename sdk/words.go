package sdk

import (
	"errors"

	"github.com/interlude-run/interlude/sdk/wire"
)

// The words of the wire that a client uses.
type (
	Message      = wire.Message
	ToolCall     = wire.ToolCall
	Tool         = wire.Tool
	Function     = wire.Function
	Choice       = wire.ToolChoice
	Format       = wire.Format
	Sampling     = wire.Sampling
	ToolHint     = wire.ToolHint
	Pin          = wire.Pin
	Piece        = wire.Piece
	Result       = wire.Result
	Outcome      = wire.Outcome
	Spot         = wire.Spot
	Usage        = wire.Usage
	Miss         = wire.Miss
	Error        = wire.Error
	Mode         = wire.Mode
	Class        = wire.Class
	Reuse        = wire.Reuse
	Logprob      = wire.Logprob
	TokenLogprob = wire.TokenLogprob
	Lifecycle    = wire.Lifecycle
)

// What a Turn's fields can be; see package wire.
const (
	Append           = wire.ModeAppend
	Replace          = wire.ModeReplace
	ReuseOff         = wire.ReuseOff
	ReuseExact       = wire.ReuseExact
	ReuseApproximate = wire.ReuseApproximate

	Interactive = wire.ClassInteractive
	Background  = wire.ClassBackground
)

// System, User and Assistant are messages of these roles.
func System(text string) Message    { return Message{Role: "system", Content: wire.Content(text)} }
func User(text string) Message      { return Message{Role: "user", Content: wire.Content(text)} }
func Assistant(text string) Message { return Message{Role: "assistant", Content: wire.Content(text)} }

// ToolResult answers the call with that ID.
func ToolResult(callID, text string) Message {
	return Message{Role: "tool", Content: wire.Content(text), ToolCallID: callID}
}

// Errors for errors.Is. Those with a code match every *Error that has it.
var (
	ErrNoNode           = errors.New("no node listens")
	ErrDiverged         = errors.New("the stored answer is not the text that was streamed")
	ErrNoCache          = errors.New("no node has the program's cache, so a signal is of no use")
	ErrNotWaiting       = &Error{Code: wire.CodeNotWaiting}
	ErrNotFound         = &Error{Code: wire.CodeNotFound}
	ErrNotFinished      = &Error{Code: wire.CodeNotFinished}
	ErrQueueFull        = &Error{Code: wire.CodeQueueFull}
	ErrOutOfOrder       = &Error{Code: wire.CodeOutOfOrder}
	ErrConflict         = &Error{Code: wire.CodeConflict}
	ErrContextTooLong   = &Error{Code: wire.CodeContextTooLong}
	ErrInvalidTurn      = &Error{Code: wire.CodeInvalidTurn}
	ErrInvalidGrammar   = &Error{Code: wire.CodeInvalidGrammar}
	ErrCancelled        = &Error{Code: wire.CodeCancelled}
	ErrDeadlineExceeded = &Error{Code: wire.CodeDeadlineExceeded}
	ErrOverloaded       = &Error{Code: wire.CodeOverloaded}
)
