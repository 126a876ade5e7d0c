package sim_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// TestSurvey has figures of two workloads together: their geometric means, and one rival
// for both, which need not be the best of either.
func TestSurvey(t *testing.T) {
	arms, err := sim.PickArms([]string{"thunder/our-steps", "ttl-8s/our-steps", "ttl-32s"})
	if err != nil {
		t.Fatal(err)
	}
	var s sim.Survey
	for _, name := range []string{"swebench", "agentcgroup"} {
		s = append(s, &sim.Study{
			Set: generate(t, name), Engine: engine(t, "a100-8b"), Pool: 107_500, Programs: 20, Seeds: 2, Loads: []sim.Load{{Level: 0.8}, {Level: 1.2}}, Arms: arms,
		})
	}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Workloads, []string{"swebench", "agentcgroup"}) || len(r.Loads) != 2 || r.Calibrated {
		t.Errorf("workloads %v, %d loads, calibrated %v", r.Workloads, len(r.Loads), r.Calibrated)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	for l := range r.Loads {
		a, b := &r.Studies[0].Loads[l], &r.Studies[1].Loads[l]
		near("the best with our steps", r.Loads[l].SameSteps, math.Sqrt(a.SameSteps*b.SameSteps))
		near("the best as published", r.Loads[l].BestMean, math.Sqrt(a.Arms[3].OverOurs*b.Arms[3].OverOurs))
		thunder, ttl := math.Sqrt(a.Arms[1].OverOurs*b.Arms[1].OverOurs), math.Sqrt(a.Arms[2].OverOurs*b.Arms[2].OverOurs)
		near("one rival for both", r.Loads[l].OneRival, min(thunder, ttl))
		near("the worst of thunder", r.Loads[l].Arms[1].Worst, max(a.Arms[1].OverOurs, b.Arms[1].OverOurs))
		near("ours at worst", r.Loads[l].Regret, max(1/a.SameSteps, 1/b.SameSteps))
		if f := r.Loads[l].Figures; !f.BoundKept || f.BoundShare < 0.5 || f.MaxWait != sched.DefaultGuard.Bound[programs.Interactive].Seconds() || f.SameAll != 0 {
			t.Errorf("a bound of %v s is promised to %v of all turns and kept: %v; arms that were not simulated have the figure %v", f.MaxWait, f.BoundShare, f.BoundKept, f.SameAll)
		}
	}
	near("the worst of the loads", r.SameSteps, min(r.Loads[0].SameSteps, r.Loads[1].SameSteps))
}

