package toolpredict_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/toolpredict"
)

// TestAnEstimateIsADistribution asks estimates of models with any past for what every
// distribution owes.
func TestAnEstimateIsADistribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := toolpredict.New(toolpredict.Config{Nodes: rapid.IntRange(0, 8).Draw(t, "nodes")})
		name := rapid.SampledFrom([]string{"", "a", "b"})
		length := rapid.OneOf(rapid.Float64(), rapid.Float64Range(0, 10), rapid.Float64Range(0, 1e7))
		call := func() toolpredict.Call {
			return toolpredict.Call{
				Program: name.Draw(t, "program"), Tenant: name.Draw(t, "tenant"),
				Tool: name.Draw(t, "tool"), Class: name.Draw(t, "class"),
				Human: rapid.Bool().Draw(t, "human"), Hint: toolpredict.Seconds(length.Draw(t, "hint")),
			}
		}
		for range rapid.IntRange(0, 40).Draw(t, "seen") {
			m.Observe(call(), toolpredict.Seconds(length.Draw(t, "took")))
		}
		var e toolpredict.Estimate
		m.Estimate(call(), &e)

		if got := e.Survival(0); math.Abs(got-1) > 1e-9 {
			t.Fatalf("Survival(0) = %v", got)
		}
		before := 2.0
		for _, at := range times() {
			s := e.Survival(at)
			if s < -1e-12 || s > before+1e-12 || math.IsNaN(s) {
				t.Fatalf("Survival(%v) = %v after %v", at, s, before)
			}
			before = s
			if r := float64(e.Residual(at)); !(r > 0) || math.IsInf(r, 0) {
				t.Fatalf("Residual(%v) = %v", at, r)
			}
			for _, ahead := range times() {
				if w := e.Within(at, ahead); !(w >= -1e-9 && w <= 1+1e-9) {
					t.Fatalf("Within(%v, %v) = %v", at, ahead, w)
				}
			}
			for _, p := range []float64{0.01, 0.25, 0.5, 0.9, 0.99} {
				q := e.Quantile(p, at)
				if at < 1e6 && s > 1e-9 && math.Abs(e.Survival(q)-s*(1-p)) > 1e-6*s {
					t.Fatalf("Survival(Quantile(%v, %v) = %v) = %v, want %v", p, at, q, e.Survival(q), s*(1-p))
				}
			}
		}
	})
}

// TestResidualIsTheIntegralOfSurvival holds the closed form against a sum.
func TestResidualIsTheIntegralOfSurvival(t *testing.T) {
	m := toolpredict.New(toolpredict.Config{})
	for _, took := range []toolpredict.Seconds{0.2, 3, 3.5, 40, 700} {
		m.Observe(toolpredict.Call{Tool: "x"}, took)
	}
	var e toolpredict.Estimate
	m.Estimate(toolpredict.Call{Tool: "x"}, &e)
	for _, at := range []float64{0.01, 0.5, 3.2, 100, 5000} {
		sum, step := 0.0, 1.0005
		for x := at; x < 1e7; x *= step {
			mid := x * (1 + step) / 2
			sum += float64(e.Survival(toolpredict.Seconds(mid))) * x * (step - 1)
		}
		want := sum / e.Survival(toolpredict.Seconds(at))
		if got := float64(e.Residual(toolpredict.Seconds(at))); math.Abs(got/want-1) > 0.01 {
			t.Errorf("Residual(%v) = %v, want %v", at, got, want)
		}
	}
}

// times spans all bins and what is beyond them.
func times() (at []toolpredict.Seconds) {
	at = append(at, 0)
	for x := 1e-5; x < 1e9; x *= 3.7 {
		at = append(at, toolpredict.Seconds(x))
	}
	return at
}
