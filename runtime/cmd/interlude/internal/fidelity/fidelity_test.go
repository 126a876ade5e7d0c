package fidelity

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

var runs = []replay.Run{
	{ID: "x", Name: "run-1", Turns: []replay.Turn{{Gap: 2 * time.Second, Tool: "git", Class: "status"}, {Tool: "ls"}}},
	{ID: "y", Name: "run-2", Turns: []replay.Turn{{}}},
}

func id(program string, turn programs.TurnNumber) programs.TurnID {
	return programs.TurnID{Program: programs.ProgramID(program), Turn: turn}
}

// observed is what a recorder makes of a node that warms up, and serves two runs, the
// first of which it has forgotten when its second turn comes.
func observed() *Recording {
	r := NewRecorder()
	finish := func(of programs.TurnID, generated programs.Tokens) []core.Effect {
		return []core.Effect{{Kind: core.FinishTurn, Turn: of, Usage: programs.Usage{Generated: generated}}}
	}
	run := func(items ...core.Item) []core.Effect { return []core.Effect{{Kind: core.RunStep, Items: items}} }
	done := &core.StepDone{Status: core.StepRan}
	r.Observe(100, &core.TurnArrived{Turn: id("default/warm-up", 1), Context: 50}, run(core.Item{Count: 50}))
	r.Observe(150, done, finish(id("default/warm-up", 1), 1))
	r.Observe(1000, &core.TurnArrived{Turn: id("default/run-1", 1), Context: 30, Opening: "default:o", Opens: 8}, run(core.Item{Count: 30}))
	r.Observe(1001, &core.TurnArrived{Turn: id("default/run-2", 1), Context: 20, Opening: "default:o", Opens: 8}, nil)
	r.Observe(1030, done, run(core.Item{From: 30, Count: 1}, core.Item{From: 8, Count: 12}))
	r.Observe(1050, &core.StepDone{Status: core.StepInterrupted}, run(core.Item{From: 30, Count: 1}, core.Item{From: 8, Count: 12}))
	r.Observe(1090, done, append(finish(id("default/run-1", 1), 2), finish(id("default/run-2", 1), 1)...))
	r.Observe(2000, &core.TurnArrived{Turn: id("default/run-1", 2), Context: 40, Opening: "default:o", Opens: 8}, finish(id("default/run-1", 2), 3))
	return r.Recording()
}

