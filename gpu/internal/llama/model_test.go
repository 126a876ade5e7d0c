package llama

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// A damaged file is an error or a model that can be used; either way the process
// goes on.
func TestDamagedFiles(t *testing.T) {
	l := open(t)
	for _, o := range []synth.Options{
		{Vocab: 300, Layers: 1, Embd: 32},
		{Vocab: 310, Layers: 1, Embd: 32, Tokenizer: "llama", AddBOS: true, Factors: true},
		{Arch: "qwen3", Vocab: 300, Layers: 1, Embd: 32, HeadDim: 16},
	} {
		path := synth.File(t, l.ggml, o)
		f, err := gguf.Inspect(path)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, o.Seed))
		refused := 0
		const rounds = 300
		for range rounds {
			b := append([]byte(nil), whole...)
			at := random.IntN(int(f.DataOffset))
			switch random.IntN(4) {
			case 0:
				b[at] ^= 1 << random.IntN(8)
			case 1:
				b[at] = 0xff
			case 2:
				b[at] = 0
			case 3:
				b = b[:at]
			}
			damaged := filepath.Join(t.TempDir(), "damaged.gguf")
			if err := os.WriteFile(damaged, b, 0o644); err != nil {
				t.Fatal(err)
			}
			if !usable(t, l, damaged) {
				refused++
			}
			os.Remove(damaged)
		}
		if refused < rounds/4 || refused == rounds {
			t.Errorf("%d of %d damaged files were refused", refused, rounds)
		}
	}
}

// usable uses what can be loaded of a file.
func usable(t *testing.T, l *Lib, path string) bool {
	v, err := l.Load(path, ModelOptions{VocabOnly: true})
	if err != nil {
		return false
	}
	v.Vocab().Tokenize("hello the world \xff 12\n<|im_end|>", true, true)
	v.Free()
	m, err := l.Load(path, ModelOptions{})
	if err != nil {
		return false
	}
	defer m.Free()
	c, err := m.NewContext(ContextOptions{Cells: 32, Batch: 32, Ubatch: 32, Sequences: 1, KType: ggml.F16, VType: ggml.F16, Threads: 1})
	if err != nil {
		return false
	}
	defer c.Free()
	return c.Decode([]Entry{{Token: 5}, {Token: 6, Pos: 1, Logits: true}}) == nil && c.Logits(1) != nil
}

func TestLoadTellsWhatIsWrong(t *testing.T) {
	l := open(t)
	if _, err := l.Load(filepath.Join(t.TempDir(), "absent.gguf"), ModelOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.gguf")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Load(empty, ModelOptions{}); !errors.Is(err, gguf.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
	unknown := synth.File(t, l.ggml, synth.Options{Splitter: "nobody-knows"})
	if _, err := l.Load(unknown, ModelOptions{VocabOnly: true}); !errors.Is(err, ErrLoad) {
		t.Errorf("got %v, want ErrLoad", err)
	}
}
