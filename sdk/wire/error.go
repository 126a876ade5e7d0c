package wire

import (
	"fmt"
	"time"
)

// Code says what kind of thing went wrong. Codes are stable, and fit for a
// metric's label.
type Code string

// The codes. Of those that a node refuses a turn with, only CodeQueueFull,
// CodeUnavailable and CodeOutOfOrder can succeed when the same turn is sent again. Of
// those in a Result, CodeOverloaded, CodeDeadlineExceeded and CodeEngine can when it is
// sent as the next turn: the result of a turn stands.
const (
	CodeInvalidJSON        Code = "invalid_json"        // not JSON, or not of this shape
	CodeUnsupportedVersion Code = "unsupported_version" // "v" is missing or another
	CodeInvalidTurn        Code = "invalid_turn"        // well-formed, and senseless
	CodeInvalidSubject     Code = "invalid_subject"     // the subject names no turn, or another than the message
	CodeTooLarge           Code = "too_large"           // more bytes than a turn may have
	CodeOutOfOrder         Code = "turn_out_of_order"   // the turn before it was never accepted
	CodeConflict           Code = "turn_conflict"       // this turn was accepted with other content
	CodeQueueFull          Code = "queue_full"          // too many turns wait; retry_after_ms says when to try again
	CodeUnavailable        Code = "unavailable"         // the turn could not be stored just now
	CodeNotFound           Code = "not_found"           // no such turn, or nothing stored about it any longer
	CodeNotFinished        Code = "not_finished"        // the turn was accepted and has no Result yet

	CodeInvalidSignal Code = "invalid_signal" // well-formed, and senseless
	CodeNotWaiting    Code = "not_waiting"    // the turn is not the program's last, or not over

	CodeContextTooLong   Code = "context_too_long"  // longer than the model's context or the memory for it
	CodeInvalidGrammar   Code = "invalid_grammar"   // the grammar cannot be used
	CodeInvalidMessages  Code = "invalid_messages"  // the model's chat template refuses the messages
	CodeCancelled        Code = "cancelled"         // by a client
	CodeDeadlineExceeded Code = "deadline_exceeded" // timeout_ms passed
	CodeOverloaded       Code = "overloaded"        // too much waits for the turn to have its first token in time; retry_after_ms says when that may be otherwise
	CodeEngine           Code = "engine"            // the engine failed on this turn
	CodeInternal         Code = "internal"          // a defect
)

// Error says what went wrong and what to do about it. It is the error that a node
// replies with and that a Result carries.
type Error struct {
	Code         Code   `json:"code"`
	Message      string `json:"message"`                  // what is wrong
	Hint         string `json:"hint,omitempty"`           // what to do
	Retryable    bool   `json:"retryable,omitempty"`      // the same again may succeed
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"` // not before
}

// RetryAfter is how long to wait before it is tried again; 0 says nothing.
func (e *Error) RetryAfter() time.Duration {
	return time.Duration(e.RetryAfterMS) * time.Millisecond
}

// Error gives the code, the message and the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Code, e.Message, e.Hint)
}

// Is makes errors.Is(err, &Error{Code: c}) true for every error with that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}
