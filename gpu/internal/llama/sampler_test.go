package llama

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

func newSampler(t testing.TB, v *Vocab, o engine.Sampling, history ...engine.Token) *Sampler {
	t.Helper()
	s, err := v.NewSampler(o, history)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Free)
	return s
}

func randomLogits(random *rand.Rand, n int) []float32 {
	logits := make([]float32, n)
	for i := range logits {
		logits[i] = float32(3 * random.NormFloat64())
	}
	return logits
}

// Every filter, alone and together, leaves what its definition leaves.
func TestFiltersAgainstTheirDefinitions(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	random := rand.New(rand.NewPCG(3, 1))
	history := make([]engine.Token, 100)
	for i := range history {
		history[i] = engine.Token(random.IntN(40))
	}
	for name, o := range map[string]engine.Sampling{
		"temperature": {},
		"cold":        {Temperature: 0.2},
		"bias":        {Bias: map[engine.Token]float32{0: 2, 7: -3, 383: 5, 8: float32(math.Inf(-1))}},
		"no ends":     {IgnoreEOS: true},
		"repeat":      {RepeatPenalty: 1.3},
		"frequency":   {FrequencyPenalty: 0.4},
		"presence":    {PresencePenalty: 1.5},
		"window":      {PresencePenalty: 1.5, RepeatPenalty: 1.1, PenaltyWindow: 10},
		"long window": {FrequencyPenalty: 0.4, PenaltyWindow: 1000},
		"top-k":       {TopK: 12},
		"top-k all":   {TopK: 100000},
		"top-p":       {TopP: 0.8},
		"min-p":       {MinP: 0.05},
		"all": {Bias: map[engine.Token]float32{3: 1}, IgnoreEOS: true, RepeatPenalty: 1.2, FrequencyPenalty: 0.1, PresencePenalty: 0.2,
			TopK: 50, TopP: 0.9, MinP: 0.02, Temperature: 0.7},
	} {
		t.Run(name, func(t *testing.T) {
			if o.Temperature == 0 {
				o.Temperature = 1
			}
			for range 20 {
				logits := randomLogits(random, v.Size())
				s := newSampler(t, v, o, history...)
				got := slices.Clone(s.filter(s.candidates(logits)))
				want := filtered(v, o, history, logits)
				slices.SortFunc(got, byToken)
				slices.SortFunc(want, byToken)
				got = slices.DeleteFunc(got, func(c Candidate) bool { return !possible(&c) })
				if len(got) != len(want) {
					t.Fatalf("%d candidates are left, want %d", len(got), len(want))
				}
				for i := range want {
					if got[i].Token != want[i].Token || math.Abs(float64(got[i].Logit-want[i].Logit)) > 1e-4 {
						t.Fatalf("candidate %d is %+v, want %+v", i, got[i], want[i])
					}
				}
			}
		})
	}
}

func byToken(a, b Candidate) int { return cmp.Compare(a.Token, b.Token) }

// filtered is what engine.Sampling's fields mean, in their order.
func filtered(v *Vocab, o engine.Sampling, history []engine.Token, logits []float32) (cs []Candidate) {
	window := cmp.Or(o.PenaltyWindow, 64)
	count := map[engine.Token]float64{}
	for _, t := range history[max(0, len(history)-window):] {
		count[t]++
	}
	repeat := float64(cmp.Or(o.RepeatPenalty, 1))
	for i := range logits {
		t := engine.Token(i)
		x := float64(logits[i]) + float64(o.Bias[t])
		if o.IgnoreEOS && v.IsEnd(t) || math.IsInf(x, -1) {
			continue
		}
		if n := count[t]; n > 0 {
			if x > 0 {
				x /= repeat
			} else {
				x *= repeat
			}
			x -= n*float64(o.FrequencyPenalty) + float64(o.PresencePenalty)
		}
		cs = append(cs, Candidate{Token: t, Logit: float32(x)})
	}
	slices.SortFunc(cs, func(a, b Candidate) int { return cmp.Or(cmp.Compare(b.Logit, a.Logit), byToken(a, b)) })
	if o.TopK > 0 {
		cs = cs[:min(o.TopK, len(cs))]
	}
	if o.TopP > 0 && o.TopP < 1 {
		sum := 0.0
		for i, p := range probabilities(cs) {
			if sum += p; sum >= float64(o.TopP) {
				cs = cs[:i+1]
				break
			}
		}
	}
	if o.MinP > 0 {
		least := float64(cs[0].Logit) + math.Log(float64(o.MinP))
		cs = slices.DeleteFunc(cs, func(c Candidate) bool { return float64(c.Logit) < least })
	}
	for i := range cs {
		cs[i].Logit /= o.Temperature
	}
	return cs
}

