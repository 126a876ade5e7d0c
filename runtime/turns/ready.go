package turns

import (
	"context"
	"errors"
	"time"

	"github.com/interlude-run/interlude/sdk/wire"
)

// This file finds out whether a turn may run: it has no result yet, and the turn before it
// has one and is no longer in hand. One that may not yet waits, as nothing but its Job, and
// is looked at when there is news: the turn before has left, or has its result, or this
// one's deadline has come.

// wake has a job looked at that the runner does not have yet.
func (s *Server) wake(j *Job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.handed || j.state == over:
	case j.looking:
		j.news = true
	default:
		j.looking = true
		s.lookers.Do(0, errand{job: j})
	}
}

// verdict is what a look at a job finds.
type verdict int

const (
	wait  verdict = iota // for the turn before
	start                // it may run
	ended                // it has had its end
)

// look finds out whether a job may run, and then hands it over.
func (s *Server) look(j *Job) {
	for {
		switch s.ready(s.ctx, j) {
		case ended:
			return
		case start:
			if j.hand() {
				s.runner.Take(s.ctx, j)
			}
			return
		}
		if !j.looksAgain() {
			return
		}
	}
}

// looksAgain tells whether there was news meanwhile.
func (j *Job) looksAgain() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.looking, j.news = j.news, false
	if j.looking || j.state == over {
		return j.looking
	}
	j.drop() // it may wait for long
	if j.deadline != 0 && j.timer == nil {
		j.timer = time.AfterFunc(time.Until(time.Unix(0, j.deadline)), func() { j.server.wake(j) })
	}
	return false
}

// hand notes that the job is the runner's, unless it has had its end.
func (j *Job) hand() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state != open {
		return false
	}
	j.handed = true
	j.settle()
	return true
}

// settle ends the wait for the turn before.
func (j *Job) settle() {
	if j.timer != nil {
		j.timer.Stop()
		j.timer = nil
	}
	if j.waits {
		j.waits = false
		j.server.waiting.Add(-1)
	}
}

// ready looks at a job. If it may not run at all, or not here and now, ready has brought it
// to its end.
func (s *Server) ready(ctx context.Context, j *Job) verdict {
	if s.isDraining() {
		_ = j.HandBack(ctx)
		return ended
	}
	over, err := s.hasResult(ctx, j.id)
	switch {
	case err != nil:
		s.postpone(ctx, j, err)
		return ended
	case over:
		j.overtaken()
		return ended
	}
	if at, ok := j.Deadline(); ok && !time.Now().Before(at) {
		s.expire(ctx, j)
		return ended
	}
	previous := j.id.Previous()
	if previous.Turn == 0 {
		return start
	}
	if s.held.get(previous) != nil {
		return s.mayWait(ctx, j)
	}
	over, err = s.isOver(ctx, previous)
	switch {
	case err != nil:
		s.postpone(ctx, j, err)
		return ended
	case !over || s.held.get(previous) != nil:
		return s.mayWait(ctx, j)
	}
	return start
}

// mayWait has a job wait for the one before it. Those that do have half of the
// slots, so that a program whose turns were all sent at once does not keep the
// others' out; beyond that they are handed back.
func (s *Server) mayWait(ctx context.Context, j *Job) verdict {
	j.mu.Lock()
	switch {
	case j.state != open:
		j.mu.Unlock()
		return ended
	case j.waits:
		j.mu.Unlock()
		return wait
	case s.waiting.Add(1) <= int64(cap(s.slots)/2):
		j.waits = true
		j.mu.Unlock()
		return wait
	}
	s.waiting.Add(-1)
	j.mu.Unlock()
	_ = j.HandBack(ctx)
	return ended
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
	s.cfg.Log.Warn("turn postponed", "turn", j.id.String(), "error", why)
	_ = j.HandBack(ctx)
}
