package workload

import (
	"math"
	"slices"
)

// grid holds the probabilities at which quantiles are kept.
var grid = [...]float64{0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 1}

// quantiles is the distribution of counts that are not negative: their values at
// the grid's probabilities, or nothing if there were none.
type quantiles []int64

// quantilesOf measures a distribution. It sorts values.
func quantilesOf(values []int64) quantiles {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	q := make(quantiles, len(grid))
	for i, p := range grid {
		q[i] = values[int(math.Round(p*float64(len(values)-1)))]
	}
	return q
}

// at is the quantile at probability u. Between the kept ones it runs on a
// logarithmic scale, since most counts here spread over decades.
func (q quantiles) at(u float64) int64 {
	if len(q) == 0 {
		return 0
	}
	i := 1
	for i < len(grid)-1 && grid[i] < u {
		i++
	}
	low, high := q[i-1], q[i]
	if low == high {
		return low
	}
	part := (u - grid[i-1]) / (grid[i] - grid[i-1])
	return int64(math.Round(math.Expm1(math.Log1p(float64(low))*(1-part) + math.Log1p(float64(high))*part)))
}
