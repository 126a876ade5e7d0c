package spans_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/trace/spans"
	"github.com/interlude-run/interlude/toolpredict"
)

// TestSpans drives machines with events of any kind, and holds the spans to what the machine
// itself says: at each moment what a program does, and of each turn when it passed its milestones.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDriver(t, rapid.SampledFrom(sched.Names()).Draw(t, "policy"), rapid.Bool().Draw(t, "tiers"))
		for range rapid.IntRange(1, 300).Draw(t, "events") {
			d.random(t)
			d.agree(t)
		}
		d.builder.Close(d.now)
		d.check(t)
	})
}

// TestClosed: what goes on as a trace ends, ends with it, and says so.
func TestClosed(t *testing.T) {
	d := newDriver(t, sched.Default, false)
	d.turn("a", 100, 0, 5)
	d.step(&core.StepDone{Results: make([]core.ItemResult, d.running)})
	d.now = d.now.Add(programs.Second)
	d.builder.Close(d.now)
	d.check(t)
	open := map[spans.Operation]bool{}
	for _, s := range d.all {
		if s.Open {
			open[s.Operation] = true
		}
	}
	if want := (map[spans.Operation]bool{spans.InvokeAgent: true, spans.Chat: true, spans.Decode: true}); fmt.Sprint(open) != fmt.Sprint(want) {
		t.Errorf("open are %v, not %v", open, want)
	}
}

// check holds all spans to the invariants.
func (d *driver) check(t rapid.TB) {
	byID := map[spans.ID]*spans.Span{}
	parts := map[spans.ID][]*spans.Span{}
	for _, s := range d.all {
		if byID[s.ID] != nil || s.ID == 0 {
			t.Fatalf("two spans have the ID %d", s.ID)
		}
		if byID[s.Parent] != nil {
			t.Fatalf("%s %d ends before its child %s", byID[s.Parent].Name(), s.Parent, s.Name())
		}
		byID[s.ID] = s
		if s.Operation.Part() {
			parts[s.Parent] = append(parts[s.Parent], s)
		}
	}
	turns := 0
	for _, s := range d.all {
		if s.End < s.Start {
			t.Fatalf("%s of %s takes %v", s.Name(), s.Program, s.Took())
		}
		parent := byID[s.Parent]
		switch {
		case s.Operation == spans.InvokeAgent:
			if s.Parent != 0 {
				t.Fatalf("the program %s has a parent", s.Program)
			}
			continue
		case parent == nil || parent.Program != s.Program || s.Start < parent.Start || s.End > parent.End:
			t.Fatalf("%s of %s, %v to %v, is not within its parent %+v", s.Name(), s.Program, s.Start, s.End, parent)
		case s.Operation.Part() != (parent.Operation == spans.Chat):
			t.Fatalf("%s is a child of %s", s.Name(), parent.Name())
		}
		if s.Operation == spans.Chat {
			turns++
			addUp(t, s, parts[s.ID])
		}
	}
	if turns != d.arrived {
		t.Fatalf("%d turns arrived, and there are spans of %d", d.arrived, turns)
	}
}

// addUp holds the parts of a turn to follow each other from its start to its end.
func addUp(t rapid.TB, turn *spans.Span, parts []*spans.Span) {
	at, sum := turn.Start, programs.Duration(0)
	for _, p := range parts {
		if p.Start != at || p.End <= p.Start {
			t.Fatalf("%s of %s/%d begins at %v and ends at %v; the part before ended at %v", p.Name(), turn.Program, turn.Turn, p.Start, p.End, at)
		}
		at, sum = p.End, sum+p.Took()
	}
	if at != turn.End || sum != turn.Took() {
		t.Fatalf("the parts of %s/%d add up to %v, and it took %v", turn.Program, turn.Turn, sum, turn.Took())
	}
}

// driver drives a machine and a Builder.
type driver struct {
	machine *core.Machine
	builder *spans.Builder
	now     programs.Time
	all     []*spans.Span
	arrived int

	ids     []programs.ProgramID
	numbers map[programs.ProgramID]programs.TurnNumber
	length  map[programs.ProgramID]programs.Tokens
	running int // items of the step under way
	moves   []core.MoveID
	fetches []programs.TurnID
	over    []core.Effect // FinishTurn of the last Step
}

