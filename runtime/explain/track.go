package explain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// track follows one program through a log.
type track struct {
	*Program
	reader  *reader
	story   *Story // nil when nobody asked for it
	view    core.View
	touched bool

	turn     programs.TurnNumber
	context  programs.Tokens // of the turn's prompt
	past     core.Past
	open     bool // a turn is taken in and not over
	started  bool // it has its place, or had it
	uncached bool
	arrived  programs.Time
	tally    turnTally

	waited    programs.Duration
	waitedFor map[string]programs.Duration

	cells  programs.Tokens // of the context, in memory
	had    programs.Tokens // of the context, that were in memory once
	losses int             // of memory to others

	call     core.Call // that the program waits for
	expected programs.Duration
	idle     programs.Time // since when; 0 when it is not
	lost     int           // losses of others until then

	waits  bool      // for reason, since the last event
	reason core.Wait // as it was when that began
	since  programs.Time
	spans  []waitSpan // of the turn, since they were last told
	ahead  company
}

// turnTally is what one turn has cost so far.
type turnTally struct {
	waited     programs.Duration
	first      programs.Duration // of waited, before the first token
	decoded    bool
	promised   bool // its first token
	hurried    bool
	recomputed programs.Tokens
}

// waitSpan is all the time that a turn waited for one reason, and how it was in the
// longest stretch of it.
type waitSpan struct {
	reason  sched.Reason
	took    programs.Duration
	stretch programs.Duration // the one under way, or the last
	longest programs.Duration
	wait    core.Wait
	ahead   company
}

// arrive takes a turn in. The view is as the turn found the program.
func (t *track) arrive(ev *core.TurnArrived) {
	known := t.idle != 0
	t.Turns++
	t.turn, t.context, t.arrived, t.open, t.started = ev.Turn.Turn, ev.Context, ev.Arrived, true, false
	t.tally, t.spans, t.waits = turnTally{}, nil, false
	t.past = ev.Past
	before := t.had
	keep := min(t.view.Cells, ev.Keep, ev.Context-1)
	t.had = min(t.had, ev.Keep, ev.Context-1)
	if t.uncached = ev.Uncached; ev.Uncached {
		t.had = 0
	}
	if !known || ev.Uncached {
		keep = 0
	}
	t.tell(Entry{What: Arrived, Turn: t.turn, Cells: keep, Of: ev.Context, Text: t.arrivalText(ev, keep, known)})
	if known {
		t.comeBack(before, ev.Arrived)
	}
	if had := t.cells; !ev.Uncached && had > keep {
		t.cells = keep
		t.rewritten(had)
	}
	t.idle = 0
	t.call = ev.Next
	t.cells = keep
	if late := t.reader.now.Sub(ev.Arrived); late >= programs.Millisecond {
		t.spent(intake, late)
		t.tell(Entry{What: Waited, Turn: t.turn, Reason: intake, Seconds: late.Seconds(),
			Text: fmt.Sprintf("waited %s to come before the scheduler: the node had taken in as many turns as it may, or prepared it", span(late))})
	}
}

// intake is the time that a turn waits before the scheduler knows of it.
const intake = "intake"

func (t *track) arrivalText(ev *core.TurnArrived, keep programs.Tokens, known bool) string {
	text := fmt.Sprintf("turn %d arrived: %s tokens", t.turn, count(ev.Context))
	if ev.Class == programs.Background {
		text = fmt.Sprintf("turn %d arrived, in the background: %s tokens", t.turn, count(ev.Context))
	}
	switch {
	case ev.Uncached:
		text += ", without use of the cache"
	case known:
		text += fmt.Sprintf(", %s of them in the cache", count(keep))
		if below := min(max(t.view.Copied[kvpin.Host], t.view.Copied[kvpin.Disk]), ev.Keep, ev.Context-1); below > keep {
			text += fmt.Sprintf(" and %s on lower tiers", count(below))
		}
	case ev.Opens > ev.Inherits:
		text += fmt.Sprintf(", %s of them shared with all that begin with the same system prompt", count(ev.Opens))
	case ev.Parent != "":
		text += fmt.Sprintf(", %s of them shared with %s", count(ev.Inherits), ev.Parent)
	}
	return text
}

