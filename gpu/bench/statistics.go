package bench

import "slices"

// Spread is the minimum, median and maximum of repetitions.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// SpreadOf sums up at least one value. The median of an even number is the mean of the
// middle two.
func SpreadOf(xs []float64) Spread {
	xs = slices.Clone(xs)
	slices.Sort(xs)
	n := len(xs)
	return Spread{xs[0], (xs[(n-1)/2] + xs[n/2]) / 2, xs[n-1]}
}

// Ratios are base over ours by repetition: of times, how many times ours is faster.
func Ratios(base, ours []float64) []float64 {
	rs := make([]float64, len(base))
	for i := range base {
		rs[i] = base[i] / ours[i]
	}
	return rs
}

// turns is the order in which n arms measure in a repetition: forwards in every even
// one, backwards in every odd one (ABC CBA), so that over an even number of
// repetitions none of them is early or late on average.
func turns(n, repetition int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	if repetition%2 != 0 {
		slices.Reverse(order)
	}
	return order
}
