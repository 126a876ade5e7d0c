package turns

import (
	"context"
	"errors"
	"time"

	"github.com/interlude-run/interlude/sdk/wire"
)

// ready waits until the job may run. If it may not, or not here and now, ready
// has brought it to its end.
func (s *Server) ready(ctx context.Context, j *Job) bool {
	for {
		if s.isDraining() {
			_ = j.HandBack(ctx)
			return false
		}
		over, err := s.hasResult(ctx, j.turn.ID())
		switch {
		case err != nil:
			s.postpone(ctx, j, err)
			return false
		case over:
			j.overtaken()
			return false
		}
		if at, ok := j.turn.Deadline(); ok && !time.Now().Before(at) {
			s.expire(ctx, j)
			return false
		}
		previous := j.turn.ID().Previous()
		if previous.Turn == 0 {
			return true
		}
		if before := s.held.get(previous); before != nil {
			if !s.mayWait() {
				_ = j.HandBack(ctx)
				return false
			}
			s.waitFor(ctx, j, before)
			s.waiting.Add(-1)
			continue
		}
		over, err = s.isOver(ctx, previous)
		switch {
		case err != nil:
			s.postpone(ctx, j, err)
			return false
		case !over:
			_ = j.HandBack(ctx)
			return false
		case s.held.get(previous) == nil:
			return true
		}
	}
}

// mayWait claims a place for a job that waits for the one before it. They have
// half of the slots, so that a program whose turns were all sent at once does not
// keep the others' out. Who claimed a place gives it back.
func (s *Server) mayWait() bool {
	if s.waiting.Add(1) <= int64(cap(s.slots)/2) {
		return true
	}
	s.waiting.Add(-1)
	return false
}

// waitFor returns when there is news: of the turn before, or of this one.
func (s *Server) waitFor(ctx context.Context, j, before *Job) {
	var deadline <-chan time.Time
	if at, ok := j.turn.Deadline(); ok {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		deadline = timer.C
	}
	select {
	case <-before.done:
	case <-j.cancelled:
	case <-deadline:
	case <-s.draining:
	case <-ctx.Done():
	}
}

// hasResult tells whether a turn has its result. Of a turn that this node
// accepted, it would have heard; where it did not, because the connection was
// down or the news is on its way, the turn runs in vain and the fence says so.
func (s *Server) hasResult(ctx context.Context, id wire.ID) (bool, error) {
	switch s.recent.of(id) {
	case finished:
		return true, nil
	case accepted:
		return false, nil
	}
	_, _, err := s.store.result(ctx, id)
	if errors.Is(err, errMissing) {
		return false, nil
	}
	return err == nil, err
}

// isOver tells whether a turn has its result, or was forgotten with all that
// belongs to it.
func (s *Server) isOver(ctx context.Context, id wire.ID) (bool, error) {
	if s.recent.of(id) == finished {
		return true, nil
	}
	_, _, err := s.store.result(ctx, id)
	if !errors.Is(err, errMissing) {
		return err == nil, err
	}
	_, _, err = s.store.turn(ctx, id)
	if errors.Is(err, errMissing) {
		return true, nil
	}
	return false, err
}

// expire finishes a turn that waited longer than it wanted to.
func (s *Server) expire(ctx context.Context, j *Job) {
	err := j.Finish(ctx, wire.Result{
		Outcome: wire.DeadlineExceeded,
		Error: &wire.Error{
			Code:      wire.CodeDeadlineExceeded,
			Message:   "timeout_ms passed before the turn could run",
			Hint:      "send the program's next turn with a longer timeout_ms",
			Retryable: true,
		},
	})
	if err != nil && !errors.Is(err, ErrOver) {
		s.postpone(ctx, j, err)
	}
}

// postpone hands a job back that could not be looked at.
func (s *Server) postpone(ctx context.Context, j *Job, why error) {
	s.cfg.Log.Warn("turn postponed", "turn", j.turn.ID().String(), "error", why)
	_ = j.HandBack(ctx)
}
