package workload

import (
	"fmt"
	"math"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Scale gives copies of the programs with token counts times tokens and gaps
// times gaps: 1.0/16 and 1 for a model that is small and slow. Counts are
// rounded; inputs and outputs keep at least one token, and a turn that kept all
// that the turn before left still does. It panics if gaps is negative, or tokens
// not above 0 and at most 1.
func Scale(ps []Program, tokens, gaps float64) []Program {
	if !(tokens > 0 && tokens <= 1 && gaps >= 0) {
		panic(fmt.Sprintf("workload: tokens scaled by %v and gaps by %v", tokens, gaps))
	}
	scaled := slices.Clone(ps)
	for i := range scaled {
		p := &scaled[i]
		p.SharedPrefix = programs.Tokens(float64(p.SharedPrefix) * tokens)
		if p.SharedPrefix == 0 {
			p.SharedKey = ""
		}
		p.Turns = slices.Clone(p.Turns)
		for t := range p.Turns {
			scaleTurn(&p.Turns[t], before(ps, i, t), before(scaled, i, t), tokens, gaps)
		}
	}
	return scaled
}

// before is the turn that turn t of program i has its prefix from: the previous
// one, or its parent's, or one that left nothing.
func before(ps []Program, i, t int) *Turn {
	p := &ps[i]
	switch {
	case t > 0:
		return &p.Turns[t-1]
	case p.Parent >= 0:
		return &ps[p.Parent].Turns[p.ParentTurn]
	}
	return &Turn{}
}

// scaleTurn scales what the turn drops of the turn before, not what it keeps,
// so that nothing dropped stays nothing.
func scaleTurn(t, before, scaledBefore *Turn, tokens, gaps float64) {
	drop := scaleTokens(before.end()-t.Prefix, tokens)
	if t.Prefix > 0 {
		t.Prefix = max(0, scaledBefore.end()-drop)
	}
	t.Input = max(1, scaleTokens(t.Input, tokens))
	t.Output = max(1, scaleTokens(t.Output, tokens))
	t.Gap = programs.Duration(math.Min(math.Round(float64(t.Gap)*gaps), float64(maxGap)))
}

func scaleTokens(n programs.Tokens, by float64) programs.Tokens {
	return programs.Tokens(math.Round(float64(n) * by))
}
