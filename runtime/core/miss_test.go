package core_test

import (
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestNothingIsMissedOfNothing: a program is compacted before any token of it was computed.
// Its next turn is its first, whatever was edited.
func TestNothingIsMissedOfNothing(t *testing.T) {
	m, err := core.New(core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 64, Granule: 16, Span: 64, PoolBytes: 1 << 20},
		MaxContext: 4096, StepTokens: 512, MaxRunning: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	var now programs.Time
	var items int // of the step that runs
	missed := map[programs.TurnID]programs.Missed{}
	step := func(ev core.Event) {
		now++
		for _, e := range m.Step(now, ev) {
			switch e.Kind {
			case core.RunStep:
				items = len(e.Items)
			case core.FinishTurn:
				missed[e.Turn] = e.Missed
			}
		}
	}
	arrive := func(id programs.TurnID, context programs.Tokens) {
		step(&core.TurnArrived{Turn: id, Context: context, MaxNew: 1})
	}
	arrive(programs.TurnID{Program: "other", Turn: 1}, 100) // its step runs meanwhile
	first, second := programs.TurnID{Program: "p", Turn: 1}, programs.TurnID{Program: "p", Turn: 2}
	arrive(first, 50)
	step(&core.TurnCancelled{Turn: first})
	step(&core.ContextRewritten{Program: "p", Keep: 10})
	arrive(second, 60)
	for range 2 {
		step(&core.StepDone{Results: make([]core.ItemResult, items)})
	}
	want := programs.Missed{Why: programs.FirstTurn}
	if got, over := missed[second]; !over || got != want {
		t.Errorf("over: %v, missed %+v, want %+v", over, got, want)
	}
}