func newDriver(t rapid.TB, policy string, tiers bool) *driver {
	p, err := sched.ByName(policy)
	if err != nil {
		t.Fatal(err)
	}
	cfg := core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 3, Granule: 16, Span: 64, PoolBytes: 3 * 1024},
		MaxContext: 900, StepTokens: 128, MaxRunning: 4, MaxWaiting: 6, ForgetAfter: 3 * programs.Second,
		Rates: core.Rates{Prefill: 5000, HostBytes: 1e6, DiskBytes: 1e5}, Tools: toolpredict.Config{Nodes: 100}, Policy: p.New,
	}
	if tiers {
		cfg.Host, cfg.Disk = 3*2000, 3*4000
	}
	d := &driver{
		now: programs.Time(programs.Hour), ids: []programs.ProgramID{"a", "b", "c", "d", "e"},
		numbers: map[programs.ProgramID]programs.TurnNumber{}, length: map[programs.ProgramID]programs.Tokens{},
	}
	if d.machine, err = core.New(cfg); err != nil {
		t.Fatal(err)
	}
	d.builder = spans.New(func(s *spans.Span) { d.all = append(d.all, s) })
	return d
}

func (d *driver) step(ev core.Event) {
	if done, ok := ev.(*core.StepDone); ok {
		d.running = 0
		defer clear(done.Results)
	}
	effects := d.machine.Step(d.now, ev)
	d.builder.Observe(d.now, ev, effects)
	d.over = d.over[:0]
	for _, e := range effects {
		switch e.Kind {
		case core.RunStep:
			d.running = len(e.Items)
		case core.MoveCells:
			d.moves = append(d.moves, e.Move)
		case core.FetchTurn:
			d.fetches = append(d.fetches, e.Turn)
		case core.FinishTurn:
			d.over = append(d.over, e)
		}
	}
}

func (d *driver) turn(id programs.ProgramID, context, keep, words programs.Tokens, change ...func(*core.TurnArrived)) {
	d.numbers[id]++
	d.arrived++
	ev := &core.TurnArrived{Turn: programs.TurnID{Program: id, Turn: d.numbers[id]}, Arrived: d.now, Context: context, Keep: keep, MaxNew: words}
	for _, c := range change {
		c(ev)
	}
	d.length[id] = context
	d.step(ev)
}

// agree holds the Builder to what the machine says of each program.
func (d *driver) agree(t rapid.TB) {
	for _, id := range d.ids {
		op, known := d.builder.Doing(id)
		v, there := d.machine.Look(d.now, id)
		if known != there {
			t.Fatalf("%s: known to the machine %v, to the spans %v", id, there, known)
		}
		if !known {
			continue
		}
		want := map[programs.TurnPhase]spans.Operation{
			programs.Waiting: spans.Queue, programs.Restoring: spans.Restore, programs.Prefilling: spans.Prefill, programs.Decoding: spans.Decode,
		}[v.Stage]
		switch {
		case v.Phase == programs.Interlude:
			if op != spans.ExecuteTool && op != spans.AwaitPerson {
				t.Fatalf("%s is between turns; its span is %v", id, op)
			}
		case op != want && !(op == spans.Fetch && want == spans.Restore):
			t.Fatalf("%s is %v; its span is %v", id, v.Stage, op)
		}
		if v.Phase == programs.Interlude && v.Cells != d.builder.Cells(id) {
			t.Fatalf("%s has %d cells; its span knows of %d", id, v.Cells, d.builder.Cells(id))
		}
		if got := d.builder.Copied(id); v.Copied != got {
			t.Fatalf("%s has copies of %v cells; its span knows of %v", id, v.Copied, got)
		}
	}
	for _, e := range d.over {
		d.timed(t, &e)
	}
}

// timed holds the parts of a turn that is over to when it passed its milestones.
func (d *driver) timed(t rapid.TB, e *core.Effect) {
	var turn *spans.Span
	for i := len(d.all) - 1; i >= 0 && turn == nil; i-- {
		if s := d.all[i]; s.Operation == spans.Chat && s.Program == e.Turn.Program {
			turn = s
		}
	}
	if turn == nil || turn.Start != e.Timing.Arrived || turn.End != e.Timing.Finished {
		t.Fatalf("%v took from %v to %v; its span is %+v", e.Turn, e.Timing.Arrived, e.Timing.Finished, turn)
	}
	restoring, started, first := programs.Duration(0), turn.End, programs.Time(0)
	for _, s := range d.all {
		if s.Parent != turn.ID {
			continue
		}
		if s.Operation == spans.Restore {
			restoring += s.Took()
		}
		if s.Operation != spans.Queue {
			started = min(started, s.Start)
		}
		if s.Operation == spans.Decode && first == 0 {
			first = s.Start
		}
	}
	if restoring != e.Timing.Restoring {
		t.Fatalf("%v waited %v for its cells; its spans say %v", e.Turn, e.Timing.Restoring, restoring)
	}
	if e.Timing.Started != 0 && started != e.Timing.Started {
		t.Fatalf("%v started at %v; its spans say %v", e.Turn, e.Timing.Started, started)
	}
	lostAtOnce := slices.ContainsFunc(turn.Events, func(ev spans.Event) bool { return ev.Name == spans.EventPreempted && ev.At == e.Timing.First })
	if first != 0 && first != e.Timing.First && !lostAtOnce { // then there is no decode from there on
		t.Fatalf("%v had its first token at %v; its spans say %v", e.Turn, e.Timing.First, first)
	}
}

