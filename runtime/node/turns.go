package node

import (
	"context"
	"iter"
	"time"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Turns hands out the turns that this node is to serve. Those of one program
// come one after the other: the next when the one before has had its end.
type Turns interface {
	// Next waits for the next turn. It is called by one goroutine. It returns an
	// error when ctx has ended, or when no turn will ever come again.
	Next(ctx context.Context) (Job, error)
}

// Job is a turn in the hands of this node. The node ends it with one successful
// Finish or one GiveBack, and keeps nothing of it after that. It may have very many
// that wait, so that a Job is small. Methods are called by one goroutine at a time.
type Job interface {
	// ID names the turn.
	ID() wire.ID

	// Attempt counts how often the turn was handed out, from 1.
	Attempt() int

	// AcceptedAt is when the turn was accepted, and Deadline when it has taken too
	// long; false for never.
	AcceptedAt() time.Time
	Deadline() (at time.Time, ok bool)

	// Turn is the turn as it was accepted. It has been validated, and is not to
	// be changed. It may have to be read again from where it is stored.
	Turn(ctx context.Context) (*wire.Turn, error)

	// Drop says that Turn will not be wanted soon.
	Drop()

	// Start says that the turn runs from now on.
	Start()

	// OnCancel has f called, once, when nobody wants the result any longer. f does
	// not wait for anything.
	OnCancel(f func())

	// History gives the turns of the program before this one that were
	// completed, and their results, in their order.
	History(ctx context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error)

	// Stream sends a part of the answer's text to whoever listens, and what it adds to the
	// answer's pieces; nil pieces: the text itself. It does not wait for them, and a part may
	// be lost.
	Stream(text string, pieces []wire.Piece)

	// Finish stores the result for good. own is false when the turn had a result
	// already, from another node or by cancellation; that one stands. After an
	// error the job is still the node's, and is given back.
	Finish(ctx context.Context, result *wire.Result) (own bool, err error)

	// GiveBack leaves the turn to another node, or to this one later.
	GiveBack(ctx context.Context) error
}
