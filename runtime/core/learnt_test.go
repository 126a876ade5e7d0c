package core_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestNextRunDecidesAlike has a machine learn from any order of events until every program has
// ended, and another begin with what it has learnt, by way of JSON. From there on both answer
// the same events in the same way. The policies are such as keep nothing of programs that have
// ended.
func TestNextRunDecidesAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newCheckedShell(t, forgetful())
		before := &numbered{Machine: s.twin.(*core.Machine)}
		s.twin = before
		for range rapid.IntRange(0, 600).Draw(t, "events before") {
			randomEvent(t, s)
		}
		s.runOut(t)

		learnt := s.machine.Learnt()
		if err := learnt.Check(); err != nil {
			t.Fatal(err)
		}
		text := encoded(t, learnt)
		if twin := encoded(t, before.Learnt()); !bytes.Equal(text, twin) {
			t.Fatalf("the same events have taught\n%s\nand\n%s", text, twin)
		}
		cfg := s.config
		cfg.Learnt = decoded(t, text)
		if !reflect.DeepEqual(learnt, cfg.Learnt) {
			t.Fatalf("%s\nis read as\n%s", text, encoded(t, cfg.Learnt))
		}
		next, err := core.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		s.twin = &numbered{Machine: next, seqs: before.lastSeq, moves: before.lastMove}

		s.now = s.now.Add(sched.Uncrowded)
		for range 300 {
			randomEvent(t, s)
		}
		s.runOut(t)
		if a, b := encoded(t, s.machine.Learnt()), encoded(t, next.Learnt()); !bytes.Equal(a, b) {
			t.Fatalf("in the end one knows\n%s\nand the other\n%s", a, b)
		}
	})
}

// forgetful are policies that keep nothing of programs that have ended.
func forgetful() []sched.Named {
	rules := sched.DefaultRules
	rules.Growth = 0 // the mean growth of contexts is the working set's own
	still := []sched.Named{{Name: "interlude, no growth", New: sched.WorkingSetBy(rules)}}
	for _, name := range []string{"program-fcfs", "request-fcfs", "no-retention", "always-pin", "ttl-8s"} {
		p, err := sched.ByName(name)
		if err != nil {
			panic(err)
		}
		still = append(still, p)
	}
	return still
}

// numbered is a machine that goes on with the numbers of sequences and moves of another.
type numbered struct {
	*core.Machine
	seqs     kvpin.Seq // that the other has given
	moves    core.MoveID
	lastSeq  kvpin.Seq
	lastMove core.MoveID
}

func (n *numbered) Step(now programs.Time, ev core.Event) []core.Effect {
	if done, ok := ev.(*core.MoveDone); ok {
		ev = &core.MoveDone{Move: done.Move - n.moves, Failed: done.Failed}
	}
	effects := slices.Clone(n.Machine.Step(now, ev))
	for i := range effects {
		e := &effects[i]
		for _, seq := range [...]*kvpin.Seq{&e.Seq, &e.From} {
			if *seq != 0 {
				*seq += n.seqs
				n.lastSeq = max(n.lastSeq, *seq)
			}
		}
		if e.Kind == core.MoveCells {
			e.Move += n.moves
			n.lastMove = max(n.lastMove, e.Move)
		}
	}
	return effects
}

