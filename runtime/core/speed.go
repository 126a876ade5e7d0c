package core

import (
	"math"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// speed learns how fast the engine and the ways between the tiers are, from the
// times that steps and moves take, and says what follows: what it would cost to
// have lost cells again, and how much prompt a step should take in.
//
// Prefill is learnt as seconds per token, a curve over the token's position, since
// attention makes each token dearer than those before. Decodes are learnt as
//
//	seconds of a step of n decodes over contexts of c cells in all = a + b·n + d·c
//
// Each has a common factor beside, which follows every sample, so that an engine that
// has become slower as a whole shows at once at every length. A step that is prompt for
// the most part counts as one of prompts alone, with its decodes as so many tokens more:
// on a busy engine there is no other. Where decodes take long beside prompts and hide
// little of them, prompts seem dearer for it than they are, and h is too high: by a
// quarter or so where nothing hides, see TestStepsTakeInWhatHides.
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
//	P = (0.8 + k/10)·D / h     at most 2·D / h
//
// where k turns are at their prompts: less than hides where decodes gain more by it than
// a prompt loses, and more the more prompts pile up. The less hides, the fuller steps
// are. The seconds are turned into tokens at the rate of the first prompt, and into whole
// tiles, see sched. The factor was best, or close to it, in simulations of five workloads on
// an engine model; what it is worth there shows `interlude sim` with the policies
// interlude/full-steps and interlude/no-tiles beside the default.
//
// Where kernels run one after the other, h is small: prompts cost what they cost,
// whenever they are computed, and small parts of them cost more. Then a prompt that waits
// makes all behind it wait, and a decode step without their decodes reads the weights for
// fewer. So where h < 3/4, steps are full while two prompts or more are under way, with
// at most four decodes each: what others lose is then less than prompts gain. With one
// prompt, or where most of it hides, steps are paced.
//
// # Late prompts
//
// A paced prompt takes longer than it would in full steps, and a long one much longer,
// so that a bound on pacing is wanted: a turn is late when it has been in memory, without
// a token, for longer than one in eight is. That time is followed by stochastic
// approximation (Robbins and Monro, 1951), on a logarithmic scale.
type speed struct {
	prefill curve // seconds a token at scale 1, over its position
	scale   float64
	decode  regression

	hidden float64 // h
	mixed  int     // steps with prompts and decodes since the last probe
	late   float64 // seconds from admission to the first token that a part of turns exceeds; 0 is not known
	whole  programs.Tokens
	steps  Steps

	bytes [kvpin.Disk + 1]float64 // seconds a byte, by the lower tier of a move
}

const (
	leastShare = 0.8      // of D/h, that steps have of prompts
	piledUp    = 1.0 / 10 // of it, that each prompt adds
	many       = 2        // prompts under way, from which on steps are full where little hides
	crowd      = 4        // decodes for each of them, at most
	little     = 0.75     // h, below which little hides
	scaleGain  = 1.0 / 16 // how much of a sample a common factor takes
	hiddenGain = 1.0 / 64 // how much of one h takes
	wayGain    = 1.0 / 8  // and a tier's speed
	latePart   = 1.0 / 8  // of turns are late
	lateGain   = 1.0 / 20 // step of the approximation to it
	probeEvery = 256      // mixed steps, after which one is full and one has no prompt
)

func newSpeed(r Rates, stepTokens programs.Tokens) speed {
	s := speed{scale: 1, prefill: curve{base: 1 / orElse(r.Prefill, 1000)}, decode: regression{scale: 1}, whole: stepTokens}
	s.bytes[kvpin.Host] = 1 / orElse(r.HostBytes, 4e9)
	s.bytes[kvpin.Disk] = 1 / orElse(r.DiskBytes, 5e8)
	return s
}

// orElse is x, or something otherwise where x is 0.
func orElse(x, otherwise float64) float64 {
	if x == 0 {
		return otherwise
	}
	return x
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
	if s.fills(len(decodes), prompts) {
		return math.Inf(1)
	}
	share := min(orElse(s.steps.Share, leastShare)+orElse(s.steps.PiledUp, piledUp)*float64(prompts), 2)
	return share * s.decode.at(float64(len(decodes)), float64(c)) / max(s.hidden, 1e-3)
}

// fills tells whether a step is full although it has decodes.
func (s *speed) fills(decodes, prompts int) bool {
	k := float64(prompts)
	return s.hidden < orElse(s.steps.Hides, little) && k >= orElse(s.steps.Many, many) &&
		k*orElse(s.steps.Crowd, crowd) >= float64(decodes)
}

// Prompt implements sched.Pacer.
func (s *speed) Prompt(at programs.Tokens) float64 { return s.scale * s.prefill.at(at) }

// Late implements sched.Pacer.
func (s *speed) Late(sinceAdmission programs.Duration) bool {
	return s.late > 0 && sinceAdmission.Seconds() > s.late && !s.steps.Unhurried
}

// first takes in how long a turn took from its admission to its first token.
func (s *speed) first(took programs.Duration) {
	switch t := took.Seconds(); {
	case s.late == 0:
		s.late = t
	case t > s.late:
		s.late *= math.Exp(lateGain * (1 - latePart))
	default:
		s.late *= math.Exp(-lateGain * latePart)
	}
}

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
		s.prefilled(items, t*float64(prompt)/float64(tokens)/alone)
	}
}

// prefilled takes in a step that was mostly prompt, and took so many times as long for
// it as was expected.
func (s *speed) prefilled(items []Item, ratio float64) {
	common := math.Pow(min(max(ratio, 1.0/16), 16), scaleGain)
	s.scale *= common
	expected := s.prefill
	for i := range items {
		if it := &items[i]; it.Count > 1 {
			end := it.From + it.Count
			s.prefill.add((it.From+end)/2, expected.integral(it.From, end)/float64(it.Count)*ratio/common)
		}
	}
}

// compute is the seconds that a prefill of the cells [from, to) takes alone.
func (s *speed) compute(from, to programs.Tokens) (seconds float64) {
	return s.scale * s.prefill.integral(from, to)
}

// decodeAlone is the seconds of a step that decodes one sequence of so many cells.
func (s *speed) decodeAlone(cells programs.Tokens) float64 {
	if !s.decode.known() {
		return s.Prompt(cells)
	}
	return s.decode.at(1, float64(cells))
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
