package core_test

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

var populations = []int{100, 1_000, 10_000, 100_000}

// BenchmarkDecodeStep is a machine's part of one step of 32 decodes, with so many
// programs alive, most of them between two turns.
func BenchmarkDecodeStep(b *testing.B) {
	for _, n := range populations {
		b.Run(fmt.Sprintf("programs=%d", n), func(b *testing.B) {
			s := newBusyMachine(b, n, 32, endless())
			b.ReportAllocs()
			for b.Loop() {
				s.done()
			}
		})
	}
}

// BenchmarkTurn is a turn of a returning program from its arrival to its end. The
// pool holds four fifths of the programs' contexts, so that turns evict others.
func BenchmarkTurn(b *testing.B) {
	for _, n := range populations {
		b.Run(fmt.Sprintf("programs=%d", n), func(b *testing.B) {
			s := newBusyMachine(b, n, 0, core.Config{Geometry: kvpin.Geometry{PoolBytes: programs.Bytes(n) * 320 * 4 / 5}})
			ev := &core.TurnArrived{}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				*ev = core.TurnArrived{
					Turn:    programs.TurnID{Program: s.names[i*7919%n], Turn: 2},
					Arrived: s.now, Context: 310, Keep: 300, MaxNew: 1,
				}
				s.step(ev)
				s.done()
			}
			b.ReportMetric(float64(s.evictions)/float64(b.N), "evictions/op")
		})
	}
}

// states are what a step must not grow with: each is a machine whose next steps are decodes,
// and that has many of something beside.
var states = []struct {
	name  string
	sizes []int
	make  func(testing.TB, int) *busyMachine
}{
	// Programs between two turns have all memory but what decodes have, and a turn waits
	// for it.
	{"idle", []int{10_000, 100_000}, func(tb testing.TB, n int) *busyMachine {
		return newCrowdedMachine(tb, n, 0)
	}},
	// The same, and the prices of all their seats are due.
	{"due", []int{10_000, 100_000}, func(tb testing.TB, n int) *busyMachine {
		s := newCrowdedMachine(tb, n, 0)
		s.leap()
		return s
	}},
	// The same, with copies on a host tier.
	{"due-host", []int{10_000, 100_000}, func(tb testing.TB, n int) *busyMachine {
		s := newCrowdedMachine(tb, n, 1<<40)
		s.leap()
		return s
	}},
	// Tenants have had a program, and have gone.
	{"tenants", []int{1_000, 10_000}, func(tb testing.TB, n int) *busyMachine {
		return newManyTenants(tb, n, true)
	}},
	// Tenants have an idle program each, in memory.
	{"tenants-idle", []int{100, 1_000, 10_000}, func(tb testing.TB, n int) *busyMachine {
		return newManyTenants(tb, n, false)
	}},
	// Turns wait for a place, and are promised their first token.
	{"waiting", []int{10_000, 100_000}, func(tb testing.TB, n int) *busyMachine {
		return newQueuedMachine(tb, n, 0)
	}},
	// The same, while those that run end and come back, and small turns are hurried.
	{"turnover", []int{10_000, 100_000}, func(tb testing.TB, n int) *busyMachine {
		return newQueuedMachine(tb, n, 100)
	}},
}

// BenchmarkStep is single Steps in each of the states: half of them take no longer than p50,
// all but one in a hundred no longer than p99. An op is one Step and what the benchmark does
// between two of them, so that -benchtime 20000x takes percentiles of 20,000. Beside decodes a
// step here takes memory from up to eight programs, as contexts that grow ask for more at a time.
func BenchmarkStep(b *testing.B) {
	for _, state := range states {
		for _, n := range state.sizes {
			b.Run(fmt.Sprintf("%s=%d", state.name, n), func(b *testing.B) {
				s := state.make(b, n)
				runtime.GC()
				s.took = make([]time.Duration, 0, 1<<20)
				for i := 1; b.Loop(); i++ {
					if strings.HasPrefix(state.name, "due") && i%(n/16+1) == 0 && !s.leap() {
						took := s.took
						s = state.make(b, n)
						s.took = took
					}
					s.done()
				}
				slices.Sort(s.took)
				last := len(s.took) - 1
				b.ReportMetric(float64(s.took[last/2].Nanoseconds()), "p50-ns")
				b.ReportMetric(float64(s.took[last*99/100].Nanoseconds()), "p99-ns")
				b.ReportMetric(float64(s.took[last].Nanoseconds()), "max-ns")
			})
		}
	}
}

