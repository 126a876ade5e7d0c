package core_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestWordsOfProgressAreTrueWords: a client that says at first how long its tool takes,
// and later how much of that is left, is believed as one that says it only at first.
func TestWordsOfProgressAreTrueWords(t *testing.T) {
	const took = 100 * programs.Second
	expected := func(progress bool) programs.Duration {
		m, err := core.New(core.Config{
			Geometry:   kvpin.Geometry{CellBytes: 64, Granule: 16, Span: 64, PoolBytes: 1 << 20},
			MaxContext: 4096, StepTokens: 512, MaxRunning: 4,
		})
		if err != nil {
			t.Fatal(err)
		}
		var now programs.Time
		var pin core.Pin
		step := func(ev core.Event) {
			for events := []core.Event{ev}; len(events) > 0; events = events[1:] {
				for _, e := range m.Step(now, events[0]) {
					switch e.Kind {
					case core.RunStep:
						events = append(events, &core.StepDone{Results: make([]core.ItemResult, len(e.Items))})
					case core.PinProgram:
						pin = e.Pin
					}
				}
			}
		}
		for turn := range 20 {
			step(&core.TurnArrived{
				Turn: programs.TurnID{Program: "p", Turn: programs.TurnNumber(turn + 1)}, Tenant: "t", Arrived: now,
				Context: 100, Keep: 100, MaxNew: 1, Next: core.Call{Tool: "build", Expected: took},
			})
			now = now.Add(took - programs.Second)
			if progress {
				step(&core.ToolProgress{Program: "p", Expected: programs.Second})
			}
			now = now.Add(programs.Second)
		}
		step(&core.ToolStarted{Program: "p", Call: core.Call{Tool: "build", Expected: 100 * took}})
		return pin.Expected
	}
	once, often := expected(false), expected(true)
	if often < once/2 || often > 2*once {
		t.Errorf("of a tool that is said to take %v, %v is expected of who speaks once, %v of who speaks twice",
			100*took, once, often)
	}
}

// TestPricesAreMadeAFewAtATime lets the prices of many idle programs come due at once: no
// Step makes more than a few of them, and in the end all are made.
func TestPricesAreMadeAFewAtATime(t *testing.T) {
	s, puts := newPriced(t)
	const idle = 100
	for i := range idle {
		s.turn(programs.ProgramID(fmt.Sprint("p", i)), 32, core.Call{})
	}
	s.now = s.now.Add(programs.Hour)
	made := 0
	for range 2 * idle {
		*puts = 0
		s.step(&core.Tick{})
		if *puts > 2 {
			t.Fatalf("a Step made %d prices", *puts)
		}
		made += *puts
	}
	if made != idle {
		t.Errorf("%d prices were made of %d that were due", made, idle)
	}
}

// TestNobodyLosesMemoryByAnOldPrice has a program that was worth little when its tool had a
// minute to go, and is worth much when it has a second: it keeps its memory, though its price
// has not come round again, and one that is still to wait for half a minute loses its.
func TestNobodyLosesMemoryByAnOldPrice(t *testing.T) {
	s, _ := newPriced(t)
	exact := func(d programs.Duration) core.Call { return core.Call{Tool: "x", Expected: d, Exact: true} }
	for i := range 12 { // whose prices are due first
		s.turn(programs.ProgramID(fmt.Sprint("due", i)), 256, exact(20*programs.Second))
	}
	s.turn("soon", 256, exact(100*programs.Second))
	s.now = s.now.Add(60 * programs.Second)
	s.turn("later", 256, exact(70*programs.Second))
	s.now = s.now.Add(39 * programs.Second)
	s.machine.Witness(func(l core.Loss) { s.losses = append(s.losses, l.Program) })
	s.turn("new", 512, core.Call{})
	if want := []programs.ProgramID{"later"}; !slices.Equal(s.losses, want) {
		t.Errorf("%v lost memory, want %v", s.losses, want)
	}
}

// priced is a machine whose steps are over at once.
type priced struct {
	machine *core.Machine
	now     programs.Time
	losses  []programs.ProgramID
}

// newPriced counts what the policy is told of idle programs.
func newPriced(t *testing.T) (s *priced, puts *int) {
	puts = new(int)
	m, err := core.New(core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 1, Granule: 16, Span: 4096, PoolBytes: 14*256 + 300},
		MaxContext: 4096, StepTokens: 512, MaxRunning: 4,
		Policy: func(env sched.Env) sched.Policy { return countedPuts{sched.NewInterlude(env), puts} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &priced{machine: m}, puts
}

type countedPuts struct {
	sched.Policy
	idle *int
}

func (c countedPuts) Put(now programs.Time, p *sched.Program) {
	if p.Phase == programs.Interlude {
		*c.idle++
	}
	c.Policy.Put(now, p)
}

// turn serves a turn of a new program.
func (s *priced) turn(id programs.ProgramID, context programs.Tokens, next core.Call) {
	s.step(&core.TurnArrived{Turn: programs.TurnID{Program: id, Turn: 1}, Arrived: s.now, Context: context, MaxNew: 1, Next: next})
}

func (s *priced) step(ev core.Event) {
	for events := []core.Event{ev}; len(events) > 0; events = events[1:] {
		for _, e := range s.machine.Step(s.now, events[0]) {
			if e.Kind == core.RunStep {
				events = append(events, &core.StepDone{Results: make([]core.ItemResult, len(e.Items))})
			}
		}
	}
}

// TestAStepMakesFewPricesAnew has contexts grow until a Step takes memory from several
// programs at once, and then, as the others grow too, has the prices of all be due each time.
func TestAStepMakesFewPricesAnew(t *testing.T) {
	s := newCrowdedMachine(t, 3_000, 0)
	taken := func() int {
		before := s.evictions
		s.done()
		return s.evictions - before
	}
	_, may := s.machine.PricesLeft()
	for steps := 0; taken() <= may; steps++ {
		if steps == 20_000 {
			t.Fatalf("no Step takes memory from more than %d programs", may)
		}
	}
	many := 0
	for range 40 {
		s.now += s.now / 5 // a price lasts for 15 % of a wait
		taken := taken()
		left, may := s.machine.PricesLeft()
		if left < 0 || taken >= may && left > 0 {
			t.Errorf("a Step takes memory from %d programs whose prices are due, and has %d prices left of %d", taken, left, may)
		}
		if taken > may {
			many++
		}
	}
	if many == 0 {
		t.Error("no Step takes memory from many programs whose prices are due")
	}
}
