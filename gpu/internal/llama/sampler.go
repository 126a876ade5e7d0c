package llama

import (
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gbnf"
)

// Sampler chooses the tokens of one sequence as an engine.Sampling says. It
// remembers what it chose, for the penalties and the grammar.
type Sampler struct {
	vocab  *Vocab
	greedy bool
	banned []engine.Token // never chosen; part of before, if there is one
	before sampler        // libllama's filters that change logits, and top-k; 0: none
	learns bool           // before has filters that follow the text
	topP   float32        // of nucleus, behind these; 0: none
	behind sampler        // libllama's filters after that, and the draw; 0 where it is greedy
	text   *gbnf.Matcher  // follows the text by the grammar; nil: there is none
	hopes  bool           // the grammar is first asked about what was drawn without it, see hope

	buf []Candidate
	arr candidates
}

// maxWindow bounds what libllama allocates for the penalties.
const maxWindow = 1 << 20

// randomSeed is what libllama takes as a wish for a seed that differs each time.
const randomSeed = math.MaxUint32

// NewSampler makes a sampler. history is the end of the text so far, which the
// penalties look back on. Errors wrap engine.ErrRange or engine.ErrGrammar. The
// caller frees the sampler, before the model.
func (v *Vocab) NewSampler(o engine.Sampling, history []engine.Token) (*Sampler, error) {
	if err := v.checkSampling(o, history); err != nil {
		return nil, err
	}
	s := &Sampler{vocab: v, greedy: o.Temperature == 0}
	if o.IgnoreEOS {
		s.banned = v.Ends()
	}
	if o.Grammar != "" {
		g, err := gbnf.Compile(o.Grammar)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", engine.ErrGrammar, err)
		}
		s.text = g.Matcher()
	}
	l := v.lib
	penalties := s.penalties(o, history)
	s.learns = penalties != 0
	if s.greedy {
		if len(o.Bias) > 0 || s.learns {
			s.before = s.chain(s.bias(o), penalties)
			s.hopes = s.text != nil
		}
		return s, nil
	}
	s.hopes = s.text != nil && o.TopK == 0 && (o.TopP == 0 || o.TopP == 1) && o.MinP == 0
	const keep = 1 // candidates, at least
	var topK, minP sampler
	if o.TopK > 0 {
		topK = l.newTopK(int32(o.TopK))
	}
	if o.TopP > 0 && o.TopP < 1 {
		s.topP = o.TopP
	}
	if o.MinP > 0 {
		minP = l.newMinP(o.MinP, keep)
	}
	s.before = s.chain(s.bias(o), penalties, topK)
	s.behind = s.chain(minP, l.newTemp(o.Temperature), l.newDist(min(o.Seed, randomSeed-1)))
	return s, nil
}

// checkSampling refuses what libllama would take without sense or not survive.
func (v *Vocab) checkSampling(o engine.Sampling, history []engine.Token) error {
	for _, x := range []struct {
		name        string
		value       float32
		least, most float64
	}{
		{"temperature", o.Temperature, 0, 1e6},
		{"top-p", o.TopP, 0, 1},
		{"min-p", o.MinP, 0, 1},
		{"repeat penalty", o.RepeatPenalty, 0, 1e6},
		{"frequency penalty", o.FrequencyPenalty, -1e6, 1e6},
		{"presence penalty", o.PresencePenalty, -1e6, 1e6},
		{"top-k", float32(o.TopK), 0, math.MaxInt32},
		{"penalty window", float32(o.PenaltyWindow), 0, maxWindow},
	} {
		if value := float64(x.value); !(value >= x.least && value <= x.most) {
			return fmt.Errorf("%w: %s %v, must be from %v to %v", engine.ErrRange, x.name, x.value, x.least, x.most)
		}
	}
	known := func(t engine.Token) bool { return t >= 0 && int(t) < v.Size() }
	for t, bias := range o.Bias {
		if !known(t) {
			return fmt.Errorf("%w: bias for token %d of %d", engine.ErrRange, t, v.Size())
		}
		if b := float64(bias); math.IsNaN(b) || math.IsInf(b, 1) {
			return fmt.Errorf("%w: bias %v for token %d", engine.ErrRange, bias, t)
		}
	}
	for _, t := range history {
		if !known(t) {
			return fmt.Errorf("%w: token %d of %d in the history", engine.ErrRange, t, v.Size())
		}
	}
	return nil
}

// bias returns a filter that adds to logits, 0 where there is nothing to add.
func (s *Sampler) bias(o engine.Sampling) sampler {
	var biases []logitBias
	for _, t := range slices.Sorted(maps.Keys(o.Bias)) {
		biases = append(biases, logitBias{t, o.Bias[t]})
	}
	for _, t := range s.banned {
		biases = append(biases, logitBias{t, float32(math.Inf(-1))})
	}
	if len(biases) == 0 {
		return 0
	}
	defer runtime.KeepAlive(biases)
	return s.vocab.lib.newBias(int32(s.vocab.Size()), int32(len(biases)), unsafe.Pointer(&biases[0]))
}

// penalties returns a filter that has seen the history, 0 where nothing is
// penalised.
func (s *Sampler) penalties(o engine.Sampling, history []engine.Token) sampler {
	repeat, window := o.RepeatPenalty, o.PenaltyWindow
	if repeat == 0 {
		repeat = 1
	}
	if window == 0 {
		window = 64
	}
	if repeat == 1 && o.FrequencyPenalty == 0 && o.PresencePenalty == 0 {
		return 0
	}
	l := s.vocab.lib
	p := l.newPenalties(int32(s.vocab.Size()), int32(window), repeat, o.FrequencyPenalty, o.PresencePenalty)
	for _, t := range history[max(0, len(history)-window):] {
		purego.SyscallN(l.samplerTake, uintptr(p), uintptr(t))
	}
	return p
}

