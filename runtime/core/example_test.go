package core_test

import (
	"fmt"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// A shell feeds events in and carries effects out. This one has no engine: it
// says of every step that it went well.
func Example() {
	m, err := core.New(core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 46_080, Granule: 32, Span: 512, PoolBytes: 256 << 20},
		MaxContext: 2048,
		StepTokens: 512,
		MaxRunning: 16,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	events := []core.Event{&core.TurnArrived{
		Turn:    programs.TurnID{Program: "tenant/agent", Turn: 1},
		Context: 700,
		MaxNew:  2,
		Last:    true,
	}}
	for now := programs.Time(0); len(events) > 0; now = now.Add(20 * programs.Millisecond) {
		effects := m.Step(now, events[0])
		events = events[1:]
		for _, e := range effects {
			fmt.Println(e)
			if e.Kind == core.RunStep {
				events = append(events, &core.StepDone{Results: make([]core.ItemResult, len(e.Items))})
			}
		}
	}
	// Output:
	// open #1 for tenant/agent
	// reserve #1 of tenant/agent cells=701
	// start tenant/agent/1 on #1 cells=0
	// run tenant/agent[0,512)
	// run tenant/agent[512,700)*
	// run tenant/agent[700,701)*
	// finish tenant/agent/1 length reused=0 prefilled=700 generated=2
	// forget tenant/agent
	// release #1 of tenant/agent (end)
}
