package gpu

import (
	"os"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestConformance holds the real engine to the suite that the fake passes, on a
// small model, in each of its modes. INTERLUDE_TEST_DEVICE names the device: cpu
// (default), or cuda or vulkan, which have the row layout alone and round what they
// multiply to halves. Heads of 64 values are what every kernel has.
func TestConformance(t *testing.T) {
	device := os.Getenv("INTERLUDE_TEST_DEVICE")
	for _, c := range []struct {
		name    string
		weights ggml.Type
		options Options
		opts    gputest.Options
	}{
		{"default", ggml.Q4_1, Options{Weights: "packed"}, gputest.Rounded},
		{"weights as in the file", ggml.Q4_1, Options{Weights: "file"}, gputest.Rounded},
		// Every row is computed one way: contexts are equal to the bit.
		{"deterministic", ggml.Q4_1, Options{Weights: "packed", Deterministic: true}, gputest.Options{Rotate: 0.015, Delta: 0.015}},
		// Keys are halves; the weights still have activations rounded.
		{"row layout", ggml.Q4_1, Options{Weights: "file", Layout: "rows"}, gputest.Options{Logits: 0.05, KV: 0.06, First: 0.002, Rotate: 0.003, Delta: 0.003}},
		// Nothing is rounded to 8 bits.
		{"halves", ggml.F16, Options{Weights: "file", KType: "f16"}, gputest.Options{Logits: 0.005, KV: 0.008, First: 0.002, Rotate: 0.003, Delta: 0.003}},
		{"halves in rows", ggml.F16, Options{Weights: "file", Layout: "rows"}, gputest.Options{Logits: 0.005, KV: 0.008, First: 0.002, Rotate: 0.003, Delta: 0.003}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Device = device
			if device != "" && device != "cpu" && c.name != "row layout" {
				t.Skip("for the CPU alone")
			}
			e := openSmall(t, synth.Options{Type: c.weights, Layers: 4, Embd: 256, HeadDim: 64, Heads: 4, KVHeads: 2, FFN: 1024, Context: 1024}, c.options)
			c.opts.End = e.vocab.EOS()
			gputest.Conform(t, func(*testing.T) gputest.Engine { return e }, c.opts)
		})
	}
}

// openSmall opens a synthetic model with spans, steps and a pool so small that a
// test crosses all of their borders.
func openSmall(t *testing.T, m synth.Options, o Options) *Engine {
	t.Helper()
	lib := fixture.Libraries(t)
	o.Libraries, o.Threads = lib.Dir, 1 // a processor is left for who interrupts
	if o.Device == "" {
		o.Device = "cpu"
	}
	o.Model = synth.File(t, lib, m)
	if o.span == 0 {
		o.span = 64
	}
	if o.MaxStep == 0 {
		o.MaxStep = 96
	}
	cell, err := CellBytes(o)
	if err != nil {
		t.Fatal(err)
	}
	o.KVBytes = cell * int64(64*o.span+4096)
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// prompt is n tokens that a small model's vocabulary has.
func prompt(n, seed int) []engine.Token {
	tokens := make([]engine.Token, n)
	x := uint32(seed)*2654435761 + 1
	for i := range tokens {
		x = x*1664525 + 1013904223
		tokens[i] = engine.Token(x >> 8 % 256)
	}
	return tokens
}