// TestArmsOfOneWayAreSimulatedOnce: without tiers, whoever fetches ahead decides as who
// does not, and steps of the engine's size are the engine's steps.
func TestArmsOfOneWayAreSimulatedOnce(t *testing.T) {
	arms, err := sim.PickArms([]string{"thunder", "thunder/chunk-512", "thunder/chunk-256", "thunder/our-steps", "thunder/everything", "interlude/no-prefetch", "interlude/no-pacing"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ host, simulated int }{{0, 6}, {100_000, 7}} {
		simulated := 0
		study := sim.Study{
			Set: generate(t, "bfcl"), Engine: engine(t, "a100-8b"), Programs: 4, Seeds: 1, Loads: []sim.Load{{Level: 1}}, Arms: arms,
			Host: programs.Tokens(c.host), Progress: func(_, of int) { simulated = of },
		}
		r, err := study.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if simulated != c.simulated {
			t.Errorf("with a host tier of %d, %d simulations, want %d", c.host, simulated, c.simulated)
		}
		digests := map[string]string{}
		for _, a := range r.Loads[0].Arms {
			digests[a.Name] = a.Digest
		}
		if digests["thunder"] != digests["thunder/chunk-512"] || digests["thunder"] == digests["thunder/chunk-256"] {
			t.Errorf("digests: %v", digests)
		}
	}
}

// TestTables makes each of them small: every cell is there, and the first figure is that
// of the same steps.
func TestTables(t *testing.T) {
	full(t)
	tables := sim.Tables{
		Sets: []*workload.Set{generate(t, "swebench"), generate(t, "bfcl")}, Engine: engine(t, "a100-8b"), Programs: 4, Seeds: 1, Rules: sim.DefaultRules(),
	}
	made, err := tables.Run(context.Background(), "ABCD")
	if err != nil {
		t.Fatal(err)
	}
	sensitivity, err := tables.Sensitivity(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, table := range append(made, *sensitivity) {
		names = append(names, table.Name)
		if len(table.Rows) < 3 || table.Says == "" {
			t.Errorf("%s has %d rows: %s", table.Name, len(table.Rows), table.Says)
		}
		for _, row := range table.Rows {
			if len(row.Cells) != len(table.Columns) {
				t.Errorf("%s, %s has %d cells in %d columns", table.Name, row.Name, len(row.Cells), len(table.Columns))
			}
			for i, cell := range row.Cells {
				if !(cell > 0) || math.IsInf(cell, 0) {
					t.Errorf("%s, %s: %s is %v", table.Name, row.Name, table.Columns[i], cell)
				}
			}
		}
	}
	if want := []string{"A", "A, one rival", "B", "C", "D", "D, limits", "sensitivity"}; !slices.Equal(names, want) {
		t.Errorf("tables %v, want %v", names, want)
	}
	if made[0].Columns[0] != "our steps" {
		t.Errorf("the first column is %s", made[0].Columns[0])
	}
	for i := range sim.KnownRules {
		name := sim.KnownRules[i].Name
		if !slices.ContainsFunc(sensitivity.Rows, func(r sim.Row) bool { return strings.HasPrefix(r.Name, name+"=") }) {
			t.Errorf("the sensitivity to %s is not there", name)
		}
	}
	if _, err := tables.Run(context.Background(), "E"); err == nil {
		t.Error("table E is made")
	}
}

// scenario runs arms in a scenario that is made smaller where it can be.
func scenario(t *testing.T, name string, count int, arms ...string) map[string]sim.ArmReport {
	t.Helper()
	c, ok := sim.ScenarioByName(name)
	if !ok {
		t.Fatalf("there is no scenario %s", name)
	}
	picked, err := sim.PickArms(arms)
	if err != nil {
		t.Fatal(err)
	}
	study := &sim.Study{Engine: engine(t, "a100-8b"), Programs: count, Seeds: 1, Arms: picked}
	if c.Apply(study); c.Workload != "" {
		study.Set, study.Programs = generate(t, c.Workload), count
	}
	r, err := study.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]sim.ArmReport{}
	for _, a := range r.Loads[0].Arms {
		found[a.Name] = a
	}
	return found
}

// TestScenarios have the groups that they are described with, and the world.
func TestScenarios(t *testing.T) {
	full(t)
	for name, groups := range map[string]map[string]int{
		"giant": {"giant": 1, "small": 150}, "half-honest": {"honest": 15, "silent": 15}, "all-silent": nil,
	} {
		found := scenario(t, name, 30, "interlude")
		got := map[string]int{}
		for group, g := range found["interlude"].Groups {
			got[group] = g.Programs
			if g.MeanJCT <= 0 || g.MaxTTFT <= 0 || g.WorstTTFT < g.MaxTTFT {
				t.Errorf("%s: %s: %+v", name, group, g)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(groups) && len(groups) > 0 {
			t.Errorf("%s has groups %v, want %v", name, got, groups)
		}
	}
	silent, honest := scenario(t, "all-silent", 40, "interlude"), scenario(t, "all-honest", 40, "interlude")
	if silent["interlude"].Digest == honest["interlude"].Digest {
		t.Error("what clients say changes nothing")
	}
	if ends, none := silent["interlude"], scenario(t, "no-ends", 40, "interlude")["interlude"]; ends.Digest == none.Digest {
		t.Error("programs that never say that they are over change nothing")
	}
}

// TestNewcomersBesideSessions that hold all memory and do not end: with a bound of 60 s
// newcomers have their first tokens within it, at no more than a twentieth of the sessions'
// mean time. Without a bound they wait for an hour.
func TestNewcomersBesideSessions(t *testing.T) {
	full(t)
	scene := workload.Newcomers(1)
	run := func(bound programs.Duration) (worst, sessions programs.Duration) {
		guard := sched.DefaultGuard
		guard.Bound[programs.Interactive] = bound
		r := simulate(t, sim.Config{
			Engine: engine(t, "a100-8b"), Pool: 430_000, Policy: sched.NewInterlude, Guard: guard,
			Programs: scene.Programs, Arrivals: scene.Arrivals, Groups: scene.Groups,
		})
		for i := range scene.Programs {
			if scene.Groups[i] == "session" {
				sessions += r.JCT[i] / 30
			}
		}
		return sim.Quantile(r.Groups["newcomer"].TTFT, 1), sessions
	}
	never, without := run(0)
	worst, with := run(programs.Minute)
	if worst > programs.Minute || never < 30*programs.Minute || with > without*21/20 {
		t.Errorf("a newcomer waits for %v, without a bound %v; sessions take %v, without it %v", worst, never, with, without)
	}
}

// TestALineBeforeTheScheduler has turns wait in the order of their arrival where the
// scheduler sees few of them, and counts the wait.
func TestALineBeforeTheScheduler(t *testing.T) {
	ps := generate(t, "swebench").Draw(1, 40, 100_000)
	e := engine(t, "a100-8b")
	shortest := programs.Hour
	for i := range ps {
		shortest = min(shortest, e.Prefill(0, ps[i].Turns[0].Input))
	}
	run := func(seen int) (longest programs.Duration, most int) {
		before := 0
		r := simulate(t, sim.Config{
			Engine: e, Pool: 430_000, Policy: sched.NewInterlude, Programs: ps,
			Arrivals: make([]programs.Time, len(ps)), World: sim.World{Seen: seen},
			Observe: func(_ programs.Time, ev core.Event, effects []core.Effect) {
				if _, ok := ev.(*core.TurnArrived); ok {
					before++
				}
				most = max(most, before)
				for i := range effects {
					if effects[i].Kind == core.FinishTurn {
						before--
					}
				}
			},
		})
		return sim.Quantile(r.New, 1), most
	}
	_, everybody := run(0)
	two, few := run(2)
	if few != 2 || everybody <= 20 {
		t.Errorf("up to %d and %d turns are before the core, want 2 and more than 20", few, everybody)
	}
	if least := programs.Duration(len(ps)/2-1) * shortest; two < least {
		t.Errorf("no first turn waits longer than %v; behind all others, two at a time, it is %v at least", two, least)
	}
}
