package explain_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/runtime/explain"
)

// TestStories plays scenes into a log and compares what is told of them with
// testdata/stories; go test -rewrite writes it anew.
//
//	scene NAME     a new machine and log
//	table          the programs of the log
//	explain NAME   the story of one; with json, as JSON
func TestStories(t *testing.T) {
	var log string
	datadriven.RunTest(t, "testdata/stories", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "scene":
			play, ok := scenes[d.CmdArgs[0].Key]
			if !ok {
				d.Fatalf(t, "there is no such scene")
			}
			log = play(t)
			return ""
		case "table":
			return told(t, log, "", func(r *explain.Report, out *bytes.Buffer) error { return r.Print(out) })
		case "explain":
			return told(t, log, d.CmdArgs[0].Key, func(r *explain.Report, out *bytes.Buffer) error {
				if !d.HasArg("json") {
					return r.Story.Print(out)
				}
				e := json.NewEncoder(out)
				e.SetIndent("", " ")
				return e.Encode(r)
			})
		}
		d.Fatalf(t, "no command %s", d.Cmd)
		return ""
	})
}

func told(t *testing.T, log, program string, tell func(*explain.Report, *bytes.Buffer) error) string {
	t.Helper()
	r, err := eventlog.NewReader(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	report, err := explain.Read(r, program)
	if err != nil {
		return err.Error() + "\n"
	}
	var out bytes.Buffer
	if err := tell(report, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// stage is a machine whose log is kept. A step takes 10 ms, and pace for each token.
type stage struct {
	*testing.T
	pace    programs.Duration
	machine *core.Machine
	file    file
	log     *eventlog.Writer
	now     programs.Time
	items   []core.Item
	moves   []core.MoveID
	turns   map[string]programs.TurnNumber
	prompts map[programs.ProgramID]programs.Tokens // of the turns in progress
	left    map[programs.ProgramID]programs.Tokens // by the turns that were completed
}

type file struct{ bytes.Buffer }

func (*file) Close() error { return nil }

func newStage(t *testing.T, policy string, set func(*core.Config)) *stage {
	t.Helper()
	h := eventlog.Header{Policy: policy, Config: core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 1, Granule: 16, Span: 64, PoolBytes: 1024},
		MaxContext: 1000, StepTokens: 256, MaxRunning: 4,
	}}
	set(&h.Config)
	m, err := h.Machine()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, pace: programs.Millisecond, machine: m, now: programs.Time(programs.Hour), turns: map[string]programs.TurnNumber{},
		prompts: map[programs.ProgramID]programs.Tokens{}, left: map[programs.ProgramID]programs.Tokens{}}
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
		case core.FinishTurn:
			if id := e.Turn.Program; e.Outcome == programs.Length {
				s.left[id] = s.prompts[id] + e.Usage.Generated - 1
			}
		}
	}
}

// turn has the next turn of a program arrive.
func (s *stage) turn(id string, context, keep, words programs.Tokens, change ...func(*core.TurnArrived)) {
	s.turns[id]++
	ev := &core.TurnArrived{
		Turn: programs.TurnID{Program: programs.ProgramID(id), Turn: s.turns[id]}, Tenant: "default",
		Arrived: s.now, Context: context, Keep: keep, MaxNew: words,
	}
	s.prompts[ev.Turn.Program] = context
	if left := s.left[ev.Turn.Program]; left > 0 {
		ev.Past = core.Past{Tokens: left, Same: min(keep, left), Absent: programs.Forgotten}
		if ev.Past.Same < left {
			ev.Past.Changed, ev.Past.Message = programs.HistoryEdited, 3
		}
	}
	for _, c := range change {
		c(ev)
	}
	s.tell(ev)
}

func calls(tool string, takes programs.Duration) func(*core.TurnArrived) {
	return func(ev *core.TurnArrived) { ev.Next = core.Call{Tool: tool, Expected: takes} }
}

