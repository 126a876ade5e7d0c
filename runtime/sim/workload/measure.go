package workload

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/interlude-run/interlude/programs"
)

// measure gives the profile of programs, source by source, subagents counted as
// programs on their own. Their gaps should not have been cut.
func measure(ps []Program) *profile {
	bySource := make(map[string][]Program)
	for _, p := range ps {
		bySource[p.Source] = append(bySource[p.Source], p)
	}
	m := new(profile)
	for _, source := range slices.Sorted(maps.Keys(bySource)) {
		m.sources = append(m.sources, measureSource(source, bySource[source]))
	}
	return m
}

func measureSource(source string, ps []Program) *sourceProfile {
	s := &sourceProfile{Source: source, Programs: len(ps)}
	s.measurePrograms(ps)
	s.measureContexts(ps)
	s.measureResets(ps)
	s.measureGrowth(ps)
	s.measureCalls(ps)
	s.measureDependence(ps)
	return s
}

// measurePrograms measures what there is one of in a program.
func (s *sourceProfile) measurePrograms(ps []Program) {
	var first, answer []int64
	var turns [fifths][]int64
	fifth := fifthsOf(ps)
	shared := make(map[string]*sharedPrefix)
	for i, p := range ps {
		turns[fifth[i]] = append(turns[fifth[i]], int64(len(p.Turns)))
		first = append(first, int64(p.Turns[0].Context()))
		answer = append(answer, int64(p.Turns[len(p.Turns)-1].Output))
		if p.SharedKey == "" {
			continue
		}
		if shared[p.SharedKey] == nil {
			shared[p.SharedKey] = &sharedPrefix{Key: p.SharedKey, Tokens: int64(p.SharedPrefix)}
		}
		shared[p.SharedKey].Programs++
	}
	s.First, s.Answer = quantilesOf(first), quantilesOf(answer)
	for i := range turns {
		s.Turns[i] = quantilesOf(turns[i])
	}
	for _, key := range slices.Sorted(maps.Keys(shared)) {
		s.Shared = append(s.Shared, *shared[key])
	}
}

// fifthsOf gives for each program the fifth that it is in, by first context.
func fifthsOf(ps []Program) []int {
	order := ordered(firstContexts(ps))
	fifth := make([]int, len(ps))
	for place, i := range order {
		fifth[i] = place * fifths / len(ps)
	}
	return fifth
}

func firstContexts(ps []Program) []float64 {
	var first []float64
	for _, p := range ps {
		first = append(first, float64(p.Turns[0].Context()))
	}
	return first
}

// ordered gives the indexes of values in their order, equal ones as they come.
func ordered(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	return order
}

// measureContexts measures how much of a context is kept.
func (s *sourceProfile) measureContexts(ps []Program) {
	var kept, plain int
	var cut []int64
	for before, t := range pairs(ps) {
		if t.Reset {
			continue
		}
		plain++
		if t.Prefix == before.end() {
			kept++
		} else {
			cut = append(cut, int64(max(0, before.Context()-t.Prefix)))
		}
	}
	s.Kept, s.Cut = share(kept, plain), quantilesOf(cut)
}

// resetBands are the lengths of context from which resets are measured apart.
var resetBands = []programs.Tokens{0, 25_000, 50_000, 100_000, 150_000, 170_000, 200_000}

// measureResets measures how often contexts are rewritten, and to what.
func (s *sourceProfile) measureResets(ps []Program) {
	var afterReset, again int
	turns, reset := make([]int, len(resetBands)), make([]int, len(resetBands))
	context, kept := make([][]int64, len(resetBands)), make([][]int64, len(resetBands))
	for before, t := range pairs(ps) {
		band := len(resetBands) - 1
		for resetBands[band] > before.Context() {
			band--
		}
		if t.Reset {
			context[band] = append(context[band], thousandths(t.Context(), before.Context()))
			kept[band] = append(kept[band], thousandths(t.Prefix, before.Context()))
		}
		switch {
		case before.Reset:
			afterReset++
			if t.Reset {
				again++
			}
		default:
			turns[band]++
			if t.Reset {
				reset[band]++
			}
		}
	}
	s.ResetAgain = share(again, afterReset)
	for band, from := range resetBands {
		if reset[band] > 0 {
			s.Resets = append(s.Resets, resets{from, share(reset[band], turns[band]), quantilesOf(context[band]), quantilesOf(kept[band])})
		} else if len(s.Resets) > 0 {
			s.Resets = append(s.Resets, resets{From: from})
		}
	}
}

// pairs yields the turns behind others, each with the one before it.
func pairs(ps []Program) func(func(before, t *Turn) bool) {
	return func(yield func(before, t *Turn) bool) {
		for _, p := range ps {
			for i := 1; i < len(p.Turns); i++ {
				if !yield(&p.Turns[i-1], &p.Turns[i]) {
					return
				}
			}
		}
	}
}

func thousandths(part, whole programs.Tokens) int64 {
	return int64(math.Round(1000 * float64(part) / float64(whole)))
}

// share is part/whole to four digits, and 0 of nothing.
func share(part, whole int) float64 {
	return rounded(float64(part) / float64(max(1, whole)))
}

func rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// measureGrowth measures how inputs depend on the context that they extend.
func (s *sourceProfile) measureGrowth(ps []Program) {
	var context, input []float64
	for before, t := range pairs(ps) {
		if !t.Reset {
			context, input = append(context, float64(before.Context())), append(input, float64(t.Input))
		}
	}
	order := ordered(context)
	all := stat.Mean(input, nil)
	for f := range s.Growth {
		s.Growth[f].Factor = 1
		var members []float64
		for _, i := range order[f*len(order)/fifths : (f+1)*len(order)/fifths] {
			if len(members) == 0 && f > 0 {
				s.Growth[f].From = programs.Tokens(context[i])
			}
			members = append(members, input[i])
		}
		if len(members) > 0 {
			s.Growth[f].Factor = rounded(stat.Mean(members, nil) / all)
		}
	}
}
