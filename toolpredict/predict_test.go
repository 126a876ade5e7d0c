package toolpredict_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/interlude-run/interlude/toolpredict"
)

// lengths draws gaps that are log-normal around a median.
func lengths(rng *rand.Rand, median, sigma float64) toolpredict.Seconds {
	return toolpredict.Seconds(median * math.Exp(sigma*rng.NormFloat64()))
}

// observe has the model learn n gaps of the call.
func observe(m *toolpredict.Model, rng *rand.Rand, c toolpredict.Call, n int, median float64) {
	for range n {
		m.Observe(c, lengths(rng, median, 0.3))
	}
}

func median(m *toolpredict.Model, c toolpredict.Call) float64 {
	var e toolpredict.Estimate
	m.Estimate(c, &e)
	return float64(e.Quantile(0.5, 0))
}

// TestEachLevelIsUsedWhereItIsKnown gives levels lengths of their own and asks for
// calls that are known down to each of them.
func TestEachLevelIsUsedWhereItIsKnown(t *testing.T) {
	m, rng := toolpredict.New(toolpredict.Config{}), rand.New(rand.NewPCG(1, 1))
	for range 300 {
		observe(m, rng, toolpredict.Call{Tenant: "a", Tool: "git", Class: "status"}, 1, 0.01)
		observe(m, rng, toolpredict.Call{Tenant: "a", Tool: "git", Class: "clone"}, 1, 20)
		observe(m, rng, toolpredict.Call{Tenant: "a", Tool: "ls"}, 1, 0.002)
		observe(m, rng, toolpredict.Call{Tenant: "b", Tool: "ls"}, 1, 2)
		observe(m, rng, toolpredict.Call{Program: "slow", Tenant: "b", Tool: "search"}, 1, 100)
		observe(m, rng, toolpredict.Call{Tenant: "b", Tool: "search"}, 1, 4)
		observe(m, rng, toolpredict.Call{Human: true}, 1, 600)
	}
	for _, c := range []struct {
		name string
		call toolpredict.Call
		want float64 // median in seconds, within a factor of 1.5
	}{
		{"class", toolpredict.Call{Tenant: "a", Tool: "git", Class: "status"}, 0.01},
		{"another class", toolpredict.Call{Tenant: "a", Tool: "git", Class: "clone"}, 20},
		{"class of a new program", toolpredict.Call{Program: "new", Tenant: "a", Tool: "git", Class: "clone"}, 20},
		{"tool without class", toolpredict.Call{Tenant: "a", Tool: "ls"}, 0.002},
		{"new class of a known tool", toolpredict.Call{Tenant: "a", Tool: "ls", Class: "new"}, 0.002},
		{"the tool of another tenant", toolpredict.Call{Tenant: "b", Tool: "ls"}, 2},
		{"program", toolpredict.Call{Program: "slow", Tenant: "b", Tool: "search"}, 100},
		{"person", toolpredict.Call{Human: true}, 600},
		{"person of a new tenant", toolpredict.Call{Tenant: "c", Human: true}, 600},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := median(m, c.call); got < c.want/1.5 || got > c.want*1.5 {
				t.Errorf("median %.3g s, want about %.3g s", got, c.want)
			}
		})
	}
}

// TestAFamilyThatFitsIsKnownSoon asks for lengths that the log-normal rules out and
// that forty counts could not: they are improbable soon, and never impossible.
func TestAFamilyThatFitsIsKnownSoon(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	c := toolpredict.Call{Tool: "x"}
	var e toolpredict.Estimate
	below := func(m *toolpredict.Model) float64 {
		m.Estimate(c, &e)
		return 1 - e.Survival(0.02)
	}
	const models = 40
	var soon, late float64
	for range models {
		m := toolpredict.New(toolpredict.Config{})
		for range 40 {
			m.Observe(c, lengths(rng, 10, 0.8))
		}
		soon += below(m) / models
		for range 1000 {
			m.Observe(c, lengths(rng, 10, 0.8))
		}
		late += below(m) / models
	}
	if soon > 0.005 {
		t.Errorf("after 40 calls a length below 20 ms has the chance %.4f, want no more than 0.005", soon)
	}
	if late < 1e-5 {
		t.Errorf("after 1040 calls a length below 20 ms has the chance %.1g, want 1e-5 or more", late)
	}
}

// TestNothingSeen gives the priors.
func TestNothingSeen(t *testing.T) {
	m := toolpredict.New(toolpredict.Config{})
	if got := median(m, toolpredict.Call{Tool: "x"}); got < 0.9 || got > 1.1 {
		t.Errorf("a tool takes %.3g s, want 1", got)
	}
	if got := median(m, toolpredict.Call{Human: true}); got < 54 || got > 66 {
		t.Errorf("a person takes %.3g s, want 60", got)
	}
}

// TestAChangeShowsWithinAHundredSamples has a tool become a hundred times slower after
// a thousand calls, among other tools that do not change.
func TestAChangeShowsWithinAHundredSamples(t *testing.T) {
	m, rng := toolpredict.New(toolpredict.Config{}), rand.New(rand.NewPCG(2, 2))
	tool, other := toolpredict.Call{Tool: "build"}, toolpredict.Call{Tool: "ls"}
	observe(m, rng, tool, 1000, 0.5)
	observe(m, rng, other, 1000, 0.1)
	for range 50 {
		observe(m, rng, tool, 1, 50)
		observe(m, rng, other, 1, 0.1)
	}
	if got := median(m, tool); got < 35 || got > 70 {
		t.Errorf("50 calls after the change the median is %.3g s, want about 50", got)
	}
	if got := median(m, other); got < 0.07 || got > 0.14 {
		t.Errorf("the tool that has not changed has a median of %.3g s, want about 0.1", got)
	}
}

