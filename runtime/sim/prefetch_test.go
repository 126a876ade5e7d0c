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
	var waits [2]programs.Duration // ahead, late
	for seed := range uint64(4) {
		ps := generate(t, "agentcgroup").Draw(seed+1, 60, e.Pool/2)
		for i, late := range []bool{false, true} {
			r := simulate(t, sim.Config{
				Engine: e, Pool: e.Pool, Host: 200_000, Disk: 4_000_000, Policy: sched.NewInterlude,
				Programs: ps, Arrivals: workload.Poisson(seed+1, roots(ps), 0.04), NoPrefetch: late,
			})
			if late != (r.Ahead == 0) {
				t.Errorf("seed %d: %d bytes are moved ahead of turns; without prefetch: %v", seed, r.Ahead, late)
			}
			waits[i] += r.Restoring
		}
	}
	if waits[0] > waits[1]*95/100 {
		t.Errorf("turns wait for %v for cells, without prefetch %v", waits[0], waits[1])
	}
}
