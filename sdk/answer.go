package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Answer is an accepted turn: its text while it comes, and its result. It has one
// user at a time.
type Answer struct {
	// Duplicate tells that the turn had been accepted before.
	Duplicate bool

	client *Client
	id     wire.ID
	ctx    context.Context
	msgs   chan *nats.Msg
	subs   []*nats.Subscription
	hush   func()      // ends the subscriptions, once
	detach func() bool // ctx no longer cancels the turn
	asked  bool        // for the stored answer

	shown   strings.Builder // text that has come
	parts   parts           // and its pieces
	attempt int             // that chunks are taken from
	seq     int64           // of its last chunk
	at      int             // of the attempt's text, in bytes
	deaf    bool            // a chunk is missing: the rest comes with the result

	result *Result
	err    error
}

// The chunks that may wait unread before some are dropped, which the stored
// answer makes up for; and how often a stored answer is asked for where nothing
// is heard of one.
const (
	chunkBacklog = 1024
	askEvery     = 2 * time.Second
)

// listen subscribes to all that concerns a turn before it is submitted, so that
// nothing of it is missed.
func (c *Client) listen(ctx context.Context, id wire.ID) (*Answer, error) {
	a := &Answer{client: c, id: id, ctx: ctx, msgs: make(chan *nats.Msg, chunkBacklog)}
	a.hush = sync.OnceFunc(func() {
		for _, s := range a.subs {
			_ = s.Unsubscribe() // the connection may be closed, which ends it too
		}
	})
	for _, kind := range []wire.Kind{wire.KindStream, wire.KindResult} {
		sub, err := c.conn.ChanSubscribe(id.Subject(kind), a.msgs)
		if err != nil {
			a.Close()
			return nil, err
		}
		a.subs = append(a.subs, sub)
	}
	// The server knows of the subscriptions before it sees the turn: both travel
	// on this connection, in order.
	return a, nil
}

// cancelWith has the end of ctx cancel the turn on the node.
func (a *Answer) cancelWith(ctx context.Context) {
	a.detach = context.AfterFunc(ctx, func() {
		bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		_, _ = a.client.Cancel(bounded, a.id.Program, a.id.Turn) // the turn's own deadline is left where this fails
		a.hush()
	})
}

// Close stops listening for an answer that nobody wants to read to its end. The
// turn goes on; its result can be read from the client. An answer whose end was
// read, or whose context has ended, is closed already.
func (a *Answer) Close() {
	if a.detach != nil {
		a.detach()
	}
	a.hush()
}

// ID names the turn as tenant/program/turn.
func (a *Answer) ID() string { return a.id.String() }

// Number is the turn's.
func (a *Answer) Number() int64 { return a.id.Turn }

// Text yields the answer in pieces of whole characters as they come. It ends with
// the answer, or with an error: the context's, or an *Error that says how the
// turn ended instead. Breaking off leaves the turn running; Result still waits
// for it, and Close stops listening.
func (a *Answer) Text() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for {
			news, done, err := a.next(a.ctx)
			if err != nil {
				yield("", err)
				return
			}
			if news.text != "" && !yield(news.text, nil) {
				return
			}
			if done {
				return
			}
		}
	}
}

// Pieces yields the answer's text, its reasoning and its tool calls as they come, without the
// marks that the model sets between them. It ends as Text does; an answer is read by one of
// the two.
func (a *Answer) Pieces() iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		for {
			news, done, err := a.next(a.ctx)
			if err != nil {
				yield(Piece{}, err)
				return
			}
			for _, p := range news.pieces {
				if !yield(p, nil) {
					return
				}
			}
			if done {
				return
			}
		}
	}
}

// news is what has come of an answer.
type news struct {
	text   string
	pieces []Piece
}

func (n news) empty() bool { return n.text == "" && len(n.pieces) == 0 }

// Result waits for the turn to end. A turn that was not completed is an *Error;
// the Result beside it tells more.
func (a *Answer) Result(ctx context.Context) (*Result, error) {
	for a.result == nil && a.err == nil {
		if _, _, err := a.next(ctx); err != nil && a.result == nil {
			return nil, err
		}
	}
	if errors.Is(a.err, ErrDiverged) {
		return a.result, nil // the result stands; the text that was shown did not
	}
	return a.result, a.err
}

