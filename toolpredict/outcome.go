package toolpredict

import "math"

// outcome is what is known of how a call went: it returned, after a length in the bin, or it
// was given up in the bin, when so much of the bin (by its logarithms) was still to come.
// One that was given up would have taken longer, or for ever: its length is censored.
type outcome struct {
	bin     int
	givenUp bool
	left    float64
}

func returned(seconds float64) outcome { return outcome{bin: binOf(seconds)} }

func givenUp(seconds float64) outcome {
	o := outcome{bin: binOf(seconds), givenUp: true, left: 1}
	if seconds > edges[0] {
		left := (lnEdges[o.bin+1] - math.Log(seconds)) / (lnEdges[o.bin+1] - lnEdges[o.bin])
		o.left = min(max(left, 0), 1)
	}
	return o
}

// over is the outcome in bins of the ratio to a hint; what is beyond all bins is in the
// first or last.
func (o outcome) over(hint int) outcome {
	ratio := o.bin - hint + middle
	switch o.bin = min(max(ratio, 0), bins-1); {
	case ratio < 0:
		o.left = 1
	case ratio >= bins:
		o.left = 0
	}
	return o
}

// chance is what a distribution gives to the outcome: to the bin, or to all that was still
// possible when the call was given up.
func (o outcome) chance(p *dist) float64 {
	if !o.givenUp {
		return p[o.bin]
	}
	mass := o.left * p[o.bin]
	for _, q := range p[o.bin+1:] {
		mass += q
	}
	return mass
}