// newCrowdedMachine has 16 programs that decode, one that waits for all the rest of the
// pool, and idle ones that have it.
func newCrowdedMachine(tb testing.TB, idle int, host programs.Bytes) *busyMachine {
	const decoding = 16
	pool := programs.Bytes(idle)*320 + decoding*1024
	s := newBusyMachine(tb, idle+decoding, decoding, core.Config{Geometry: kvpin.Geometry{PoolBytes: pool}, Host: host})
	s.step(&core.TurnArrived{
		Turn: programs.TurnID{Program: "whale", Turn: 1}, Arrived: s.now, Context: programs.Tokens(pool) - decoding*300, MaxNew: 1,
	})
	if _, waits := s.machine.Waits(s.now, "whale"); !waits {
		tb.Fatal("the large turn has found room")
	}
	return s
}

// newManyTenants is a crowded machine with so many tenants more, who have had a turn each.
func newManyTenants(tb testing.TB, tenants int, gone bool) *busyMachine {
	s := newCrowdedMachine(tb, 2_000, 0)
	for i := range tenants {
		id := programs.ProgramID(fmt.Sprintf("tenant-%06d/program", i))
		s.step(&core.TurnArrived{
			Turn: programs.TurnID{Program: id, Turn: 1}, Tenant: programs.TenantID(fmt.Sprintf("tenant-%06d", i)),
			Arrived: s.now, Context: 100, MaxNew: 1, Last: gone,
		})
		s.done()
		if gone {
			s.step(&core.ProgramEnded{Program: id})
		}
	}
	return s
}

// newQueuedMachine has 16 programs that decode, as many tokens as given, and some whose first
// turns wait for one of their places. With 0 they decode without end, and nobody is hurried.
func newQueuedMachine(tb testing.TB, waiting int, decodes programs.Tokens) *busyMachine {
	const decoding = 16
	guard := sched.DefaultGuard
	if decodes == 0 {
		guard.Full = 0
	}
	s := newBusyMachine(tb, decoding, decoding, core.Config{
		Geometry: kvpin.Geometry{PoolBytes: 1 << 40}, MaxRunning: decoding, Guard: guard,
	})
	for i := range waiting {
		s.step(&core.TurnArrived{
			Turn:    programs.TurnID{Program: programs.ProgramID(fmt.Sprintf("tenant/waits-%06d", i)), Turn: 1},
			Arrived: s.now, Context: 300, MaxNew: decodes + programs.Tokens(i%32) + 1, // not all end at once
		})
	}
	if s.returns = decodes; decodes > 0 {
		for _, id := range s.names {
			s.step(&core.TurnCancelled{Turn: programs.TurnID{Program: id, Turn: 1}})
		}
	}
	return s
}

// leap puts the clock forward so far that the prices of all seats are due; false when time is
// over.
func (s *busyMachine) leap() bool {
	s.now *= 2
	return s.now < 1<<60
}

// TestSteadyStateAllocatesNothing holds the decode step to it, as well over a host tier
// once programs have lost their cells on the device to decodes that grow, and in every
// state; but lists grow until they are as long as they get.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	steady := func(name string, s *busyMachine) {
		n := testing.AllocsPerRun(1, func() {
			for range 2_000 {
				s.done()
			}
		})
		if n > 10 { // of lists that grow
			t.Errorf("%s: %v allocations in 2,000 decode steps", name, n)
		}
	}
	steady("plain", newBusyMachine(t, 1_000, 32, endless()))
	tiered := newBusyMachine(t, 1_000, 32, core.Config{Geometry: kvpin.Geometry{PoolBytes: 800_000}, Host: 1 << 40})
	for range 20_000 {
		tiered.done()
	}
	if tiered.evictions < 100 {
		t.Fatalf("%d evictions: hardly anybody has lost cells", tiered.evictions)
	}
	steady("tiered", tiered)
	for _, state := range states {
		s := state.make(t, 1_000)
		for range 1_000 {
			s.done()
		}
		steady(state.name, s)
	}
}