func encoded(t rapid.TB, l *core.Learnt) []byte {
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decoded(t rapid.TB, text []byte) *core.Learnt {
	l := new(core.Learnt)
	if err := json.Unmarshal(text, l); err != nil {
		t.Fatal(err)
	}
	return l
}

// experienced is a machine that has served some programs, and what it was made of.
func experienced(t rapid.TB) (*core.Machine, core.Config) {
	cfg := core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 1, Granule: 16, Span: 64, PoolBytes: 4096},
		MaxContext: 1000, StepTokens: 256, MaxRunning: 4, Host: 4096,
	}
	m, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	now := programs.Time(programs.Second)
	for n := range 60 {
		id := programs.ProgramID(fmt.Sprint("p", n))
		for turn := range programs.TurnNumber(1 + n%5) {
			now = now.Add(programs.Second)
			serve(m, &now, &core.TurnArrived{
				Turn: programs.TurnID{Program: id, Turn: turn + 1}, Tenant: "a", Arrived: now, Context: 100 + 40*programs.Tokens(turn), Keep: 100,
				MaxNew: 4, Next: core.Call{Tool: "pytest", Expected: 2 * programs.Second}, Left: core.Left{Turns: int(turn) + r.IntN(3)},
				Opening: "a:1", Opens: 50,
			})
		}
		m.Step(now, &core.ProgramEnded{Program: id})
	}
	return m, cfg
}

// serve has a machine serve a turn, 10 ms a step and 2 ms a move, until there is nothing to do.
func serve(m *core.Machine, now *programs.Time, ev core.Event) {
	var todo []core.Event
	for ev != nil {
		for _, e := range m.Step(*now, ev) {
			switch e.Kind {
			case core.MoveCells:
				todo = append(todo, &core.MoveDone{Move: e.Move})
			case core.RunStep:
				todo = append(todo, &core.StepDone{Results: make([]core.ItemResult, len(e.Items))})
			}
		}
		if ev = nil; len(todo) > 0 {
			ev, todo = todo[0], todo[1:]
			*now = now.Add(10 * programs.Millisecond)
		}
	}
}

// TestOnAnotherEngine: of what was learnt on one engine another takes the turns of programs and
// the words of clients, but no time.
func TestOnAnotherEngine(t *testing.T) {
	m, cfg := experienced(t)
	learnt := m.Learnt()
	before := encoded(t, learnt)
	other := learnt.OnAnotherEngine()
	if !bytes.Equal(before, encoded(t, learnt)) {
		t.Error("what was learnt has changed")
	}
	switch k := other.Remaining.Kinds[0]; {
	case other.Speed != nil || k.Cost != 0 || other.Remaining.All.Cost != 0 || other.Remaining.Slope != [6]float64{}:
		t.Errorf("times are left: %+v", other)
	case len(k.Turns) == 0 || len(other.Words) == 0 || len(other.Tools.Nodes) == 0:
		t.Errorf("not all is left that has no time of the engine's: %+v", other)
	}
	cfg.Learnt = other
	next, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := core.New(core.Config{Geometry: cfg.Geometry, MaxContext: cfg.MaxContext, StepTokens: cfg.StepTokens, MaxRunning: cfg.MaxRunning, Host: cfg.Host})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := next.Learnt().Speed, fresh.Learnt().Speed; !reflect.DeepEqual(a, b) {
		t.Errorf("the speeds are %+v, and nothing is known of the engine: %+v", a, b)
	}
}

