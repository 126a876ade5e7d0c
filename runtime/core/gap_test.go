package core_test

import (
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
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
