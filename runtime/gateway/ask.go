package gateway

import (
	"time"

	"github.com/interlude-run/interlude/sdk"
)

// ask is one request for an answer, whichever API it came by.
type ask struct {
	tenant   string
	messages []sdk.Message // the whole conversation, as the client tells it
	prompt   string        // in the place of messages: a text that is gone on with as it is
	tools    []sdk.Tool    // never nil, but with a prompt: all that the client offers now
	choice   sdk.Choice
	format   sdk.Format
	sampling sdk.Sampling
	class    sdk.Class
	timeout  time.Duration

	session       string // what the client groups its requests by; empty: nothing
	parentSession string // the group that started this one; empty: none
	program       string // that the client names; empty: found by what the request extends
	parent        string // that the client names
	last          bool
	hint          *sdk.ToolHint
	left          int // turns that follow; 0: unknown
	reuse         sdk.Reuse

	named    string  // the conversation that the client names, which goes on by what is new, in messages; empty: none
	previous *spot   // the turn that the request goes on from, named by the client; messages are what is new
	key      string  // two requests with the same are one; empty: none
	retry    bool    // the client says that it sends the request once more
	standing *string // a digest of the instructions that stand in the conversation behind this; nil: those that stood before
	stood    string  // a digest of those

	known       digest // of the ask, once it is worked out
	choiceIndex int    // of several answers to one prompt
	apart       bool   // it has a program of its own, whatever it extends
	background  bool   // nobody waits: it goes on without readers
}

// spot is a turn of a program.
type spot struct {
	program string
	turn    int64
}
