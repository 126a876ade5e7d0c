package turns

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// ErrOver says that a job has had its end: it was finished or handed back, here
// or elsewhere. Nothing is left to do.
var ErrOver = errors.New("the turn is over")

// Job is a turn to be run. It ends with the first Finish or HandBack that
// succeeds. While it waits it is a few hundred bytes: what the turn says is read
// from JetStream when it is asked for. Any goroutine may use it.
type Job struct {
	server *Server
	id     wire.ID
	delivery

	accepted int64 // in nanoseconds since 1970, as is
	deadline int64 // 0: none
	attempt  int

	mu        sync.Mutex
	state     state
	handed    bool  // to the runner
	runs      bool  // by the runner's word
	waits     bool  // for the turn before, and has one of the places for that
	looking   bool  // somebody finds out whether it may run, and
	news      bool  // is to do so once more
	cancelled bool  // another result stands
	renew     int64 // when JetStream is to hear of it again
	seq       int64 // of the last chunk
	body      *wire.Turn
	size      int         // of the body, as it came
	onCancel  func()      // called when another result stands
	timer     *time.Timer // of the deadline, while it waits for the turn before
}

type state uint8

const (
	open      state = iota
	finishing       // a result of ours is on its way
	gone            // another result stands, and the runner does not know yet
	over
)

// ID names the turn.
func (j *Job) ID() wire.ID { return j.id }

// Attempt tells runs of the same turn apart. It grows, and may skip numbers.
func (j *Job) Attempt() int { return j.attempt }

// AcceptedAt is when the turn was accepted.
func (j *Job) AcceptedAt() time.Time { return time.Unix(0, j.accepted).UTC() }

// Deadline is when the turn has taken too long; false for never.
func (j *Job) Deadline() (at time.Time, ok bool) {
	return time.Unix(0, j.deadline).UTC(), j.deadline != 0
}

// Turn is what to run, as it was accepted; it is not to be changed. It is at hand when the
// turn has just come and there was room for it, see Config.BodyBytes, and is read again
// where not.
func (j *Job) Turn(ctx context.Context) (*wire.Turn, error) {
	j.mu.Lock()
	body := j.body
	j.mu.Unlock()
	if body != nil {
		return body, nil
	}
	turn, _, err := j.server.store.turn(ctx, j.id)
	if err != nil {
		return nil, fmt.Errorf("read turn %v again: %w", j.id, err)
	}
	return turn, nil
}

// Drop lets go of what Turn gives: the caller has done with it for now.
func (j *Job) Drop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.drop()
}

func (j *Job) drop() {
	if j.body != nil {
		j.body = nil
		j.server.bodies.Add(-int64(j.size))
	}
}

// OnCancel has f called, once, when the turn has a result that is not from this job: a
// client cancelled it, or another node was first. The runner then ends the job soon. f does
// not wait for anything; it is called at once if that has happened.
func (j *Job) OnCancel(f func()) {
	j.mu.Lock()
	before := j.onCancel
	switch {
	case j.cancelled:
		defer f()
	case before == nil:
		j.onCancel = f
	default:
		j.onCancel = func() { before(); f() }
	}
	j.mu.Unlock()
}

// Cancelled is closed when OnCancel's function would be called.
func (j *Job) Cancelled() <-chan struct{} {
	cancelled := make(chan struct{})
	j.OnCancel(func() { close(cancelled) })
	return cancelled
}

// Stream shows a piece of the answer's text to whoever listens. The job fills in
// all but the text. Nothing is kept; an error matters only to a runner that wants
// to know.
func (j *Job) Stream(c wire.Chunk) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state != open {
		return ErrOver
	}
	j.seq++
	c.Version, c.Attempt, c.Seq = wire.Version, j.attempt, j.seq
	data, err := wire.Encode(&c)
	if err != nil {
		return err
	}
	return j.conn.Publish(j.id.Subject(wire.KindStream), data)
}

