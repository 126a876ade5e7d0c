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
// turns calls it with every turn that is to run, package node asks it for the
// next one.
type jobs struct {
	next   chan *job
	closed chan struct{}
	close  func()
}

func newJobs() *jobs {
	j := &jobs{next: make(chan *job), closed: make(chan struct{})}
	j.close = sync.OnceFunc(func() { close(j.closed) })
	return j
}

// Run hands a turn to the node and returns when the node is through with it.
func (j *jobs) Run(ctx context.Context, t *turns.Job) {
	mine := &job{Job: t, over: make(chan struct{})}
	select {
	case j.next <- mine:
		<-mine.over
		return
	case <-t.Cancelled():
	case <-j.closed:
	case <-ctx.Done():
	}
	_ = t.HandBack(ctx) // to another node, or to this one when it is started again; the error is that the turn is over
}

// Next is the node's side.
func (j *jobs) Next(ctx context.Context) (node.Job, error) {
	select {
	case next := <-j.next:
		return next, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// job is a turn as the node sees it.
type job struct {
	*turns.Job
	over chan struct{}
}

func (j *job) History(ctx context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error) {
	past, err := j.Job.History(ctx)
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

func (j *job) Stream(text string) { _ = j.Job.Stream(wire.Chunk{Text: text}) } // the stored answer makes up for what is lost

func (j *job) Finish(ctx context.Context, r *wire.Result) (own bool, err error) {
	err = j.Job.Finish(ctx, *r)
	switch {
	case err == nil:
		own = true
	case errors.Is(err, turns.ErrOver):
		err = nil
	default:
		return false, err
	}
	close(j.over)
	return own, err
}

func (j *job) GiveBack(ctx context.Context) error {
	err := j.Job.HandBack(ctx)
	close(j.over)
	return err
}
