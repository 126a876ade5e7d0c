package bench

import (
	"math"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestWork counts a model whose shape is known by hand.
func TestWork(t *testing.T) {
	lib := fixture.Libraries(t)
	for _, tied := range []bool{false, true} {
		f, err := gguf.Inspect(synth.File(t, lib, synth.Options{Layers: 3, Embd: 64, Heads: 4, KVHeads: 2, FFN: 160, Vocab: 400, Tied: tied}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := workOf(f)
		if err != nil {
			t.Fatal(err)
		}
		const (
			block  = 64*64 + 2*64*32 + 64*64 + 3*64*160 // q, k and v, o, gate and up and down
			norms  = 3*2*64 + 64
			output = 64 * 400
		)
		want := work{weightBytes: 4 * (3*block + norms + output), layerParams: 3 * block, outputParams: output, layers: 3, heads: 4, headDim: 16}
		if got != want {
			t.Errorf("tied %v: got %+v, want %+v", tied, got, want)
		}
	}
}

func TestWorkRefuses(t *testing.T) {
	if w, err := workOf(&gguf.File{Meta: map[string]any{"general.architecture": "llama", "llama.block_count": uint32(2)}}); err == nil {
		t.Errorf("a file without heads is work %+v", w)
	}
}

func TestRoofline(t *testing.T) {
	w := work{weightBytes: 1000, layerParams: 50, outputParams: 7, layers: 2, heads: 3, headDim: 4}
	if got := w.decodeBytes(10, 6); got != 1060 {
		t.Errorf("a decode reads %v bytes, want 1060", got)
	}
	seen := 0
	for p := 5; p < 5+4; p++ {
		seen += p + 1 // itself among them
	}
	if got, want := w.prefillFLOPs(5, 4), float64(2*50*4+2*7+4*2*3*4*seen); got != want {
		t.Errorf("a prefill takes %v FLOPs, want %v", got, want)
	}
	f := &Figures{
		ReadSpeed: 2, bytes: 1e8, bytesLibllama: 1.5e8, flops: 1e9,
		TokensPerSecond: map[string]Spread{
			"decode_b1_ours": {Median: 10}, "decode_b1_libllama": {Median: 8},
			"prefill_ours": {Median: 30}, "prefill_libllama": {Median: 20},
		},
	}
	f.share(1e11)
	for name, v := range map[string][2]float64{
		"bandwidth":           {f.BandwidthShare, 0.5}, // 1e9 bytes/s of 2e9
		"bandwidth, libllama": {f.BandwidthShareLibllama, 0.6},
		"peak":                {f.PeakShare, 0.3},
		"peak, libllama":      {f.PeakShareLibllama, 0.2},
	} {
		if math.Abs(v[0]-v[1]) > 1e-12 {
			t.Errorf("share of %s: %v, want %v", name, v[0], v[1])
		}
	}
}

// TestSum reads every word once, whatever the number of threads.
func TestSum(t *testing.T) {
	words := make([][8]uint64, 1001)
	want := uint64(0)
	for i := range words {
		for j := range words[i] {
			words[i][j] = uint64(i*i + 7*j)
			want += words[i][j]
		}
	}
	for _, threads := range []int{1, 2, 3, 8} {
		if got := sum(words, threads); got != want {
			t.Errorf("%d threads: %d, want %d", threads, got, want)
		}
	}
}

// TestMachine: the speeds are of an order that a machine can have.
func TestMachine(t *testing.T) {
	fixture.Libraries(t)
	m, err := openMachine(Options{Libraries: fixture.Dir(t), Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	if v, err := m.readSpeed(16 << 20); err != nil || v < 1e7 || v > 1e13 {
		t.Errorf("reads %g bytes a second, %v", v, err)
	}
	v, what, err := m.peakSpeed()
	if err != nil || v < 1e8 || v > 1e14 || what == "" {
		t.Errorf("computes %g FLOP/s (%s), %v", v, what, err)
	}
}
