package eventlog_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/toolpredict"
)

// tight is a machine in which a few programs already compete for memory.
func tight() core.Config {
	return core.Config{
		Geometry:    kvpin.Geometry{CellBytes: 3, Granule: 16, Span: 64, PoolBytes: 3 * 1024},
		MaxContext:  900,
		StepTokens:  128,
		MaxRunning:  4,
		MaxWaiting:  6,
		ForgetAfter: 3 * programs.Second,
		Shares:      map[programs.TenantID]sched.Share{"heavy": {Weight: 3}, "bounded": {Quota: 300}},
		Host:        3 * 2000,
		Disk:        3 * 4000,
		Rates:       core.Rates{Prefill: 5000, HostBytes: 1e6, DiskBytes: 1e5},
		Tools:       toolpredict.Config{Nodes: 100},
	}
}

// memory is a file that is kept.
type memory struct {
	bytes.Buffer
	closed bool
}

func (m *memory) Close() error {
	m.closed = true
	return nil
}

// driver drives a machine with events of any kind, and logs them.
type driver struct {
	machine *core.Machine
	log     *eventlog.Writer
	now     programs.Time
	turns   map[programs.ProgramID]programs.TurnNumber
	length  map[programs.ProgramID]programs.Tokens
	running int // items of the step under way
	moves   []core.MoveID
	fetches []programs.TurnID
	said    []string // what the machine answered
}

func newDriver(t rapid.TB, h eventlog.Header, log *eventlog.Writer) *driver {
	m, err := h.Machine()
	if err != nil {
		t.Fatal(err)
	}
	return &driver{machine: m, log: log, turns: map[programs.ProgramID]programs.TurnNumber{}, length: map[programs.ProgramID]programs.Tokens{}}
}

func (d *driver) step(ev core.Event) {
	effects := d.machine.Step(d.now, ev)
	d.log.Observe(d.now, ev, effects)
	for _, e := range effects {
		d.said = append(d.said, e.String())
		switch e.Kind {
		case core.RunStep:
			d.running = len(e.Items)
		case core.MoveCells:
			d.moves = append(d.moves, e.Move)
		case core.FetchTurn:
			d.fetches = append(d.fetches, e.Turn)
		}
	}
}

// random makes up an event.
func (d *driver) random(t *rapid.T) {
	d.now = d.now.Add(programs.Duration(rapid.IntRange(0, 30_000).Draw(t, "later")) * programs.Microsecond)
	id := programs.ProgramID(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "program"))
	kinds := []string{"turn", "turn", "turn", "cancel", "end", "tool", "progress", "rewrite", "tick"}
	if d.running > 0 {
		kinds = append(kinds, "interrupted", "failed", "done", "done", "done", "done", "done", "done", "done", "done", "done", "done", "done", "done")
	}
	if len(d.moves) > 0 {
		kinds = append(kinds, "moved", "moved", "moved")
	}
	if len(d.fetches) > 0 {
		kinds = append(kinds, "fetched", "fetched", "fetched")
	}
	tokens := func(most int) programs.Tokens { return programs.Tokens(rapid.IntRange(0, most).Draw(t, "tokens")) }
	call := core.Call{
		Tool:     rapid.SampledFrom([]string{"", "git", "a \"tool\" <of> é"}).Draw(t, "tool"),
		Expected: programs.Duration(rapid.IntRange(0, 5000).Draw(t, "expected")) * programs.Millisecond,
		Human:    rapid.IntRange(0, 5).Draw(t, "human") == 0,
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "turn":
		d.turns[id]++
		before := d.length[id]
		d.length[id] = tokens(400) + before/2
		past := core.Past{Tokens: before, Same: min(before, tokens(600)), Changed: programs.ToolsChanged, Message: int(tokens(9)), Absent: programs.OtherNode}
		d.step(&core.TurnArrived{
			Turn: programs.TurnID{Program: id, Turn: d.turns[id]}, Arrived: d.now, Next: call,
			Tenant:  rapid.SampledFrom([]programs.TenantID{"", "heavy", "bounded"}).Draw(t, "tenant"),
			Context: d.length[id], Keep: min(before, tokens(600)), MaxNew: tokens(60), Past: past,
			Parent: "a", Inherits: tokens(200), Opening: "opening:1", Opens: tokens(200), Left: core.Left{Turns: int(tokens(5))},
			Uncached: rapid.IntRange(0, 9).Draw(t, "uncached") == 0,
			Absent:   rapid.IntRange(0, 3).Draw(t, "absent") == 0,
			Last:     rapid.IntRange(0, 9).Draw(t, "last") == 0,
			Deadline: d.now.Add(programs.Duration(tokens(5)) * programs.Second),
		})
	case "cancel":
		d.step(&core.TurnCancelled{Turn: programs.TurnID{Program: id, Turn: d.turns[id]}})
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
		id := d.moves[0]
		d.moves = d.moves[1:]
		d.step(&core.MoveDone{Move: id, Failed: rapid.IntRange(0, 9).Draw(t, "fails") == 0})
	case "fetched":
		turn := d.fetches[0]
		d.fetches = d.fetches[1:]
		d.step(&core.TurnFetched{Turn: turn})
	case "interrupted":
		d.running = 0
		d.step(&core.StepDone{Status: core.StepInterrupted})
	case "failed":
		d.running = 0
		d.step(&core.StepDone{Status: core.StepFailed})
	case "done":
		ev := &core.StepDone{}
		for range d.running {
			ev.Results = append(ev.Results, core.ItemResult(rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 1, 2}).Draw(t, "result")))
		}
		d.running = 0
		d.step(ev)
		for i := range ev.Results {
			ev.Results[i] = 99 // the caller's again
		}
	}
}

// replay replays a log, and gives what the machine answered.
func replay(log string) (said []string, end eventlog.End, err error) {
	r, err := eventlog.NewReader(strings.NewReader(log))
	if err != nil {
		return nil, end, err
	}
	p, err := eventlog.NewReplay(r)
	if err != nil {
		return nil, end, err
	}
	for step, err := range p.Steps() {
		if err != nil {
			return said, r.End(), err
		}
		for _, e := range step.Effects {
			said = append(said, e.String())
		}
	}
	return said, r.End(), nil
}

// recorded is a log of a few turns of two programs that compete, with its lines.
func recorded(t *testing.T) (lines []string) {
	t.Helper()
	file := &memory{}
	h := eventlog.Header{Config: tight()}
	w, err := eventlog.NewWriter(file, false, h, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := newDriver(t, h, w)
	for n := range programs.TurnNumber(3) {
		for _, id := range []programs.ProgramID{"a", "b", "c"} {
			d.now = d.now.Add(programs.Millisecond)
			d.step(&core.TurnArrived{Turn: programs.TurnID{Program: id, Turn: n + 1}, Arrived: d.now, Context: 300 + 80*programs.Tokens(n), Keep: 300 * programs.Tokens(min(n, 1)), MaxNew: 30})
		}
		for d.running > 0 {
			d.now = d.now.Add(10 * programs.Millisecond)
			results := make([]core.ItemResult, d.running)
			d.running = 0
			d.step(&core.StepDone{Results: results})
		}
	}
	if err := errors.Join(w.Close()); err != nil {
		t.Fatal(err)
	}
	lines = strings.SplitAfter(file.String(), "\n")
	return lines[:len(lines)-1] // behind the last there is nothing
}