func probabilities(cs []Candidate) []float64 {
	p, sum := make([]float64, len(cs)), 0.0
	for i, c := range cs {
		p[i] = math.Exp(float64(c.Logit - cs[0].Logit))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func TestDrawsFollowTheProbabilities(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	logits := randomLogits(rand.New(rand.NewPCG(5, 1)), v.Size())
	for _, o := range []engine.Sampling{
		{Temperature: 1, TopK: 8, Seed: 1}, {Temperature: 2, TopK: 8, Seed: 2}, {Temperature: 0.5, TopP: 0.9, Seed: 3}, {Temperature: 1, MinP: 0.2, Seed: math.MaxUint32},
	} {
		s := newSampler(t, v, o)
		const draws = 4000
		drawn := map[engine.Token]float64{}
		for range draws {
			drawn[s.Sample(logits)]++
		}
		cs := filtered(v, o, nil, logits)
		for i, p := range probabilities(cs) {
			got, deviation := drawn[cs[i].Token], math.Sqrt(draws*p*(1-p))
			if math.Abs(got-draws*p) > 4.5*deviation {
				t.Errorf("%+v: token %d of probability %.4f was drawn %v times of %d", o, cs[i].Token, p, got, draws)
			}
			delete(drawn, cs[i].Token)
		}
		if len(drawn) > 0 {
			t.Errorf("%+v: drew %v, which the filters exclude", o, drawn)
		}
	}
}

// TestDrawsUnderAGrammarFollowTheProbabilities: of what it allows, whether that is much or
// little of all.
func TestDrawsUnderAGrammarFollowTheProbabilities(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	for _, favour := range []float32{-2, 2, 6} {
		logits := randomLogits(rand.New(rand.NewPCG(6, 1)), v.Size())
		var allowed []Candidate
		for i := range logits {
			token := engine.Token(i)
			if piece := string(v.Piece(token)); piece != "" && strings.Trim(piece, "abcde") == "" && !v.IsEnd(token) {
				logits[i] = logits[i]/4 + favour
				allowed = append(allowed, Candidate{Token: token, Logit: logits[i]})
			}
		}
		slices.SortFunc(allowed, func(a, b Candidate) int { return cmp.Compare(b.Logit, a.Logit) })
		s := newSampler(t, v, engine.Sampling{Temperature: 1, Seed: 4, Grammar: `root ::= [a-e] root`}) // which never ends
		const draws = 4000
		drawn := map[engine.Token]float64{}
		for range draws {
			drawn[s.Sample(logits)]++
		}
		for i, p := range probabilities(allowed) {
			got, deviation := drawn[allowed[i].Token], math.Sqrt(draws*p*(1-p))
			if math.Abs(got-draws*p) > 4.5*deviation {
				t.Errorf("favoured by %v: token %d of probability %.4f was drawn %v times of %d", favour, allowed[i].Token, p, got, draws)
			}
			delete(drawn, allowed[i].Token)
		}
		if len(drawn) > 0 || len(allowed) < 5 {
			t.Errorf("of %d tokens that the grammar allows; drew others, too: %v", len(allowed), drawn)
		}
	}
}

func TestSeeds(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	logits := randomLogits(rand.New(rand.NewPCG(6, 1)), v.Size())
	draw := func(seed uint32) (drawn []engine.Token) {
		s := newSampler(t, v, engine.Sampling{Temperature: 1, Seed: seed})
		for range 20 {
			drawn = append(drawn, s.Sample(logits))
		}
		return drawn
	}
	for _, seed := range []uint32{0, 1, math.MaxUint32} {
		if a, b := draw(seed), draw(seed); !slices.Equal(a, b) {
			t.Errorf("seed %d: %v, then %v", seed, a, b)
		}
	}
	if slices.Equal(draw(1), draw(2)) {
		t.Errorf("seeds 1 and 2 draw the same")
	}
}

// Greedy is libllama's greedy sampler, for equal logits too.
func TestGreedyAgainstLibllama(t *testing.T) {
	l := open(t)
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	var table struct {
		new   func() sampler                   `c:"llama_sampler_init_greedy"`
		apply func(s sampler, arr *candidates) `c:"llama_sampler_apply"`
	}
	if err := l.ggml.Llama(&table); err != nil {
		t.Fatal(err)
	}
	greedy := table.new()
	defer l.samplerFree(greedy)
	random := rand.New(rand.NewPCG(9, 1))
	biased := newSampler(t, v, engine.Sampling{Bias: map[engine.Token]float32{5: 0}})
	for range 200 {
		logits := make([]float32, v.Size())
		for i := range logits {
			logits[i] = float32(random.IntN(12)) // many equal
		}
		cs := make([]Candidate, len(logits))
		for i, x := range logits {
			cs[i] = Candidate{Token: engine.Token(i), Logit: x}
		}
		arr := &candidates{data: &cs[0], size: uint64(len(cs))}
		table.apply(greedy, arr)
		want := cs[arr.selected].Token
		if got := Greedy(logits, nil); got != want {
			t.Fatalf("chose %d, libllama %d", got, want)
		}
		if got := biased.Sample(logits); got != want {
			t.Fatalf("chose %d by the chain, libllama %d", got, want)
		}
	}
}

func TestGreedyLeavesOutTheBanned(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tt := range []struct {
		logits []float32
		banned []engine.Token
		want   engine.Token
	}{
		{[]float32{1, 3, 2}, nil, 1},
		{[]float32{1, 3, 2}, []engine.Token{1}, 2},
		{[]float32{5, 5, 5}, []engine.Token{0}, 1},
		{[]float32{-inf, -inf}, nil, 0},
		{[]float32{-inf, -inf}, []engine.Token{0}, 1},
		{[]float32{1, 2}, []engine.Token{0, 1}, 0},
		{[]float32{nan, nan}, nil, 0},
		{nil, nil, 0},
	} {
		if got := Greedy(tt.logits, tt.banned); got != tt.want {
			t.Errorf("%v without %v: %d, want %d", tt.logits, tt.banned, got, tt.want)
		}
	}
}

func TestPenaltiesFollowTheText(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	random := rand.New(rand.NewPCG(10, 1))
	o := engine.Sampling{FrequencyPenalty: 0.5, PresencePenalty: 0.5, RepeatPenalty: 1.1, PenaltyWindow: 8}
	history := []engine.Token{1, 2, 3, 4, 5}
	s := newSampler(t, v, o, history...)
	logits := randomLogits(random, v.Size())
	for i := range 40 {
		o.Temperature = 1
		want := filtered(v, o, history, logits)[0].Token
		got := s.Sample(logits)
		if got != want {
			t.Fatalf("token %d is %d, want %d", i, got, want)
		}
		history = append(history, got)
	}
}

func TestGrammarIsFollowed(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	random := rand.New(rand.NewPCG(11, 1))
	const grammar = `root ::= "the " ("sea" | "sun") " is " [a-z]{1,5}`
	for _, o := range []engine.Sampling{{}, {Temperature: 1, Seed: 1}, {Temperature: 1, TopK: 5, TopP: 0.5}, {PresencePenalty: 1}} {
		o.Grammar = grammar
		s := newSampler(t, v, o)
		var text []engine.Token
		for {
			token := s.Sample(randomLogits(random, v.Size()))
			if v.IsEnd(token) {
				break
			}
			text = append(text, token)
		}
		if got := v.join(text); !strings.HasPrefix(got, "the s") || len(got) < 12 || len(got) > 16 {
			t.Errorf("%+v: %q", o, got)
		}
		// Whoever asks on gets ends.
		if token := s.Sample(randomLogits(random, v.Size())); !v.IsEnd(token) {
			t.Errorf("token %d after the end", token)
		}
	}
}

// Where nothing may be chosen the generation ends; the process does not.
func TestNothingLeft(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	logits := randomLogits(rand.New(rand.NewPCG(12, 1)), v.Size())
	minus, nan := slices.Repeat([]float32{float32(math.Inf(-1))}, v.Size()), slices.Repeat([]float32{float32(math.NaN())}, v.Size())
	noA := map[engine.Token]float32{}
	for i := range engine.Token(v.Size()) {
		if strings.HasPrefix(string(v.Piece(i)), "a") {
			noA[i] = float32(math.Inf(-1))
		}
	}
	for _, temperature := range []float32{0, 1} {
		for name, o := range map[string]engine.Sampling{
			"a grammar against the bias": {Grammar: `root ::= "aaa"`, Bias: noA},
			"a grammar that is over":     {Grammar: `root ::=`, IgnoreEOS: true},
		} {
			o.Temperature = temperature
			s := newSampler(t, v, o)
			for range 3 {
				if token := s.Sample(logits); !v.IsEnd(token) {
					t.Errorf("%s at temperature %v: token %d is no end", name, temperature, token)
				}
			}
		}
		for _, o := range []engine.Sampling{{}, {Grammar: `root ::= [a-z]+`}, {TopK: 3, TopP: 0.5, MinP: 0.1, PresencePenalty: 1}, {Bias: noA}} {
			o.Temperature = temperature
			for _, broken := range [][]float32{minus, nan} {
				if token := newSampler(t, v, o).Sample(broken); token < 0 || int(token) >= v.Size() {
					t.Errorf("%+v on logits of %v: token %d", o, broken[0], token)
				}
			}
		}
	}
}

func TestSamplingIsChecked(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	size := engine.Token(v.Size())
	for _, o := range []engine.Sampling{
		{Temperature: -1}, {Temperature: nan}, {Temperature: inf}, {TopP: -0.1}, {TopP: 1.1}, {TopP: nan}, {MinP: 2}, {MinP: -1}, {TopK: -1},
		{RepeatPenalty: -1}, {RepeatPenalty: inf}, {FrequencyPenalty: nan}, {PresencePenalty: -inf}, {PenaltyWindow: -1}, {PenaltyWindow: 1 << 30},
		{Bias: map[engine.Token]float32{-1: 1}}, {Bias: map[engine.Token]float32{size: 1}}, {Bias: map[engine.Token]float32{1: nan}}, {Bias: map[engine.Token]float32{1: inf}},
	} {
		if _, err := v.NewSampler(o, nil); !errors.Is(err, engine.ErrRange) {
			t.Errorf("%+v: got %v, want ErrRange", o, err)
		}
	}
	for _, history := range [][]engine.Token{{-1}, {size}} {
		if _, err := v.NewSampler(engine.Sampling{}, history); !errors.Is(err, engine.ErrRange) {
			t.Errorf("history %v: got %v, want ErrRange", history, err)
		}
	}
	for _, grammar := range []string{`root ::= ("a"`, `trunk ::= "a"`, `root ::= "a"{5,3}`, `root ::= <no-such-token>`} {
		if _, err := v.NewSampler(engine.Sampling{Grammar: grammar}, nil); !errors.Is(err, engine.ErrGrammar) {
			t.Errorf("%s: got %v, want ErrGrammar", grammar, err)
		}
	}
}
