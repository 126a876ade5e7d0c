package core_test

import (
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// checkedShell carries a machine's effects out on an engine that keeps tokens,
// and holds the machine to its contract after every event:
//
//   - the engine accepts every call, and its memory is what the ledger says;
//   - the cells that a step extends hold the first tokens of the turn's context, and it computes
//     what is missing between those that were moved;
//   - the cells of a turn that wants exact ones are what computing its context gives, whatever was moved;
//   - a turn that was taken in is finished once, and started before it runs;
//   - a turn whose prompt is absent is fetched once, and runs after that;
//   - a turn is suspended only while another runs, or for one that then does;
//   - while a step runs nothing happens to sequences, but what moves bring back;
//   - lower tiers hold what the ledger says, and no more than they can;
//   - the usage of a turn adds up to its prompt, and what it missed to what is known of its past;
//   - a second machine given the same events answers the same.
type checkedShell struct {
	config  core.Config
	machine *core.Machine
	twin    stepper
	engine  *gputest.Fake
	now     programs.Time
	tick    programs.Duration // between two events

	texts     map[programs.ProgramID]*text
	order     []programs.ProgramID     // of texts, by first appearance
	open      map[programs.TurnID]bool // taken in and not finished; true when it runs
	costs     map[programs.TurnID]*cost
	arriving  []engine.Token // prompt of the turn that arrives in this step
	flight    []flight       // the step under way
	holes     map[engine.Seq]holes
	moves     []core.Effect            // under way
	absent    map[programs.TurnID]bool // open turns without their prompts; true when one is asked for
	fetches   []programs.TurnID        // asked for, those of turns that are over included
	copies    map[place][]engine.Saved
	lastToken engine.Token
	losses    []core.Loss // of the step at hand, as the machine told of them

	suspensions []programs.TurnID // of the step at hand
}

// stepper is what a twin does.
type stepper interface {
	Step(now programs.Time, ev core.Event) []core.Effect
}

// place is where a copy is.
type place struct {
	tier  kvpin.Tier
	owner kvpin.Owner
}

// text is what a shell knows of a program.
type text struct {
	turn    programs.TurnNumber // of the last turn
	tokens  []engine.Token      // its prompt and what it generated
	arrived programs.Time       // of the first turn
	known   bool                // to the machine
}

// cost is what is to be true of an open turn's usage.
type cost struct {
	prompt    programs.Tokens
	past      core.Past
	exact     bool
	uncached  bool
	found     programs.Tokens // cells before its first item; −1: there was none
	computed  bool            // the whole prompt
	preempted bool
}

// flight is an item as it was when the step was asked for.
type flight struct {
	item   core.Item
	tokens []engine.Token
	at     []int // nil: they are appended
}

const stepTokens = 64

func newCheckedShell(t *rapid.T, policies []sched.Named) *checkedShell {
	tick := rapid.SampledFrom([]programs.Duration{programs.Millisecond, programs.Second, programs.Minute}).Draw(t, "tick")
	policy := rapid.SampledFrom(policies).Draw(t, "policy")
	g := gputest.Small()
	g.PoolBytes = 480 * g.CellBytes
	g.MaxContext = 400
	cfg := core.Config{
		Geometry: kvpin.Geometry{
			CellBytes: programs.Bytes(g.CellBytes), Granule: programs.Tokens(g.Granule),
			Span: programs.Tokens(g.Span), PoolBytes: programs.Bytes(g.PoolBytes),
		},
		MaxContext:  programs.Tokens(g.MaxContext),
		StepTokens:  stepTokens,
		MaxRunning:  4,
		MaxWaiting:  5,
		ForgetAfter: 200 * tick,
		Policy:      policy.New,
		FixedSteps:  rapid.Bool().Draw(t, "full steps"),
		Shares:      map[programs.TenantID]sched.Share{"heavy": {Weight: 3}, "bounded": {Quota: 100}},
	}
	if bound := programs.Duration(rapid.IntRange(0, 40).Draw(t, "bound")) * tick; bound > 0 {
		cfg.Guard = sched.Guard{Slow: 2, Late: 4, Margin: 0.1, Shed: rapid.Bool().Draw(t, "shed")}
		cfg.Guard.Bound[programs.Interactive] = bound
		cfg.Guard.Bound[programs.Background] = programs.Duration(rapid.IntRange(0, 3).Draw(t, "longer")) * bound
	}
	if rapid.Bool().Draw(t, "host") {
		cfg.Host = programs.Bytes(g.CellBytes) * programs.Bytes(rapid.IntRange(50, 1000).Draw(t, "host cells"))
		if rapid.Bool().Draw(t, "disk") {
			cfg.Disk = 2 * cfg.Host
		}
		cfg.Rates.HostBytes, cfg.Rates.DiskBytes = 5000*float64(g.CellBytes), 1000*float64(g.CellBytes)
		cfg.NoPrefetch = rapid.IntRange(0, 3).Draw(t, "no prefetch") == 0
	}
	s := &checkedShell{
		config: cfg,
		tick:   tick,
		engine: gputest.NewFake(g),
		texts:  map[programs.ProgramID]*text{},
		open:   map[programs.TurnID]bool{},
		costs:  map[programs.TurnID]*cost{},
		absent: map[programs.TurnID]bool{},
		copies: map[place][]engine.Saved{},
		holes:  map[engine.Seq]holes{},
	}
	var err, err2 error
	s.machine, err = core.New(cfg)
	s.twin, err2 = core.New(cfg)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	s.machine.Witness(func(l core.Loss) { s.losses = append(s.losses, l) })
	return s
}

func (s *checkedShell) text(id programs.ProgramID) *text {
	if s.texts[id] == nil {
		s.texts[id] = &text{}
		s.order = append(s.order, id)
	}
	return s.texts[id]
}

// step takes an event to the machine, carries the effects out and checks.
func (s *checkedShell) step(t *rapid.T, ev core.Event) {
	effects := s.machine.Step(s.now, ev)
	s.look(t, effects) // at the machine alone: its twin shows that nothing comes of it
	if a, ok := ev.(*core.TurnArrived); ok && !rejected(effects, a.Turn) {
		s.accept(t, a)
	}
	if twin := s.twin.Step(s.now, ev); fmt.Sprint(twin) != fmt.Sprint(effects) {
		t.Fatalf("the same event gave\n%v\nand\n%v", effects, twin)
	}
	for i, e := range effects {
		if s.flight != nil && touchesEngine(e.Kind) {
			t.Fatalf("%v while a step runs", e)
		}
		if e.Kind == core.RunStep && i != len(effects)-1 {
			t.Fatalf("%v is not the last effect", e)
		}
		s.carryOut(t, e)
	}
	s.checkSuspensions(t)
	if err := s.machine.Check(); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.Check(); err != nil {
		t.Fatal(err)
	}
	if got, want := int64(s.machine.Memory().Used), s.engine.Memory().Used; got != want {
		t.Fatalf("the ledger has %d bytes used, the engine %d", got, want)
	}
	if at, ok := s.machine.NextDeadline(); ok && at <= s.now {
		t.Fatalf("the next deadline, %v, has passed at %v", at, s.now)
	}
	if len(s.open) > 0 && s.flight == nil && len(s.moves) == 0 && len(s.fetches) == 0 {
		t.Fatalf("%d turns are open and nothing runs", len(s.open))
	}
	s.checkTiers(t)
}

// checkTiers compares the lower tiers with the ledger, which books a copy before it
// is made and forgets it when it is dropped.
func (s *checkedShell) checkTiers(t *rapid.T) {
	var have [kvpin.Disk + 1]programs.Bytes
	for at, cells := range s.copies {
		have[at.tier] += programs.Bytes(len(cells)) * programs.Bytes(s.engine.Geometry().CellBytes)
	}
	for tier := kvpin.Host; tier <= kvpin.Disk; tier++ {
		size, used := s.machine.Tier(tier)
		if used > size || have[tier] > used || len(s.moves) == 0 && have[tier] != used {
			t.Fatalf("%v has %d bytes in copies; the ledger %d of %d", tier, have[tier], used, size)
		}
	}
}

func rejected(effects []core.Effect, turn programs.TurnID) bool {
	return slices.ContainsFunc(effects, func(e core.Effect) bool { return e.Kind == core.RejectTurn && e.Turn == turn })
}

func touchesEngine(k core.EffectKind) bool {
	return k <= core.ReleaseSeq || k == core.StartTurn || k == core.SuspendTurn || k == core.FetchTurn || k == core.MoveCells || k == core.PlaceCells || k == core.RunStep
}

// accept notes a turn that was taken in.
func (s *checkedShell) accept(t *rapid.T, ev *core.TurnArrived) {
	text := s.text(ev.Turn.Program)
	if !text.known {
		text.known, text.arrived = true, ev.Arrived
	}
	text.turn, text.tokens = ev.Turn.Turn, s.arriving
	s.open[ev.Turn] = false
	s.costs[ev.Turn] = &cost{prompt: ev.Context, past: ev.Past, uncached: ev.Uncached, exact: !ev.Approximate, found: -1}
	if ev.Absent {
		s.absent[ev.Turn] = false
	}
}

func (s *checkedShell) carryOut(t *rapid.T, e core.Effect) {
	seq, cells := engine.Seq(e.Seq), int(e.Cells)
	var err error
	switch e.Kind {
	case core.OpenSeq:
		err = s.engine.New(seq)
	case core.ForkSeq:
		err = s.engine.Fork(engine.Seq(e.From), seq, cells)
	case core.ReserveSeq:
		err = s.engine.Reserve(seq, cells)
	case core.TruncateSeq:
		s.cutHoles(seq, cells)
		err = s.engine.Truncate(seq, cells)
	case core.ReleaseSeq:
		s.cutHoles(seq, 0)
		err = s.engine.Release(seq)
	case core.PlaceCells:
		err = s.place(e)
	case core.StartTurn:
		s.started(t, e)
	case core.SuspendTurn:
		s.suspended(t, e)
	case core.FetchTurn:
		s.fetch(t, e)
	case core.FinishTurn:
		s.finished(t, e)
	case core.RejectTurn:
		if e.Rejection == programs.Busy && !s.isOpen(e.Turn.Program) {
			t.Fatalf("%v, and no turn of it is open", e)
		}
	case core.MoveCells:
		s.moves = append(s.moves, e)
	case core.DropCopy:
		at := place{e.Tier, e.Owner}
		if s.copies[at] = s.copies[at][:min(cells, len(s.copies[at]))]; len(s.copies[at]) == 0 {
			delete(s.copies, at)
		}
	case core.ForgetProgram:
		s.forgotten(t, e)
	case core.RunStep:
		s.run(t, e.Items)
	case core.InterruptStep:
		for _, f := range s.flight {
			if s.open[f.item.Turn] {
				t.Fatalf("interrupted a step that %v waits for", f.item.Turn)
			}
		}
	}
	if err != nil {
		t.Fatalf("the engine refuses %v: %v", e, err)
	}
}

func (s *checkedShell) started(t *rapid.T, e core.Effect) {
	if running, open := s.open[e.Turn]; !open || running {
		t.Fatalf("%v: open %v, running %v", e, open, running)
	}
	s.open[e.Turn] = true
	if n := s.engine.Len(engine.Seq(e.Seq)); n != int(e.Cells) {
		t.Fatalf("%v, the engine has %d cells", e, n)
	}
}

func (s *checkedShell) suspended(t *rapid.T, e core.Effect) {
	if !s.open[e.Turn] {
		t.Fatalf("%v does not run", e)
	}
	s.open[e.Turn] = false
	s.costs[e.Turn].preempted = true
	s.suspensions = append(s.suspensions, e.Turn)
}

// checkSuspensions looks at the turns that were suspended in a step.
func (s *checkedShell) checkSuspensions(t *rapid.T) {
	for _, turn := range s.suspensions {
		if !slices.Contains(slices.Collect(maps.Values(s.open)), true) && len(s.moves) == 0 {
			t.Fatalf("%v was suspended, and no other turn runs", turn)
		}
	}
	s.suspensions = s.suspensions[:0]
}

// moved carries out one of the moves under way and reports it; one that fails leaves
// nothing behind.
func (s *checkedShell) moved(t *rapid.T, i int, failed bool) {
	e := s.moves[i]
	s.moves = slices.Delete(s.moves, i, i+1)
	if !failed {
		s.copyCells(t, e)
	}
	s.step(t, &core.MoveDone{Move: e.Move, Failed: failed})
}

// copyCells copies cell by cell.
func (s *checkedShell) copyCells(t *rapid.T, e core.Effect) {
	first, last := int(e.First), int(e.Cells)
	from, to := place{e.Source, e.Owner}, place{e.Tier, e.Owner}
	if e.Source != kvpin.Device && len(s.copies[from]) < last {
		t.Fatalf("%v, of a copy of %d cells", e, len(s.copies[from]))
	}
	if e.Tier != kvpin.Device && len(s.copies[to]) != first {
		t.Fatalf("%v, behind a copy of %d cells", e, len(s.copies[to]))
	}
	for i := first; i < last; i++ {
		var cell engine.Saved
		var err error
		if e.Source == kvpin.Device {
			cell, err = s.engine.Save(engine.Seq(e.Seq), i, 1)
		} else {
			cell = s.copies[from][i]
		}
		if e.Tier == kvpin.Device {
			err = s.engine.Load(engine.Seq(e.Seq), cell)
		} else {
			s.copies[to] = append(s.copies[to], cell)
		}
		if err != nil {
			t.Fatalf("the engine refuses %v: %v", e, err)
		}
	}
}

func (s *checkedShell) finished(t *rapid.T, e core.Effect) {
	if _, open := s.open[e.Turn]; !open {
		t.Fatalf("%v is not open", e)
	}
	delete(s.open, e.Turn)
	s.checkMissed(t, e)
	delete(s.absent, e.Turn)
	s.checkUsage(t, e)
}

// checkMissed holds what a turn is told that it missed to what package programs says of it.
func (s *checkedShell) checkMissed(t *rapid.T, e core.Effect) {
	c, m := s.costs[e.Turn], e.Missed
	expected := max(0, min(c.past.Tokens, c.prompt-1))
	found := min(c.past.Same, expected)
	if c.found >= 0 {
		found = c.found
	}
	switch want := max(0, expected-found); {
	case c.uncached && m != (programs.Missed{Why: programs.Uncached, Tokens: expected}):
	case c.uncached:
		return
	case c.past.Tokens == 0 && m == (programs.Missed{Why: programs.FirstTurn}):
		return
	case c.past.Tokens > 0 && m.Tokens == want && (m.Why == programs.NoMiss) == (want == 0) && m.Why != programs.FirstTurn:
		return
	}
	t.Fatalf("%v missed %+v, of a past of %+v, a prompt of %d and %d cells found", e.Turn, m, c.past, c.prompt, c.found)
}

// checkUsage holds a turn's usage to what package programs says of it.
func (s *checkedShell) checkUsage(t *rapid.T, e core.Effect) {
	c, u := s.costs[e.Turn], e.Usage
	delete(s.costs, e.Turn)
	sum := u.Reused + u.Restored + u.Moved + u.Prefilled
	switch {
	case u.Reused < 0 || u.Restored < 0 || u.Moved < 0 || c.exact && u.Moved > 0 || u.Prefilled < 0 || u.Generated < 0:
		t.Fatalf("%v: a part of %+v is negative", e, u)
	case c.preempted:
	case c.computed && sum != c.prompt:
		t.Fatalf("%v: %+v adds up to %d, and the prompt has %d tokens", e, u, sum, c.prompt)
	case !c.computed && (sum > c.prompt || u.Generated > 0):
		t.Fatalf("%v: %+v, and the prompt of %d tokens was not computed", e, u, c.prompt)
	}
}

// fetch notes a prompt that is asked for.
func (s *checkedShell) fetch(t *rapid.T, e core.Effect) {
	if asked, absent := s.absent[e.Turn]; !absent || asked {
		t.Fatalf("%v: absent %v, asked for before %v", e, absent, asked)
	}
	s.absent[e.Turn] = true
	s.fetches = append(s.fetches, e.Turn)
}

// fetched gives one of the prompts that were asked for, also when its turn is over.
func (s *checkedShell) fetched(t *rapid.T, i int) {
	turn := s.fetches[i]
	s.fetches = slices.Delete(s.fetches, i, i+1)
	delete(s.absent, turn)
	s.step(t, &core.TurnFetched{Turn: turn})
}

func (s *checkedShell) forgotten(t *rapid.T, e core.Effect) {
	if text := s.text(e.Turn.Program); !text.known || s.isOpen(e.Turn.Program) {
		t.Fatalf("%v is known: %v, open: %v", e, text.known, s.isOpen(e.Turn.Program))
	}
	*s.text(e.Turn.Program) = text{turn: s.text(e.Turn.Program).turn}
}

func (s *checkedShell) isOpen(id programs.ProgramID) bool {
	for turn := range s.open {
		if turn.Program == id {
			return true
		}
	}
	return false
}

// run notes what the step extends, and that it may.
func (s *checkedShell) run(t *rapid.T, items []core.Item) {
	var total programs.Tokens
	for _, item := range items {
		context := s.text(item.Turn.Program).tokens
		f := s.flightOf(t, item, context)
		s.flight = append(s.flight, f)
		total += item.Count
		if item.Ahead {
			if s.isOpen(item.Turn.Program) || item.Sample || len(items) > 1 {
				t.Fatalf("%v, of a program with an open turn: %v", items, s.isOpen(item.Turn.Program))
			}
			continue
		}
		if !s.open[item.Turn] {
			t.Fatalf("%v runs and was not started", item.Turn)
		}
		if _, absent := s.absent[item.Turn]; absent {
			t.Fatalf("%v runs without its prompt", item.Turn)
		}
		end := item.From + item.Count
		if item.Spans != nil {
			last := item.Spans[len(item.Spans)-1]
			end = last.From + last.Count
		}
		if whole := int(end) == len(context); whole != item.Sample {
			t.Fatalf("%v samples: %v, of a context of %d tokens", item, item.Sample, len(context))
		}
		if c := s.costs[item.Turn]; c.found < 0 {
			c.found = item.From
		}
	}
	if total > stepTokens {
		t.Fatalf("a step of %d tokens", total)
	}
}

// done runs the step and reports it; with trouble, its first item cannot sample.
func (s *checkedShell) done(t *rapid.T, trouble bool) {
	items := make([]engine.Item, len(s.flight))
	for i, f := range s.flight {
		items[i] = engine.Item{Seq: engine.Seq(f.item.Seq), Tokens: f.tokens, At: f.at, Sample: f.item.Sample}
	}
	out := make([]engine.Output, len(items))
	if err := s.engine.Step(items, out); err != nil {
		t.Fatalf("the engine refuses the step: %v", err)
	}
	ev := &core.StepDone{Results: make([]core.ItemResult, len(items))}
	for i, f := range s.flight {
		s.filled(f)
		if c := s.costs[f.item.Turn]; c != nil && f.item.Sample {
			if c.exact && !c.computed {
				s.checkExact(t, f)
			}
			c.computed = true
		}
		switch {
		case trouble && i == 0:
			ev.Results[i] = core.ItemFailed
		case f.item.Sample && s.open[f.item.Turn]:
			text := s.text(f.item.Turn.Program)
			text.tokens = append(slices.Clip(text.tokens), out[i].Token)
			if out[i].End {
				ev.Results[i] = core.ItemEnded
			}
		}
	}
	ev.Strayed = s.strayed(t)
	s.flight = nil
	s.step(t, ev)
}
