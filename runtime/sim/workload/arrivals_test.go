package workload

import (
	"math"
	"slices"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

func TestArrivals(t *testing.T) {
	for _, c := range []struct {
		name  string
		times func(seed uint64, n int, perSecond float64) []programs.Time
		cv    float64
	}{
		{"Poisson", Poisson, 1},
		{"Bursty, 1", func(seed uint64, n int, r float64) []programs.Time { return Bursty(seed, n, r, 1) }, 1},
		{"Bursty, 3", func(seed uint64, n int, r float64) []programs.Time { return Bursty(seed, n, r, 3) }, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			const n = 200_000
			times := c.times(1, n, 0.5)
			if !slices.IsSorted(times) || times[0] < 0 {
				t.Fatal("arrivals are out of order")
			}
			var sum, squares float64
			for i := 1; i < n; i++ {
				gap := times[i].Sub(times[i-1]).Seconds()
				sum += gap
				squares += gap * gap
			}
			mean := sum / (n - 1)
			cv := math.Sqrt(squares/(n-1)-mean*mean) / mean
			if math.Abs(mean/2-1) > 0.03 || math.Abs(cv/c.cv-1) > 0.03 {
				t.Errorf("gaps have the mean %.3f s and the coefficient of variation %.3f, want 2 and %v", mean, cv, c.cv)
			}
			if !slices.Equal(c.times(1, 1000, 0.5), times[:1000]) {
				t.Error("the first arrivals of many are not those of few")
			}
			if slices.Equal(c.times(2, 1000, 0.5), times[:1000]) {
				t.Error("another seed gives the same arrivals")
			}
			for i, fast := range c.times(1, 1000, 5) {
				if off := times[i].Sub(10 * fast); off < -10 || off > 10 {
					t.Fatalf("arrival %d comes at %v at ten times the rate, and at %v otherwise", i, fast, times[i])
				}
			}
		})
	}
}
