package gputest

import (
	"slices"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Sampling and interruption.

// sample appends the tokens and returns the token after them.
func (r *rig) sample(seq engine.Seq, tokens []engine.Token) engine.Output {
	r.Helper()
	r.reserve(seq, len(r.context(seq))+len(tokens))
	out := r.step(engine.Item{Seq: seq, Tokens: tokens, Sample: true, Logits: true})[0]
	if out.Token < 0 || int(out.Token) >= r.g.Vocab {
		r.Fatalf("sampled token %d of %d", out.Token, r.g.Vocab)
	}
	if out.Token == r.o.End && !out.End {
		r.Fatalf("sampled token %d without being told that it is an end", out.Token)
	}
	return out
}

func (r *rig) sampled(ctx []engine.Token, s engine.Sampling, history ...engine.Token) engine.Token {
	r.Helper()
	seq := r.new()
	r.must(r.e.SetSampling(seq, s, history))
	token := r.sample(seq, ctx).Token
	r.release(seq)
	return token
}

func greedyIsMaximum(r *rig) {
	a, b := r.new(), r.new()
	r.must(r.e.SetSampling(b, engine.Sampling{}, nil))
	for _, n := range []int{5, 1, 1, 3, 1} {
		tokens := r.tokens(n)
		for _, seq := range []engine.Seq{a, b} {
			r.greedy("without filters", r.sample(seq, tokens))
		}
	}
}

// Two sequences of one step have samplings of their own.
func biasForces(r *rig) {
	a, b, c := r.new(), r.new(), r.new()
	want := r.tokens(2)
	r.must(r.e.SetSampling(a, engine.Sampling{Bias: map[engine.Token]float32{want[0]: 1000}}, nil))
	r.must(r.e.SetSampling(b, engine.Sampling{Bias: map[engine.Token]float32{want[1]: 1000}, Temperature: 1, Seed: 3}, nil))
	var items []engine.Item
	tokens := r.tokens(2)
	for _, seq := range []engine.Seq{a, b, c} {
		r.reserve(seq, 2)
		items = append(items, engine.Item{Seq: seq, Tokens: tokens, Sample: true, Logits: true})
	}
	out := r.step(items...)
	if out[0].Token != want[0] || out[1].Token != want[1] {
		r.Errorf("sampled %d and %d, want %v", out[0].Token, out[1].Token, want)
	}
	r.greedy("beside biased sequences", out[2])
	r.must(r.e.SetSampling(a, engine.Sampling{}, nil))
	r.greedy("when the bias was taken back", r.sample(a, r.tokens(1)))
}

// greedy demands that no logit is above that of the token.
func (r *rig) greedy(when string, out engine.Output) {
	r.Helper()
	if best := slices.Max(out.Logits); out.Logits[out.Token] != best {
		r.Fatalf("%s: sampled token %d of logit %v, the maximum is %v", when, out.Token, out.Logits[out.Token], best)
	}
}

func endsToldAndIgnored(r *rig) {
	toEnd := map[engine.Token]float32{r.o.End: 1000}
	seq := r.new()
	r.must(r.e.SetSampling(seq, engine.Sampling{Bias: toEnd}, nil))
	if out := r.sample(seq, r.tokens(2)); out.Token != r.o.End || !out.End {
		r.Errorf("sampled %d, end %v; want the end %d", out.Token, out.End, r.o.End)
	}
	for _, temperature := range []float32{0, 1} {
		r.must(r.e.SetSampling(seq, engine.Sampling{Bias: toEnd, IgnoreEOS: true, Temperature: temperature}, nil))
		for range 3 {
			if out := r.sample(seq, r.tokens(1)); out.Token == r.o.End || out.End {
				r.Errorf("sampled %d, end %v; ends are to be ignored", out.Token, out.End)
			}
		}
	}
}

// The same contexts in the same steps with the same seed give the same tokens.
func seedRepeats(r *rig) {
	ctx, forced := r.tokens(4), r.tokens(12)
	draw := func(seed uint32) (drawn []engine.Token) {
		seq := r.new()
		r.must(r.e.SetSampling(seq, engine.Sampling{Temperature: 5, Seed: seed}, nil))
		drawn = append(drawn, r.sample(seq, ctx).Token)
		for _, token := range forced {
			drawn = append(drawn, r.sample(seq, []engine.Token{token}).Token)
		}
		r.release(seq)
		return drawn
	}
	first := draw(11)
	if again := draw(11); !slices.Equal(first, again) {
		r.Errorf("seed 11 gave %v, then %v", first, again)
	}
	if other := draw(12); slices.Equal(first, other) {
		r.Errorf("seeds 11 and 12 both gave %v", first)
	}
}

func filtersLeaveOne(r *rig) {
	ctx := r.tokens(6)
	greedy := r.sampled(ctx, engine.Sampling{})
	for _, s := range []engine.Sampling{
		{TopK: 1}, {TopP: 1e-6}, {MinP: 1},
	} {
		s.Temperature, s.Seed = 5, 9
		if got := r.sampled(ctx, s); got != greedy {
			r.Errorf("sampled %d with %+v, want %d", got, s, greedy)
		}
	}
}

func historySeedsPenalties(r *rig) {
	ctx := r.tokens(6)
	greedy := r.sampled(ctx, engine.Sampling{})
	others := slices.DeleteFunc(r.tokens(100), func(t engine.Token) bool { return t == greedy })
	for _, s := range []engine.Sampling{{PresencePenalty: 1000}, {FrequencyPenalty: 1000}} {
		if got := r.sampled(ctx, s); got != greedy {
			r.Errorf("sampled %d without a history, want %d", got, greedy)
		}
		if got := r.sampled(ctx, s, greedy); got == greedy {
			r.Errorf("sampled %d, which the history has", got)
		}
		s.PenaltyWindow = 20
		if got := r.sampled(ctx, s, append([]engine.Token{greedy}, others[:20]...)...); got != greedy {
			r.Errorf("sampled %d, want %d: the window does not reach back to it", got, greedy)
		}
	}
	seq := r.new()
	r.must(r.e.SetSampling(seq, engine.Sampling{PresencePenalty: 1000}, nil))
	seen := map[engine.Token]bool{}
	for range 5 {
		out := r.sample(seq, r.tokens(1))
		if seen[out.Token] {
			r.Errorf("sampled %d again", out.Token)
		}
		seen[out.Token] = true
	}
}

func samplingRefused(r *rig) {
	seq := r.new()
	forced := r.tokens(1)[0]
	r.must(r.e.SetSampling(seq, engine.Sampling{Bias: map[engine.Token]float32{forced: 1000}}, nil))
	r.refused(engine.ErrGrammar, r.e.SetSampling(seq, engine.Sampling{Grammar: `root ::= ("a"`}, nil))
	r.refused(engine.ErrGrammar, r.e.SetSampling(seq, engine.Sampling{Grammar: `trunk ::= "a"`}, nil))
	r.refused(engine.ErrRange, r.e.SetSampling(seq, engine.Sampling{}, []engine.Token{engine.Token(r.g.Vocab)}))
	r.refused(engine.ErrRange, r.e.SetSampling(seq, engine.Sampling{Bias: map[engine.Token]float32{-1: 1}}, nil))
	if got := r.sample(seq, r.tokens(2)).Token; got != forced {
		r.Errorf("sampled %d, want %d: the sampling before is in force", got, forced)
	}
	r.must(r.e.SetSampling(seq, engine.Sampling{Grammar: `root ::= "a"`}, nil))
}

func releaseForgetsSampling(r *rig) {
	ctx := r.tokens(5)
	greedy := r.sampled(ctx, engine.Sampling{})
	seq := r.new()
	r.must(r.e.SetSampling(seq, engine.Sampling{Bias: map[engine.Token]float32{(greedy + 1) % engine.Token(r.g.Vocab): 1000}}, nil))
	r.release(seq)
	r.named = seq - 1
	if got := r.sample(r.new(), ctx).Token; got != greedy {
		r.Errorf("sampled %d, want %d", got, greedy)
	}
}

func interruptUndoes(r *rig) {
	ctx, tokens := r.tokens(3), r.tokens(r.g.MaxStep)
	seq, twin, idle := r.fed(ctx), r.fed(ctx), r.fed(r.tokens(4))
	items := []engine.Item{{Seq: seq, Tokens: tokens, Sample: true, Logits: true}}
	for _, s := range []engine.Seq{seq, twin} {
		r.must(r.e.SetSampling(s, engine.Sampling{Temperature: 5, Seed: 4}, nil))
		r.reserve(s, len(ctx)+len(tokens))
	}
	before, undisturbed := r.readAll(seq), r.readAll(idle)

	err := r.interrupted(items)
	for range 20 { // where the processors are busy, an interrupt comes too late
		if err != nil {
			break
		}
		r.must(r.e.Truncate(seq, len(ctx)))
		r.reserve(seq, len(ctx)+len(tokens))
		r.must(r.e.SetSampling(seq, engine.Sampling{Temperature: 5, Seed: 4}, nil))
		err = r.interrupted(items)
	}
	r.refused(engine.ErrInterrupted, err)
	r.sameBits("cells before an interrupted step", r.readAll(seq), before)
	r.sameBits("cells of a sequence not in it", r.readAll(idle), undisturbed)
	got := r.step(items...)[0]
	items[0].Seq = twin
	want := r.step(items...)[0]
	r.same("logits of the step, done again", got.Logits, want.Logits, r.o.Logits)
	if got.Token != want.Token {
		r.Errorf("the step done again sampled %d, want %d: the interrupted one drew from the seed", got.Token, want.Token)
	}
	r.fresh("after an interrupted step", seq)
}

// interrupted runs a step that is interrupted while it runs.
func (r *rig) interrupted(items []engine.Item) error {
	var running <-chan struct{}
	if r.o.Stall != nil {
		running = r.o.Stall(r.e)
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if running != nil {
			<-running
			r.e.Interrupt()
			return
		}
		for { // whichever comes when the step has begun will do
			select {
			case <-ended:
				return
			case <-time.After(50 * time.Microsecond):
				r.e.Interrupt()
			}
		}
	}()
	err := r.e.Step(items, make([]engine.Output, len(items)))
	close(ended)
	<-done
	return err
}

func interruptIdle(r *rig) {
	seq := r.fed(r.tokens(2))
	r.e.Interrupt()
	r.e.Interrupt()
	r.feed(seq, r.tokens(2))
	r.fresh("after an interrupt without a step", seq)
}