// chain puts filters one behind the other; it frees them. 0 are none.
func (s *Sampler) chain(filters ...sampler) sampler {
	l := s.vocab.lib
	var c sampler
	for _, f := range filters {
		if f == 0 {
			continue
		}
		if c == 0 {
			c = l.chainInit(chainParams{noPerf: true})
		}
		l.chainAdd(c, f)
	}
	return c
}

// Sample chooses the next token by the logits of all tokens of the vocabulary
// and remembers it. Where bias and grammar leave nothing to choose, it is a token
// that ends the generation, whether ends are ignored or not.
func (s *Sampler) Sample(logits []float32) engine.Token {
	if s.greedy && s.before == 0 {
		if t := Greedy(logits, s.banned); s.text == nil || s.follow(t) {
			return t
		}
	}
	if s.hopes {
		if t, ok := s.hope(logits); ok {
			return t
		}
	}
	cs := s.candidates(logits)
	if len(cs) == 0 {
		return s.vocab.end()
	}
	chosen := s.choose(cs)
	if !possible(&chosen) {
		return s.vocab.end()
	}
	if s.learns {
		purego.SyscallN(s.vocab.lib.samplerTake, uintptr(s.before), uintptr(chosen.Token))
	}
	if s.text != nil {
		s.follow(chosen.Token)
	}
	return chosen.Token
}

// hope chooses as if there were no grammar; ok is false, and nothing has changed but the
// draw, where the grammar does not allow what comes of it. A model that is told what to write
// mostly chooses what is allowed, and then the vocabulary need not be held to the grammar.
//
// The token has the same probability as if only what is allowed had been drawn from. With p
// of a token, and a of all that is allowed together, it is
//
//	p + (1−a)·p/a = p/a
//
// That is so while nothing cuts off the unlikely end of the candidates before the draw.
func (s *Sampler) hope(logits []float32) (t engine.Token, ok bool) {
	chosen := s.choose(s.everything(logits))
	if !possible(&chosen) || !s.follow(chosen.Token) {
		return 0, false
	}
	if s.learns {
		purego.SyscallN(s.vocab.lib.samplerTake, uintptr(s.before), uintptr(chosen.Token))
	}
	return chosen.Token, true
}

// candidates are the tokens that may come next, with their logits.
func (s *Sampler) candidates(logits []float32) []Candidate {
	if s.text == nil {
		return s.everything(logits)
	}
	s.buf = s.buf[:0]
	s.allowed(func(t engine.Token) {
		s.buf = append(s.buf, Candidate{Token: t, Logit: logits[t]})
	})
	return s.buf
}

// everything is all tokens.
func (s *Sampler) everything(logits []float32) []Candidate {
	if cap(s.buf) == 0 {
		s.buf = make([]Candidate, 0, s.vocab.Size())
	}
	s.buf = s.buf[:0]
	for t := range s.vocab.Size() {
		s.buf = append(s.buf, Candidate{Token: engine.Token(t), Logit: logits[t]})
	}
	return s.buf
}

// choose filters candidates and takes one. The draw takes one even where all are
// impossible, or in one case of 2^53 a single impossible one; then it is the
// likeliest.
func (s *Sampler) choose(cs []Candidate) Candidate {
	cs = s.filter(cs)
	if !s.greedy && possible(&cs[s.arr.selected]) {
		return cs[s.arr.selected]
	}
	return likeliest(cs)
}

// filter is what the filters leave of candidates; the draw behind them selects one.
func (s *Sampler) filter(cs []Candidate) []Candidate {
	if s.before != 0 {
		cs = s.apply(s.before, cs)
	}
	if s.topP > 0 {
		cs = nucleus(cs, s.topP)
	}
	if s.behind != 0 {
		cs = s.apply(s.behind, cs)
	}
	return cs
}

// apply runs a chain over candidates and returns what it leaves of them.
func (s *Sampler) apply(chain sampler, cs []Candidate) []Candidate {
	s.arr = candidates{data: &cs[0], size: uint64(len(cs)), selected: -1}
	purego.SyscallN(s.vocab.lib.samplerApply, uintptr(chain), uintptr(unsafe.Pointer(&s.arr)))
	runtime.KeepAlive(s)
	return unsafe.Slice(s.arr.data, s.arr.size)
}

// possible tells whether a candidate may be chosen.
func possible(c *Candidate) bool { return c.Logit > float32(math.Inf(-1)) }

// likeliest is the candidate with the highest logit, the lowest token of equals.
func likeliest(cs []Candidate) Candidate {
	best := cs[0]
	for _, c := range cs[1:] {
		if c.Logit > best.Logit || c.Logit == best.Logit && c.Token < best.Token {
			best = c
		}
	}
	return best
}

// Greedy is the token with the highest logit, the lowest of equals. Banned
// tokens, given in order, are left out.
func Greedy(logits []float32, banned []engine.Token) engine.Token {
	best, highest := engine.Token(-1), float32(0)
	for t, logit := range logits {
		if best >= 0 && !(logit > highest) {
			continue
		}
		if _, out := slices.BinarySearch(banned, engine.Token(t)); !out {
			best, highest = engine.Token(t), logit
		}
	}
	return max(best, 0)
}

// Free gives the memory of libllama's filters back.
func (s *Sampler) Free() {
	for _, c := range []*sampler{&s.before, &s.behind} {
		if *c != 0 {
			s.vocab.lib.samplerFree(*c)
			*c = 0
		}
	}
}
