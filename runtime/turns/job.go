package turns

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/sdk/wire"
)

// ErrOver says that a job has had its end: it was finished or handed back, here
// or elsewhere. Nothing is left to do.
var ErrOver = errors.New("the turn is over")

// Job is a turn to be run. It ends with the first Finish or HandBack that
// succeeds; a runner that returns without either hands it back. Any goroutine may
// use it.
type Job struct {
	server  *Server
	turn    *wire.Turn
	attempt int
	msg     jetstream.Msg

	cancelled chan struct{} // closed when another result stands
	done      chan struct{} // closed when the runner is through with it

	mu    sync.Mutex
	state state
	seq   int64 // of the last chunk
}

type state int

const (
	open      state = iota
	finishing       // a result of ours is on its way
	gone            // another result stands, and the runner does not know yet
	over
)

func newJob(s *Server, turn *wire.Turn, attempt int, msg jetstream.Msg) *Job {
	return &Job{
		server: s, turn: turn, attempt: attempt, msg: msg,
		cancelled: make(chan struct{}), done: make(chan struct{}),
	}
}

// Turn is what to run, as it was accepted. It is not to be changed.
func (j *Job) Turn() *wire.Turn { return j.turn }

// Attempt tells runs of the same turn apart. It grows, and may skip numbers.
func (j *Job) Attempt() int { return j.attempt }

// Cancelled is closed when the turn has a result that is not from this job: a
// client cancelled it, or another node was first. The runner then returns soon.
func (j *Job) Cancelled() <-chan struct{} { return j.cancelled }

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
	return j.server.conn.Publish(j.turn.ID().Subject(wire.KindStream), data)
}

// Finish stores the turn's result. The job fills in what names the turn, the node
// and the attempt. When it returns nil the result is stored and stands; ErrOver:
// another one stands, or the job has had its end. It tries again what fails until
// ctx ends; after any other error it may be called again.
func (j *Job) Finish(ctx context.Context, r wire.Result) error {
	switch r.Outcome {
	case wire.Completed, wire.Cancelled, wire.DeadlineExceeded, wire.Rejected, wire.Failed:
	default:
		return fmt.Errorf("finish turn %v: %q is no outcome", j.turn.ID(), r.Outcome)
	}
	if err := j.begin(); err != nil {
		return err
	}
	err := j.finish(ctx, r)
	switch {
	case err == nil || errors.Is(err, ErrOver):
		j.server.recent.note(j.turn.ID(), finished)
		j.end(j.msg.Ack)
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
	j.end(func() error { return j.msg.NakWithDelay(j.server.handBackDelay()) })
	return nil
}

// begin claims the end of the job.
func (j *Job) begin() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch j.state {
	case open:
		j.state = finishing
		return nil
	case gone: // its message is acknowledged already
		j.state = over
		return ErrOver
	case finishing:
		return fmt.Errorf("finish turn %v: it is being finished: %w", j.turn.ID(), ErrOver)
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
	j.state = over
	j.mu.Unlock()
	if err := tell(); err != nil {
		j.server.cfg.Log.Warn("acknowledgement not sent", "turn", j.turn.ID().String(), "error", err)
	}
}

// finish stores the result behind the fence.
func (j *Job) finish(ctx context.Context, r wire.Result) error {
	id := j.turn.ID()
	r.Node, r.Attempt = j.server.cfg.Node, j.attempt
	complete(&r, j.turn, time.Now())
	data, err := wire.Encode(&r)
	if err != nil {
		return fmt.Errorf("finish turn %v: %w", id, err)
	}
	for {
		err := j.tryFinish(ctx, id, data)
		switch {
		case err == nil, errors.Is(err, ErrOver):
			return err
		case errors.Is(err, nats.ErrMaxPayload):
			data, err = wire.Encode(oversized(&r, len(data)))
			if err != nil {
				return fmt.Errorf("finish turn %v: %w", id, err)
			}
			continue
		case errors.Is(err, nats.ErrConnectionClosed):
			return fmt.Errorf("finish turn %v: %w", id, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("finish turn %v: %w: %w", id, context.Cause(ctx), err)
		case <-time.After(finishRetry):
		}
	}
}

const finishRetry = 100 * time.Millisecond

// tryFinish proposes the result once. When another message is there, it may be
// this very one: its acknowledgement was lost.
func (j *Job) tryFinish(ctx context.Context, id wire.ID, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := j.server.store.putResult(ctx, id, data)
	if !errors.Is(err, errTaken) {
		return err
	}
	switch _, stands, err := j.server.store.result(ctx, id); {
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
	defer j.mu.Unlock()
	if j.state != open {
		return
	}
	j.state = gone
	close(j.cancelled)
	if err := j.msg.Ack(); err != nil {
		j.server.cfg.Log.Warn("acknowledgement not sent", "turn", j.turn.ID().String(), "error", err)
	}
}

// keep tells JetStream that the turn is in hand.
func (j *Job) keep() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state == open || j.state == finishing {
		_ = j.msg.InProgress() // the next one comes soon
	}
}
