package bench

import (
	"slices"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want Spread
	}{
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{4, 1}, Spread{1, 2.5, 4}},
		{[]float64{9, 1, 2}, Spread{1, 2, 9}},
		{[]float64{8, 2, 100, 4}, Spread{2, 6, 100}},
	} {
		before := slices.Clone(c.xs)
		if got := SpreadOf(c.xs); got != c.want {
			t.Errorf("spread of %v is %v, want %v", c.xs, got, c.want)
		}
		if !slices.Equal(c.xs, before) {
			t.Errorf("%v was changed to %v", before, c.xs)
		}
	}
}

// TestRatios: a ratio is of the same repetition, and above 1 where ours takes less time.
func TestRatios(t *testing.T) {
	got := Ratios([]float64{2, 9, 1}, []float64{1, 3, 4})
	if want := []float64{2, 3, 0.25}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestTurns: every repetition has every arm once, and over an even number of them all
// arms are as early as all others.
func TestTurns(t *testing.T) {
	for n := 1; n <= 4; n++ {
		places := make([]int, n)
		for rep := range 6 {
			order := turns(n, rep)
			for place, arm := range order {
				places[arm] += place
			}
			if slices.Sort(order); !slices.Equal(order, turns(n, 0)) {
				t.Errorf("repetition %d has arms %v", rep, order)
			}
		}
		if slices.Min(places) != slices.Max(places) {
			t.Errorf("%d arms have places %v in sum", n, places)
		}
	}
	if got := slices.Concat(turns(2, 0), turns(2, 1)); !slices.Equal(got, []int{0, 1, 1, 0}) {
		t.Errorf("two arms take turns as %v, want ABBA", got)
	}
}

// TestEfforts: each order of the arms has as many repetitions, no position repeats, and
// decodes stay within the cells that there are.
func TestEfforts(t *testing.T) {
	for _, e := range []effort{fullEffort, quickEffort} {
		if e.repetitions%2 != 0 || e.prefills%2 != 0 {
			t.Errorf("%+v: odd repetitions", e)
		}
		if most := max(e.steps1, e.steps8) + 1; most > margin {
			t.Errorf("%+v: %d decodes, cells for %d", e, most, margin)
		}
		if e.prose > contextLength {
			t.Errorf("%+v: the prose is longer than a context", e)
		}
	}
	if fullEffort.prefills >= chunkLength || chunkStart(0) == chunkStart(1) || chunkStart(0)+chunkLength > contextLength+chunkLength {
		t.Error("chunks are measured where one was built")
	}
}
