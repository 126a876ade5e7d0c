package anchor_test

import (
	"math"
	"testing"

	"github.com/interlude-run/interlude/kvpin/anchor"
)

func TestDeviation(t *testing.T) {
	for _, c := range []struct {
		now, moved []float32
		want       float64
	}{
		{[]float32{3, 4}, []float32{3, 4}, 0},
		{[]float32{3, 4}, []float32{0, 0}, 1},
		{[]float32{3, 4}, []float32{3, 1}, 0.6},
		{[]float32{0, 0}, []float32{0, 0}, 0},
		{[]float32{0, 0}, []float32{1, 0}, math.Inf(1)},
		{nil, nil, 0},
	} {
		if got := anchor.Deviation(c.now, c.moved); math.Abs(got-c.want) > 1e-9 && got != c.want {
			t.Errorf("%v, moved %v: %v, want %v", c.now, c.moved, got, c.want)
		}
	}
	for layers, want := range map[int]int{30: 8, 2: 1, 32: 8, 5: 1, 1: 0} {
		if got := anchor.CheckLayer(layers); got != want {
			t.Errorf("of %d layers the one at %d, want %d", layers, got, want)
		}
	}
}