// busyMachine has some programs that decode without end, and others between two
// turns.
type busyMachine struct {
	machine   *core.Machine
	names     []programs.ProgramID
	now       programs.Time
	flight    []core.Item
	report    core.StepDone
	moves     []core.MoveID
	evictions int

	arrival  core.TurnArrived
	returns  programs.Tokens   // that a turn generates which follows one that has ended; 0: none follows
	finished []programs.TurnID // and is to be followed
	took     []time.Duration   // by Steps, if it has room
}

// aStep is how long the engine takes for a step.
const aStep = 10 * programs.Millisecond

// endless is the Config of a pool that never fills.
func endless() core.Config { return core.Config{Geometry: kvpin.Geometry{PoolBytes: 1 << 40}} }

// newBusyMachine gives every program a first turn of 300 cells; the first ones of
// the order go on with theirs. The Config gives what is not the same for all.
func newBusyMachine(tb testing.TB, population, decoding int, cfg core.Config) *busyMachine {
	cfg.Geometry.CellBytes, cfg.Geometry.Granule, cfg.Geometry.Span = 1, 32, 512
	cfg.MaxContext, cfg.StepTokens = 1<<30, 4096
	cfg.MaxRunning = cmp.Or(cfg.MaxRunning, 32)
	m, err := core.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	s := &busyMachine{machine: m}
	for i := range population {
		s.names = append(s.names, programs.ProgramID(fmt.Sprintf("tenant/program-%06d", i)))
	}
	for i := population - 1; i >= 0; i-- {
		ev := &core.TurnArrived{Turn: programs.TurnID{Program: s.names[i], Turn: 1}, Arrived: programs.Time(i), Context: 300, MaxNew: 1}
		if i < decoding {
			ev.MaxNew = 0
		}
		s.step(ev)
		s.done()
	}
	if len(s.flight) != decoding {
		tb.Fatalf("%d turns decode", len(s.flight))
	}
	s.evictions = 0
	return s
}

// done reports that the step went well, if one runs.
func (s *busyMachine) done() {
	if len(s.flight) == 0 {
		return
	}
	for len(s.report.Results) < len(s.flight) {
		s.report.Results = append(s.report.Results, core.ItemOK)
	}
	s.report.Results = s.report.Results[:len(s.flight)]
	s.flight = nil
	s.now = s.now.Add(aStep)
	s.step(&s.report)
	for len(s.finished) > 0 {
		turn := s.finished[0]
		s.finished = s.finished[:copy(s.finished, s.finished[1:])]
		turn.Turn++
		s.arrival = core.TurnArrived{Turn: turn, Arrived: s.now, Context: 310, Keep: 300, MaxNew: s.returns}
		s.step(&s.arrival)
	}
}

func (s *busyMachine) step(ev core.Event) {
	s.now++
	for _, e := range s.timed(ev) {
		switch {
		case e.Kind == core.RunStep:
			s.flight = e.Items
		case e.Kind == core.MoveCells:
			s.moves = append(s.moves, e.Move)
		case e.Kind == core.FinishTurn && s.returns > 0:
			s.finished = append(s.finished, e.Turn)
		case e.Cause == core.CauseEvict:
			s.evictions++
		}
	}
	for len(s.moves) > 0 {
		id := s.moves[0]
		s.moves = s.moves[:copy(s.moves, s.moves[1:])]
		s.step(&core.MoveDone{Move: id})
	}
}

// timed is a Step, and notes how long it took if that is wanted.
func (s *busyMachine) timed(ev core.Event) []core.Effect {
	if cap(s.took) == 0 {
		return s.machine.Step(s.now, ev)
	}
	start := time.Now()
	effects := s.machine.Step(s.now, ev)
	s.took = append(s.took, time.Since(start))
	return effects
}
