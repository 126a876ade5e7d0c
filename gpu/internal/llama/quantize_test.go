package llama

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestQuantize quantises a model and loads what came of it: matrices have the type
// that was asked for, norms keep theirs, and the network still computes nearly what
// it did: four bits of random weights leave some 6 % of the logits' variance open.
func TestQuantize(t *testing.T) {
	l := open(t)
	from := synth.File(t, l.ggml, synth.Options{Embd: 256, FFN: 512, Heads: 4, Seed: 5})
	plain := firstLogits(t, l, from)
	for _, c := range []struct {
		name  string
		kind  FileType
		query ggml.Type // of a matrix that no rule singles out
	}{
		{"Q4_0", MostlyQ4_0, ggml.Q4_0},
		{"Q4_1", MostlyQ4_1, ggml.Q4_1},
		{"Q4_K_M", MostlyQ4_K_M, ggml.Q4_K},
		{"Q8_0", MostlyQ8_0, ggml.Q8_0},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "quantised.gguf")
			if err := l.Quantize(from, to, c.kind, 2); err != nil {
				t.Fatal(err)
			}
			f, err := gguf.Inspect(to)
			if err != nil {
				t.Fatal(err)
			}
			if kind, ok := f.Uint("general.file_type"); !ok || FileType(kind) != c.kind {
				t.Errorf("the file calls itself type %d, want %d", kind, c.kind)
			}
			want := map[string]ggml.Type{"blk.0.attn_q.weight": c.query, "blk.1.ffn_up.weight": c.query, "blk.0.attn_norm.weight": ggml.F32}
			for _, tensor := range f.Tensors {
				if kind, ok := want[tensor.Name]; ok && tensor.Type != kind {
					t.Errorf("%s has type %d, want %d", tensor.Name, tensor.Type, kind)
				}
				delete(want, tensor.Name)
			}
			if len(want) > 0 {
				t.Errorf("the file lacks %v", want)
			}
			if r := correlation(plain, firstLogits(t, l, to)); r < 0.95 {
				t.Errorf("logits correlate by %.4f with the original's", r)
			}
			again := filepath.Join(t.TempDir(), "again.gguf")
			if err := l.Quantize(to, again, MostlyQ4_0, 1); err != nil {
				t.Errorf("what is quantised is not quantised anew: %v", err)
			}
		})
	}
}

// firstLogits are those after a few tokens.
func firstLogits(t *testing.T, l *Lib, path string) []float32 {
	t.Helper()
	m, err := l.Load(path, ModelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	c, err := m.NewContext(ContextOptions{Cells: 64, Batch: 8, Ubatch: 8, Sequences: 1, Flash: FlashAuto, KType: ggml.F16, VType: ggml.F16, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Free()
	if err := c.Decode([]Entry{{Token: 300}, {Token: 301, Pos: 1}, {Token: 302, Pos: 2, Logits: true}}); err != nil {
		t.Fatal(err)
	}
	return append([]float32(nil), c.Logits(2)...)
}

// correlation is Pearson's.
func correlation(x, y []float32) float64 {
	var mx, my float64
	for i := range x {
		mx, my = mx+float64(x[i])/float64(len(x)), my+float64(y[i])/float64(len(y))
	}
	var xy, xx, yy float64
	for i := range x {
		a, b := float64(x[i])-mx, float64(y[i])-my
		xy, xx, yy = xy+a*b, xx+a*a, yy+b*b
	}
	return xy / math.Sqrt(xx*yy)
}

func TestQuantizeRefuses(t *testing.T) {
	l := open(t)
	dir := t.TempDir()
	from := synth.File(t, l.ggml, synth.Options{})
	junk := filepath.Join(dir, "junk.gguf")
	if err := os.WriteFile(junk, []byte("GGUF, it says"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := l.Quantize(junk, filepath.Join(dir, "out.gguf"), MostlyQ8_0, 1); !errors.Is(err, gguf.ErrFormat) {
		t.Errorf("junk: %v, want ErrFormat", err)
	}
	if err := l.Quantize(from, filepath.Join(dir, "none", "out.gguf"), MostlyQ8_0, 1); !errors.Is(err, ErrQuantize) {
		t.Errorf("into a folder that is not there: %v, want ErrQuantize", err)
	}
	if err := l.Quantize(from, filepath.Join(dir, "out.gguf"), 9999, 1); !errors.Is(err, ErrQuantize) {
		t.Errorf("a file type that there is not: %v, want ErrQuantize", err)
	}
	if err := l.Quantize(from, filepath.Join(dir, "out.gguf"), MostlyQ8_0, 0); err == nil {
		t.Error("no threads are accepted")
	}
}

func TestQuantizeLayoutMismatchIsRefused(t *testing.T) {
	var f quantizeFuncs
	if err := open(t).ggml.Llama(&f); err != nil {
		t.Fatal(err)
	}
	if err := f.verify(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*quantizeParams){
		"beginning": func(p *quantizeParams) { p.threads, p.fileType = 7, 0 },
		"middle":    func(p *quantizeParams) { p.quantizeOutput, p.onlyCopy = false, true },
		"end":       func(p *quantizeParams) { p.maxBuffer = 0 },
	} {
		other := quantizeFuncs{defaults: func() quantizeParams { p := quantizeLayout; spoil(&p); return p }}
		if err := other.verify(); !errors.Is(err, ggml.ErrMismatch) || !strings.Contains(err.Error(), "llama_model_quantize_default_params") {
			t.Errorf("%s: %v, want ErrMismatch", name, err)
		}
	}
}
