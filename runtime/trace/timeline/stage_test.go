package timeline_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/runtime/trace/timeline"
)

// stage is a machine whose log is kept. A step takes 10 ms, and one for each token; a move 2 ms.
type stage struct {
	*testing.T
	machine *core.Machine
	file    file
	log     *eventlog.Writer
	now     programs.Time
	items   []core.Item
	moves   []core.MoveID
	turns   map[string]programs.TurnNumber
}

type file struct{ bytes.Buffer }

func (*file) Close() error { return nil }

func newStage(t *testing.T, policy string, pool programs.Bytes, set func(*core.Config)) *stage {
	t.Helper()
	h := eventlog.Header{Policy: policy, Config: core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 1, Granule: 16, Span: 64, PoolBytes: pool},
		MaxContext: 1000, StepTokens: 256, MaxRunning: 4,
	}}
	set(&h.Config)
	m, err := h.Machine()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, machine: m, now: programs.Time(programs.Hour), turns: map[string]programs.TurnNumber{}}
	if s.log, err = eventlog.NewWriter(&s.file, false, h, eventlog.Options{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) tell(ev core.Event) {
	effects := s.machine.Step(s.now, ev)
	s.log.Observe(s.now, ev, effects)
	for _, e := range effects {
		switch e.Kind {
		case core.RunStep:
			s.items = e.Items
		case core.MoveCells:
			s.moves = append(s.moves, e.Move)
		}
	}
}

// turn has the next turn of a program arrive.
func (s *stage) turn(id string, context, keep, words programs.Tokens, change ...func(*core.TurnArrived)) {
	s.turns[id]++
	ev := &core.TurnArrived{
		Turn: programs.TurnID{Program: programs.ProgramID(id), Turn: s.turns[id]}, Tenant: programs.TenantID(strings.Split(id, "/")[0]),
		Arrived: s.now, Context: context, Keep: keep, MaxNew: words,
	}
	for _, c := range change {
		c(ev)
	}
	s.tell(ev)
}

func calls(tool string, takes programs.Duration) func(*core.TurnArrived) {
	return func(ev *core.TurnArrived) { ev.Next = core.Call{Tool: tool, Expected: takes} }
}

func (s *stage) step() bool {
	if s.items == nil && len(s.moves) == 0 {
		return false
	}
	for len(s.moves) > 0 {
		id := s.moves[0]
		s.now, s.moves = s.now.Add(2*programs.Millisecond), s.moves[1:]
		s.tell(&core.MoveDone{Move: id})
	}
	if s.items == nil {
		return true
	}
	s.now = s.now.Add(10 * programs.Millisecond)
	for _, i := range s.items {
		s.now = s.now.Add(programs.Duration(i.Count) * programs.Millisecond)
	}
	done := &core.StepDone{Results: make([]core.ItemResult, len(s.items))}
	s.items = nil
	s.tell(done)
	return true
}

func (s *stage) quiet() {
	for s.step() {
	}
}

func (s *stage) wait(d programs.Duration) { s.now = s.now.Add(d) }

func (s *stage) read(program string) (*timeline.Timeline, error) {
	if err := s.log.Close(); err != nil {
		s.Fatal(err)
	}
	r, err := eventlog.NewReader(strings.NewReader(s.file.String()))
	if err != nil {
		s.Fatal(err)
	}
	return timeline.Read(r, program)
}

var scenes = map[string]func(*testing.T) *stage{
	// Three programs share a pool for two, with a tier below it; one edits what it said.
	"tiers": func(t *testing.T) *stage {
		s := newStage(t, sched.Default, 1024, func(c *core.Config) { c.Host, c.Disk = 1200, 4000 })
		for n := range programs.Tokens(2) {
			for _, id := range []string{"x/a", "x/b", "y/c"} {
				s.turn(id, 400+n*60, n*419, 20, calls("make", 20*programs.Second))
				s.quiet()
				s.wait(programs.Second)
			}
		}
		s.tell(&core.ToolStarted{Program: "x/b", Call: core.Call{Human: true}})
		s.wait(programs.Second)
		s.turn("x/a", 80, 50, 5, func(ev *core.TurnArrived) {
			ev.Past = core.Past{Tokens: 479, Same: 50, Changed: programs.HistoryEdited, Message: 3, Absent: programs.Forgotten}
		})
		s.quiet()
		s.tell(&core.ProgramEnded{Program: "x/a"})
		return s
	},
	// A parent and its fork grow in a pool that is too small for both.
	"fork": func(t *testing.T) *stage {
		s := newStage(t, "program-fcfs", 512, func(*core.Config) {})
		s.turn("x/lead", 60, 0, 2, calls("task", programs.Second))
		s.quiet()
		s.wait(10 * programs.Millisecond)
		s.turn("x/scout", 90, 0, 300, func(ev *core.TurnArrived) { ev.Parent, ev.Inherits = "x/lead", 60 })
		s.turn("x/lead", 64, 60, 300, func(ev *core.TurnArrived) { ev.Last = true })
		s.turn("x/lead", 64, 60, 300)
		s.quiet()
		return s
	},
	// What was taken comes back ahead of the turn, as the tool's time is known.
	"ahead": func(t *testing.T) *stage {
		s := newStage(t, sched.Default, 1024, func(c *core.Config) { c.Host, c.Disk = 4000, 8000 })
		s.turn("a", 500, 0, 5, calls("make", 20*programs.Second))
		s.quiet()
		s.turn("b", 900, 0, 5, func(ev *core.TurnArrived) { ev.Last = true })
		s.quiet()
		for range 4 {
			if at, ok := s.machine.NextDeadline(); ok && at > s.now {
				s.now = at
				s.tell(&core.Tick{})
				s.quiet()
			}
		}
		s.turn("a", 600, 504, 5)
		s.quiet()
		return s
	},
	// There is no lower tier: what is taken is gone.
	"evicted": func(t *testing.T) *stage {
		s := newStage(t, sched.Default, 1024, func(*core.Config) {})
		s.turn("a", 500, 0, 5, calls("make", 20*programs.Second))
		s.quiet()
		s.turn("b", 900, 0, 5)
		s.quiet()
		s.turn("a", 600, 504, 5)
		s.quiet()
		return s
	},
	// A policy that keeps nothing between turns.
	"giving": func(t *testing.T) *stage {
		s := newStage(t, "no-retention", 1024, func(*core.Config) {})
		s.turn("a", 100, 0, 5)
		s.quiet()
		s.turn("a", 120, 104, 5, func(ev *core.TurnArrived) { ev.Last = true })
		s.quiet()
		return s
	},
	// A turn came in before the last was over, and the log ends in the middle of it.
	"overlap": func(t *testing.T) *stage {
		s := newStage(t, sched.Default, 1024, func(*core.Config) {})
		s.turn("a", 100, 0, 3)
		s.quiet()
		s.turn("a", 120, 100, 30, func(ev *core.TurnArrived) { ev.Arrived = ev.Arrived.Add(-20 * programs.Millisecond) })
		s.step()
		s.step()
		return s
	},
}