// comeBack tells what became of the cells in the interlude.
func (t *track) comeBack(had programs.Tokens, arrived programs.Time) {
	gap := max(0, arrived.Sub(t.idle))
	text := fmt.Sprintf("its interlude took %s", span(gap))
	if t.expected > 0 {
		text += fmt.Sprintf(" (%s were expected)", span(t.expected))
	}
	cells := t.view.Cells
	switch others := t.reader.lost - t.losses - t.lost; {
	case cells == 0:
		text += "; no cells were left"
	case cells < had:
		text += fmt.Sprintf("; %s of %s cells were left, its seat was worth %s", count(cells), count(had), worth(t.view.Seat.Worth))
	case others == 0:
		text += fmt.Sprintf("; all %s cells were kept, as nobody had to give memory up meanwhile", count(cells))
	default:
		text += fmt.Sprintf("; all %s cells were kept, as others came first when memory was taken (%s); its seat was worth %s",
			count(cells), times(others), worth(t.view.Seat.Worth))
	}
	t.tell(Entry{What: Kept, Turn: t.turn, Seconds: gap.Seconds(), Cells: cells, Of: had, Text: text})
}

// spend adds the time up to an event to what the turn waited for.
func (t *track) spend(now programs.Time) {
	took := now.Sub(t.since)
	t.since = now
	if !t.waits || took <= 0 {
		return
	}
	t.spent(t.reason.Reason.String(), took)
	s := &t.spans[slices.IndexFunc(t.spans, func(s waitSpan) bool { return s.reason == t.reason.Reason })]
	s.took += took
	if s.stretch += took; s.stretch > s.longest {
		s.longest, s.wait, s.ahead = s.stretch, t.reason, t.ahead
	}
}

// spent adds to the time that was waited for a reason.
func (t *track) spent(reason string, took programs.Duration) {
	t.tally.waited += took
	t.waited += took
	t.waitedFor[reason] += took
	t.Waited, t.WaitedFor[reason] = t.waited.Seconds(), t.waitedFor[reason].Seconds()
	if s := t.tally.waited.Seconds(); s > t.Worst {
		t.Worst, t.WorstTurn = s, t.turn
	}
}

// ask asks the machine what the turn waits for from now on; false when it is past
// waiting.
func (t *track) ask() bool {
	t.since = t.reader.now
	v, known := t.reader.machine.Look(t.reader.now, t.ID)
	if !known || v.Phase != programs.Active || v.Stage == programs.Decoding {
		if !t.tally.decoded {
			t.tally.decoded, t.tally.first = true, t.tally.waited
		}
		t.waits = false
		return false
	}
	t.promise(v)
	w, waits := t.reader.machine.Waits(t.reader.now, t.ID)
	if waits && (!t.waits || w.Reason != t.reason.Reason) {
		t.begin(w)
	}
	t.waits = waits
	return true
}

// promise takes in what the turn is promised: that it is at first, and that it is hurried.
func (t *track) promise(v core.View) {
	if v.Promised != 0 && !t.tally.promised {
		t.tally.promised = true
		within := v.Promised.Sub(t.arrived)
		t.tell(Entry{What: Promised, Turn: t.turn, Seconds: within.Seconds(),
			Text: fmt.Sprintf("promised its first token by %.3f s, %s after it arrived", t.reader.at(v.Promised), span(within))})
	}
	if v.Hurried && !t.tally.hurried {
		t.tally.hurried = true
		t.tell(Entry{What: Hurried, Turn: t.turn, Seconds: v.Promised.Sub(t.reader.now).Seconds(),
			Text: fmt.Sprintf("hurried: it goes before all others until its first token, which is promised within %s", span(v.Promised.Sub(t.reader.now)))})
	}
}

// begin begins a stretch of waiting.
func (t *track) begin(w core.Wait) {
	t.reason = w
	at := slices.IndexFunc(t.spans, func(s waitSpan) bool { return s.reason == w.Reason })
	if at < 0 {
		at = len(t.spans)
		t.spans = append(t.spans, waitSpan{reason: w.Reason})
	}
	t.spans[at].stretch = 0
	t.ahead = company{}
	if t.story == nil {
		return
	}
	head, _ := t.reader.machine.Waits(t.reader.now, w.Head)
	t.ahead.head = head.Reason
	for _, id := range t.reader.machine.Ahead(t.ID) {
		v, _ := t.reader.machine.Look(t.reader.now, id)
		t.ahead.names = append(t.ahead.names, string(id))
		switch {
		case v.Phase == programs.Interlude:
			t.ahead.idle++
		case v.Stage != programs.Waiting:
			t.ahead.running++
		}
	}
}

