package llama

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
)

// TestNucleusAgainstItsDefinition sorts everything.
func TestNucleusAgainstItsDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 1))
	for name, logit := range map[string]func(i int) float64{
		"normal":    func(int) float64 { return 3 * random.NormFloat64() },
		"flat":      func(int) float64 { return random.Float64() / 10 },
		"equal":     func(int) float64 { return 1 },
		"ties":      func(int) float64 { return float64(random.IntN(6)) },
		"wide":      func(int) float64 { return 400 * random.Float64() },
		"one":       func(i int) float64 { return map[bool]float64{true: 90, false: -random.Float64()}[i == 77] },
		"long tail": func(i int) float64 { return map[bool]float64{true: 33, false: random.Float64() / 4}[i == 77] },
		"some are out": func(i int) float64 {
			return map[bool]float64{true: math.Inf(-1), false: random.NormFloat64()}[i%3 == 0]
		},
		"all but 1 out": func(i int) float64 { return map[bool]float64{true: math.Inf(-1), false: 2}[i != 5] },
	} {
		for _, n := range []int{1, 10, 1000, 30000} {
			for _, p := range []float32{1e-6, 0.1, 0.5, 0.95, 0.999999} {
				cs := make([]Candidate, n)
				for i := range cs {
					cs[i] = Candidate{Token: engine.Token(i), Logit: float32(logit(i))}
				}
				sorted := slices.Clone(cs)
				slices.SortFunc(sorted, func(a, b Candidate) int { return cmp.Or(cmp.Compare(b.Logit, a.Logit), byToken(a, b)) })
				shares := probabilities(sorted)
				want, sum := len(sorted), 0.0
				for i, share := range shares {
					if sum += share; sum >= float64(p) {
						want = i + 1
						break
					}
				}
				got := nucleus(cs, p)
				if n := len(got); n == want-1 && sum-shares[want-1] > float64(p)-1e-9 || n == want+1 && sum < float64(p)+1e-9 {
					want = n // sums in another order
				}
				slices.SortFunc(got, byToken)
				sorted = sorted[:want]
				slices.SortFunc(sorted, byToken)
				if !slices.Equal(got, sorted) {
					t.Errorf("%s, %d candidates, p %v: %d are left, want %d", name, n, p, len(got), want)
				}
			}
		}
	}
}

func TestNucleusOfNothing(t *testing.T) {
	cs := []Candidate{{Token: 1, Logit: float32(math.Inf(-1))}, {Token: 2, Logit: float32(math.Inf(-1))}}
	if got := nucleus(slices.Clone(cs), 0.5); !slices.Equal(got, cs) {
		t.Errorf("of impossible candidates %v are left", got)
	}
	nan := []Candidate{{Token: 1, Logit: float32(math.NaN())}, {Token: 2, Logit: 1}}
	if got := nucleus(nan, 0.5); len(got) == 0 {
		t.Error("nothing is left where a logit is no number")
	}
}