// step does a step, and the moves that were begun.
func (s *stage) step() bool {
	if s.items == nil && len(s.moves) == 0 {
		return false
	}
	for _, id := range s.moves {
		s.now = s.now.Add(2 * programs.Millisecond)
		s.moves = s.moves[1:]
		s.tell(&core.MoveDone{Move: id})
	}
	if s.items == nil {
		return true
	}
	s.now = s.now.Add(10 * programs.Millisecond)
	for _, i := range s.items {
		s.now = s.now.Add(programs.Duration(i.Count) * s.pace)
	}
	done := &core.StepDone{Results: make([]core.ItemResult, len(s.items))}
	s.items = nil
	s.tell(done)
	return true
}

func (s *stage) steps(n int) {
	for range n {
		s.step()
	}
}

func (s *stage) quiet() {
	for s.step() {
	}
}

func (s *stage) wait(d programs.Duration) { s.now = s.now.Add(d) }

func (s *stage) end() string {
	if err := s.log.Close(); err != nil {
		s.Fatal(err)
	}
	return s.file.String()
}

var scenes = map[string]func(*testing.T) string{
	// Three programs share a pool for two: one waits, and seats are lost.
	"contention": func(t *testing.T) string {
		s := newStage(t, sched.Default, func(*core.Config) {})
		s.pace = 30 * programs.Millisecond
		s.turn("default/agent-1", 400, 0, 40, calls("pytest", 5*programs.Second))
		s.wait(programs.Millisecond)
		s.turn("default/agent-2", 400, 0, 40, calls("git", 100*programs.Second))
		s.wait(programs.Millisecond)
		s.turn("default/agent-3", 500, 0, 40, calls("ls", programs.Second))
		s.quiet()
		s.wait(programs.Second)
		s.turn("default/agent-3", 560, 540, 20)
		s.quiet()
		s.wait(3 * programs.Second)
		s.turn("default/agent-1", 460, 440, 20)
		s.quiet()
		s.turn("default/agent-2", 100, 60, 20, func(ev *core.TurnArrived) { ev.Last = true })
		s.quiet()
		s.turn("default/agent-4", 2000, 0, 20)
		s.turn("default/agent-4", 3000, 0, 20)
		s.tell(&core.ProgramEnded{Program: "default/agent-1"})
		s.turn("default/agent-5", 600, 0, 20)
		s.turn("default/agent-6", 600, 0, 20)
		s.steps(2)
		return s.end()
	},
	// Lower tiers: what is taken on the device comes back from the host.
	"tiers": func(t *testing.T) string {
		s := newStage(t, sched.Default, func(c *core.Config) { c.Host, c.Disk = 1200, 4000 })
		for n := range programs.Tokens(2) {
			for _, id := range []string{"a", "b", "c"} {
				s.turn(id, 400+n*60, n*440, 20, calls("make", 20*programs.Second))
				s.quiet()
				s.wait(programs.Second)
			}
		}
		s.tell(&core.ToolStarted{Program: "b", Call: core.Call{Human: true}})
		s.wait(programs.Second)
		s.tell(&core.ContextRewritten{Program: "a", Keep: 50})
		s.turn("a", 80, 50, 5)
		s.quiet()
		return s.end()
	},
	// A pool that is too small for the growth of those that run.
	"preemption": func(t *testing.T) string {
		s := newStage(t, "program-fcfs", func(c *core.Config) { c.Geometry.PoolBytes = 512 })
		s.turn("a", 60, 0, 300)
		s.turn("b", 60, 0, 300)
		s.quiet()
		s.wait(programs.Second)
		return s.end()
	},
	// Prompts that come at once share the steps, and the last has no part in them at first.
	"steps": func(t *testing.T) string {
		s := newStage(t, sched.Default, func(c *core.Config) { c.Geometry.PoolBytes, c.ForgetAfter = 4096, programs.Minute })
		s.turn("a", 600, 0, 10)
		s.turn("b", 600, 0, 10)
		s.turn("c", 600, 0, 10, func(ev *core.TurnArrived) { ev.Arrived = ev.Arrived - programs.Time(3*programs.Second) })
		s.steps(5)
		s.tell(&core.TurnCancelled{Turn: programs.TurnID{Program: "c", Turn: 1}})
		s.quiet()
		s.wait(2 * programs.Minute)
		s.tell(&core.Tick{})
		s.turn("b", 100, 90, 1)
		s.quiet()
		return s.end()
	},
	// Pins that are hard, and a newcomer who finds no memory until nothing runs.
	"pins": func(t *testing.T) string {
		s := newStage(t, "always-pin", func(*core.Config) {})
		s.turn("x/a", 400, 0, 5)
		s.turn("y/a", 200, 0, 60)
		s.steps(4)
		s.turn("z", 500, 0, 5)
		s.quiet()
		return s.end()
	},
	// Tenants with a quota and a share.
	"tenants": func(t *testing.T) string {
		s := newStage(t, sched.Default, func(c *core.Config) {
			c.Shares = map[programs.TenantID]sched.Share{"bounded": {Quota: 300}}
		})
		of := func(tenant programs.TenantID) func(*core.TurnArrived) {
			return func(ev *core.TurnArrived) { ev.Tenant = tenant }
		}
		s.turn("bounded/a", 200, 0, 30, of("bounded"))
		s.turn("bounded/b", 200, 0, 5, of("bounded"))
		s.turn("other/a", 400, 0, 5, of("other"))
		s.turn("other/b", 400, 0, 5, of("other"))
		s.quiet()
		return s.end()
	},
	// Bounds on waits: a turn is hurried, one in the background is not, and one is turned away.
	"promises": func(t *testing.T) string {
		s := newStage(t, sched.Default, func(c *core.Config) {
			c.MaxRunning, c.Geometry.PoolBytes = 1, 4096
			c.Guard = sched.DefaultGuard
			c.Guard.Room, c.Guard.Full = 1, 0
			c.Guard.Bound = [programs.Classes]programs.Duration{programs.Interactive: 2 * programs.Second, programs.Background: programs.Minute}
			c.Guard.Shed = true
		})
		of := func(tenant programs.TenantID, class programs.Class) func(*core.TurnArrived) {
			return func(ev *core.TurnArrived) { ev.Tenant, ev.Class = tenant, class }
		}
		s.turn("a", 100, 0, 400, of("x", programs.Interactive))
		s.steps(3)
		s.turn("b", 100, 0, 5, of("y", programs.Background))
		s.turn("c", 100, 0, 5, of("z", programs.Interactive))
		s.turn("d", 300, 0, 5, of("z", programs.Interactive))
		s.quiet()
		return s.end()
	},
}

