package sim_test

import (
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// TestPrefetch has most contexts on a disk that takes seconds for one: with cells
// brought back ahead of their turns, admitted turns wait less for them.
func TestPrefetch(t *testing.T) {
	e := engine(t, "h100x4-70b")
	ps := generate(t, "agentcgroup").Draw(1, 60, e.Pool/2)
	run := func(late bool) *sim.Result {
		return simulate(t, sim.Config{
			Engine: e, Pool: e.Pool, Host: 200_000, Disk: 4_000_000, Policy: sched.NewInterlude,
			Programs: ps, Arrivals: workload.Poisson(1, roots(ps), 0.03), NoPrefetch: late,
		})
	}
	ahead, late := run(false), run(true)
	if late.Ahead != 0 || ahead.Ahead == 0 {
		t.Errorf("%d bytes are moved ahead of turns, without prefetch %d", ahead.Ahead, late.Ahead)
	}
	wait := func(r *sim.Result) programs.Duration { return r.Restoring / programs.Duration(r.Turns) }
	if wait(ahead) > wait(late)*95/100 {
		t.Errorf("a turn waits for %v for cells in the mean, without prefetch %v", wait(ahead), wait(late))
	}
	t.Logf("restoring: %v in %d turns, without prefetch %v in %d", ahead.Restoring, ahead.Restores, late.Restoring, late.Restores)
}
