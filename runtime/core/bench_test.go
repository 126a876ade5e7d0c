package core_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

var populations = []int{100, 1_000, 10_000, 100_000}

// BenchmarkDecodeStep is a machine's part of one step of 32 decodes, with so many
// programs alive, most of them between two turns.
func BenchmarkDecodeStep(b *testing.B) {
	for _, n := range populations {
		b.Run(fmt.Sprintf("programs=%d", n), func(b *testing.B) {
			s := newBusyMachine(b, n, 32, 1<<40, 0)
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
			s := newBusyMachine(b, n, 0, programs.Bytes(n)*320*4/5, 0)
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

// BenchmarkPricesDue is a step of 16 decodes while a turn waits for room that others have, and
// the prices of all idle programs have come due at once. The clock is put forward whenever
// a quarter of them can have been made anew, so that they stay so. p99 is that of
// single steps.
func BenchmarkPricesDue(b *testing.B) {
	for _, host := range []programs.Bytes{0, 1 << 40} {
		for _, n := range populations {
			b.Run(fmt.Sprintf("programs=%d/host=%v", n, host > 0), func(b *testing.B) {
				s := newCrowdedMachine(b, n, host)
				var steps percentiles
				for i := 1; b.Loop(); i++ {
					if i%(n/16+1) == 0 {
						if s.now *= 2; s.now > 1<<60 {
							s = newCrowdedMachine(b, n, host)
						}
					}
					steps.time(s.done)
				}
				steps.report(b)
			})
		}
	}
}

// BenchmarkTenantsGone is a step of 16 decodes while a turn waits, when so many tenants
// have had a program, and all but one have gone.
func BenchmarkTenantsGone(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("tenants=%d", n), func(b *testing.B) {
			s := newCrowdedMachine(b, 1_000, 0)
			for i := range n {
				id := programs.ProgramID(fmt.Sprintf("tenant-%06d/program", i))
				s.step(&core.TurnArrived{
					Turn: programs.TurnID{Program: id, Turn: 1}, Tenant: programs.TenantID(fmt.Sprintf("tenant-%06d", i)),
					Arrived: s.now, Context: 100, MaxNew: 1, Last: true,
				})
				s.step(&core.ProgramEnded{Program: id})
				s.done()
			}
			var steps percentiles
			for b.Loop() {
				s.now += programs.Time(10 * programs.Millisecond)
				steps.time(s.done)
			}
			steps.report(b)
		})
	}
}

// newCrowdedMachine has 16 programs that decode, one that waits for all the rest of the
// pool, and idle ones that have it.
func newCrowdedMachine(tb testing.TB, idle int, host programs.Bytes) *busyMachine {
	const decoding = 16
	pool := programs.Bytes(idle)*320 + decoding*1024
	s := newBusyMachine(tb, idle+decoding, decoding, pool, host)
	s.now = programs.Time(programs.Second)
	s.step(&core.TurnArrived{
		Turn: programs.TurnID{Program: "whale", Turn: 1}, Arrived: s.now, Context: programs.Tokens(pool) - decoding*300, MaxNew: 1,
	})
	if _, waits := s.machine.Waits(s.now, "whale"); !waits {
		tb.Fatal("the large turn has found room")
	}
	return s
}

// percentiles are of the times that something took.
type percentiles []time.Duration

func (p *percentiles) time(f func()) {
	start := time.Now()
	f()
	*p = append(*p, time.Since(start))
}

func (p percentiles) report(b *testing.B) {
	slices.Sort(p)
	b.ReportMetric(float64(p[len(p)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(p[len(p)*99/100].Nanoseconds()), "p99-ns")
	b.ReportMetric(float64(p[len(p)*999/1000].Nanoseconds()), "p99.9-ns")
}

// TestSteadyStateAllocatesNothing holds the decode step to it, as well over a host tier
// once programs have lost their cells on the device to decodes that grow.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	tiered := newBusyMachine(t, 1_000, 32, 800_000, 1<<40)
	for range 20_000 {
		tiered.done()
	}
	if tiered.evictions < 100 {
		t.Fatalf("%d evictions: hardly anybody has lost cells", tiered.evictions)
	}
	for name, s := range map[string]*busyMachine{"plain": newBusyMachine(t, 1_000, 32, 1<<40, 0), "tiered": tiered} {
		if n := testing.AllocsPerRun(2_000, s.done); n != 0 {
			t.Errorf("%s: %v allocations in a decode step", name, n)
		}
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
}

// newBusyMachine gives every program a first turn of 300 cells; the first ones of
// the order go on with theirs.
func newBusyMachine(tb testing.TB, population, decoding int, pool, host programs.Bytes) *busyMachine {
	m, err := core.New(core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 1, Granule: 32, Span: 512, PoolBytes: pool},
		MaxContext: 1 << 30,
		StepTokens: 4096,
		MaxRunning: 32,
		Host:       host,
	})
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
	s.step(&s.report)
}

func (s *busyMachine) step(ev core.Event) {
	s.now++
	for _, e := range s.machine.Step(s.now, ev) {
		switch {
		case e.Kind == core.RunStep:
			s.flight = e.Items
		case e.Kind == core.MoveCells:
			s.moves = append(s.moves, e.Move)
		case e.Cause == core.CauseEvict:
			s.evictions++
		}
	}
	for len(s.moves) > 0 {
		id := s.moves[0]
		s.moves = s.moves[1:]
		s.step(&core.MoveDone{Move: id})
	}
}
