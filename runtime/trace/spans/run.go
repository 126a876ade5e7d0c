package spans

import (
	"math"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// run follows a program from its first turn until the machine forgets it. It has a turn or
// a gap open, or neither between a turn's end and what follows in the same Step.
type run struct {
	*Builder
	span   *Span
	turn   *turn
	gap    *gap
	before *turn // that was over last

	turns, rejected int64
	context         programs.Tokens // of the turn, or the last, with what was generated

	seq     kvpin.Seq
	written programs.Tokens // cells of the sequence
	valid   programs.Tokens // of these, how many are of the context at most

	copied [kvpin.Disk + 1]programs.Tokens // on lower tiers
	owner  kvpin.Owner                     // of these copies
	moving bool                            // a move of it is under way
	fills  bool                            // to the device
}

// doing is the span of what the program does now.
func (r *run) doing() *Span {
	switch {
	case r.turn != nil:
		return r.turn.span
	case r.gap != nil:
		return r.gap.span
	}
	return r.span
}

// child begins a span of a turn or a gap.
func (r *run) child(op Operation, turn programs.TurnNumber, at programs.Time) *Span {
	s := r.open(op, r.span.ID, at)
	s.Program, s.Tenant, s.Turn = r.span.Program, r.span.Tenant, turn
	return s
}

// finishSpan ends a span, and tells of it.
func (b *Builder) finishSpan(s *Span, at programs.Time) {
	s.End = at
	var head []Attribute
	if s.Operation.conventional() {
		head = append(head, Attribute{KeyOperationName, s.Operation.String()})
	}
	head = append(head, Attribute{KeyConversationID, string(s.Program)}, Attribute{KeyTenantName, string(s.Tenant)})
	if s.Operation != InvokeAgent {
		head = append(head, Attribute{KeyTurnNumber, int64(s.Turn)})
	}
	s.Attributes = append(head, s.Attributes...)
	b.ended(s)
}

// cells is how many the program has on the device.
func (r *run) cells() programs.Tokens { return min(r.written, r.valid) }

// own gives the program a sequence in which so many cells are written.
func (r *run) own(seq kvpin.Seq, cells programs.Tokens) {
	r.seq, r.written, r.valid = seq, cells, everything
}

// everything is valid of a sequence.
const everything = programs.Tokens(math.MaxInt64)

// reject tells of a turn that was not taken in, beside whatever the program does.
func (r *run) reject(ev *core.TurnArrived, e *core.Effect) {
	r.rejected++
	t := r.newTurn(ev)
	t.span.set(KeyErrorType, e.Rejection.String())
	t.span.set(KeyInputTokens, int64(ev.Context))
	if e.Retry > 0 {
		t.span.set(KeyRetryAfter, e.Retry.Seconds())
	}
	t.span.tell(r.now, EventRejected, Attribute{KeyReasonName, e.Rejection.String()})
	t.end(r.now)
}

// arrive begins a turn, and ends the gap before it.
func (r *run) arrive(ev *core.TurnArrived) {
	keep := min(ev.Keep, ev.Context-1)
	if ev.Uncached {
		keep = 0
	}
	if g := r.gap; g != nil {
		r.gap = nil
		g.end(max(g.span.Start, ev.Arrived), true)
	}
	for t := range r.copied {
		r.copied[t] = min(r.copied[t], keep)
	}
	r.valid = min(r.valid, keep)
	r.turns++
	r.turn, r.context = r.newTurn(ev), ev.Context
	if p := ev.Past; p.Same < p.Tokens && p.Changed != programs.NoMiss {
		edit := []Attribute{{KeyReasonName, p.Changed.String()}, tokens(KeyCellsCount, p.Same), tokens(KeyCellsOf, p.Tokens)}
		if p.Changed == programs.HistoryEdited && p.Message >= 0 {
			edit = append(edit, Attribute{KeyMessageNo, int64(p.Message)})
		}
		r.turn.span.tell(r.now, EventEdit, edit...)
	}
}

// start has the turn run, or wait for its cells or its prompt.
func (r *run) start(e *core.Effect) {
	r.own(e.Seq, e.Cells)
	if r.turn == nil {
		return
	}
	if r.turn.awaits() == Prefill {
		r.turn.become(r.now, Prefill)
		return
	}
	r.turn.become(r.now, r.turn.awaits())
	r.held = append(r.held, r)
}

// release lets a turn go on that has all it waited for; false while it has not.
func (r *run) release() bool {
	t := r.turn
	if t == nil || t.op != Restore && t.op != Fetch {
		return true
	}
	t.become(r.now, t.awaits())
	return t.op == Prefill
}

// suspend has the turn wait again.
func (r *run) suspend(behind []core.Effect) {
	if r.turn == nil {
		return
	}
	r.turn.preempted++
	var by []Attribute
	if other := taker(behind, r.span.Program); other != "" {
		by = append(by, Attribute{KeyOtherName, string(other)})
	}
	r.turn.span.tell(r.now, EventPreempted, by...)
	r.turn.become(r.now, Queue)
}

// finish ends the turn.
func (r *run) finish(e *core.Effect) {
	if t := r.turn; t != nil {
		r.turn = nil
		r.context = t.context + e.Usage.Generated
		t.finish(r.now, e)
		r.before = t
		if t.uncached {
			r.valid = 0
		}
	}
}

// pin begins the gap, or tells what is known now of how long it will be.
func (r *run) pin(p core.Pin) {
	if r.gap != nil {
		r.gap.again(p)
		return
	}
	if r.before != nil {
		r.gap = r.newGap(r.before, p)
	}
}

// cut takes in that the sequence keeps so many cells.
func (r *run) cut(left programs.Tokens, cause core.Cause, behind []core.Effect) {
	before := r.cells()
	if r.written = min(r.written, left); r.written <= r.valid {
		r.valid = everything
	}
	switch lost := before - r.cells(); {
	case lost == 0:
	case cause == core.CauseEvict:
		if r.gap != nil {
			r.gap.lost += lost
		}
		lost := []Attribute{tokens(KeyCellsCount, lost), tokens(KeyCellsOf, before)}
		if other := taker(behind, r.span.Program); other != "" {
			lost = append(lost, Attribute{KeyOtherName, string(other)})
		}
		r.doing().tell(r.now, EventEvicted, lost...)
	case cause == core.CauseEnd && r.gap != nil:
		r.gap.given = true
	}
}

// compacted takes in that the client lets go of the context behind what it keeps.
func (r *run) compacted(ev *core.ContextRewritten) {
	if ev.Keep < 0 || ev.Keep >= r.context {
		return
	}
	r.gap.span.tell(r.now, EventEdit, Attribute{KeyReasonName, "compacted"}, tokens(KeyCellsCount, ev.Keep), tokens(KeyCellsOf, r.context))
	r.gap.had = min(r.gap.had, ev.Keep)
	r.valid = min(r.valid, ev.Keep)
	for t := range r.copied {
		r.copied[t] = min(r.copied[t], ev.Keep)
	}
	r.context = max(ev.Keep, ev.Context)
}

// moved takes in the end of a move.
func (r *run) moved(m *move, failed bool) {
	r.moving, r.fills = false, false
	about := []Attribute{{KeyTierName, max(m.Source, m.Tier).String()}, tokens(KeyCellsCount, m.Cells-m.First), {KeyTookTime, r.now.Sub(m.since).Seconds()}}
	switch {
	case failed:
		r.doing().tell(r.now, EventMoveFails, about...)
	case m.Tier == kvpin.Device:
		r.written = max(r.written, m.Cells)
		r.doing().tell(r.now, EventRestored, about...)
	default:
		r.copied[m.Tier] = m.Cells
		r.doing().tell(r.now, EventCopied, about...)
	}
}

// end ends the program.
func (r *run) end(how string) {
	if g := r.gap; g != nil {
		r.gap = nil
		g.end(r.now, false)
	}
	r.span.set(KeyProgramEnd, how)
	r.finishAgent()
}

func (r *run) finishAgent() {
	r.span.set(KeyTurnsTaken, r.turns)
	if r.rejected > 0 {
		r.span.set(KeyTurnsRejected, r.rejected)
	}
	r.finishSpan(r.span, r.now)
}

// close ends what goes on still.
func (r *run) close() {
	r.span.Open = true
	if t := r.turn; t != nil {
		r.turn, t.span.Open = nil, true
		t.end(r.now)
	}
	if g := r.gap; g != nil {
		r.gap, g.span.Open = nil, true
		g.end(r.now, false)
	}
	r.finishAgent()
}
