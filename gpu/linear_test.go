package gpu

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestSplitIsExact adds the terms of a split up again: they are the weights.
func TestSplitIsExact(t *testing.T) {
	lib := fixture.Libraries(t)
	const k, rows = 96, 8
	for kind, how := range splits {
		t.Run(ggml.GoString(lib.TypeName(kind)), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			floats := make([]float32, k*rows)
			for i := range floats {
				floats[i] = float32(random.NormFloat64()) / 7
			}
			floats[5] = 0.31 // a block with an outlier
			src := make([]byte, int(lib.RowSize(kind, k))*rows)
			lib.QuantizeChunk(kind, unsafe.Pointer(&floats[0]), unsafe.Pointer(&src[0]), 0, rows, k, nil)
			out := make([][]byte, how.terms)
			for i := range out {
				out[i] = make([]byte, rows*k/32*blockQ40)
			}
			const padded = 32
			constants := splitRows(lib, kind, src, k/32, out, padded)

			w := &weights{lib: lib}
			dequantised := func(kind ggml.Type, data []byte) []float32 {
				v := make([]float32, k*rows)
				if err := w.toFloat(kind, data, v); err != nil {
					t.Fatal(err)
				}
				return v
			}
			want := dequantised(kind, src)
			got := make([]float64, k*rows)
			for _, o := range out {
				for i, v := range dequantised(ggml.Q4_0, o) {
					got[i] += float64(v)
				}
			}
			for i := range got {
				got[i] += float64(constants[i/k*padded+i%k/32])
				if math.Abs(got[i]-float64(want[i])) > 1e-6 {
					t.Fatalf("weight %d is %v, want %v", i, got[i], want[i])
				}
			}
			for r := range rows {
				for i, c := range constants[r*padded : (r+1)*padded] {
					if c != 0 && (i >= k/32 || !how.rest) {
						t.Fatal("there are constants in the padding, or where there are none")
					}
				}
			}
		})
	}
}

// TestStoragesAgree compares the logits of every way to store weights of every type
// with those of the file's own: they differ by what the rounding of activations to 8
// bits does in any of them.
func TestStoragesAgree(t *testing.T) {
	for _, kind := range computable {
		if kind == ggml.F32 || kind == ggml.F16 || kind == ggml.BF16 {
			continue // they have one way
		}
		logits := map[string][]float32{}
		for name := range storages {
			e := openSmall(t, synth.Options{Type: kind, Embd: 256, HeadDim: 64, Heads: 4, KVHeads: 2, FFN: 512, Vocab: 512}, Options{Weights: name})
			const seq = engine.Seq(1)
			out := make([]engine.Output, 1)
			must(e.New(seq) == nil && e.Reserve(seq, 64) == nil, "no room for a test")
			if err := e.Step([]engine.Item{{Seq: seq, Tokens: prompt(40, 3), Logits: true}}, out); err != nil {
				t.Fatal(err)
			}
			logits[name] = out[0].Logits
		}
		for name, l := range logits {
			var diff, norm float64
			for i, v := range logits["file"] {
				diff += math.Pow(float64(l[i]-v), 2)
				norm += math.Pow(float64(v), 2)
			}
			if rel := math.Sqrt(diff / norm); rel > 0.05 {
				t.Errorf("type %d stored as %s: logits differ by %.3f of their norm", kind, name, rel)
			}
		}
	}
}
