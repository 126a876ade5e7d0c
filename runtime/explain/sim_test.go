package explain_test

import (
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/runtime/explain"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// TestSimulated explains simulations under every policy, with lower tiers and without:
// what is told adds up to what the simulation counted.
func TestSimulated(t *testing.T) {
	for _, policy := range sched.Policies {
		for _, host := range []programs.Tokens{0, 20_000} {
			name := policy.Name
			if host > 0 {
				name += " with tiers"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				log, result, preempted := simulated(t, policy, host, 6)
				r, err := eventlog.NewReader(strings.NewReader(log))
				if err != nil {
					t.Fatal(err)
				}
				report, err := explain.Read(r, "")
				if err != nil {
					t.Fatal(err)
				}
				var sum explain.Program
				for _, p := range report.Programs {
					sum.Turns += p.Turns
					sum.Preempted += p.Preempted
					sum.Reused += p.Reused
					sum.Restored += p.Restored
					sum.Prefilled += p.Prefilled
					sum.Generated += p.Generated
					sum.Recomputed += p.Recomputed
					sum.Evicted += p.Evicted
				}
				if sum.Turns < result.Turns || sum.Preempted != preempted || sum.Reused < result.Reused ||
					sum.Restored < result.Restored || sum.Prefilled < result.Prefilled || sum.Generated < result.Generated {
					t.Errorf("told of %+v, simulated %+v", sum, result)
				}
				if policy.Name != "no-retention" && sum.Recomputed > sum.Evicted {
					t.Errorf("%d tokens were computed again, of %d that were taken", sum.Recomputed, sum.Evicted)
				}
				if ended := len(report.Programs); sum.Evicted == 0 && policy.Name != "no-retention" || ended < result.Programs {
					t.Errorf("%d programs, and %d cells evicted: nobody competed", ended, sum.Evicted)
				}
			})
		}
	}
}

// simulated is the log of a simulation of programs that compete hard.
func simulated(t testing.TB, policy sched.Named, host programs.Tokens, n int) (string, *sim.Result, int) {
	t.Helper()
	engine, err := cost.ByName("a100-8b")
	if err != nil {
		t.Fatal(err)
	}
	set, err := workload.Generate("agentcgroup", 1, n)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sim.Config{
		Engine: engine, Pool: 130_000, Host: host, Disk: 2 * host, World: sim.World{Running: 8}, Policy: policy.New, Programs: set.Programs[:min(n, len(set.Programs))],
	}
	for i := range cfg.Programs {
		cfg.Programs[i].Parent = -1
		cfg.Arrivals = append(cfg.Arrivals, programs.Time(i)*programs.Time(5*programs.Second))
	}
	var out file
	w, err := eventlog.NewWriter(&out, false, eventlog.Header{Policy: policy.Name, Config: sim.CoreConfig(cfg)}, eventlog.Options{Buffer: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	preempted := 0
	cfg.Observe = func(now programs.Time, ev core.Event, effects []core.Effect) {
		w.Observe(now, ev, effects)
		for _, e := range effects {
			if e.Kind == core.SuspendTurn {
				preempted++
			}
		}
	}
	result, err := sim.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), result, preempted
}

// BenchmarkRead explains a log of many events.
func BenchmarkRead(b *testing.B) {
	policy, err := sched.ByName(sched.Default)
	if err != nil {
		b.Fatal(err)
	}
	log, _, _ := simulated(b, policy, 0, 100)
	events := strings.Count(log, "\n") - 2
	b.ReportMetric(float64(len(log))/float64(events), "bytes/event")
	for b.Loop() {
		r, err := eventlog.NewReader(strings.NewReader(log))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := explain.Read(r, ""); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(events), "µs/event")
	b.ReportMetric(float64(events), "events")
}