// next waits for what comes next; done says that there is nothing after it.
func (a *Answer) next(ctx context.Context) (fresh news, done bool, err error) {
	if a.result != nil || a.err != nil {
		return news{}, true, a.err
	}
	soon := askEvery
	if a.Duplicate && !a.asked {
		soon = 0 // the answer may be there
	}
	ask := time.NewTimer(soon)
	defer ask.Stop()
	for {
		select {
		case m := <-a.msgs:
			if m.Subject == a.id.Subject(wire.KindStream) {
				if fresh = a.chunk(m.Data); !fresh.empty() {
					return fresh, false, nil
				}
				continue
			}
			r, err := decodeResult(m.Data)
			if err != nil {
				continue // the stored one is asked for
			}
			return a.ended(ctx, r)
		case <-ask.C:
			a.asked = true
			ask.Reset(askEvery)
			bounded, stop := context.WithTimeout(ctx, askEvery)
			r, err := a.client.stored(bounded, a.id)
			stop()
			if err == nil {
				return a.ended(ctx, r)
			}
		case <-ctx.Done():
			return news{}, true, a.gaveUp(ctx)
		}
	}
}

// ended takes the result in. That of a turn which the end of the context cancelled may come
// before the end is noticed here, and tells the caller nothing new.
func (a *Answer) ended(ctx context.Context, r *Result) (fresh news, done bool, err error) {
	fresh, done, err = a.finish(r)
	if ctx.Err() != nil && errors.Is(err, ErrCancelled) {
		return news{}, true, a.gaveUp(ctx)
	}
	return fresh, done, err
}

// gaveUp is the error of a context that has ended, for good where it is the answer's own.
func (a *Answer) gaveUp(ctx context.Context) error {
	if ctx == a.ctx {
		a.err = ctx.Err()
	}
	return fmt.Errorf("turn %s: %w", a.id, ctx.Err())
}

// chunk returns what a chunk adds to what has come.
func (a *Answer) chunk(data []byte) news {
	var c wire.Chunk
	if json.Unmarshal(data, &c) != nil || c.Attempt < a.attempt {
		return news{}
	}
	if c.Attempt > a.attempt {
		a.attempt, a.seq, a.at, a.deaf = c.Attempt, 0, 0, false
		a.parts.begin()
	}
	if a.deaf {
		return news{}
	}
	if c.Seq != a.seq+1 {
		a.deaf = true
		return news{}
	}
	a.seq = c.Seq
	a.at += len(c.Text)
	// A later attempt begins with what was shown already.
	known := a.shown.String()
	start := a.at - len(c.Text)
	overlap := min(len(known), a.at) - start
	if overlap > 0 && known[start:start+overlap] != c.Text[:overlap] {
		a.deaf = true
		return news{}
	}
	pieces, ok := a.parts.add(c.Parts())
	if !ok {
		a.deaf = true
		return news{}
	}
	fresh := c.Text[min(max(overlap, 0), len(c.Text)):]
	a.shown.WriteString(fresh)
	return news{fresh, pieces}
}

// finish takes the result, and returns what it has more than has come.
func (a *Answer) finish(r *Result) (fresh news, done bool, err error) {
	a.result = r
	a.Close()
	if r.Outcome != wire.Completed {
		a.err = r.Error
		if r.Error == nil {
			a.err = &Error{Code: wire.CodeInternal, Message: fmt.Sprintf("turn %s ended as %s", a.id, r.Outcome)}
		}
		return news{}, true, a.err
	}
	rest, ok := strings.CutPrefix(r.Text, a.shown.String())
	pieces, same := a.parts.end(r.Parts())
	if !ok || !same {
		a.err = fmt.Errorf("turn %s: %w", a.id, ErrDiverged)
		return news{}, true, a.err
	}
	a.shown.WriteString(rest)
	return news{rest, pieces}, true, nil
}
