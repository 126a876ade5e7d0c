package core_test

import (
	"fmt"
	"testing"

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