// TestSums adds up what is told of the programs of every scene.
func TestSums(t *testing.T) {
	for name, play := range scenes {
		t.Run(name, func(t *testing.T) {
			r, err := eventlog.NewReader(strings.NewReader(play(t)))
			if err != nil {
				t.Fatal(err)
			}
			report, err := explain.Read(r, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range report.Programs {
				sum := 0.0
				for _, s := range p.WaitedFor {
					sum += s
				}
				if fmt.Sprintf("%.6f", sum) != fmt.Sprintf("%.6f", p.Waited) || p.Worst > p.Waited {
					t.Errorf("%s waited %v s, %v at worst, for %v", p.ID, p.Waited, p.Worst, p.WaitedFor)
				}
				if p.Recomputed > p.Prefilled {
					t.Errorf("%s recomputed %d tokens of %d", p.ID, p.Recomputed, p.Prefilled)
				}
			}
		})
	}
}

// TestDifference is not explained away.
func TestDifference(t *testing.T) {
	log := scenes["contention"](t)
	r, err := eventlog.NewReader(strings.NewReader(strings.Replace(log, `"PoolBytes":1024`, `"PoolBytes":2048`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if report, err := explain.Read(r, ""); err == nil {
		t.Errorf("a log that is decided otherwise is explained: %+v", report)
	}
}
