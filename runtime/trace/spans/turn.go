package spans

import (
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// turn is one in progress. It is in one part at any time.
type turn struct {
	run      *run
	span     *Span
	context  programs.Tokens // of its prompt
	next     core.Call
	absent   bool // its prompt is
	uncached bool // nothing of it is kept

	op        Operation // the part
	since     programs.Time
	preempted int64
	over      bool
}

func (r *run) newTurn(ev *core.TurnArrived) *turn {
	return &turn{
		run: r, span: r.child(Chat, ev.Turn.Turn, ev.Arrived), context: ev.Context,
		next: ev.Next, absent: ev.Absent, uncached: ev.Uncached, op: Queue, since: ev.Arrived,
	}
}

// awaits is the part that an admitted turn is in before a step runs it.
func (t *turn) awaits() Operation {
	r := t.run
	below := min(max(r.copied[kvpin.Host], r.copied[kvpin.Disk]), r.context-1)
	switch {
	case r.fills, r.moving && below > r.cells(): // what is below follows a move that is in the way
		return Restore
	case t.absent:
		return Fetch
	}
	return Prefill
}

// become ends a part where another begins.
func (t *turn) become(now programs.Time, op Operation) {
	if t.over || t.op == op {
		return
	}
	t.cut(now)
	t.op = op
}

// cut tells of the part up to now.
func (t *turn) cut(now programs.Time) {
	if now > t.since {
		s := t.run.child(t.op, t.span.Turn, t.since)
		s.Parent, s.Open = t.span.ID, t.span.Open
		t.run.finishSpan(s, now)
	}
	t.since = now
}

// finish ends the turn with what it cost.
func (t *turn) finish(now programs.Time, e *core.Effect) {
	s, u := t.span, e.Usage
	s.set(KeyFinishReasons, []string{e.Outcome.String()})
	if e.Outcome == programs.TimedOut || e.Outcome == programs.Failed || e.Outcome == programs.Cancelled {
		s.set(KeyErrorType, e.Outcome.String())
	}
	s.set(KeyInputTokens, int64(t.context))
	s.set(KeyOutputTokens, int64(u.Generated))
	s.set(KeyCacheReadTokens, int64(u.Reused+u.Restored))
	s.set(KeyReusedTokens, int64(u.Reused))
	s.set(KeyRestoredTokens, int64(u.Restored))
	if u.Moved > 0 {
		s.set(KeyMovedTokens, int64(u.Moved))
	}
	s.set(KeyPrefilledTokens, int64(u.Prefilled))
	if first := e.Timing.First; first != 0 {
		s.set(KeyFirstToken, first.Sub(s.Start).Seconds())
	}
	if by := e.Timing.Promised; by != 0 {
		s.set(KeyPromisedToken, by.Sub(s.Start).Seconds())
	}
	if t.preempted > 0 {
		s.set(KeyPreemptions, t.preempted)
	}
	if m := e.Missed; m.Tokens > 0 {
		s.set(KeyMissedTokens, int64(m.Tokens))
		s.set(KeyMissReason, m.Why.String())
		s.tell(now, EventMiss, Attribute{KeyReasonName, m.Why.String()}, tokens(KeyCellsCount, m.Tokens))
	}
	t.end(now)
}

// end ends the part and the turn.
func (t *turn) end(now programs.Time) {
	t.cut(now)
	t.over = true
	t.run.finishSpan(t.span, now)
}
