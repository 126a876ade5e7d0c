package core

import (
	"math"
	"math/bits"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// speed learns how fast the engine and the ways between the tiers are, from the
// times that steps and moves take, and says what follows: what it would cost to
// have lost cells again, and how much prompt a step should take in.
//
// Prefill is learnt as seconds per token in bins of the context's length that
// double, since attention makes each token dearer than those before; a factor
// common to all bins follows every sample, so that an engine that has become
// slower as a whole shows at once at every length. Decodes are learnt as
//
//	seconds of a step of n decodes over contexts of c cells in all = a + b·n + d·c
//
// # How full a step is
//
// A decode step waits for memory: it reads the weights and its contexts, while
// most of the arithmetic units idle. Prompt tokens use these, so that up to a
// point they ride along for nothing; beyond it each makes every decode wait
// longer, holding its memory meanwhile. The point depends on the engine, and on
// one that hides nothing there is none: so it is measured. Of a step that was
// expected to take D for its decodes and P for its prompts, each alone, and took
// t, the part (D + P − t) / min(D, P) was hidden; the mean of it is h, and a step
// takes in prompts up to
//
//	P = (1 + k/20)·D / h     at most 2·D / h
//
// where k turns are at their prompts: as much as hides, and a little more the more
// prompts pile up. Where nothing hides, steps are as full as the budget allows. The
// factor was best, or close to it, in simulations of five workloads on an engine
// model; what it is worth there shows `interlude sim` with the policy
// interlude/full-steps beside the default.
type speed struct {
	scale float64
	bins  [32]float64 // seconds a token at scale 1; 0 is not known
	seen  [32]int
	base  float64 // seconds a token, assumed of what was never seen

	decode regression
	hidden float64 // h
	mixed  int     // steps with prompts and decodes since the last probe
	whole  programs.Tokens

	bytes [kvpin.Disk + 1]float64 // seconds a byte, by the lower tier of a move
}

const (
	piledUp    = 1.0 / 20 // of D/h, that each prompt adds
	scaleGain  = 1.0 / 16 // how much of a sample the common factor takes
	binGain    = 1.0 / 64 // how much of it a bin takes, once it is known
	hiddenGain = 1.0 / 64
	wayGain    = 1.0 / 8 // how much of it a tier's speed takes
	probeEvery = 256     // mixed steps, after which one is full and one has no prompt
)

func newSpeed(r Rates, stepTokens programs.Tokens) speed {
	orElse := func(x, otherwise float64) float64 {
		if x == 0 {
			return otherwise
		}
		return x
	}
	s := speed{scale: 1, base: 1 / orElse(r.Prefill, 1000), whole: stepTokens}
	s.bytes[kvpin.Host] = 1 / orElse(r.HostBytes, 4e9)
	s.bytes[kvpin.Disk] = 1 / orElse(r.DiskBytes, 5e8)
	return s
}

// Beside implements sched.Pacer.
func (s *speed) Beside(decodes []sched.Slice, prompts int) float64 {
	switch s.mixed % probeEvery {
	case probeEvery - 2:
		return math.Inf(1)
	case probeEvery - 1:
		s.mixed++
		return 0
	}
	var c programs.Tokens
	for i := range decodes {
		c += decodes[i].Program.Cells
	}
	if !s.decode.known() {
		return math.Inf(1)
	}
	share := min(1+piledUp*float64(prompts), 2)
	return share * s.decode.at(float64(len(decodes)), float64(c)) / max(s.hidden, 1e-3)
}

// Prompt implements sched.Pacer.
func (s *speed) Prompt(at programs.Tokens) float64 { return s.rate(binOf(at)) }

// stepped takes in a step.
func (s *speed) stepped(items []Item, took programs.Duration) {
	if took <= 0 {
		return
	}
	var prompt, contexts programs.Tokens
	decodes, alone := 0, 0.0
	for i := range items {
		if it := &items[i]; it.Count > 1 {
			prompt += it.Count
			alone += s.compute(it.From, it.From+it.Count)
		} else {
			decodes++
			contexts += it.From
		}
	}
	t := took.Seconds()
	switch {
	case prompt == 0:
		s.decode.add(float64(decodes), float64(contexts), t)
		return
	case decodes > 0:
		s.mixed++
		if s.decode.known() {
			d := s.decode.at(float64(decodes), float64(contexts))
			hidden := (d + alone - t) / min(d, alone)
			s.hidden += hiddenGain * (min(max(hidden, 0), 1) - s.hidden)
		}
	}
	if tokens := prompt + programs.Tokens(decodes); prompt >= s.whole/4 && prompt*4 >= tokens*3 {
		s.prefilled(items, prompt, t*float64(prompt)/float64(tokens), alone)
	}
}

// prefilled takes in a step that was mostly prompt, and took so many seconds for it
// where it was expected to take others.
func (s *speed) prefilled(items []Item, prompt programs.Tokens, took, expected float64) {
	ratio := math.Min(math.Max(took/expected, 1.0/16), 16)
	s.scale *= math.Pow(ratio, scaleGain)
	for i := range items {
		it := &items[i]
		if it.Count == 1 {
			continue
		}
		b, sample := binOf(it.From), took/float64(prompt)/s.scale
		if s.seen[b]++; s.seen[b] == 1 {
			s.bins[b] = sample
		}
		s.bins[b] += math.Max(binGain, 1/float64(s.seen[b])) * (sample - s.bins[b])
	}
}

// binOf is the bin of a context's length: [0, 1024), [1024, 2048), [2048, 4096) …
func binOf(n programs.Tokens) int { return bits.Len64(uint64(n) >> 10) }

func binEnd(b int) programs.Tokens { return 1024 << b }

// compute is the seconds that a prefill of the cells [from, to) takes alone.
func (s *speed) compute(from, to programs.Tokens) (seconds float64) {
	for at := from; at < to; {
		b := binOf(at)
		end := min(binEnd(b), to)
		seconds += float64(end-at) * s.rate(b)
		at = end
	}
	return seconds
}

// rate is the seconds that a token of a bin takes; where nothing is known of the
// bin, that of the nearest below it, or else above.
func (s *speed) rate(b int) float64 {
	for i := b; i >= 0; i-- {
		if s.bins[i] > 0 {
			return s.bins[i] * s.scale
		}
	}
	for i := b + 1; i < len(s.bins); i++ {
		if s.bins[i] > 0 {
			return s.bins[i] * s.scale
		}
	}
	return s.base * s.scale
}

// moved takes in a move to or from a lower tier.
func (s *speed) moved(t kvpin.Tier, size programs.Bytes, took programs.Duration) {
	if size > 0 && took > 0 {
		s.bytes[t] += wayGain * (took.Seconds()/float64(size) - s.bytes[t])
	}
}

// load is the seconds that so many bytes take from a lower tier.
func (s *speed) load(t kvpin.Tier, size programs.Bytes) float64 {
	return float64(size) * s.bytes[t]
}

// regression is a least-squares fit of z = a + b·x + d·y in which older samples
// count for less: half after 200 newer ones.
type regression struct {
	n                           float64
	x, y, z, xx, xy, yy, xz, yz float64
	a, b, d                     float64
}

const forgetting = 0.99654 // its 200th power is a half

func (r *regression) known() bool { return r.n >= 8 }

func (r *regression) add(x, y, z float64) {
	for _, sum := range [...]*float64{&r.n, &r.x, &r.y, &r.z, &r.xx, &r.xy, &r.yy, &r.xz, &r.yz} {
		*sum *= forgetting
	}
	r.n++
	r.x, r.y, r.z = r.x+x, r.y+y, r.z+z
	r.xx, r.xy, r.yy = r.xx+x*x, r.xy+x*y, r.yy+y*y
	r.xz, r.yz = r.xz+x*z, r.yz+y*z
	r.fit()
}

// fit solves the normal equations about the means. Where the samples do not tell a
// coefficient, or would make it negative, it is 0.
func (r *regression) fit() {
	mx, my, mz := r.x/r.n, r.y/r.n, r.z/r.n
	sxx, syy, sxy := r.xx/r.n-mx*mx, r.yy/r.n-my*my, r.xy/r.n-mx*my
	sxz, syz := r.xz/r.n-mx*mz, r.yz/r.n-my*mz
	r.b, r.d = 0, 0
	if det := sxx*syy - sxy*sxy; det > 1e-6*sxx*syy {
		r.b, r.d = (sxz*syy-syz*sxy)/det, (syz*sxx-sxz*sxy)/det
	}
	if !(r.b > 0 && r.d > 0) {
		r.b, r.d = 0, 0
		if syy > 0 {
			r.d = math.Max(0, syz/syy)
		}
	}
	r.a = mz - r.b*mx - r.d*my
}

// at is the fit's value, and no less than half of the mean.
func (r *regression) at(x, y float64) float64 {
	return math.Max(r.a+r.b*x+r.d*y, r.z/r.n/2)
}
