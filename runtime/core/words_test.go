package core

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

// strategy is what a client says of a program that has so many turns left, and had so many
// in all; 0 is silence.
type strategy func(r *rand.Rand, left, total int) float64

var strategies = map[string]strategy{
	"honest":      func(_ *rand.Rand, left, _ int) float64 { return float64(left) },
	"silent":      func(*rand.Rand, int, int) float64 { return 0 },
	"always one":  func(*rand.Rand, int, int) float64 { return 1 },
	"half of it":  func(_ *rand.Rand, left, _ int) float64 { return float64(left) / 2 },
	"twice":       func(_ *rand.Rand, left, _ int) float64 { return 2 * float64(left) },
	"at random":   func(r *rand.Rand, _, _ int) float64 { return float64(1 + r.IntN(60)) },
	"long as one": longAsOne,
	"now and then": func(r *rand.Rand, left, _ int) float64 {
		if r.IntN(3) == 0 {
			return 1
		}
		return float64(left)
	},
}

// longAsOne is honest of short programs, to be believed of long ones.
func longAsOne(_ *rand.Rand, left, total int) float64 {
	if total > 30 {
		return 1
	}
	return float64(left)
}

// TestHonestyPays: two tenants share a server that serves turns in the order of the
// working set, by arrival and thirty seconds for each second of work that is expected to
// be left. One is honest. Whatever the other does, its programs take no less time, on the
// mean over forty runs of four hundred programs each, than if it is honest too; but for
// the noise of the mean.
func TestHonestyPays(t *testing.T) {
	const runs = 40
	mean := func(s strategy) (sum float64) {
		for seed := range uint64(runs) {
			_, other := twoTenants(seed, strategies["honest"], s)
			sum += math.Log(other) / runs
		}
		return math.Exp(sum)
	}
	honest := mean(strategies["honest"])
	for name, s := range strategies {
		took := mean(s)
		t.Logf("%-12s takes %.3f of what honesty does", name, took/honest)
		if took < 0.995*honest {
			t.Errorf("%s takes %.1f s, honesty %.1f", name, took, honest)
		}
	}
	if silent := mean(strategies["silent"]); honest > silent {
		t.Errorf("honest: %.1f s, silent %.1f", honest, silent)
	}
}

// client is a program of the server's.
type client struct {
	tenant  int
	arrived float64
	total   int
	done    int
	foretold
	rank float64
}

// twoTenants gives the mean time of each tenant's programs. A turn takes a second of the
// server; nobody's tool takes any time.
func twoTenants(seed uint64, strategies ...strategy) (first, second float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	machine := &Machine{}
	tenants := []programs.TenantID{"first", "second"}
	var sums, counts [2]float64
	clock, arrival := 0.0, 0.0
	var waiting []*client
	made, left := 0, 400
	arrive := func() {
		c := &client{tenant: made % 2, arrived: arrival, total: 1 + int(math.Exp(2+0.9*r.NormFloat64()))}
		c.total = min(c.total, 300)
		c.kind = machine.remaining.kind(kindName{tenant: tenants[c.tenant]})
		c.prompt, c.said = 100, &said{}
		c.work, c.turn = machine.remaining.foretell(c.kind, c.prompt)
		c.rankAnew(machine, tenants, r, strategies)
		waiting = append(waiting, c)
		made++
		arrival += r.ExpFloat64() * 12.5
	}
	for left > 0 {
		if len(waiting) == 0 {
			clock = max(clock, arrival)
		}
		for made < 400 && arrival <= clock {
			arrive()
		}
		if len(waiting) == 0 {
			continue
		}
		best := 0
		for i := range waiting {
			if waiting[i].rank < waiting[best].rank {
				best = i
			}
		}
		c := waiting[best]
		clock++
		c.done++
		c.foretold.done++
		machine.remaining.turnOver(c.kind, c.done, 1)
		if c.done < c.total {
			c.rankAnew(machine, tenants, r, strategies)
			continue
		}
		waiting = append(waiting[:best], waiting[best+1:]...)
		machine.remaining.ended(c.kind, c.done, c.prompt, c.foretold.done)
		machine.wordsOf(tenants[c.tenant]).proved(c.said, c.done)
		sums[c.tenant] += clock - c.arrived
		counts[c.tenant]++
		left--
	}
	return sums[0] / counts[0], sums[1] / counts[1]
}

// rankAnew is what the machine does at the arrival of a turn.
func (c *client) rankAnew(m *Machine, tenants []programs.TenantID, r *rand.Rand, strategies []strategy) {
	left := c.left()
	if said := strategies[c.tenant](r, c.total-c.done-1, c.total); said > 0 {
		turn := (c.foretold.done + c.turn) / float64(c.done+1)
		believed := m.wordsOf(tenants[c.tenant]).say(c.said, c.done+1, said, max(0, left/turn-1))
		left = (believed + 1) * turn
	}
	c.rank = c.arrived + 30*left
}

// TestAnOldNameCarriesFewStrangersForward: who names an hour old program as the parent of
// strangers has of them go first what the program was foretold, and what its age is worth.
func TestAnOldNameCarriesFewStrangersForward(t *testing.T) {
	const hour = programs.Time(programs.Hour)
	for _, c := range []struct {
		foretold, each float64 // seconds
		first          int
	}{
		{60, 10, 6 + 3600/(30*10)},
		{0, 10, 3600 / (30 * 10)},
		{60, 90, 2}, // at 30·30 s of the age, and 30·90
	} {
		parent := &program{foretold: foretold{work: c.foretold}}
		m := &Machine{now: hour, programs: map[programs.ProgramID]*program{"parent": parent}}
		first := 0
		for range 100 {
			stranger := &program{foretold: foretold{work: c.each}}
			stranger.Arrived, stranger.Place = hour, hour
			if m.adopt(stranger, "parent"); stranger.Place < hour {
				first++
			}
		}
		if first != c.first {
			t.Errorf("of a program that was foretold %v s, %d strangers of %v s go first, want %d", c.foretold, first, c.each, c.first)
		}
		if parent.Place != hour {
			t.Errorf("and its own place is %v, want now", parent.Place)
		}
	}
}

// TestAFamilyIsForetoldWhole: what sub-agents are foretold is learnt as work of the parent's
// kind.
func TestAFamilyIsForetoldWhole(t *testing.T) {
	foretell := func(children int) float64 {
		m := &Machine{programs: map[programs.ProgramID]*program{}, speed: newSpeed(Rates{}, 512)}
		kinds := kindName{tenant: "t"}
		for range 50 {
			p := &program{}
			p.foretold.kind = m.remaining.kind(kinds)
			p.ID = "parent"
			m.programs["parent"] = p
			for range children {
				m.adopt(&program{foretold: foretold{work: 10}}, "parent")
			}
			p.Turn.Context, p.state.keep, p.Turns = 1000, 0, 1
			m.turnDone(p)
			m.workDone(p)
		}
		work, _ := m.remaining.foretell(m.remaining.kind(kinds), 0)
		return work
	}
	alone, family := foretell(0), foretell(3)
	if more := family - alone; more < 25 || more > 35 {
		t.Errorf("a program is foretold %.1f s, and one with 30 s of sub-agents %.1f s", alone, family)
	}
}
