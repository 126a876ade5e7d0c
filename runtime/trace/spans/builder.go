package spans

import (
	"cmp"
	"slices"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// Builder makes spans of what a machine is told and answers. It has one owner.
type Builder struct {
	ended  func(*Span)
	lastID ID

	now      programs.Time
	runs     map[programs.ProgramID]*run // of programs that the machine knows
	moves    map[core.MoveID]move
	items    []item // of the step under way, or the last
	stepping bool
	held     []*run // whose turns have their places and no part in steps yet
}

// item is one turn's part of a step.
type item struct {
	core.Item
	run  *run
	turn *turn // nil where it is computed ahead
}

// move is one under way. Its run may have ended.
type move struct {
	core.Effect
	run   *run
	since programs.Time
}

// New makes a Builder that tells of spans as they end; they are the callee's from then on.
func New(ended func(*Span)) *Builder {
	return &Builder{ended: ended, runs: map[programs.ProgramID]*run{}, moves: map[core.MoveID]move{}}
}

// Observe takes in an event and what the machine made of it. It keeps neither.
func (b *Builder) Observe(now programs.Time, ev core.Event, effects []core.Effect) {
	b.now = now
	_, done := ev.(*core.StepDone)
	settles := done || !b.stepping // the machine goes on with what was put off while a step ran
	b.event(ev, effects)
	for i := range effects {
		b.effect(ev, &effects[i], effects[i+1:])
	}
	if settles {
		b.held = slices.DeleteFunc(b.held, (*run).release)
	}
}

// Close ends all spans that are open.
func (b *Builder) Close(now programs.Time) {
	b.now = max(b.now, now)
	var open []*run
	for _, r := range b.runs {
		open = append(open, r)
	}
	slices.SortFunc(open, func(x, y *run) int { return cmp.Compare(x.span.ID, y.span.ID) })
	for _, r := range open {
		r.close()
	}
	clear(b.runs)
}

func (b *Builder) event(ev core.Event, effects []core.Effect) {
	switch ev := ev.(type) {
	case *core.TurnArrived:
		b.arrived(ev, effects)
	case *core.TurnFetched:
		if r := b.runs[ev.Turn.Program]; r != nil && r.turn != nil && r.turn.span.Turn == ev.Turn.Turn {
			r.turn.absent = false
		}
	case *core.ToolStarted:
		if r := b.runs[ev.Program]; r != nil && r.gap != nil {
			r.gap.calls(ev.Call)
		}
	case *core.ContextRewritten:
		if r := b.runs[ev.Program]; r != nil && r.gap != nil {
			r.compacted(ev)
		}
	case *core.MoveDone:
		m := b.moves[ev.Move]
		delete(b.moves, ev.Move)
		if m.run != nil {
			m.run.moved(&m, ev.Failed)
		}
	case *core.StepDone:
		b.stepping = false
		if ev.Status == core.StepRan {
			for i := range b.items {
				b.items[i].ran(ev.Results[i])
			}
		}
	}
}

// arrived begins a turn, unless it was rejected.
func (b *Builder) arrived(ev *core.TurnArrived, effects []core.Effect) {
	at := slices.IndexFunc(effects, func(e core.Effect) bool { return e.Kind == core.RejectTurn && e.Turn == ev.Turn })
	r := b.runs[ev.Turn.Program]
	known := r != nil
	if !known {
		r = b.begin(ev)
	}
	r.span.Start = min(r.span.Start, ev.Arrived)
	if at >= 0 {
		r.reject(ev, &effects[at])
		if !known {
			r.end("rejected")
		}
		return
	}
	b.runs[ev.Turn.Program] = r
	r.arrive(ev)
}

// begin begins a program.
func (b *Builder) begin(ev *core.TurnArrived) *run {
	r := &run{Builder: b, valid: everything}
	r.span = b.open(InvokeAgent, 0, ev.Arrived)
	r.span.Program, r.span.Tenant = ev.Turn.Program, ev.Tenant
	if ev.Parent != "" {
		link := Link{Program: ev.Parent}
		if parent := b.runs[ev.Parent]; parent != nil {
			link.Span = parent.doing().ID
		}
		r.span.Links = append(r.span.Links, link)
		r.span.set(KeyParentName, string(ev.Parent))
	}
	return r
}

// open begins a span.
func (b *Builder) open(op Operation, parent ID, at programs.Time) *Span {
	b.lastID++
	return &Span{ID: b.lastID, Parent: parent, Operation: op, Start: at}
}

// effect takes in an effect; behind are those that follow it.
func (b *Builder) effect(ev core.Event, e *core.Effect, behind []core.Effect) {
	if e.Kind == core.RunStep {
		b.step(e.Items)
		return
	}
	r := b.runs[e.Turn.Program]
	if r == nil {
		return
	}
	switch mine := e.Seq == r.seq; e.Kind {
	case core.OpenSeq:
		r.own(e.Seq, 0)
	case core.ForkSeq:
		r.own(e.Seq, e.Cells)
	case core.TruncateSeq:
		if mine {
			r.cut(e.Cells, e.Cause, behind)
		}
	case core.ReleaseSeq:
		if mine { // not of a program of the name that was forgotten
			r.cut(0, e.Cause, behind)
		}
	case core.MoveCells:
		b.moves[e.Move] = move{*e, r, b.now}
		r.owner, r.moving, r.fills = e.Owner, true, e.Tier == kvpin.Device
	case core.DropCopy:
		if e.Owner == r.owner {
			r.copied[e.Tier] = min(r.copied[e.Tier], e.Cells)
		}
	case core.StartTurn:
		r.start(e)
	case core.SuspendTurn:
		r.suspend(behind)
	case core.FinishTurn:
		r.finish(e)
	case core.PinProgram:
		r.pin(e.Pin)
	case core.ForgetProgram:
		_, asked := ev.(*core.ProgramEnded)
		delete(b.runs, r.span.Program)
		if asked || r.gap == nil { // by its client's word, or with its last turn
			r.end("ended")
		} else {
			r.end("forgotten")
		}
	}
}

// step takes in what a step consists of. The machine's items are good until its end only.
func (b *Builder) step(items []core.Item) {
	b.stepping = true
	b.items = b.items[:0]
	for _, it := range items {
		if r := b.runs[it.Turn.Program]; r != nil {
			b.items = append(b.items, item{it, r, r.turn})
		} else {
			b.items = append(b.items, item{Item: it})
		}
	}
}

// ran takes in that a step has computed the item.
func (i *item) ran(result core.ItemResult) {
	if i.run == nil {
		return
	}
	end := i.From + i.Count
	if n := len(i.Spans); n > 0 {
		end = i.Spans[n-1].From + i.Spans[n-1].Count
	}
	if i.Ahead {
		i.run.valid = everything
	}
	i.run.written = max(i.run.written, end)
	switch {
	case i.Ahead && i.run.gap != nil:
		i.run.gap.ahead(i.run.now, i.Count)
	case i.Ahead || i.turn == nil || i.turn.over:
	case i.Sample && result != core.ItemFailed:
		i.turn.become(i.run.now, Decode)
	}
}

// taker is who gets what another loses: the next that reserves memory, or starts.
func taker(behind []core.Effect, loser programs.ProgramID) programs.ProgramID {
	for i := range behind {
		switch e := &behind[i]; e.Kind {
		case core.ReserveSeq, core.ForkSeq, core.OpenSeq, core.StartTurn:
			if e.Turn.Program != loser {
				return e.Turn.Program
			}
		}
	}
	return ""
}
