package core

import (
	"math/bits"

	"github.com/interlude-run/interlude/programs"
)

// curve is a function of a context's length that is learnt from samples: in bins that
// double, [0, 1024), [1024, 2048), [2048, 4096) …, each the value at its middle, with
// straight lines between the bins that are known and level beyond them.
type curve struct {
	base float64     // assumed before there is any sample
	bins [32]float64 // 0 is not known
	seen [32]int
}

// binGain is how much of a sample a bin takes, once it is known.
const binGain = 1.0 / 64

func binOf(n programs.Tokens) int { return bits.Len64(uint64(n) >> 10) }

func middle(b int) float64 {
	if b == 0 {
		return 512
	}
	return float64(uint64(768) << b)
}

// add takes in a sample.
func (c *curve) add(at programs.Tokens, value float64) {
	b := binOf(at)
	if c.seen[b]++; c.seen[b] == 1 {
		c.bins[b] = value
	}
	c.bins[b] += max(binGain, 1/float64(c.seen[b])) * (value - c.bins[b])
}

// at is the value at a length.
func (c *curve) at(n programs.Tokens) float64 {
	x := float64(n)
	below, above := -1, -1
	for b, value := range c.bins {
		if value == 0 {
			continue
		}
		if middle(b) > x {
			above = b
			break
		}
		below = b
	}
	switch {
	case below < 0 && above < 0:
		return c.base
	case below < 0:
		return c.bins[above]
	case above < 0:
		return c.bins[below]
	}
	part := (x - middle(below)) / (middle(above) - middle(below))
	return c.bins[below] + part*(c.bins[above]-c.bins[below])
}

// integral is the sum of the values at the lengths [from, to).
func (c *curve) integral(from, to programs.Tokens) (sum float64) {
	if to <= from {
		return 0
	}
	x, value := float64(from), c.at(from)
	trapezoid := func(end, endValue float64) {
		sum += (end - x) * (value + endValue) / 2
		x, value = end, endValue
	}
	for b := binOf(from); b <= binOf(to); b++ {
		if m := middle(b); c.bins[b] > 0 && m > x && m < float64(to) {
			trapezoid(m, c.bins[b])
		}
	}
	trapezoid(float64(to), c.at(to))
	return sum
}
