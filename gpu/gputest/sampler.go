package gputest

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/gpu/engine"
)

// sampler chooses the tokens of one sequence. It is greedy as it is made. A
// grammar is checked for its form and then not enforced: the fake has no text.
type sampler struct {
	engine.Sampling
	random *rand.Rand
	recent []engine.Token // what penalties look back on
}

// candidate is a token that may be chosen.
type candidate struct {
	token engine.Token
	logit float64
}

func newSampler(s engine.Sampling, history []engine.Token) sampler {
	return sampler{Sampling: s, random: rand.New(rand.NewPCG(uint64(s.Seed), 0)), recent: slices.Clone(history)}
}

// wellFormed is as much of GBNF as the fake knows: a rule for root, and every
// parenthesis closed.
func wellFormed(grammar string) bool {
	name, _, found := strings.Cut(grammar, "::=")
	return found && strings.TrimSpace(name) == "root" && strings.Count(grammar, "(") == strings.Count(grammar, ")")
}

// choose samples a token and remembers it. The order of the filters is that of
// the fields of engine.Sampling.
func (s *sampler) choose(logits []float32, end engine.Token) engine.Token {
	cs := make([]candidate, len(logits))
	for i, l := range logits {
		cs[i] = candidate{engine.Token(i), float64(l)}
	}
	for token, bias := range s.Bias {
		cs[token].logit += float64(bias)
	}
	if s.IgnoreEOS {
		cs[end].logit = math.Inf(-1)
	}
	s.penalize(cs)
	chosen := slices.MinFunc(cs, likelierFirst).token
	if s.Temperature > 0 {
		slices.SortFunc(cs, likelierFirst)
		chosen = s.draw(s.filter(cs))
	}
	s.recent = append(s.recent, chosen)
	return chosen
}

func likelierFirst(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.token, b.token))
}

func (s *sampler) penalize(cs []candidate) {
	window := cmp.Or(s.PenaltyWindow, 64)
	count := map[engine.Token]int{}
	for _, token := range s.recent[max(0, len(s.recent)-window):] {
		count[token]++
	}
	repeat := float64(cmp.Or(s.RepeatPenalty, 1))
	for token, n := range count {
		c := &cs[token]
		if c.logit > 0 {
			c.logit /= repeat
		} else {
			c.logit *= repeat
		}
		c.logit -= float64(n)*float64(s.FrequencyPenalty) + float64(s.PresencePenalty)
	}
}

// filter cuts off the unlikely end of the sorted candidates.
func (s *sampler) filter(cs []candidate) []candidate {
	if s.TopK > 0 {
		cs = cs[:min(s.TopK, len(cs))]
	}
	if s.TopP > 0 && s.TopP < 1 {
		sum, p := 0.0, probabilities(cs, 1)
		for i := range cs {
			if sum += p[i]; sum >= float64(s.TopP) {
				cs = cs[:i+1]
				break
			}
		}
	}
	least := cs[0].logit + math.Log(float64(s.MinP)) // -Inf without MinP
	for len(cs) > 1 && cs[len(cs)-1].logit < least {
		cs = cs[:len(cs)-1]
	}
	return cs
}

func (s *sampler) draw(cs []candidate) engine.Token {
	at := s.random.Float64()
	for i, p := range probabilities(cs, float64(s.Temperature)) {
		if at -= p; at < 0 {
			return cs[i].token
		}
	}
	return cs[0].token // rounding left a remainder
}

func probabilities(cs []candidate, temperature float64) []float64 {
	p := make([]float64, len(cs))
	sum := 0.0
	for i, c := range cs {
		p[i] = math.Exp((c.logit - cs[0].logit) / temperature)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