// TestLearntCheckRefuses spoils what was learnt, a field at a time.
func TestLearntCheckRefuses(t *testing.T) {
	m, cfg := experienced(t)
	for name, c := range map[string]struct {
		spoil func(*core.Learnt)
		says  string
	}{
		"version":         {func(l *core.Learnt) { l.Version = 99 }, "version 99"},
		"no version":      {func(l *core.Learnt) { *l = core.Learnt{} }, "version 0"},
		"NaN":             {func(l *core.Learnt) { l.Speed.Hidden = math.NaN() }, "NaN"},
		"scale":           {func(l *core.Learnt) { l.Speed.Scale = 0 }, "prefill"},
		"absurd token":    {func(l *core.Learnt) { l.Speed.Prefill[0].Value = 1e9 }, "prefill"},
		"negative token":  {func(l *core.Learnt) { l.Speed.Prefill[0].Value = -1 }, "prefill"},
		"bin":             {func(l *core.Learnt) { l.Speed.Prefill[0].Bin = 32 }, "bin 32"},
		"samples":         {func(l *core.Learnt) { l.Speed.Prefill[0].Seen = -3 }, "samples"},
		"negative sum":    {func(l *core.Learnt) { l.Speed.Decode[3] = -1 }, "decodes"},
		"decodes":         {func(l *core.Learnt) { l.Speed.Decode[3] = 0 }, "decodes"},
		"slow decodes":    {func(l *core.Learnt) { l.Speed.Decode[3] = 1e20 }, "decode"},
		"probe":           {func(l *core.Learnt) { l.Speed.Mixed = -1 }, "probe"},
		"late":            {func(l *core.Learnt) { l.Speed.Late = math.Inf(1) }, "late"},
		"tier":            {func(l *core.Learnt) { l.Speed.Host = 0 }, "host"},
		"many turns":      {func(l *core.Learnt) { l.Remaining.All.Turns[0] = 1e300 }, "turns"},
		"negative turns":  {func(l *core.Learnt) { l.Remaining.Kinds[0].Ends[0] = -1 }, "ends"},
		"bins":            {func(l *core.Learnt) { l.Remaining.All.Turns = make([]float64, 1000) }, "1000 bins"},
		"cost":            {func(l *core.Learnt) { l.Remaining.All.Cost = -1 }, "time"},
		"slope":           {func(l *core.Learnt) { l.Remaining.Slope[3] = math.NaN() }, "slope"},
		"kind twice":      {func(l *core.Learnt) { l.Remaining.Kinds = append(l.Remaining.Kinds, l.Remaining.Kinds[0]) }, "twice"},
		"many kinds":      {func(l *core.Learnt) { l.Remaining.Kinds = make([]core.Kind, 1e6) }, "1000000 kinds"},
		"words":           {func(l *core.Learnt) { l.Words[0].Said = 0 }, "said"},
		"words of nobody": {func(l *core.Learnt) { l.Words = append(l.Words, l.Words[0]) }, "twice"},
		"many words":      {func(l *core.Learnt) { l.Words = make([]core.Words, 1e6) }, "1000000 tenants"},
		"tools":           {func(l *core.Learnt) { l.Tools.Tools.Sum = -1 }, "sum"},
	} {
		t.Run(name, func(t *testing.T) {
			l := m.Learnt()
			c.spoil(l)
			cfg := cfg
			cfg.Learnt = l
			if _, err := core.New(cfg); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want something of %q", err, c.says)
			}
		})
	}
	if err := m.Learnt().Check(); err != nil {
		t.Errorf("spoiling a value has spoilt the machine: %v", err)
	}
}

// FuzzLearnt reads what may have been learnt: either it is refused, or a machine works with it.
func FuzzLearnt(f *testing.F) {
	m, cfg := experienced(f)
	f.Add(encoded(f, m.Learnt()))
	f.Add(encoded(f, m.Learnt().OnAnotherEngine()))
	cfg.Learnt = nil
	fresh, err := core.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded(f, fresh.Learnt()))
	f.Fuzz(func(t *testing.T, text []byte) {
		l := new(core.Learnt)
		if json.Unmarshal(text, l) != nil {
			return
		}
		cfg := cfg
		cfg.Learnt = l
		m, err := core.New(cfg)
		if err != nil {
			return
		}
		now := max(0, min(l.At, 1<<60))
		for turn := range programs.TurnNumber(5) {
			now = now.Add(programs.Second)
			serve(m, &now, &core.TurnArrived{
				Turn: programs.TurnID{Program: "p", Turn: turn + 1}, Tenant: "a", Arrived: now, Context: 300, Keep: 300, MaxNew: 9,
				Next: core.Call{Tool: "pytest", Expected: programs.Second}, Left: core.Left{Turns: 3},
			})
			if err := m.Check(); err != nil {
				t.Fatal(err)
			}
		}
		m.Step(now, &core.ProgramEnded{Program: "p"})
		if err := m.Learnt().Check(); err != nil {
			t.Fatal(err)
		}
	})
}