// random makes up an event.
func (d *driver) random(t *rapid.T) {
	d.now = d.now.Add(programs.Duration(rapid.IntRange(0, 30_000).Draw(t, "later")) * programs.Microsecond)
	id := rapid.SampledFrom(d.ids).Draw(t, "program")
	kinds := []string{"turn", "turn", "turn", "cancel", "end", "tool", "progress", "rewrite", "tick"}
	if d.running > 0 {
		kinds = append(kinds, "interrupted", "failed", "done", "done", "done", "done", "done", "done", "done", "done", "done", "done")
	}
	if len(d.moves) > 0 {
		kinds = append(kinds, "moved", "moved", "moved")
	}
	if len(d.fetches) > 0 {
		kinds = append(kinds, "fetched", "fetched", "fetched")
	}
	tokens := func(most int) programs.Tokens { return programs.Tokens(rapid.IntRange(0, most).Draw(t, "tokens")) }
	call := core.Call{
		Tool:     rapid.SampledFrom([]string{"", "git", "ls"}).Draw(t, "tool"),
		Expected: programs.Duration(rapid.IntRange(0, 5000).Draw(t, "expected")) * programs.Millisecond,
		Human:    rapid.IntRange(0, 5).Draw(t, "human") == 0,
	}
	switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); kind {
	case "turn":
		before := d.length[id]
		d.turn(id, tokens(400)+before/2, min(before, tokens(600)), tokens(60), func(ev *core.TurnArrived) {
			ev.Next, ev.Parent, ev.Inherits = call, "a", tokens(200)
			ev.Opening, ev.Opens = "opening:1", tokens(200)
			ev.Arrived -= programs.Time(rapid.IntRange(0, 40_000).Draw(t, "intake")) * programs.Time(programs.Microsecond)
			ev.Past = core.Past{Tokens: before, Same: min(before, tokens(600)), Changed: programs.HistoryEdited, Message: 2, Absent: programs.Forgotten}
			ev.Uncached = rapid.IntRange(0, 9).Draw(t, "uncached") == 0
			ev.Absent = rapid.IntRange(0, 3).Draw(t, "absent") == 0
			ev.Last = rapid.IntRange(0, 9).Draw(t, "last") == 0
			ev.Deadline = d.now.Add(programs.Duration(tokens(5)) * programs.Second)
		})
	case "cancel":
		d.step(&core.TurnCancelled{Turn: programs.TurnID{Program: id, Turn: d.numbers[id]}})
	case "end":
		d.step(&core.ProgramEnded{Program: id})
	case "tool":
		d.step(&core.ToolStarted{Program: id, Call: call})
	case "progress":
		d.step(&core.ToolProgress{Program: id, Expected: call.Expected})
	case "rewrite":
		d.step(&core.ContextRewritten{Program: id, Keep: tokens(200)})
	case "tick":
		d.now = d.now.Add(programs.Second)
		d.step(&core.Tick{})
	case "moved":
		move := d.moves[0]
		d.moves = d.moves[1:]
		d.step(&core.MoveDone{Move: move, Failed: rapid.IntRange(0, 9).Draw(t, "fails") == 0})
	case "fetched":
		turn := d.fetches[0]
		d.fetches = d.fetches[1:]
		d.step(&core.TurnFetched{Turn: turn})
	case "interrupted":
		d.step(&core.StepDone{Status: core.StepInterrupted})
	case "failed":
		d.step(&core.StepDone{Status: core.StepFailed})
	case "done":
		ev := &core.StepDone{}
		for range d.running {
			ev.Results = append(ev.Results, core.ItemResult(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 1, 2}).Draw(t, "result")))
		}
		d.step(ev)
	}
}
