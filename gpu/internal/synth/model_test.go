package synth_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/llama"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// shapes are variations that a graph could get wrong.
var shapes = map[string]synth.Options{
	"llama":           {},
	"llama tied":      {Tied: true},
	"llama 3":         {Factors: true, RopeBase: 500000},
	"llama scaled":    {RopeScale: 4},
	"llama no groups": {KVHeads: 4},
	"llama spm":       {Tokenizer: "llama", AddBOS: true},
	"qwen2":           {Arch: "qwen2", Tied: true, RopeBase: 1e6},
	"qwen3":           {Arch: "qwen3", HeadDim: 32},
}

func TestLibllamaDecodesEveryShape(t *testing.T) {
	lib := fixture.Libraries(t)
	for name, o := range shapes {
		t.Run(name, func(t *testing.T) { decodes(t, lib, o) })
	}
}

func TestLibllamaDecodesEveryType(t *testing.T) {
	lib := fixture.Libraries(t)
	for _, kind := range []ggml.Type{ggml.F32, ggml.F16, ggml.BF16, ggml.Q8_0, ggml.Q4_0, ggml.Q4_1, ggml.Q5_0, ggml.Q5_1, ggml.Q4_K, ggml.Q5_K, ggml.Q6_K} {
		for _, arch := range []string{"llama", "qwen2", "qwen3"} {
			t.Run(arch+" "+ggml.GoString(lib.TypeName(kind)), func(t *testing.T) {
				decodes(t, lib, synth.Options{Arch: arch, Type: kind, Embd: 256, Heads: 8, FFN: 256, Layers: 1, Tied: true})
			})
		}
	}
}

// decodes loads the model with libllama and looks at its logits: finite, spread,
// and following from the context.
func decodes(t *testing.T, lib *ggml.Lib, o synth.Options) {
	path := synth.File(t, lib, o)
	if _, err := gguf.Inspect(path); err != nil {
		t.Fatal(err)
	}
	ll, err := llama.Of(lib)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ll.Load(path, llama.ModelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	c, err := m.NewContext(llama.ContextOptions{Cells: 64, Batch: 64, Ubatch: 64, Sequences: 1, Flash: llama.FlashOff, KType: ggml.F16, VType: ggml.F16, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Free()
	after := func(text string) []float32 {
		c.Clear()
		var batch []llama.Entry
		for i, token := range m.Vocab().Tokenize(text, true, true) {
			batch = append(batch, llama.Entry{Token: token, Pos: i})
		}
		batch[len(batch)-1].Logits = true
		if err := c.Decode(batch); err != nil {
			t.Fatal(err)
		}
		return append([]float32(nil), c.Logits(len(batch)-1)...)
	}
	one, other := after("the sea is blue"), after("the sun is blue")
	if d := deviation(one); d < 0.5 || d > 10 {
		t.Errorf("logits have a standard deviation of %v", d)
	}
	difference := make([]float32, len(one))
	for i := range one {
		difference[i] = one[i] - other[i]
	}
	if d := deviation(difference); d < 0.05 {
		t.Errorf("an early word changes logits by %v", d)
	}
}

func deviation(values []float32) float64 {
	sum, squares := 0.0, 0.0
	for _, v := range values {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(values))
	return math.Sqrt(squares/n - sum/n*sum/n)
}

func TestVocabularies(t *testing.T) {
	lib := fixture.Libraries(t)
	ll, err := llama.Of(lib)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"gpt2", "llama"} {
		m, err := ll.Load(synth.File(t, lib, synth.Options{Tokenizer: kind}), llama.ModelOptions{VocabOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		v := m.Vocab()
		if v.Size() != 384 || !v.IsEnd(v.EOS) || m.ChatTemplate() != synth.ChatTemplate {
			t.Errorf("%s: %d tokens, EOS %d ends: %v, template %q", kind, v.Size(), v.EOS, v.IsEnd(v.EOS), m.ChatTemplate())
		}
		text := "the rain — 雨 — is\x00\xfe wet\n"
		tokens := v.Tokenize(text, false, false)
		if len(tokens) >= len(text) {
			t.Errorf("%s: nothing merges in %v", kind, tokens)
		}
		if got := strings.TrimPrefix(spell(v, tokens), " "); kind == "gpt2" && got != strings.ToValidUTF8(text, "�") {
			t.Errorf("%s: %q became %q", kind, text, got)
		}
	}
}

func spell(v *llama.Vocab, tokens []engine.Token) string {
	var b strings.Builder
	for _, token := range tokens {
		b.Write(v.Piece(token))
	}
	return b.String()
}

func TestSameOptionsSameBytes(t *testing.T) {
	lib := fixture.Libraries(t)
	read := func(o synth.Options) []byte {
		b, err := os.ReadFile(synth.File(t, lib, o))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a, b, c := read(synth.Options{Seed: 1}), read(synth.Options{Seed: 1}), read(synth.Options{Seed: 2})
	if !bytes.Equal(a, b) {
		t.Errorf("seed 1 gave two files")
	}
	if bytes.Equal(a, c) {
		t.Errorf("seeds 1 and 2 gave the same file")
	}
}

func TestRefuses(t *testing.T) {
	lib := fixture.Libraries(t)
	for say, o := range map[string]synth.Options{
		"blocks":     {Type: ggml.Q4_K, Embd: 64},
		"vocabulary": {Vocab: 200},
		"tokenizer":  {Tokenizer: "bert"},
	} {
		err := synth.Write(lib, filepath.Join(t.TempDir(), "m.gguf"), o)
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: got %v", fmt.Sprintf("%+v", o), err)
		}
	}
}
