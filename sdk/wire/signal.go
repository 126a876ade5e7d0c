package wire

import (
	"fmt"
	"unicode/utf8"
)

// Signal is what a client says of a program between two of its turns, on a subject that
// names the turn that is over. Exactly one of its fields is there beside the version.
//
// Signals help to predict, and no more: they are not kept, one that is lost or late
// loses nothing else, and one that is wrong costs the program's own time.
type Signal struct {
	Version int `json:"v"`

	// Calls are the tools that were started, all that the next turn waits for.
	Calls []ToolHint `json:"calls,omitempty"`

	// Progress is how much longer they will take, from now.
	Progress *Progress `json:"progress,omitempty"`

	// Rewrite says that the context is about to be another: it is compacted.
	Rewrite *Rewrite `json:"rewrite,omitempty"`

	// Ended says that no turn will follow. The program's memory is given back.
	Ended bool `json:"ended,omitempty"`
}

// Progress is how far a call is.
type Progress struct {
	ExpectedMS int64 `json:"expected_ms"` // until it returns
}

// Rewrite says how much of a conversation stays as it is, and what follows that.
type Rewrite struct {
	KeepMessages int `json:"keep_messages"` // from the first on, answers counted

	// Messages are what the next turn, of mode replace, will have behind those that stay, as
	// far as that is known: a summary, say, and the last messages of the past. They are computed
	// while the tool runs, where the node has nothing else to do, so that the turn finds them.
	Messages []Message `json:"messages,omitempty"`
}

// SignalAck says that the node which has the program has heard the signal.
type SignalAck struct {
	Tenant  string `json:"tenant"`
	Program string `json:"program"`
	Turn    int64  `json:"turn"`
	Pin     *Pin   `json:"pin,omitempty"` // as it is now, where the signal changed it
}

// maxSignalBytes is the most that a signal takes, and maxArguments the arguments of a call.
const (
	maxSignalBytes = 512 << 10
	maxArguments   = 64 << 10
)

// maxCalls is how many calls a turn can wait for.
const maxCalls = 64

// DecodeSignal reads and validates a signal as a client sent it. It refuses fields that
// it does not know. An error is an *Error.
func DecodeSignal(data []byte) (*Signal, error) {
	if len(data) > maxSignalBytes {
		return nil, &Error{
			Code:    CodeTooLarge,
			Message: fmt.Sprintf("the signal has %d bytes, more than %d", len(data), maxSignalBytes),
			Hint:    "leave out arguments or messages, or shorten them",
		}
	}
	s, err := decodeSubmitted[Signal](data, "wire.Signal")
	if err != nil {
		return nil, err
	}
	return s, s.Validate()
}

// Validate says what is wrong with the signal, as an *Error with CodeInvalidSignal.
func (s *Signal) Validate() error {
	said := 0
	for _, there := range []bool{len(s.Calls) > 0, s.Progress != nil, s.Rewrite != nil, s.Ended} {
		if there {
			said++
		}
	}
	switch {
	case said != 1:
		return invalidSignal("signal", "there are %d of calls, progress, rewrite and ended; send one", said)
	case len(s.Calls) > maxCalls:
		return invalidSignal("calls", "there are %d, more than %d", len(s.Calls), maxCalls)
	case s.Progress != nil && (s.Progress.ExpectedMS < 0 || s.Progress.ExpectedMS > maxTimeout.Milliseconds()):
		return invalidSignal("progress.expected_ms", "%d is not within 0 and %d", s.Progress.ExpectedMS, maxTimeout.Milliseconds())
	case s.Rewrite != nil && (s.Rewrite.KeepMessages < 0 || s.Rewrite.KeepMessages > maxKeep):
		return invalidSignal("rewrite.keep_messages", "%d is not within 0 and %d", s.Rewrite.KeepMessages, maxKeep)
	}
	for i := 0; s.Rewrite != nil && i < len(s.Rewrite.Messages); i++ {
		where := fmt.Sprintf("rewrite.messages[%d]", i)
		if err := s.Rewrite.Messages[i].validate(where); err != nil {
			return invalidSignal(where, "%v", err)
		}
	}
	for i := range s.Calls {
		if field, why := s.Calls[i].fault(); field != "" {
			return invalidSignal(fmt.Sprintf("calls[%d].%s", i, field), "%s", why)
		}
	}
	return nil
}

// maxKeep is more messages than any conversation has.
const maxKeep = 1 << 24

// fault says which field is wrong, and why; "" when none is.
func (h *ToolHint) fault() (field, why string) {
	switch {
	case len(h.Name) > maxHintBytes || h.Name == "" && !h.Human:
		return "name", fmt.Sprintf("%d bytes are not within 1 and %d", len(h.Name), maxHintBytes)
	case len(h.Class) > maxHintBytes:
		return "class", fmt.Sprintf("%d bytes are more than %d", len(h.Class), maxHintBytes)
	case len(h.Arguments) > maxArguments || !utf8.ValidString(h.Arguments):
		return "arguments", fmt.Sprintf("they are not UTF-8, or longer than %d bytes", maxArguments)
	case h.ExpectedMS < 0 || h.ExpectedMS > maxTimeout.Milliseconds():
		return "expected_ms", fmt.Sprintf("%d is not within 0 and %d", h.ExpectedMS, maxTimeout.Milliseconds())
	}
	return "", ""
}

func invalidSignal(field, format string, args ...any) *Error {
	return &Error{
		Code:    CodeInvalidSignal,
		Message: field + ": " + fmt.Sprintf(format, args...),
		Hint:    "correct " + field + " and send the signal again; nothing is lost without it",
	}
}
