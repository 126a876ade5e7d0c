package toolpredict_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/interlude-run/interlude/toolpredict"
)

// TestCallsThatAreGivenUp has estimates worked by hand. 100 calls return after 1 s and 50
// after 100 s, in turns with 50 that are given up.
func TestCallsThatAreGivenUp(t *testing.T) {
	for _, tc := range []struct {
		after           toolpredict.Seconds // until given up
		at              toolpredict.Seconds
		survival, never float64
		slack           float64
		because         string
	}{
		{10, 0, 1, 0, 0.02, "those given up go where others of their age went"},
		{10, 10, 0.5, 0, 0.04, "with the 50 that take 100 s, half of all"},
		{10, 1000, 0, 1, 0.03, "of which none is left"},
		{0.1, 10, 1. / 3, 0, 0.03, "given up early, they say nothing: a third of those that returned"},
		{10_000, 0, 1, 0.25, 0.03, "given up when all others are back, they never return"},
		{10_000, 10, 0.5, 0.5, 0.04, "of those that are not back at once, half"},
		{10_000, 1000, 0.25, 1, 0.04, "of those that wait longer than the others, all"},
	} {
		t.Run(fmt.Sprintf("%v after %v", tc.at, tc.after), func(t *testing.T) {
			m, c := toolpredict.New(toolpredict.Config{}), toolpredict.Call{Tool: "x"}
			for range 50 {
				m.Observe(c, 1)
				m.GaveUp(c, tc.after)
				m.Observe(c, 100)
				m.Observe(c, 1)
			}
			var e toolpredict.Estimate
			m.Estimate(c, &e)
			if got := e.Survival(tc.at); math.Abs(got-tc.survival) > tc.slack {
				t.Errorf("%.3f are not back at %v s, want %.3f: %s", got, tc.at, tc.survival, tc.because)
			}
			if got := e.Never(tc.at); e.Survival(tc.at) > 0.1 && math.Abs(got-tc.never) > tc.slack {
				t.Errorf("%.3f of those never are, want %.3f: %s", got, tc.never, tc.because)
			}
		})
	}
}

// TestAHintOfWhatNeverReturns: a client whose hints are of calls that never return is not
// believed to know when they do.
func TestAHintOfWhatNeverReturns(t *testing.T) {
	m, c := toolpredict.New(toolpredict.Config{}), toolpredict.Call{Tool: "x", Hint: 5}
	for range 50 {
		m.GaveUp(c, 3600)
	}
	var e toolpredict.Estimate
	m.Estimate(c, &e)
	if got := e.Never(0); got < 0.9 {
		t.Errorf("hinted 5 s, as 50 times before that were given up after an hour: %.3f never return", got)
	}
}

// TestOneStraySample: a gap of 10⁶ s in a thousand of a few seconds hardly changes how long
// one is expected to be.
func TestOneStraySample(t *testing.T) {
	for _, length := range []toolpredict.Seconds{0.1, 3, 60} {
		expected := func(stray bool) float64 {
			m, c := toolpredict.New(toolpredict.Config{}), toolpredict.Call{Tool: "x"}
			for i := range 1000 {
				if stray && i == 500 {
					m.Observe(c, 1e6)
				}
				m.Observe(c, length*toolpredict.Seconds(1+i%3))
			}
			var e toolpredict.Estimate
			m.Estimate(c, &e)
			return float64(e.Residual(0))
		}
		without, with := expected(false), expected(true)
		if with > 1.05*without {
			t.Errorf("gaps of %v s and more: %.3g s are expected, with one of 10⁶ s %.3g s", length, without, with)
		}
	}
}