// tellWaits tells what the turn has waited for until now, what it waited for longest
// first. What took less than a millisecond is not worth a line.
func (t *track) tellWaits(still bool) {
	slices.SortStableFunc(t.spans, func(a, b waitSpan) int { return cmp.Compare(b.took, a.took) })
	for i := range t.spans {
		s := &t.spans[i]
		if s.took < programs.Millisecond {
			continue
		}
		verb := "waited"
		if still && t.waits && s.reason == t.reason.Reason {
			verb = "waits still, and has for"
		}
		t.tell(Entry{What: Waited, Turn: t.turn, Reason: s.reason.String(), Other: s.wait.Head, Seconds: s.took.Seconds(),
			Text: fmt.Sprintf("%s %s %s", verb, span(s.took), reasonText(s.wait, s.ahead))})
	}
	t.spans = t.spans[:0]
	if t.waits && !still { // the stretch under way goes on, for whoever asks next
		t.begin(t.reason)
	}
}

// start takes in that the turn has its place.
func (t *track) start(e *core.Effect, forked programs.Tokens) {
	v, _ := t.reader.machine.Look(t.reader.now, t.ID)
	t.promise(v)
	t.tellWaits(false)
	t.cells, t.started = e.Cells, true
	text := fmt.Sprintf("started with %s cells in the cache", count(e.Cells))
	if forked > 0 {
		text += ", which another that begins with the same text has too"
	}
	t.tell(Entry{What: Started, Turn: t.turn, Cells: e.Cells, Of: t.context, Text: text})
}

// compute takes in cells that a step has computed.
func (t *track) compute(item core.Item) {
	end := item.From + item.Count
	if again := min(end, t.had) - item.From; again > 0 {
		t.Recomputed += again
		t.tally.recomputed += again
	}
	t.cells, t.had = end, max(t.had, end)
}

func (t *track) preempted(by programs.ProgramID, starts bool) {
	t.Preempted++
	text := fmt.Sprintf("lost its place: memory had run out, it was the last in rank, and %s had to grow", by)
	switch {
	case starts && t.reader.hurries(by):
		text = fmt.Sprintf("lost its place to %s, which is hurried to have its first token in time", by)
	case starts:
		text = fmt.Sprintf("lost its place to %s, which the policy puts before it", by)
	case by == t.ID:
		text = "lost its place: memory had run out, and it was the last in rank and had to grow itself"
	}
	t.tell(Entry{What: Preempted, Turn: t.turn, Other: by, Text: text})
}

func (t *track) finish(e *core.Effect) {
	t.tellWaits(false)
	t.open, t.started, t.spans, t.waits = false, false, nil, false
	t.Reused += e.Usage.Reused
	t.Restored += e.Usage.Restored
	t.Prefilled += e.Usage.Prefilled
	t.Generated += e.Usage.Generated
	text := fmt.Sprintf("%s: %s tokens; ", outcomeText(e.Outcome), count(e.Usage.Generated))
	if e.Usage.Reused > 0 {
		text += count(e.Usage.Reused) + " reused, "
	}
	if e.Usage.Restored > 0 {
		text += count(e.Usage.Restored) + " restored, "
	}
	if e.Usage.Moved > 0 {
		text += count(e.Usage.Moved) + " moved from another context, "
	}
	text += count(e.Usage.Prefilled) + " prefilled"
	if t.tally.recomputed > 0 {
		text += fmt.Sprintf(", %s of them computed before", count(t.tally.recomputed))
	}
	if !t.tally.decoded {
		t.tally.first = t.tally.waited
	}
	if first := e.Timing.First; first != 0 {
		text += fmt.Sprintf("; first token %s after it arrived", span(first.Sub(e.Timing.Arrived)))
		if t.tally.first >= programs.Millisecond {
			text += fmt.Sprintf(", %s of which it waited", span(t.tally.first))
		}
		if by := e.Timing.Promised; by != 0 && first > by {
			text += fmt.Sprintf(", and %s later than it was promised", span(first.Sub(by)))
		}
	}
	if t.uncached {
		t.had = 0
	}
	t.tell(Entry{What: Finished, Turn: t.turn, Reason: e.Outcome.String(), Seconds: e.Timing.Finished.Sub(e.Timing.Arrived).Seconds(), Text: text})
	t.missed(e.Missed)
}

// missed takes in what the turn that is over did not find of what earlier turns had left.
func (t *track) missed(m programs.Missed) {
	if m.Tokens == 0 {
		return
	}
	why, known := m.Why.String(), min(t.past.Tokens, t.context-1)
	t.Missed[why] += m.Tokens
	t.tell(Entry{What: Missed, Turn: t.turn, Reason: why, Cells: m.Tokens, Of: known,
		Text: fmt.Sprintf("missed %s of the %s tokens that earlier turns had left: %s", count(m.Tokens), count(known), missText(m.Why, t.past))})
}

