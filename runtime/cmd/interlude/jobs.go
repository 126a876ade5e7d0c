package main

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// jobs joins the two sides of a node that know nothing of each other: package
// turns gives it every turn that is to run, package node asks it for the next one. Neither
// waits for the other: what the node does not ask for any longer is handed back at close.
type jobs struct {
	mu     sync.Mutex
	queue  []job
	closed bool
	some   chan struct{} // holds one while the queue is not empty
}

func newJobs() *jobs { return &jobs{some: make(chan struct{}, 1)} }

// Take is the turns' side.
func (j *jobs) Take(ctx context.Context, t *turns.Job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		_ = t.HandBack(ctx) // to another node, or to this one when it is started again; the error is that the turn is over
		return
	}
	j.queue = append(j.queue, job{t})
	j.announce()
}

// Next is the node's side.
func (j *jobs) Next(ctx context.Context) (node.Job, error) {
	select {
	case <-j.some:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	next := j.queue[0]
	j.queue[0] = job{}
	j.queue = j.queue[1:]
	j.announce()
	return next, nil
}

func (j *jobs) announce() {
	if len(j.queue) == 0 {
		j.queue = nil
		return
	}
	select {
	case j.some <- struct{}{}:
	default:
	}
}

// close hands back what the node has not asked for, and what comes from now on. The node
// asks for nothing any more.
func (j *jobs) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for _, next := range j.queue {
		_ = next.HandBack(context.Background())
	}
	j.queue = nil
}

// job is a turn as the node sees it.
type job struct{ *turns.Job }

func (j job) History(ctx context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error) {
	return sequence(j.Job.History(ctx))
}

// sequence gives what was said one by one.
func sequence(past []wire.Exchange, err error) (iter.Seq2[*wire.Turn, *wire.Result], error) {
	if err != nil {
		return nil, err
	}
	return func(yield func(*wire.Turn, *wire.Result) bool) {
		for i := range past {
			if !yield(&past[i].Turn, &past[i].Result) {
				return
			}
		}
	}, nil
}

// Stream implements node.Job. The stored answer makes up for what is lost.
func (j job) Stream(text string, pieces []wire.Piece) {
	_ = j.Job.Stream(wire.Chunk{Text: text, Pieces: pieces})
}

func (j job) Finish(ctx context.Context, r *wire.Result) (own bool, err error) {
	switch err := j.Job.Finish(ctx, *r); {
	case err == nil:
		return true, nil
	case errors.Is(err, turns.ErrOver):
		return false, nil
	default:
		return false, err
	}
}

func (j job) GiveBack(ctx context.Context) error { return j.Job.HandBack(ctx) }
