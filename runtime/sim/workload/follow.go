package workload

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/interlude-run/interlude/programs"
)

// follower generates programs that follow a profile. Counts have the profile's
// distributions; those of one program go together as the profile says, through
// a Gaussian copula: a number from a normal distribution, correlated with
// others, says how far up in its distribution a count is.
type follower struct {
	profile *profile
	roots   []mat.TriDense // of each source's Alike, which correlate the traits
	total   int            // programs of all sources
}

// follow prepares to follow p.
func follow(p *profile) (*follower, error) {
	f := &follower{profile: p, roots: make([]mat.TriDense, len(p.sources))}
	for i, s := range p.sources {
		alike := mat.NewSymDense(traits, nil)
		for a := range traits {
			for b := range a + 1 {
				alike.SetSym(a, b, s.Alike[a][b])
			}
		}
		var root mat.Cholesky
		if !root.Factorize(alike) {
			return nil, fmt.Errorf("source %s: its traits' correlations contradict each other", s.Source)
		}
		root.LTo(&f.roots[i])
		f.total += s.Programs
	}
	return f, nil
}

// program generates a program on its own.
func (f *follower) program(id int, random *rand.Rand, o options) []Program {
	s, root := f.source(random)
	g := &generation{sourceProfile: s, random: random, options: o, trait: traitsOf(root, random)}
	for kind := range g.noise {
		g.noise[kind] = random.NormFloat64()
	}
	p := Program{ID: fmt.Sprintf("%s/%d", s.Source, id), Source: s.Source, Parent: -1}
	place := chance(g.trait[firstTrait])
	firstContext := max(1, s.First.at(place))
	length := s.Turns[min(fifths-1, int(place*fifths))].at(chance(g.trait[turnsTrait]))
	p.SharedPrefix, p.SharedKey = g.shared(firstContext)
	p.Turns = g.turns(max(1, int(length)), programs.Tokens(firstContext))
	return []Program{p}
}

// source picks a source by its weight.
func (f *follower) source(random *rand.Rand) (*sourceProfile, *mat.TriDense) {
	at := random.IntN(f.total)
	for i, s := range f.profile.sources {
		if at < s.Programs {
			return s, &f.roots[i]
		}
		at -= s.Programs
	}
	panic("workload: a source beyond all weights")
}

// traitsOf draws correlated normal numbers.
func traitsOf(root *mat.TriDense, random *rand.Rand) (trait [traits]float64) {
	var free [traits]float64
	for i := range free {
		free[i] = random.NormFloat64()
		for j := range i + 1 {
			trait[i] += root.At(i, j) * free[j]
		}
	}
	return trait
}

// chance is the probability of a normal number no larger than z.
func chance(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// generation is a program on its way.
type generation struct {
	*sourceProfile
	random  *rand.Rand
	options options
	trait   [traits]float64
	noise   [series]float64 // of the last turn
}

// next is the place of the series' next value in its distribution.
func (g *generation) next(kind trait) float64 {
	d := g.Series[kind]
	g.noise[kind] = d.Memory*g.noise[kind] + math.Sqrt(1-d.Memory*d.Memory)*g.random.NormFloat64()
	return chance(math.Sqrt(d.Program)*g.trait[kind] + math.Sqrt(1-d.Program)*g.noise[kind])
}

// shared picks one of the shared prefixes that are shorter than the first
// context, or none, as often as they were recorded.
func (g *generation) shared(firstContext int64) (programs.Tokens, string) {
	at := g.random.IntN(g.Programs)
	for _, s := range g.Shared {
		at -= s.Programs
		if at < 0 && s.Tokens < firstContext {
			return programs.Tokens(s.Tokens), s.Key
		}
	}
	return 0, ""
}

// turns generates n turns.
func (g *generation) turns(n int, firstContext programs.Tokens) []Turn {
	ts := make([]Turn, n)
	ts[0].Input = firstContext
	at := g.pick(g.Start)
	for i := range n - 1 {
		t, c := &ts[i], &g.Calls[at]
		t.Tool, t.Class, t.Human = c.Tool, c.Class, c.Human
		t.Output = programs.Tokens(max(1, c.Output.at(g.next(outputTrait))))
		t.Gap = g.options.cut(programs.Duration(c.Gap.at(g.next(gapTrait))) * programs.Millisecond)
		g.context(&ts[i+1], t, float64(c.Input.at(g.next(inputTrait)))*g.growth(t.Context()))
		at = g.pick(c.Then)
	}
	ts[n-1].Output = programs.Tokens(max(1, g.Answer.at(g.next(outputTrait))))
	return ts
}

// context gives t its context, behind the turn before.
func (g *generation) context(t, before *Turn, input float64) {
	if r := g.resets(before.Context()); r != nil && g.random.Float64() < g.resetChance(r, before) {
		length := before.Context()
		t.Reset = true
		t.Prefix = length * programs.Tokens(r.Kept.at(g.random.Float64())) / 1000
		t.Input = max(1, length*programs.Tokens(r.Context.at(g.random.Float64()))/1000-t.Prefix)
		return
	}
	t.Prefix = before.end()
	if g.random.Float64() >= g.Kept {
		t.Prefix = max(0, before.Context()-programs.Tokens(g.Cut.at(g.random.Float64())))
	}
	t.Input = max(1, programs.Tokens(math.Round(input)))
}

// growth is the factor for inputs behind a context of a length.
func (g *generation) growth(length programs.Tokens) float64 {
	i := len(g.Growth) - 1
	for g.Growth[i].From > length {
		i--
	}
	return g.Growth[i].Factor
}

// resets says how contexts of a length are reset; nil if they never are.
func (g *generation) resets(length programs.Tokens) *resets {
	for i := len(g.Resets) - 1; i >= 0; i-- {
		if r := &g.Resets[i]; r.From <= length {
			if r.Probability == 0 {
				return nil
			}
			return r
		}
	}
	return nil
}

func (g *generation) resetChance(r *resets, before *Turn) float64 {
	if before.Reset {
		return g.ResetAgain
	}
	return r.Probability
}

// pick gives an index by the counts' weights; where there are none, it picks
// among those that programs start with.
func (g *generation) pick(counts []int) int {
	var total int
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return g.pick(g.Start)
	}
	at := g.random.IntN(total)
	for i, n := range counts {
		if at < n {
			return i
		}
		at -= n
	}
	panic("workload: a call beyond all counts")
}
