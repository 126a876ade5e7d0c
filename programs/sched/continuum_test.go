package sched

import (
	"math"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

// TestContinuumObjective works τ* = argmax P(τ)·(T·η + r) − τ by hand.
func TestContinuumObjective(t *testing.T) {
	filled := func(n int, seconds ...float64) (d durations) {
		for i := range n {
			d.add(seconds[i%len(seconds)])
		}
		return d
	}
	for _, tc := range []struct {
		name   string
		all    durations // of all tools
		grep   durations // of the one that is called
		delays []float64
		turns  []int // of programs that have ended
		reload float64
		want   float64
	}{
		{name: "nothing is known: ln r", reload: math.E * math.E, want: 2},
		{name: "nothing is known, and a reload takes less than a second", reload: 0.5, want: 0},
		{
			// 1 s is enough for half: 0.5·6 − 1 = 2; 4 s for all: 6 − 4 = 2; the shorter one stands.
			name: "a tie goes to the shorter", all: filled(100, 1, 4), grep: filled(100, 1, 4), reload: 6, want: 1,
		},
		{
			// 0.5·8 − 1 = 3; 8 − 4 = 4.
			name: "a longer reload is worth a longer pin", all: filled(100, 1, 4), grep: filled(100, 1, 4), reload: 8, want: 4,
		},
		{
			// 0.5·1 − 1 < 0, 1 − 4 < 0.
			name: "no pin pays", all: filled(100, 1, 4), grep: filled(100, 1, 4), reload: 1, want: 0,
		},
		{
			name: "a tool seen too seldom is like all tools", all: filled(100, 2), grep: filled(99, 50), reload: 8, want: 2,
		},
		{
			// All programs have 3 turns: η is 1, and the delay counts in full, T = 10: 0.5·11 − 1 = 4.5; 11 − 4 = 7.
			name: "waiting again counts", all: filled(100, 1, 4), grep: filled(100, 1, 4),
			delays: []float64{5, 15}, turns: []int{3, 3}, reload: 1, want: 4,
		},
	} {
		c := NewContinuum(Env{}).(*Continuum)
		c.all, c.tools["grep"] = tc.all, &tc.grep
		for _, d := range tc.delays {
			c.delays.add(d)
		}
		for _, n := range tc.turns {
			c.eta.ended(n)
		}
		p := &Program{Gap: Gap{Tool: "grep", Reload: programs.Seconds(tc.reload)}}
		if got := c.ttl(p).Seconds(); math.Abs(got-tc.want) > 1e-6 {
			t.Errorf("%s: %v s, want %v", tc.name, got, tc.want)
		}
	}
}

// TestTurnsLeft: where all programs have the same number of turns, one turn more is one
// turn less to go; where numbers differ wildly, it says little.
func TestTurnsLeft(t *testing.T) {
	var none, same, mixed turnsLeft
	if none.value() != 1 {
		t.Errorf("η of nothing is %v", none.value())
	}
	for range 5 {
		same.ended(10)
	}
	if math.Abs(same.value()-1) > 1e-9 {
		t.Errorf("η of programs of ten turns is %v, want 1", same.value())
	}
	for _, n := range []int{1, 1, 2, 50} {
		mixed.ended(n)
	}
	if v := mixed.value(); v < 0 || v > 0.999 {
		t.Errorf("η of programs of 1 to 50 turns is %v", v)
	}
}

// TestDurationsForget all but the latest thousand.
func TestDurationsForget(t *testing.T) {
	var d durations
	for i := range continuumMemory + 10 {
		d.add(float64((i*7919)%5000) + float64(i)/1e6)
	}
	if len(d.sorted) != continuumMemory || len(d.recent) != continuumMemory {
		t.Fatalf("%d and %d are kept", len(d.sorted), len(d.recent))
	}
	for i := 1; i < len(d.sorted); i++ {
		if d.sorted[i-1] > d.sorted[i] {
			t.Fatalf("sample %d is out of order", i)
		}
	}
	if first := float64((10 * 7919) % 5000); math.Abs(d.recent[0]-first) > 1e-3 {
		t.Errorf("the oldest is %v, want %v", d.recent[0], first)
	}
}

// TestByName finds every policy, makes it, and lists all for a name that is none.
func TestByName(t *testing.T) {
	for _, name := range Names() {
		named, err := ByName(name)
		if err != nil || named.Name != name || named.Says == "" || named.New(Env{Pool: func() programs.Tokens { return 100 }}) == nil {
			t.Errorf("%s: %+v, %v", name, named, err)
		}
	}
	_, err := ByName("fastest")
	if err == nil {
		t.Fatal("there is a fastest policy")
	}
	for _, name := range Names() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not list %s: %v", name, err)
		}
	}
}
