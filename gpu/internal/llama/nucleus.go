package llama

import (
	"cmp"
	"math"
	"slices"
)

// nucleus keeps the fewest candidates, the likeliest first, that together have at least the
// share p of all probability (Holtzman et al., The Curious Case of Neural Text Degeneration,
// 2020). It reorders them.
//
// libllama's filter sorts the whole vocabulary, which takes longer than many a model's step.
// Here the candidates are weighed in buckets by how far they are below the likeliest, and
// only those in the bucket where the share is reached are sorted.
func nucleus(cs []Candidate, p float32) []Candidate {
	highest := likeliest(cs).Logit
	if math.IsInf(float64(highest), 0) {
		return cs
	}
	var mass [buckets]float64
	for _, c := range cs {
		mass[bucket(c, highest)] += weight(c, highest)
	}
	all := 0.0
	for _, m := range mass {
		all += m
	}
	last, above := 0, 0.0                                                        // the bucket in which the share is reached, and the mass before it
	for !(above+mass[last] >= float64(p)*all*(1-rounding)) && last < buckets-1 { // so that it ends at no number
		above += mass[last]
		last++
	}
	kept, certain := cs[:0], 0
	for _, c := range cs {
		switch b := bucket(c, highest); {
		case b < last:
			kept = append(kept, c)
			kept[certain], kept[len(kept)-1] = kept[len(kept)-1], kept[certain]
			certain++
		case b == last:
			kept = append(kept, c)
		}
	}
	slices.SortFunc(kept[certain:], func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Logit, a.Logit), cmp.Compare(a.Token, b.Token))
	})
	for i, c := range kept[certain:] {
		if above += weight(c, highest); above >= float64(p)*all {
			return kept[:certain+i+1]
		}
	}
	return kept
}

// The buckets are an eighth of a nat wide; the last one has the rest, from 32 nats below the
// likeliest on.
const (
	buckets  = 257
	perNat   = 8
	rounding = 1e-9 // sums in another order differ by less
)

func bucket(c Candidate, highest float32) int {
	if d := (highest - c.Logit) * perNat; d < buckets-1 {
		return int(d)
	}
	return buckets - 1
}

// weight is the candidate's probability over that of the likeliest.
func weight(c Candidate, highest float32) float64 { return math.Exp(float64(c.Logit - highest)) }
