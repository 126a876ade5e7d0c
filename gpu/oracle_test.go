package gpu

import (
	"fmt"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	libllama "github.com/interlude-run/interlude/gpu/internal/llama"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestLogitsEqualLibllama compares logits with those of libllama on the same
// file, for every architecture and type of weights, in a prefill and in decodes.
// With the weights as in the file and flash attention over F16 cells the kernels
// are the same, and so must be every bit.
func TestLogitsEqualLibllama(t *testing.T) {
	lib := fixture.Libraries(t)
	for _, arch := range []string{"llama", "qwen2", "qwen3"} {
		for _, kind := range []ggml.Type{ggml.F16, ggml.Q8_0, ggml.Q4_0, ggml.Q4_K} {
			o := synth.Options{Arch: arch, Type: kind, Layers: 3, Embd: 256, Heads: 4, KVHeads: 2, FFN: 512, Vocab: 512, Context: 512, Tied: arch == "qwen2"}
			if arch == "qwen3" {
				o.HeadDim = 128 // not embd/heads
			}
			if arch == "llama" && kind == ggml.Q8_0 {
				o.Factors = true // Llama 3's
			}
			t.Run(fmt.Sprintf("%s %s", arch, ggml.GoString(lib.TypeName(kind))), func(t *testing.T) {
				sameLogits(t, synth.File(t, lib, o), prompt(150, 7), 12)
			})
		}
	}
	t.Run("linear scaling", func(t *testing.T) {
		sameLogits(t, synth.File(t, lib, synth.Options{Type: ggml.F16, RopeScale: 4, RopeBase: 50000}), prompt(90, 3), 8)
	})
	t.Run("default model", func(t *testing.T) {
		// libllama rounds its contexts up to 256 cells, and from 512 on the kernel
		// divides a decode among the threads, which rounds otherwise.
		tokens := make([]engine.Token, 250)
		for i := range tokens {
			tokens[i] = engine.Token((i*7919 + 11) % 48000)
		}
		sameLogits(t, fixture.Model(t), tokens, 24)
	})
}

// sameLogits feeds all tokens but the last ones at once and the last ones one by
// one, to both.
func sameLogits(t *testing.T, model string, tokens []engine.Token, decodes int) {
	ours, oracle := openBoth(t, model)
	const seq = engine.Seq(1)
	must(ours.New(seq) == nil && ours.Reserve(seq, len(tokens)) == nil, "no room for a test")
	for at, n := 0, len(tokens)-decodes; at < len(tokens); at, n = at+n, 1 {
		out := make([]engine.Output, 1)
		if err := ours.Step([]engine.Item{{Seq: seq, Tokens: tokens[at : at+n], Logits: true}}, out); err != nil {
			t.Fatal(err)
		}
		want := decodeOne(t, oracle, tokens[at:at+n], at)
		for i, l := range out[0].Logits {
			if l != want[i] {
				t.Fatalf("logit %d after token %d is %v, libllama's %v", i, at+n-1, l, want[i])
			}
		}
	}
}

// TestGreedyTextEqualsLibllama generates from twenty prompts, greedily, 128
// tokens each.
func TestGreedyTextEqualsLibllama(t *testing.T) {
	length := 128
	if testing.Short() {
		length = 16
	}
	ours, oracle := openBoth(t, fixture.Model(t))
	for i, text := range []string{
		"The capital of France is", "Once upon a time", "def fibonacci(n):", "The three laws of motion are",
		"In 1969, the first man", "A recipe for bread:", "SELECT name FROM", "The mitochondria is",
		"func main() {", "Dear Sir or Madam,", "Roses are red,", "To be or not to be,",
		"The quick brown fox", "Water boils at", "My favourite book is", "#include <stdio.h>",
		"The opposite of hot is", "List five animals:", "Shakespeare wrote", "2 + 2 =",
	} {
		seq := engine.Seq(i + 1)
		tokens := ours.vocab.Tokenize(text, true, false)
		must(ours.New(seq) == nil && ours.Reserve(seq, len(tokens)+length) == nil, "no room for a test")
		oracle.Clear()
		at, next := 0, tokens
		for range length {
			out := make([]engine.Output, 1)
			if err := ours.Step([]engine.Item{{Seq: seq, Tokens: next, Sample: true}}, out); err != nil {
				t.Fatal(err)
			}
			want := libllama.Greedy(decodeOne(t, oracle, next, at), nil)
			if out[0].Token != want {
				t.Fatalf("%q: token %d is %d, libllama's %d", text, at+len(next), out[0].Token, want)
			}
			at += len(next)
			next = []engine.Token{want}
		}
		must(ours.Release(seq) == nil, "a sequence of a test is gone")
	}
}

// openBoth opens a model in the engine, with libllama's kernels, and in libllama.
func openBoth(t *testing.T, model string) (*Engine, *libllama.Context) {
	return openBothAs(t, model, Options{Layout: "rows", Context: 512}, libllama.FlashOn)
}

// openBothAs opens a model in the engine and in libllama, with one thread each, and
// weights as in the file unless o says otherwise.
func openBothAs(t *testing.T, model string, o Options, flash libllama.FlashAttention) (*Engine, *libllama.Context) {
	t.Helper()
	lib := fixture.Libraries(t)
	if o.Weights == "" {
		o.Weights = "file"
	}
	if o.Context == 0 {
		o.Context = 1024
	}
	o.Libraries, o.Model, o.Device, o.Threads, o.KVBytes = lib.Dir, model, "cpu", 1, 64<<20
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	l, err := libllama.Of(lib)
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.Load(model, libllama.ModelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Free)
	c, err := m.NewContext(libllama.ContextOptions{
		Cells: o.Context, Batch: 512, Ubatch: 512, Sequences: 1, Flash: flash, KType: ggml.F16, VType: ggml.F16, Threads: e.Threads(),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Attach(e.threads.pool) // a second pool that polls would slow both
	t.Cleanup(c.Free)
	return e, c
}

// decodeOne has libllama compute tokens from position at on, and returns the
// logits after the last.
func decodeOne(t *testing.T, c *libllama.Context, tokens []engine.Token, at int) []float32 {
	t.Helper()
	var batch []libllama.Entry
	for i, token := range tokens {
		batch = append(batch, libllama.Entry{Token: token, Pos: at + i, Logits: i == len(tokens)-1})
	}
	if err := c.Decode(batch); err != nil {
		t.Fatal(err)
	}
	return c.Logits(len(batch) - 1)
}