// Finish stores the turn's result. The job fills in what names the turn, the node
// and the attempt. When it returns nil the result is stored and stands; ErrOver:
// another one stands, or the job has had its end. It tries again what fails until
// ctx ends; after any other error it may be called again.
func (j *Job) Finish(ctx context.Context, r wire.Result) error {
	switch r.Outcome {
	case wire.Completed, wire.Cancelled, wire.DeadlineExceeded, wire.Rejected, wire.Failed:
	default:
		return fmt.Errorf("finish turn %v: %q is no outcome", j.id, r.Outcome)
	}
	if err := j.begin(); err != nil {
		return err
	}
	err := j.finish(ctx, r)
	switch {
	case err == nil || errors.Is(err, ErrOver):
		j.server.recent.note(j.id, finished)
		j.end(j.done)
	default:
		j.resume()
	}
	return err
}

// HandBack leaves the turn to another node, or to this one later, from the
// beginning.
func (j *Job) HandBack(context.Context) error {
	if err := j.begin(); err != nil {
		return err
	}
	j.end(func() error { return j.later(j.server.handBackDelay()) })
	return nil
}

// begin claims the end of the job.
func (j *Job) begin() error {
	j.mu.Lock()
	was := j.state
	switch was {
	case open:
		j.state = finishing
	case gone:
		j.close()
	}
	j.mu.Unlock()
	switch was {
	case open:
		return nil
	case gone: // its message is acknowledged already
		j.server.leave(j)
	case finishing:
		return fmt.Errorf("finish turn %v: it is being finished: %w", j.id, ErrOver)
	}
	return ErrOver
}

// resume undoes begin.
func (j *Job) resume() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state = open
}

// end tells JetStream what becomes of the message. That this is lost does no
// harm: the message comes again, and its turn has a result or has not.
func (j *Job) end(tell func() error) {
	j.mu.Lock()
	j.close()
	if err := tell(); err != nil {
		j.server.cfg.Log.Warn("acknowledgement not sent", "turn", j.id.String(), "error", err)
	}
	j.mu.Unlock()
	j.server.leave(j)
}

// close lets go of all that a job has, at its end.
func (j *Job) close() {
	j.state = over
	j.drop()
	j.settle()
}

// finish stores the result behind the fence.
func (j *Job) finish(ctx context.Context, r wire.Result) error {
	r.Node, r.Attempt = j.server.cfg.Node, j.attempt
	complete(&r, j.id, j.AcceptedAt(), time.Now())
	data, err := wire.Encode(&r)
	if err != nil {
		return fmt.Errorf("finish turn %v: %w", j.id, err)
	}
	for {
		err := j.tryFinish(ctx, data)
		switch {
		case err == nil, errors.Is(err, ErrOver):
			return err
		case errors.Is(err, nats.ErrMaxPayload):
			data, err = wire.Encode(oversized(&r, len(data)))
			if err != nil {
				return fmt.Errorf("finish turn %v: %w", j.id, err)
			}
			continue
		case errors.Is(err, nats.ErrConnectionClosed):
			return fmt.Errorf("finish turn %v: %w", j.id, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("finish turn %v: %w: %w", j.id, context.Cause(ctx), err)
		case <-time.After(finishRetry):
		}
	}
}

const finishRetry = 100 * time.Millisecond

// tryFinish proposes the result once. When another message is there, it may be
// this very one: its acknowledgement was lost.
func (j *Job) tryFinish(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := j.server.store.putResult(ctx, j.id, data)
	if !errors.Is(err, errTaken) {
		return err
	}
	switch _, stands, err := j.server.store.result(ctx, j.id); {
	case err != nil:
		return err
	case string(stands) != string(data):
		return ErrOver
	}
	return nil
}

// overtaken notes that a result was stored. If it is not this job's, nobody waits
// for the job any longer.
func (j *Job) overtaken() {
	j.mu.Lock()
	if j.state != open {
		j.mu.Unlock()
		return
	}
	if err := j.done(); err != nil {
		j.server.cfg.Log.Warn("acknowledgement not sent", "turn", j.id.String(), "error", err)
	}
	j.cancelled = true
	if !j.handed {
		j.close()
		j.mu.Unlock()
		j.server.leave(j)
		return
	}
	j.state = gone
	tell := j.onCancel
	j.mu.Unlock()
	if tell != nil {
		tell()
	}
}