// pin takes in what a seat is worth as the program waits.
func (t *track) pin(p core.Pin, keep sched.Retention) {
	if t.idle == 0 {
		t.idle = t.reader.now
		t.lost = t.reader.lost - t.losses
	}
	t.expected = p.Expected
	t.tell(Entry{What: Pinned, Turn: t.turn, Seconds: p.TTL.Seconds(), Cells: t.cells, Text: pinText(p, t.call, t.cells, keep, t.reader.priced)})
}

func (t *track) evicted(before programs.Tokens, l core.Loss) {
	t.losses++
	lost := before - t.cells
	t.Evicted += lost
	if lost == 0 {
		return // the reserve behind the cells
	}
	text := fmt.Sprintf("lost %s of %s cells to %s: %s", count(lost), count(before), l.For, groundText(l))
	if below := max(t.view.Copied[kvpin.Host], t.view.Copied[kvpin.Disk]); below > t.cells {
		text += fmt.Sprintf("; lower tiers have %s of them", count(min(below, before)-t.cells))
	}
	t.tell(Entry{What: Evicted, Reason: l.Choice.Ground.String(), Other: l.For, Cells: lost, Of: before, Text: text})
}

func (t *track) rewritten(before programs.Tokens) {
	if lost := before - t.cells; lost > 0 {
		t.tell(Entry{What: Rewritten, Cells: lost, Of: before, Text: fmt.Sprintf("let go of %s of %s cells, as its client has rewritten the context", count(lost), count(before))})
	}
}

// moved takes in the end of a move between tiers.
func (t *track) moved(e *core.Effect, took programs.Duration, failed bool) {
	n := e.Cells - e.First
	entry := Entry{Seconds: took.Seconds(), Cells: n}
	switch {
	case failed:
		entry.What, entry.Reason = Failed, max(e.Source, e.Tier).String()
		entry.Text = fmt.Sprintf("%s cells could not be copied from %v to %v", count(n), e.Source, e.Tier)
	case e.Tier == kvpin.Device:
		if !t.started {
			t.Ahead += n
		}
		t.cells = e.Cells
		entry.What, entry.Reason = Restored, e.Source.String()
		entry.Text = fmt.Sprintf("%s cells came back from %v in %s", count(n), e.Source, span(took))
		if e.Ahead {
			entry.Text += ", ahead of the turn that is expected"
		}
	case e.Ahead:
		entry.What, entry.Reason = Copied, e.Tier.String()
		entry.Text = fmt.Sprintf("%s cells were brought from %v to %v in %s, to be at hand for the next turn", count(n), e.Source, e.Tier, span(took))
	default:
		entry.What, entry.Reason = Copied, e.Tier.String()
		entry.Text = fmt.Sprintf("%s cells were copied to %v in %s, so that their memory can be taken without a wait", count(n), e.Tier, span(took))
	}
	if !failed && e.Tier != kvpin.Device { // what the same event takes from the device is there now
		t.view.Copied[e.Tier] = e.Cells
	}
	t.tell(entry)
}

// dropped takes in that a copy was dropped, if it was for another's.
func (t *track) dropped(e *core.Effect, behind []core.Effect) {
	for i := range behind {
		if m := &behind[i]; m.Kind == core.MoveCells && m.Tier == e.Tier && m.Owner != e.Owner && e.Cells == 0 {
			t.tell(Entry{What: Dropped, Reason: e.Tier.String(), Other: m.Turn.Program,
				Text: fmt.Sprintf("its copy on %v made room for that of %s: it was used longest ago", e.Tier, m.Turn.Program)})
			return
		}
	}
}

// leave takes in that the machine forgets the program.
func (t *track) leave(asked bool) {
	t.State = "ended"
	text := "ended, and its memory with it"
	if !asked && t.idle != 0 && t.idle != t.reader.now {
		t.State = "forgotten"
		text = fmt.Sprintf("forgotten: no turn came for %s", span(t.reader.now.Sub(t.idle)))
	}
	t.tell(Entry{What: Left, Reason: t.State, Text: text})
}

// state says what the program does at the log's end.
func (t *track) state() string {
	switch {
	case t.open && t.waits:
		return "waiting for " + t.reason.Reason.String()
	case t.open:
		return "running"
	}
	return "between turns"
}

func (t *track) tell(e Entry) {
	if t.story != nil {
		t.story.add(t.reader.at(t.reader.now), e)
	}
}

func (s *Story) add(at float64, e Entry) {
	e.At = at
	s.Entries = append(s.Entries, e)
}
