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
			learn := m.Observe
			if rapid.IntRange(0, 3).Draw(t, "given up") == 0 {
				learn = m.GaveUp
			}
			learn(call(), toolpredict.Seconds(length.Draw(t, "took")))
		}
		var e toolpredict.Estimate
		m.Estimate(call(), &e)

		if got := e.Survival(0); math.Abs(got-1) > 1e-9 {
			t.Fatalf("Survival(0) = %v", got)
		}
		before, never := 2.0, float64(e.Never(0))
		for _, at := range times() {
			s := e.Survival(at)
			if s < -1e-12 || s > before+1e-12 || math.IsNaN(s) {
				t.Fatalf("Survival(%v) = %v after %v", at, s, before)
			}
			before = s
			if r := float64(e.Residual(at)); !(r > 0) || math.IsInf(r, 0) {
				t.Fatalf("Residual(%v) = %v", at, r)
			}
			if n := e.Never(at); !(n >= 0 && n <= 1) || math.Abs(n*s-never) > 1e-9 {
				t.Fatalf("Never(%v) = %v, with Survival %v and Never(0) = %v", at, n, s, never)
			}
			kept := 0.0
			for _, ahead := range times() {
				if w := e.Within(at, ahead); !(w >= -1e-9 && w <= 1+1e-9-e.Never(at)) {
					t.Fatalf("Within(%v, %v) = %v", at, ahead, w)
				}
				k := float64(e.Kept(at, at+ahead))
				if !(k > 0) || k < kept-1e-8-1e-9*float64(at+ahead) || k > max(float64(ahead), 1e-4)+1e-8+1e-9*float64(at+ahead) {
					t.Fatalf("Kept(%v, %v) = %v, after %v", at, at+ahead, k, kept)
				}
				kept = k
			}
			for _, p := range []float64{0.01, 0.25, 0.5, 0.9, 0.99} {
				q := e.Quantile(p, at)
				if ends := s - never; at < 1e6 && ends > 1e-9 && math.Abs(e.Survival(q)-never-ends*(1-p)) > 1e-6*ends {
					t.Fatalf("Survival(Quantile(%v, %v) = %v) = %v, want %v", p, at, q, e.Survival(q), never+ends*(1-p))
				}
			}
		}
	})
}

// TestMeansAreIntegralsOfSurvival holds the closed forms against sums: the mean of what is
// left of those that end, the longest hundredth cut to the shortest of it, and of what all
// are watched for.
func TestMeansAreIntegralsOfSurvival(t *testing.T) {
	m, c := toolpredict.New(toolpredict.Config{}), toolpredict.Call{Tool: "x"}
	for _, took := range []toolpredict.Seconds{0.2, 3, 3.5, 40, 700} {
		m.Observe(c, took)
	}
	m.GaveUp(c, 3600)
	var e toolpredict.Estimate
	m.Estimate(c, &e)
	integral := func(from, to float64, f func(toolpredict.Seconds) float64) (sum float64) {
		const step = 1.0005
		for x := from; x < to; x *= step {
			end := min(x*step, to)
			sum += f(toolpredict.Seconds((x+end)/2)) * (end - x)
		}
		return sum
	}
	never := e.Never(0)
	for _, at := range []toolpredict.Seconds{0.01, 0.5, 3.2, 100, 5000} {
		q := float64(e.Quantile(0.99, at))
		ends := func(x toolpredict.Seconds) float64 { return e.Survival(x) - never }
		want := integral(float64(at), q, ends) / ends(at)
		if got := float64(e.Residual(at)); math.Abs(got/want-1) > 0.01 {
			t.Errorf("Residual(%v) = %v, want %v", at, got, want)
		}
		for _, until := range []float64{float64(at) * 1.3, 3600, 1e6} {
			end := max(float64(at), min(q, until))
			want := max(integral(float64(at), end, e.Survival)/e.Survival(at), 1e-4)
			if got := float64(e.Kept(at, toolpredict.Seconds(until))); math.Abs(got/want-1) > 0.01 {
				t.Errorf("Kept(%v, %v) = %v, want %v", at, until, got, want)
			}
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
