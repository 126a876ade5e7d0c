package sim

import (
	"context"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// TestAShellTakesItsTime serves two turns that pass through a shell, whose ways and pauses
// between steps are the program's time, and its first token's.
func TestAShellTakesItsTime(t *testing.T) {
	e, err := cost.ByName("a100-8b")
	if err != nil {
		t.Fatal(err)
	}
	shell := Shell{In: 3 * programs.Millisecond, Out: 5 * programs.Millisecond, Between: 700 * programs.Microsecond}
	r, err := Run(context.Background(), Config{
		Engine: e, Pool: 10_000, Policy: sched.NewInterlude, FixedSteps: true, Shell: shell,
		Programs: []workload.Program{{ID: "a", Parent: -1, Turns: []workload.Turn{
			{Input: 1000, Output: 1, Gap: programs.Second, Tool: "ls"},
			{Prefix: 1001, Input: 24, Output: 1},
		}}},
		Arrivals: []programs.Time{programs.Time(programs.Second)},
	})
	if err != nil {
		t.Fatal(err)
	}
	first := shell.In + 2*shell.Between + e.Step([]cost.Item{{Count: 512}}) + e.Step([]cost.Item{{From: 512, Count: 488}})
	second := shell.In + shell.Between + e.Step([]cost.Item{{From: 1000, Count: 25}})
	if want := first + shell.Out + programs.Second + second + shell.Out; r.JCT[0] != want {
		t.Errorf("the program took %v, want %v", r.JCT[0], want)
	}
	if r.TTFT[0] != second || r.TTFT[1] != first {
		t.Errorf("first tokens after %v, want %v and %v", r.TTFT, second, first)
	}
}

// TestTheShellsCoreCounts: a core of a node's own is the one that is simulated, with the
// simulation's policy.
func TestTheShellsCoreCounts(t *testing.T) {
	own := core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 7, Granule: 16, Span: 1024, PoolBytes: 7 << 20},
		MaxContext: 8192, StepTokens: 64, MaxRunning: 3,
	}
	got := CoreConfig(Config{Engine: &cost.Engine{}, Shell: Shell{Core: &own}, Policy: sched.NewInterlude, FixedSteps: true})
	if got.Geometry != own.Geometry || got.MaxRunning != 3 || got.StepTokens != 64 || got.Policy == nil || !got.FixedSteps {
		t.Errorf("the core is %+v", got)
	}
}

// TestCopier moves three moves by hand: pieces of the first go on while a step is planned,
// those of turns that wait come before those that none does, and a piece that has begun is
// not torn apart.
func TestCopier(t *testing.T) {
	shell := &Shell{Piece: 100, Ahead: 40}
	c := copier{shell: shell, cost: &cost.Engine{HostBytes: 100e9}} // a byte takes 10 ps, and 100 of them a nanosecond
	if !c.takes(kvpin.Device, kvpin.Host) || c.takes(kvpin.Host, kvpin.Disk) {
		t.Error("the engine moves between device and host, and nowhere else")
	}
	c.begin(5)
	if c.ends != 0 {
		t.Error("something is moved though there is nothing to move")
	}
	c.add(copying{id: 1, left: 90, ahead: true})
	c.begin(5)
	if c.ends != 6 {
		t.Errorf("the first piece ends at %d, want 6", c.ends)
	}
	c.add(copying{id: 2, left: 250})
	c.add(copying{id: 3, left: 10, ahead: true})
	var order []core.MoveID
	for now := programs.Time(6); c.ends != 0; now++ {
		id, done := c.end()
		if done {
			id += 10
		}
		order = append(order, id)
		c.begin(now)
	}
	want := []core.MoveID{1, 2, 2, 12, 1, 11, 13}
	if len(order) != len(want) {
		t.Fatalf("pieces of %v, want %v", order, want)
	}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("pieces of %v, want %v", order, want)
		}
	}
}
