package gpu

import (
	"math"
	"os"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	libllama "github.com/interlude-run/interlude/gpu/internal/llama"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestProductsEqualLibllama ties the forms of attention that are products, over V as
// it is shipped, transposed and in several extents, to libllama without flash
// attention. Within one extent the products are the same. The sums of several are
// rounded otherwise, which the halves that the next product is made of amplify: one
// that falls to the other side moves by 1/2048.
func TestProductsEqualLibllama(t *testing.T) {
	lib := fixture.Libraries(t)
	model := synth.File(t, lib, synth.Options{Type: ggml.F16, Layers: 3, Embd: 256, Heads: 4, KVHeads: 2, FFN: 512, Vocab: 512, Context: 2048})
	ours, oracle := openBothAs(t, model, Options{Layout: "transposed", KType: "f16", Context: 2048}, libllama.FlashOff)
	ours.tuning.FlashFrom = neverFlash
	const seq, length = engine.Seq(1), 1600
	tokens := prompt(length, 7)
	must(ours.New(seq) == nil && ours.Reserve(seq, length) == nil, "no room for a test")
	// Prefills and decodes in turn, which see a multiple of 64 cells: ours look at 32 more at
	// a time, libllama at 256, and the kernels take 64 together and others one by one.
	for at, n := 0, 319; at < length; at, n = at+n, 320-n {
		out := make([]engine.Output, 1)
		if err := ours.Step([]engine.Item{{Seq: seq, Tokens: tokens[at : at+n], Logits: true}}, out); err != nil {
			t.Fatal(err)
		}
		within := 0.0
		if at+n > span {
			within = 2e-3
		}
		d := distance(out[0].Logits, decodeOne(t, oracle, tokens[at:at+n], at))
		t.Logf("after token %d logits differ by %.2g of their norm", at+n-1, d)
		if d > within {
			t.Errorf("after token %d logits differ by %.2g of their norm, more than %.2g", at+n-1, d, within)
		}
	}
	if spans := len(ours.cache.seqs[seq].spans); spans < 2 {
		t.Errorf("the sequence lies in %d extents, and several are what is tested", spans)
	}
}

// TestShippedIsNearLibllama compares what a user gets by default, with weights
// converted, keys of 8 bits and attention in the forms that this machine computes
// fastest, with libllama over F16 cells, token by token over a piece of prose.
func TestShippedIsNearLibllama(t *testing.T) {
	text, err := os.ReadFile("bench/prose.txt")
	if err != nil {
		t.Fatal(err)
	}
	ours, oracle := openBothAs(t, fixture.Model(t), Options{Weights: "auto", Layout: "transposed", KType: "q8_0"}, libllama.FlashOn)
	tokens := ours.vocab.Tokenize(string(text), true, false)
	length := min(512, len(tokens))
	if testing.Short() {
		length = 96
	}
	const seq = engine.Seq(1)
	must(ours.New(seq) == nil && ours.Reserve(seq, length) == nil, "no room for a test")
	divergence := 0.0
	for at := range length {
		out := make([]engine.Output, 1)
		if err := ours.Step([]engine.Item{{Seq: seq, Tokens: tokens[at : at+1], Logits: true}}, out); err != nil {
			t.Fatal(err)
		}
		divergence += klDivergence(decodeOne(t, oracle, tokens[at:at+1], at), out[0].Logits) / float64(length)
	}
	t.Logf("%d tokens, weights %s: %.2g nats", length, ours.Storage(), divergence)
	if divergence > 0.02 {
		t.Errorf("next-token distributions diverge by %.3f nats from libllama's, on average", divergence)
	}
}

// distance is the norm of the difference of two vectors, in parts of that of the second.
func distance(a, b []float32) float64 {
	var diff, norm float64
	for i := range b {
		diff += math.Pow(float64(a[i]-b[i]), 2)
		norm += math.Pow(float64(b[i]), 2)
	}
	return math.Sqrt(diff / norm)
}

// klDivergence is that of the distribution that logits q mean from that of p, in nats.
func klDivergence(p, q []float32) (kl float64) {
	lp, lq := logSum(p), logSum(q)
	for i := range p {
		a, b := float64(p[i])-lp, float64(q[i])-lq
		kl += math.Exp(a) * (a - b)
	}
	return kl
}

// logSum is the logarithm of the sum of the exponentials.
func logSum(xs []float32) float64 {
	most, sum := math.Inf(-1), 0.0
	for _, x := range xs {
		most = max(most, float64(x))
	}
	for _, x := range xs {
		sum += math.Exp(float64(x) - most)
	}
	return most + math.Log(sum)
}
