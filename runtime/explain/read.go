package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
)

// Read replays a log and tells what it says of all programs, and the story of the one
// that is named; a name without its tenant will do where there is one of it. Without a
// name there is no story.
func Read(log *eventlog.Reader, program string) (*Report, error) {
	replay, err := eventlog.NewReplay(log)
	if err != nil {
		return nil, err
	}
	r := &reader{
		machine: replay.Machine, wanted: program,
		report: &Report{Policy: log.Header().Policy, Programs: []*Program{}},
		all:    map[programs.ProgramID]*track{}, tracks: map[programs.ProgramID]*track{}, moves: map[core.MoveID]move{},
	}
	if policy, err := sched.ByName(r.report.Policy); err == nil {
		r.priced = policy.Prices
	}
	replay.Before = r.before
	replay.Machine.Witness(func(l core.Loss) { r.losses = append(r.losses, l) })
	for step, err := range replay.Steps() {
		if err != nil {
			return nil, fmt.Errorf("the log cannot be explained: %w", err)
		}
		r.after(step)
	}
	r.close(log.End())
	return r.report, r.find()
}

// reader follows a replay.
type reader struct {
	machine *core.Machine
	wanted  string
	report  *Report
	priced  bool // the policy goes by what seats are worth

	start, now programs.Time
	all        map[programs.ProgramID]*track
	tracks     map[programs.ProgramID]*track // of programs that the machine knows
	waiting    []*track                      // whose turns have no token yet
	touched    []*track                      // in the step at hand
	items      []core.Item                   // of the step under way
	moves      map[core.MoveID]move
	losses     []core.Loss // that the step at hand has told of
	lost       int         // losses so far, of anybody
	stories    []*Story    // of programs of the name that is wanted
}

// move is one under way.
type move struct {
	effect core.Effect
	since  programs.Time
}

// before looks at the machine as an event finds it.
func (r *reader) before(rec *eventlog.Record) {
	if r.report.Events == 0 {
		r.start = rec.Now
		r.report.Start = time.Unix(0, int64(rec.Now))
	}
	r.report.Events++
	r.now = rec.Now
	for _, t := range r.waiting {
		t.spend(r.now)
	}
	switch ev := rec.Event.(type) {
	case *core.TurnArrived:
		if t := r.tracks[ev.Turn.Program]; t != nil {
			t.view, _ = r.machine.Look(r.now, t.ID)
		}
	case *core.MoveDone:
		r.moved(ev)
	}
}

// after takes in what a machine made of an event.
func (r *reader) after(s eventlog.Step) {
	switch ev := s.Event.(type) {
	case *core.TurnArrived:
		r.arrived(ev, s.Effects)
	case *core.ToolStarted:
		if t := r.tracks[ev.Program]; t != nil {
			t.call = ev.Call
		}
	case *core.ContextRewritten:
		if t := r.tracks[ev.Program]; t != nil && ev.Keep >= 0 {
			t.had = min(t.had, ev.Keep)
		}
	case *core.StepDone:
		if ev.Status == core.StepRan {
			r.ran()
		}
	}
	for i := range s.Effects {
		r.effect(s, i)
	}
	r.losses = r.losses[:0]
	for _, t := range r.touched {
		t.view, _ = r.machine.Look(r.now, t.ID)
		t.touched = false
	}
	r.touched = r.touched[:0]
	r.wait()
}

// track finds the track of a program, and notes that the step at hand is about it.
func (r *reader) track(id programs.ProgramID) *track {
	t := r.tracks[id]
	if t != nil && !t.touched {
		t.touched = true
		r.touched = append(r.touched, t)
	}
	return t
}

// arrived takes in a turn, unless it was rejected.
func (r *reader) arrived(ev *core.TurnArrived, effects []core.Effect) {
	rejected := slices.ContainsFunc(effects, func(e core.Effect) bool { return e.Kind == core.RejectTurn && e.Turn == ev.Turn })
	t := r.all[ev.Turn.Program]
	if t == nil {
		t = r.meet(ev)
	}
	if rejected {
		t.Rejected++
		return
	}
	if r.tracks[t.ID] == nil { // it is new to the machine, or was forgotten
		r.tracks[t.ID] = t
		t.view, t.idle, t.cells, t.had = core.View{}, 0, 0, 0
	}
	t.arrive(ev)
	r.waiting = append(r.waiting, t)
	r.track(t.ID)
}

// meet begins to follow a program.
func (r *reader) meet(ev *core.TurnArrived) *track {
	t := &track{
		Program: &Program{ID: ev.Turn.Program, Tenant: ev.Tenant, Arrived: r.at(ev.Arrived), State: "rejected", WaitedFor: map[string]float64{}, Missed: map[string]programs.Tokens{}},
		reader:  r, waitedFor: map[string]programs.Duration{},
	}
	r.all[t.ID] = t
	r.report.Programs = append(r.report.Programs, t.Program)
	if id := string(t.ID); r.wanted != "" && (id == r.wanted || strings.HasSuffix(id, "/"+r.wanted)) {
		t.story = &Story{Program: t.Program}
		r.stories = append(r.stories, t.story)
	}
	return t
}

