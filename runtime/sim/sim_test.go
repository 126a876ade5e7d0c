package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

func engine(t testing.TB, name string) *cost.Engine {
	t.Helper()
	e, err := cost.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func generate(t testing.TB, name string) *workload.Set {
	t.Helper()
	s, err := workload.Generate(name, 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// full says that a test simulates much with goroutines that other tests run too: -short,
// which the race detector runs with, leaves it out.
func full(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("many simulations")
	}
}

func simulate(t testing.TB, c sim.Config) *sim.Result {
	t.Helper()
	r, err := sim.Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEverythingIsServed lets any policy serve any workload on pools of any size, with
// and without tiers: every program ends, with the tokens that it asked for, no sooner
// than its own engine time and gaps allow, and no cell is found that was never written.
func TestEverythingIsServed(t *testing.T) {
	e := engine(t, "a100-8b")
	sets := map[string]*workload.Set{}
	for _, name := range workload.Names() {
		sets[name] = generate(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		set := sets[rapid.SampledFrom(workload.Names()).Draw(t, "workload")]
		pool := programs.Tokens(rapid.IntRange(20_000, 500_000).Draw(t, "pool"))
		n := rapid.IntRange(1, 12).Draw(t, "programs")
		seed := rapid.Uint64Range(0, 1000).Draw(t, "seed")
		draw, families := set.Draw, rapid.Bool().Draw(t, "families")
		if families {
			draw = set.DrawFamilies
		}
		ps := draw(seed, n, pool/2)
		if len(ps) == 0 {
			t.Skip("none fits")
		}
		c := sim.Config{
			Engine: e, Pool: pool, Programs: ps, Arrivals: workload.Poisson(seed, roots(ps), 0.05),
			Policy:     rapid.SampledFrom(sched.Policies).Draw(t, "policy").New,
			FixedSteps: rapid.Bool().Draw(t, "full steps"),
			Know:       sim.Knowledge{Gaps: rapid.Bool().Draw(t, "gaps"), Work: rapid.Bool().Draw(t, "work")},
		}
		if rapid.Bool().Draw(t, "tiers") {
			c.Host, c.Disk = pool*programs.Tokens(rapid.IntRange(0, 3).Draw(t, "host")), pool
			if c.Host == 0 {
				c.Disk = 0
			}
		}
		if rapid.Bool().Draw(t, "shell") {
			c.Shell = sim.Shell{In: programs.Millisecond, Out: programs.Millisecond, Between: programs.Microsecond, Piece: 4 << 20, Ahead: 1 << 20}
		}
		r, err := sim.Run(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		turns, out := 0, programs.Tokens(0)
		for i := range ps {
			turns += len(ps[i].Turns)
			for k := range ps[i].Turns {
				out += ps[i].Turns[k].Output
			}
		}
		if r.Turns != turns || r.Generated != out {
			t.Fatalf("%d turns generated %d tokens, want %d and %d", r.Turns, r.Generated, turns, out)
		}
		if r.Reused > r.Reusable {
			t.Fatalf("%d tokens were found of %d that could be", r.Reused, r.Reusable)
		}
		if len(r.JCT) != roots(ps) {
			t.Fatalf("%d programs ended of %d", len(r.JCT), roots(ps))
		}
		at := 0
		for i := range ps {
			if ps[i].Parent >= 0 {
				continue
			}
			if least := alone(e, &ps[i]); r.JCT[at] < least {
				t.Fatalf("%s took %v; alone it takes %v", ps[i].ID, r.JCT[at], least)
			}
			at++
		}
	})
}

func roots(ps []workload.Program) (n int) {
	for i := range ps {
		if ps[i].Parent < 0 {
			n++
		}
	}
	return n
}

// alone is the least that a program takes, with all that may be shared there already.
func alone(e *cost.Engine, p *workload.Program) (d programs.Duration) {
	for i := range p.Turns {
		t := &p.Turns[i]
		reused := t.Prefix
		if i == 0 {
			reused = max(reused, min(p.SharedPrefix, t.Context()-1))
		}
		d += t.Gap + e.Prefill(reused, t.Context()-reused)
		d += programs.Duration(t.Output-1) * e.Decode(t.Context())
	}
	return d - programs.Duration(len(p.Turns))*programs.Microsecond // steps are cut to nanoseconds
}

// TestTwoProgramsByHand serves two programs whose times can be worked out by
// hand: the second turn of the first finds all but its new tokens.
func TestTwoProgramsByHand(t *testing.T) {
	e := engine(t, "a100-8b")
	turns := []workload.Turn{
		{Input: 1000, Output: 1, Gap: 10 * programs.Second, Tool: "ls"},
		{Prefix: 1001, Input: 24, Output: 1},
	}
	r := simulate(t, sim.Config{
		Engine: e, Pool: 10_000, Policy: sched.NewInterlude, FixedSteps: true,
		Programs: []workload.Program{
			{ID: "a", Parent: -1, Turns: turns},
			{ID: "b", Parent: -1, Turns: turns[:1]},
		},
		Arrivals: []programs.Time{0, programs.Time(5 * programs.Second)},
	})
	first := e.Step([]cost.Item{{Count: 512}}) + e.Step([]cost.Item{{From: 512, Count: 488}})
	// The token that the first turn sampled has no cell yet: 1000 are found of 1001.
	second := e.Step([]cost.Item{{From: 1000, Count: 25}})
	if want := first + 10*programs.Second + second; r.JCT[0] != want {
		t.Errorf("a took %v, want %v", r.JCT[0], want)
	}
	if r.JCT[1] != first {
		t.Errorf("b took %v, want %v", r.JCT[1], first)
	}
	if r.Reused != 1000 || r.Prefilled != 1000+1000+25 || r.Reusable != 1001 {
		t.Errorf("reused %d, prefilled %d, reusable %d", r.Reused, r.Prefilled, r.Reusable)
	}
}

// TestAParentWaitsForItsSubagents has a turn start two, one of which it does not wait
// for.
func TestAParentWaitsForItsSubagents(t *testing.T) {
	e := engine(t, "a100-8b")
	ps := []workload.Program{
		{ID: "parent", Parent: -1, Turns: []workload.Turn{
			{Input: 600, Output: 1, Gap: programs.Second, Children: []int{1, 2}},
			{Prefix: 601, Input: 10, Output: 1},
		}},
		{ID: "child", Turns: []workload.Turn{
			{Prefix: 512, Input: 10, Output: 1, Gap: 30 * programs.Second},
			{Prefix: 523, Input: 10, Output: 1},
		}},
		{ID: "aside", Async: true, Turns: []workload.Turn{
			{Input: 10, Output: 1, Gap: 500 * programs.Second},
			{Prefix: 11, Input: 10, Output: 1},
		}},
	}
	var first, child programs.Time
	r := simulate(t, sim.Config{
		Engine: e, Pool: 10_000, Policy: sched.NewInterlude, Programs: ps, Arrivals: make([]programs.Time, 1),
		Observe: func(now programs.Time, ev core.Event, effects []core.Effect) {
			if a, ok := ev.(*core.TurnArrived); ok && a.Turn.Program == "child" && a.Turn.Turn == 1 {
				first = now
			}
			for _, e := range effects {
				if e.Kind == core.FinishTurn && e.Turn.Program == "child" {
					child = now
					if e.Turn.Turn == 1 && e.Usage.Reused != 512 {
						t.Errorf("the child found %d cells of its parent's, want 512", e.Usage.Reused)
					}
				}
			}
		},
	})
	if len(r.JCT) != 1 || r.Turns != 6 {
		t.Fatalf("%d programs without a parent, %d turns", len(r.JCT), r.Turns)
	}
	if first == 0 || child < first.Add(30*programs.Second) {
		t.Fatalf("the child came at %v and ended at %v", first, child)
	}
	if least := programs.Duration(child) + programs.Second; r.JCT[0] < least || r.JCT[0] > least+programs.Second {
		t.Errorf("the parent took %v, want a little over %v", r.JCT[0], least)
	}
}

// TestAStudyIsTheSameEveryTime prints one twice, on one processor and on all.
func TestAStudyIsTheSameEveryTime(t *testing.T) {
	count := 30
	if testing.Short() {
		count = 5
	}
	study := &sim.Study{
		Set: generate(t, "swebench"), Engine: engine(t, "a100-8b"), Programs: count, Seeds: 2,
		Loads: []sim.Load{{Level: 0.8}, {Level: 0.8, CV: sim.Bursty}}, Arms: sim.DefaultArms(), Sustain: true,
	}
	report := func() string {
		r, err := study.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	many := report()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if one := report(); one != many {
		t.Errorf("on one processor:\n%s\nand on several:\n%s", one, many)
	}
}

// TestNoArmIsBelowTheBound holds policies that know everything against it as well.
func TestNoArmIsBelowTheBound(t *testing.T) {
	full(t)
	for _, name := range workload.Names() {
		study := &sim.Study{
			Set: generate(t, name), Engine: engine(t, "a100-8b"), Programs: 20, Seeds: 1,
			Loads: []sim.Load{{Level: 0.5}, {Level: 1.5}}, Arms: sim.DefaultArms(),
		}
		r, err := study.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Loads {
			if l.BoundMean <= 0 || math.IsNaN(l.BoundMean) {
				t.Errorf("%s at %s: a bound of %v", name, l.Load, l.BoundMean)
			}
			for _, a := range l.Arms {
				if a.MeanJCT < l.BoundMean {
					t.Errorf("%s at %s: %s takes %.1f s, less than the bound of %.1f s", name, l.Load, a.Name, a.MeanJCT, l.BoundMean)
				}
			}
		}
	}
}

// TestStudiesThatCannotBe are refused before anything is simulated.
func TestStudiesThatCannotBe(t *testing.T) {
	good := sim.Study{
		Set: generate(t, "bfcl"), Engine: engine(t, "a100-8b"), Programs: 4, Seeds: 1,
		Loads: []sim.Load{{Level: 0.5}}, Arms: sim.Arms()[:1],
	}
	for name, spoil := range map[string]func(*sim.Study){
		"no programs": func(s *sim.Study) { s.Programs = 0 },
		"no seeds":    func(s *sim.Study) { s.Seeds = 0 },
		"no loads":    func(s *sim.Study) { s.Loads = nil },
		"load 0":      func(s *sim.Study) { s.Loads = []sim.Load{{}} },
		"load NaN":    func(s *sim.Study) { s.Loads = []sim.Load{{Level: math.NaN()}} },
		"no arms":     func(s *sim.Study) { s.Arms = nil },
		"not ours":    func(s *sim.Study) { s.Arms = sim.Arms()[1:] },
		"tiny pool":   func(s *sim.Study) { s.Pool = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			spoil(&s)
			if r, err := s.Run(context.Background()); err == nil {
				t.Errorf("no error, and %d loads", len(r.Loads))
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := good.Run(ctx); err == nil {
		t.Error("a study goes on when its context has ended")
	}
}

// TestArms names each once, ours first, and finds the policies of package sched.
func TestArms(t *testing.T) {
	seen := map[string]bool{}
	for i, a := range sim.Arms() {
		if seen[a.Name] || a.Says == "" || (a.Kind == sim.Ours) != (i == 0) {
			t.Errorf("arm %d: %q, %q, %q", i, a.Name, a.Kind, a.Says)
		}
		seen[a.Name] = true
	}
	for _, p := range sched.Policies {
		if !seen[p.Name] {
			t.Errorf("%s is simulated nowhere", p.Name)
		}
	}
	if _, err := sim.PickArms([]string{"no such"}); err == nil {
		t.Error("an arm that does not exist is found")
	}
	picked, err := sim.PickArms([]string{"thunder", "interlude"})
	if err != nil || len(picked) != 2 || picked[0].Kind != sim.Ours || picked[1].Name != "thunder" {
		t.Errorf("%v, %v", picked, err)
	}
}

// BenchmarkRun is a simulation of 500 programs of some 40 turns each.
func BenchmarkRun(b *testing.B) {
	set, err := workload.Generate("swebench-mini", 1, 500)
	if err != nil {
		b.Fatal(err)
	}
	ps := set.Draw(1, 500, 200_000)
	turns := 0
	for i := range ps {
		turns += len(ps[i].Turns)
	}
	for b.Loop() {
		simulate(b, sim.Config{
			Engine: engine(b, "a100-8b"), Pool: 430_000, Policy: sched.NewInterlude,
			Programs: ps, Arrivals: workload.Poisson(1, len(ps), 0.035),
		})
	}
	b.ReportMetric(float64(turns)/float64(len(ps)), "turns/program")
}

func Example() {
	e, _ := cost.ByName("h100-8b")
	set, _ := workload.Generate("bfcl", 1, 50)
	ps := set.Draw(1, 50, 30_000)
	for _, policy := range []func(sched.Env) sched.Policy{sched.NewRequestFCFS, sched.NewInterlude} {
		r, _ := sim.Run(context.Background(), sim.Config{
			Engine: e, Pool: 60_000, Policy: policy, Programs: ps, Arrivals: make([]programs.Time, len(ps)),
		})
		fmt.Printf("%d turns, %.0f %% of what could be found was, a program took %.0f s\n", r.Turns, 100*r.HitRate(), r.MeanJCT())
	}
	// Output:
	// 350 turns, 0 % of what could be found was, a program took 719 s
	// 350 turns, 77 % of what could be found was, a program took 418 s
}
