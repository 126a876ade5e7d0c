package node

import (
	"math"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestLogprobs holds them to probabilities that are summed as they are.
func TestLogprobs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float32 {
			return float32(rapid.IntRange(-80, 80).Draw(t, "quarters")) / 4
		}), 1, 60).Draw(t, "logits")
		top := rapid.IntRange(0, 20).Draw(t, "top")
		token := engine.Token(rapid.IntRange(0, len(logits)-1).Draw(t, "token"))
		l := newLogprobs(wire.Sampling{Logprobs: true, TopLogprobs: top})
		l.note(token, logits, chattest.Tokenizer{})

		sum := 0.0
		for _, v := range logits {
			sum += math.Exp(float64(v))
		}
		want := func(i engine.Token) float64 { return math.Log(math.Exp(float64(logits[i])) / sum) }
		got := l.all[0]
		if got.Token != int32(token) || math.Abs(got.Logprob-want(token)) > 1e-9 {
			t.Fatalf("token %d has %v, want %v", token, got, want(token))
		}
		order := make([]int, len(logits))
		for i := range order {
			order[i] = i
		}
		sort.SliceStable(order, func(a, b int) bool { return logits[order[a]] > logits[order[b]] })
		if len(got.Top) != min(top, len(logits)) {
			t.Fatalf("%d beside it, of %d that were asked for", len(got.Top), top)
		}
		for i, p := range got.Top {
			if int(p.Token) != order[i] || math.Abs(p.Logprob-want(engine.Token(p.Token))) > 1e-9 {
				t.Fatalf("beside it %v at %d, want token %d with %v", p, i, order[i], want(engine.Token(order[i])))
			}
		}
	})
}

// TestLogprobsAreBounded: a result stays within a message, and what is not asked for is not noted.
func TestLogprobsAreBounded(t *testing.T) {
	if newLogprobs(wire.Sampling{}).wanted() {
		t.Error("nobody has asked")
	}
	l := newLogprobs(wire.Sampling{Logprobs: true, TopLogprobs: 20})
	for l.wanted() {
		l.note(1, make([]float32, 40), chattest.Tokenizer{})
	}
	if got, want := len(l.all), wire.MaxLogprobs/21; got != want {
		t.Errorf("%d tokens, want %d", got, want)
	}
}

// TestLogprobOfNothing: what cannot be is a number, too.
func TestLogprobOfNothing(t *testing.T) {
	l := newLogprobs(wire.Sampling{Logprobs: true})
	l.note(1, []float32{0, float32(math.Inf(-1))}, chattest.Tokenizer{})
	if got := l.all[0].Logprob; got != leastLogprob {
		t.Errorf("it is %v", got)
	}
}