// ran counts the cells that a step has computed.
func (r *reader) ran() {
	for _, item := range r.items {
		if t := r.track(item.Turn.Program); t != nil {
			t.compute(item)
		}
	}
}

// effect takes in the effect at an index.
func (r *reader) effect(s eventlog.Step, at int) {
	e := &s.Effects[at]
	switch e.Kind {
	case core.RunStep:
		r.items = slices.Clone(e.Items)
		return
	case core.RejectTurn:
		t := r.all[e.Turn.Program]
		text := fmt.Sprintf("turn %d was rejected: %s", e.Turn.Turn, rejectionText(e.Rejection))
		if e.Retry > 0 {
			text += fmt.Sprintf("; it may come again after %s", span(e.Retry))
		}
		t.tell(Entry{What: Rejected, Turn: e.Turn.Turn, Reason: e.Rejection.String(), Seconds: e.Retry.Seconds(), Text: text})
		return
	}
	t := r.track(e.Turn.Program)
	if t == nil {
		return
	}
	switch e.Kind {
	case core.ForkSeq:
		t.cells, t.had = e.Cells, max(t.had, e.Cells)
	case core.TruncateSeq, core.ReleaseSeq:
		r.cut(t, e)
	case core.StartTurn:
		t.start(e, forked(s.Effects[:at], e))
	case core.SuspendTurn:
		by, starts := taker(s.Effects[at:], t.ID)
		t.preempted(by, starts)
		if !slices.Contains(r.waiting, t) {
			r.waiting = append(r.waiting, t)
		}
	case core.FinishTurn:
		t.finish(e)
	case core.PinProgram:
		view, _ := r.machine.Look(r.now, t.ID)
		t.pin(e.Pin, view.Retention)
	case core.MoveCells:
		r.moves[e.Move] = move{*e, r.now}
	case core.DropCopy:
		t.dropped(e, s.Effects[at:])
	case core.ForgetProgram:
		_, asked := s.Event.(*core.ProgramEnded)
		t.leave(asked)
		delete(r.tracks, t.ID)
	}
}

// hurries tells whether the turn of a program is hurried.
func (r *reader) hurries(id programs.ProgramID) bool {
	v, _ := r.machine.Look(r.now, id)
	return v.Hurried
}

// cut takes in that a sequence lost cells.
func (r *reader) cut(t *track, e *core.Effect) {
	before := t.cells
	t.cells = min(t.cells, e.Cells)
	if e.Kind == core.ReleaseSeq {
		t.cells = 0
	}
	switch e.Cause {
	case core.CauseEvict:
		loss := r.losses[0]
		r.losses = r.losses[1:]
		r.lost++
		t.evicted(before, loss)
	case core.CauseRewrite:
		t.rewritten(before)
	}
}

// moved takes in the end of a move.
func (r *reader) moved(ev *core.MoveDone) {
	m, ok := r.moves[ev.Move]
	delete(r.moves, ev.Move)
	if t := r.tracks[m.effect.Turn.Program]; ok && t != nil {
		t.moved(&m.effect, r.now.Sub(m.since), ev.Failed)
		r.track(t.ID)
	}
}

// wait asks for everybody who waits what it is for.
func (r *reader) wait() {
	r.waiting = slices.DeleteFunc(r.waiting, func(t *track) bool { return !t.ask() })
}

// close ends the report.
func (r *reader) close(end eventlog.End) {
	r.report.Seconds = r.at(r.now)
	r.report.End = end.Why
	for _, t := range r.tracks {
		t.tellWaits(true)
		t.State = t.state()
	}
}

// at is a time in seconds from the log's start.
func (r *reader) at(t programs.Time) float64 { return t.Sub(r.start).Seconds() }

// find picks the story that was asked for.
func (r *reader) find() error {
	if r.wanted == "" {
		return nil
	}
	if len(r.stories) == 0 {
		return r.unknown()
	}
	var names []string
	for _, s := range r.stories {
		if names = append(names, string(s.Program.ID)); string(s.Program.ID) == r.wanted {
			r.report.Story = s
		}
	}
	switch {
	case r.report.Story != nil:
		return nil
	case len(names) > 1:
		return fmt.Errorf("several tenants have a program %q: %s; name one in full", r.wanted, strings.Join(names, ", "))
	}
	r.report.Story = r.stories[0]
	return nil
}

// forked gives the cells of another program that a turn starts with.
func forked(before []core.Effect, start *core.Effect) (cells programs.Tokens) {
	for i := range before {
		if e := &before[i]; e.Kind == core.ForkSeq && e.Turn.Program == start.Turn.Program {
			cells = e.Cells
		}
	}
	return cells
}

// taker is who gets the place that another loses: the next that reserves memory, to grow
// or to start, or starts with what it has. A running turn that nothing comes behind gave
// way itself.
func taker(effects []core.Effect, id programs.ProgramID) (by programs.ProgramID, starts bool) {
	by = id
	for i := range effects {
		switch e := &effects[i]; {
		case e.Kind == core.StartTurn && (by == id || by == e.Turn.Program):
			return e.Turn.Program, true
		case e.Kind == core.ReserveSeq && by == id:
			by = e.Turn.Program
		}
	}
	return by, false
}
