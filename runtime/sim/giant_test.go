package sim_test

import (
	"fmt"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// TestOneGiantContext serves a context of 390,000 cells of a pool of 430,000, with gaps of
// 20 s, beside 150 small programs, each of which is short of a few thousand cells now and
// then. No other policy, with its own steps or with ours, is better for both the giant and
// the small ones. That fails when the giant loses an eighth of its cells at a time. It holds
// where small chunks cost nothing (cost.Max): where they do, always-pin in full steps is
// ahead of our steps by 4 % for the giant and 1 % for the small ones.
func TestOneGiantContext(t *testing.T) {
	const small = 150
	ps := []workload.Program{grows("giant", 30, 372_400, 400, 200, func(int) programs.Duration { return 20 * programs.Second })}
	for k := range small {
		ps = append(ps, grows(fmt.Sprintf("small-%03d", k), 10, 3000, 800, 150, func(turn int) programs.Duration {
			return programs.Duration(2+(k+turn)%7) * programs.Second
		}))
	}
	arrivals := append([]programs.Time{0}, workload.Poisson(1, small, 0.2)...)
	serve := func(policy string, full bool) (giant, others float64) {
		named, err := sched.ByName(policy)
		if err != nil {
			t.Fatal(err)
		}
		e := engine(t, "a100-8b")
		e.Model = cost.Max
		r := simulate(t, sim.Config{
			Engine: e, Pool: 430_000, Policy: named.New, FixedSteps: full, Programs: ps, Arrivals: arrivals,
		})
		for _, jct := range r.JCT[1:] {
			others += jct.Seconds() / small
		}
		return r.JCT[0].Seconds(), others
	}
	giant, others := serve(sched.Default, false)
	t.Logf("ours: the giant takes %.0f s, the others %.0f s", giant, others)
	for _, rival := range []string{"always-pin", "thunder"} {
		for _, full := range []bool{false, true} {
			g, o := serve(rival, full)
			t.Logf("%s, full steps %v: %.0f s, %.0f s", rival, full, g, o)
			if g <= giant && o <= others {
				t.Errorf("%s, full steps %v: the giant takes %.0f s and the others %.0f s; with ours %.0f s and %.0f s", rival, full, g, o, giant, others)
			}
		}
	}
}

// grows is a program whose first prompt has so many tokens, and each later one so many
// more than the turn before left.
func grows(id string, turns int, first, more, output programs.Tokens, gap func(turn int) programs.Duration) workload.Program {
	p := workload.Program{ID: id, Parent: -1}
	for i := range turns {
		turn := workload.Turn{Input: first, Output: output, Tool: "tool", Gap: gap(i)}
		if i > 0 {
			before := p.Turns[i-1]
			turn.Prefix, turn.Input = before.Context()+before.Output, more
		}
		p.Turns = append(p.Turns, turn)
	}
	p.Turns[turns-1].Tool, p.Turns[turns-1].Gap = "", 0
	return p
}