// TestHintsAreBelievedAsTheyProve compares clients: one that knows, one that makes it
// up, and one that is wrong always by the same factor.
func TestHintsAreBelievedAsTheyProve(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct {
		name string
		hint func(took toolpredict.Seconds) toolpredict.Seconds
		want float64 // median for a hint of 1 s, within a factor of 1.4
	}{
		{"knows", func(took toolpredict.Seconds) toolpredict.Seconds { return took }, 1},
		{"thirty times too little", func(took toolpredict.Seconds) toolpredict.Seconds { return took / 30 }, 30},
		{"makes it up", func(toolpredict.Seconds) toolpredict.Seconds { return lengths(rng, 1, 3) }, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := toolpredict.New(toolpredict.Config{})
			for range 200 {
				took := lengths(rng, 10, 1.2)
				m.Observe(toolpredict.Call{Tool: "job", Hint: c.hint(took)}, took)
			}
			if got := median(m, toolpredict.Call{Tool: "job", Hint: 1}); got < c.want/1.4 || got > c.want*1.4 {
				t.Errorf("hinted 1 s: median %.3g s, want about %.3g s", got, c.want)
			}
		})
	}
}

// TestForget leaves what a program's calls have taught of their tool.
func TestForget(t *testing.T) {
	m, rng := toolpredict.New(toolpredict.Config{}), rand.New(rand.NewPCG(4, 4))
	c := toolpredict.Call{Program: "p", Tool: "ls"}
	observe(m, rng, toolpredict.Call{Program: "q", Tool: "ls"}, 200, 1)
	observe(m, rng, c, 30, 50)
	if got := median(m, c); got < 30 {
		t.Fatalf("the program's median is %.3g s, want about 50", got)
	}
	m.Forget("p")
	var before, after toolpredict.Estimate
	m.Estimate(c, &after)
	m.Estimate(toolpredict.Call{Program: "never seen", Tool: "ls"}, &before)
	if before != after {
		t.Error("a program that was forgotten differs from one that was never seen")
	}
}

// TestWhatIsNoLengthIsNotLearntFrom feeds absurd values.
func TestWhatIsNoLengthIsNotLearntFrom(t *testing.T) {
	var untouched, e toolpredict.Estimate
	toolpredict.New(toolpredict.Config{}).Estimate(toolpredict.Call{Tool: "x"}, &untouched)
	m := toolpredict.New(toolpredict.Config{})
	for _, took := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		m.Observe(toolpredict.Call{Tool: "x"}, toolpredict.Seconds(took))
	}
	if m.Estimate(toolpredict.Call{Tool: "x"}, &e); e != untouched {
		t.Error("an absurd length was learnt from")
	}
	for _, hint := range []float64{-1, math.NaN(), math.Inf(1)} {
		if m.Estimate(toolpredict.Call{Tool: "x", Hint: toolpredict.Seconds(hint)}, &e); e != untouched {
			t.Errorf("a hint of %v was listened to", hint)
		}
	}
}

// TestMemoryIsBounded sees more programs than are kept; the latest are still known.
func TestMemoryIsBounded(t *testing.T) {
	m, rng := toolpredict.New(toolpredict.Config{Nodes: 50}), rand.New(rand.NewPCG(5, 5))
	for i := range 500 {
		observe(m, rng, toolpredict.Call{Program: strconv.Itoa(i), Tool: "x"}, 20, math.Pow(10, float64(i%4)))
	}
	if kept := m.Kept("*"); kept != 50 {
		t.Errorf("%d nodes are kept, want 50", kept)
	}
	if got := median(m, toolpredict.Call{Program: "499", Tool: "x"}); got < 500 || got > 2000 {
		t.Errorf("the latest program's median is %.3g s, want about 1000", got)
	}
}

// TestNothingIsAllocatedForWhatIsKnown counts.
func TestNothingIsAllocatedForWhatIsKnown(t *testing.T) {
	m := toolpredict.New(toolpredict.Config{})
	c := toolpredict.Call{Program: "p", Tenant: "t", Tool: "git", Class: "clone", Hint: 3}
	var e toolpredict.Estimate
	m.Observe(c, 2)
	if n := testing.AllocsPerRun(100, func() { m.Observe(c, 2); m.Estimate(c, &e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m, c := toolpredict.New(toolpredict.Config{}), toolpredict.Call{Program: "p", Tenant: "t", Tool: "git", Class: "clone"}
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(c, 2)
	}
}

func BenchmarkEstimate(b *testing.B) {
	m, c := toolpredict.New(toolpredict.Config{}), toolpredict.Call{Program: "p", Tenant: "t", Tool: "git", Class: "clone"}
	var e toolpredict.Estimate
	m.Observe(c, 2)
	b.ReportAllocs()
	for b.Loop() {
		m.Estimate(c, &e)
	}
}

func BenchmarkResidual(b *testing.B) {
	m, c := toolpredict.New(toolpredict.Config{}), toolpredict.Call{Tool: "git"}
	var e toolpredict.Estimate
	m.Observe(c, 2)
	m.Estimate(c, &e)
	b.ReportAllocs()
	for b.Loop() {
		e.Residual(1.5)
	}
}
