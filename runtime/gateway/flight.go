package gateway

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// flight is a turn under way and what has come of its answer. Any number of readers follow
// it, each at its own pace: a slow one holds up nobody. When none is left the turn is
// cancelled, unless it is to go on by itself.
type flight struct {
	ctx    context.Context
	cancel context.CancelFunc
	ready  chan struct{} // closed when the turn is accepted, or cannot be
	spot                 // from then on; zero where it cannot be
	nodes  observer      // who knows where the turn stands; nil: nobody

	mu      sync.Mutex
	pieces  []sdk.Piece // as they came
	result  *sdk.Result // once it is over; may be nil where err is set
	err     error
	parted  error // the result is another than the pieces: what was streamed does not stand
	over    bool
	changed chan struct{} // closed and made anew when something has come
	readers int
	alone   bool // it goes on without readers
	givenUp bool // nobody wanted it any longer
}

// newFlight has one reader: who made it.
func newFlight(cancel context.CancelFunc) *flight {
	return &flight{cancel: cancel, ready: make(chan struct{}), changed: make(chan struct{}), readers: 1}
}

// observer knows where a tenant's turns stand. Observe has it find out, and does not wait for
// that.
type observer interface {
	observe()
	stands(turn spot) string
}

func (f *flight) observe() {
	if f.nodes != nil {
		f.nodes.observe()
	}
}

// stands is where the turn stands, as far as that is known.
func (f *flight) stands() string {
	if f.nodes == nil {
		return unknownStanding
	}
	return f.nodes.stands(f.spot)
}

// end is the last change.
func (f *flight) end(result *sdk.Result, err error) {
	f.change(func() { f.result, f.err, f.over = result, err, true })
}

func (f *flight) change(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
	close(f.changed)
	f.changed = make(chan struct{})
}

// join adds a reader; leave ends what it began. A flight that was given up has no more
// readers: its end is not what they asked for. One that is joined by somebody who does not
// stay goes on without readers.
func (f *flight) join(alone bool) (ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.givenUp {
		return false
	}
	f.readers++
	f.alone = f.alone || alone
	return true
}

func (f *flight) leave() {
	f.mu.Lock()
	f.readers--
	f.givenUp = f.readers == 0 && !f.alone && !f.over
	givenUp := f.givenUp
	f.mu.Unlock()
	if givenUp {
		f.cancel()
	}
}

// look gives the pieces from a number on, whether there are no more to come, and a channel
// that is closed when there are.
func (f *flight) look(from int) (pieces []sdk.Piece, over bool, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pieces[from:len(f.pieces):len(f.pieces)], f.over, f.changed
}

// wait waits for the end.
func (f *flight) wait(ctx context.Context) (*sdk.Result, error) {
	for {
		_, over, changed := f.look(0)
		if over {
			return f.outcome()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// begins waits for the first piece of an answer, or its end, but no longer than patience. It
// is the error of a turn that ended without a piece.
func (f *flight) begins(ctx context.Context, patience time.Duration) error {
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		pieces, over, changed := f.look(0)
		if over && len(pieces) == 0 {
			_, err := f.outcome()
			return err
		}
		if len(pieces) > 0 {
			return nil
		}
		select {
		case <-changed:
		case <-enough.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// streamed is why the pieces are not the answer; nil where they are.
func (f *flight) streamed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parted
}

// outcome is how it ended.
func (f *flight) outcome() (*sdk.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.result, f.err
}

// shown is how it ended for who was shown the pieces.
func (f *flight) shown() (*sdk.Result, error) {
	r, err := f.outcome()
	return r, cmp.Or(err, f.streamed())
}

// landed is a flight that was over before anybody here knew of it.
func landed(s spot, r *sdk.Result) *flight {
	f := newFlight(func() {})
	f.spot, f.pieces, f.result, f.over = s, r.Parts(), r, true
	if r.Outcome != wire.Completed {
		f.err = failure(r)
	}
	close(f.ready)
	return f
}

// failure is why a turn was not completed.
func failure(r *sdk.Result) error {
	if r.Error != nil {
		return r.Error
	}
	return &sdk.Error{Code: wire.CodeInternal, Message: "the turn ended as " + string(r.Outcome)}
}