// TestPrograms are what agents asked for, whatever the node did about it.
func TestPrograms(t *testing.T) {
	r := observed()
	ps, arrivals, err := r.Programs("default", runs, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(ps) != 3 || ps[2].ID != "default/warm-up" || ps[2].Turns[0].Context() != 50 {
		t.Fatalf("programs %+v", ps)
	}
	want := []workload.Turn{
		{Input: 30, Output: 2, Gap: 2 * programs.Second, Tool: "git", Class: "status"},
		{Prefix: 32, Input: 8, Output: 3}, // all of the turn before, though nothing of it was known any longer
	}
	for k := range want {
		got := ps[0].Turns[k]
		if got.Prefix != want[k].Prefix || got.Input != want[k].Input || got.Output != want[k].Output || got.Gap != want[k].Gap || got.Tool != want[k].Tool || got.Class != want[k].Class {
			t.Errorf("turn %d is %+v, want %+v", k+1, got, want[k])
		}
	}
	if ps[0].SharedPrefix != 8 || ps[0].SharedKey != ps[1].SharedKey || ps[0].SharedKey == "" {
		t.Errorf("they share %+v and %+v", ps[0], ps[1])
	}
	if arrivals[0] != 1000 || arrivals[1] != 1000+programs.Time(100*programs.Millisecond) || arrivals[2] >= arrivals[0] {
		t.Errorf("they arrive at %v", arrivals)
	}
	for i := range ps {
		if err := ps[i].Check(); err != nil {
			t.Errorf("program %d: %v", i, err)
		}
	}
	more := append(slices.Clone(runs), replay.Run{ID: "z", Name: "run-3", Turns: []replay.Turn{{}}})
	if _, _, err := r.Programs("default", more, 0); err == nil || !strings.Contains(err.Error(), "run z") {
		t.Errorf("a run that was not observed: %v", err)
	}
}

// TestSteps are those that ran, from the core's wish to its hearing of the end.
func TestSteps(t *testing.T) {
	steps := observed().Steps
	if len(steps) != 3 || steps[0].Took != 50 || steps[1].Took != 30 || steps[2].Took != 40 || len(steps[2].Items) != 2 {
		t.Fatalf("steps %+v", steps)
	}
	for k, want := range []Kind{Prompts, Prompts, Mixed} {
		if got := KindOf(steps[k].Items); got != want {
			t.Errorf("step %d is of kind %s, want %s", k, got, want)
		}
	}
	if KindOf([]cost.Item{{From: 3, Count: 1}, {From: 4, Count: 1}}) != Decodes {
		t.Error("decodes are not told")
	}
}

// TestErrorsByKind compares with an engine that is twice as fast as the one measured on
// decodes, and right on prompts.
func TestErrorsByKind(t *testing.T) {
	e, err := cost.ByName("cpu-135m")
	if err != nil {
		t.Fatal(err)
	}
	decode, prompt := []cost.Item{{From: 100, Count: 1}}, []cost.Item{{Count: 100}}
	samples := []cost.Sample{{Items: decode, Took: 2 * e.Step(decode)}, {Items: prompt, Took: e.Step(prompt)}}
	by := ErrorsByKind(e, samples)
	if len(by) != 3 || by[0].Kind != All || by[0].Steps != 2 || by[1].Kind != Decodes || by[2].Kind != Prompts {
		t.Fatalf("errors %+v", by)
	}
	if d := by[1]; math.Abs(d.InAll+0.5) > 1e-6 || math.Abs(d.Mean-0.5) > 1e-6 || math.Abs(d.Median+0.5) > 1e-6 || math.Abs(d.Worst-0.5) > 1e-6 {
		t.Errorf("decodes: %+v", d)
	}
	if p := by[2]; p.Mean > 1e-6 || p.Worst > 1e-6 {
		t.Errorf("prompts: %+v", p)
	}
	slow := Slower(e, Slowness(e, samples))
	if s := Slowness(slow, samples); math.Abs(s-1) > 1e-6 {
		t.Errorf("an engine as slow as the steps is %v times too fast", s)
	}
	jitter, sum := Jitter(e, [][]cost.Sample{samples, samples[:1]}), 0.0
	for _, f := range jitter {
		sum += f / 3
	}
	if len(jitter) != 3 || math.Abs(sum-1) > 1e-9 || jitter[0] <= jitter[1] {
		t.Errorf("jitter %v", jitter)
	}
}

// TestReport takes each repetition beside its own simulation, and ours beside itself.
func TestReport(t *testing.T) {
	times := func(means ...float64) (ts []Times) {
		for _, m := range means {
			ts = append(ts, Times{MeanJCT: m, P95JCT: 2 * m})
		}
		return ts
	}
	r := Report{Policies: []Policy{
		{Name: "interlude", Real: times(10, 20, 40), Simulated: times(10.5, 21, 36), AtOwnSpeed: times(10, 20, 40)},
		{Name: "thunder", Real: times(12, 24, 48), Simulated: times(10, 20, 39), AtOwnSpeed: times(12, 24, 48)},
		{Name: "again", Real: times(11, 21, 40), Simulated: times(10.5, 21, 36), AtOwnSpeed: times(10, 20, 40)},
	}}
	r.Sum("again")
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	if p := r.Policies[0]; !near(p.MeanError, 0.05) || !near(p.P95Error, 0.05) || !near(p.MeanErrorOwn, 0) {
		t.Errorf("ours: %+v", p)
	}
	if !near(r.WorstMean, 1./6) || !near(r.WorstP95, 1./6) || r.WithinGoals || !near(r.WorstMeanOwn, 1./21) {
		t.Errorf("worst %v, %v, at own speed %v", r.WorstMean, r.WorstP95, r.WorstMeanOwn)
	}
	if !near(r.Noise.Mean, 0.05) || r.RankingsEqual || !slices.Equal(r.Ranking, []string{"interlude", "thunder"}) {
		t.Errorf("noise %v, rankings %v and %v", r.Noise, r.Ranking, r.SimRanking)
	}
	var out strings.Builder
	if err := r.Print(&out); err != nil || !strings.Contains(out.String(), "+5.0%") {
		t.Errorf("%v; it prints\n%s", err, &out)
	}
}
