package toolpredict

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestCountsAgainstKaplanAndMeier compares a forecast, with next to no prior and nothing
// forgotten, with the estimator as it is defined: the product, over the moments at which any
// call returned, of the part of those still watched that did not.
func TestCountsAgainstKaplanAndMeier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type sample struct {
			bin      int
			returned bool
		}
		var samples []sample
		var c counts
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			s := sample{rapid.IntRange(0, bins-1).Draw(t, "bin"), rapid.Bool().Draw(t, "returned")}
			samples = append(samples, s)
			c.add(outcome{bin: s.bin, givenUp: !s.returned}, 1e9) // given up at the end of the bin
		}
		p := c.forecast(&toolPrior, 1e-9)

		survival, total := 1.0, p[never]
		for i := range bins {
			watched, returned := 0, 0
			for _, s := range samples {
				if s.bin >= i {
					watched++
				}
				if s.bin == i && s.returned {
					returned++
				}
			}
			if watched == 0 {
				break // nobody knows
			}
			before := survival
			survival *= 1 - float64(returned)/float64(watched)
			if want := before - survival; math.Abs(p[i]-want) > 1e-6 {
				t.Fatalf("%v: bin %d has %.6f, by Kaplan and Meier %.6f", samples, i, p[i], want)
			}
		}
		for _, q := range p[:bins] {
			if q < 0 {
				t.Fatalf("%v: a chance of %v", samples, q)
			}
			total += q
		}
		if math.Abs(total-1) > 1e-6 {
			t.Fatalf("%v: chances add up to %v", samples, total)
		}
	})
}

// TestCountsGivenUpWithinABin: watched through half of a bin is half a watch of it.
func TestCountsGivenUpWithinABin(t *testing.T) {
	var c counts
	for range 3 {
		c.add(outcome{bin: 10}, 1e9)
	}
	for range 2 {
		c.add(outcome{bin: 10, givenUp: true, left: 0.5}, 1e9)
	}
	// Of 3 + 2/2 that were watched in the bin 3 returned.
	if p := c.forecast(&toolPrior, 1e-9); math.Abs(p[10]-0.75) > 1e-6 {
		t.Errorf("the bin has %v, want 3/4", p[10])
	}
}
