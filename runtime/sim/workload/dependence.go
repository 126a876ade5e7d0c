package workload

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// measureDependence measures how alike the turns of a program are. Values are
// scored among those of the same call, so that the tools, which the calls'
// profiles describe, are not counted again.
func (s *sourceProfile) measureDependence(ps []Program) {
	var long []Program // those in which a turn follows another
	for _, p := range ps {
		if len(p.Turns) > 1 {
			long = append(long, p)
		}
	}
	keys := keysOf(long)
	var each [traits][]float64 // of each program
	for kind := range series {
		scored := scoreTurns(long, keys, kind)
		s.Series[kind] = dependenceOf(scored)
		for _, z := range scored {
			each[kind] = append(each[kind], stat.Mean(z, nil))
		}
	}
	each[turnsTrait], each[firstTrait] = scoreLengths(long), scores(firstContexts(long))
	for a := range traits {
		for b := range traits {
			s.Alike[a][b] = correlation(each[a], each[b])
		}
		s.Alike[a][a] = 1
	}
}

// scoreLengths scores the programs' numbers of turns, each fifth by itself.
func scoreLengths(ps []Program) []float64 {
	fifth := fifthsOf(ps)
	scored := make([]float64, len(ps))
	for f := range fifths {
		var members []int
		var lengths []float64
		for i := range ps {
			if fifth[i] == f {
				members, lengths = append(members, i), append(lengths, float64(len(ps[i].Turns)))
			}
		}
		for k, z := range scores(lengths) {
			scored[members[k]] = z
		}
	}
	return scored
}

// scoreTurns gives a normal score for each turn of each program but the last.
func scoreTurns(ps []Program, keys map[callKey]callKey, kind trait) [][]float64 {
	values := make(map[callKey][]float64)
	for before, t := range pairs(ps) {
		k := keys[keyOf(before)]
		values[k] = append(values[k], valueOf(before, t, kind))
	}
	for k := range values {
		values[k] = scores(values[k])
	}
	scored := make([][]float64, len(ps))
	for i, p := range ps {
		for t := range len(p.Turns) - 1 {
			k := keys[keyOf(&p.Turns[t])]
			scored[i] = append(scored[i], values[k][0])
			values[k] = values[k][1:]
		}
	}
	return scored
}

func valueOf(before, t *Turn, kind trait) float64 {
	switch kind {
	case inputTrait:
		return float64(t.Input)
	case outputTrait:
		return float64(before.Output)
	}
	return float64(before.Gap)
}

// scores gives each value's place among all, equal ones in the middle of their
// places, as a quantile of the standard normal distribution.
func scores(values []float64) []float64 {
	order := ordered(values)
	z := make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		score := distuv.UnitNormal.Quantile(float64(from+to) / 2 / float64(len(order)))
		for _, i := range order[from:to] {
			z[i] = score
		}
		from = to
	}
	return z
}

// dependenceOf measures the scores' variance between programs, as the mean
// product of two of a program, and the correlation of neighbours beyond that.
func dependenceOf(scored [][]float64) dependence {
	var all, before, after []float64
	var products, weight float64
	for _, z := range scored {
		all = append(all, z...)
		if len(z) < 2 {
			continue
		}
		before, after = append(before, z[:len(z)-1]...), append(after, z[1:]...)
		var sum, squares float64
		for _, x := range z {
			sum += x
			squares += x * x
		}
		products += (sum*sum - squares) / float64(len(z)-1) // a program weighs as its turns
		weight += float64(len(z))
	}
	if weight == 0 {
		return dependence{}
	}
	between := min(max(0, products/weight/stat.Variance(all, nil)), 0.9)
	memory := min(max(0, (correlation(before, after)-between)/(1-between)), 0.9)
	return dependence{Program: rounded(between), Memory: rounded(memory)}
}

// correlation is 0 where one of the two does not vary.
func correlation(a, b []float64) float64 {
	c := stat.Correlation(a, b, nil)
	if math.IsNaN(c) {
		return 0
	}
	return rounded(c)
}
