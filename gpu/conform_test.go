package gpu

import (
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestConformance holds the real engine to the suite that the fake passes, on a
// small model, in each of its modes.
func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		opts    gputest.Options
	}{
		// Kernels differ by the number of rows, and cells are rounded to 8 bits.
		{"default", Options{Weights: "packed"}, gputest.Options{Logits: 0.05, KV: 0.08, Copy: 0.01, Rotate: 0.02, Delta: 0.02}},
		{"weights as in the file", Options{Weights: "file"}, gputest.Options{Logits: 0.05, KV: 0.08, Copy: 0.01, Rotate: 0.02, Delta: 0.02}},
		// Every row is computed one way: contexts are equal to the bit.
		{"deterministic", Options{Weights: "packed", Deterministic: true}, gputest.Options{Copy: 0.01, Rotate: 0.02, Delta: 0.02}},
		{"row layout", Options{Weights: "file", Layout: "rows"}, gputest.Options{Logits: 0.05, KV: 0.08, Copy: 0.002, Rotate: 0.005, Delta: 0.005}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := openSmall(t, synth.Options{Type: ggml.Q4_1, Layers: 4, Embd: 256, HeadDim: 32, Heads: 8, KVHeads: 2, FFN: 1024, Context: 1024}, c.options)
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
	o.Libraries, o.Device, o.Threads = lib.Dir, "cpu", 1 // a processor is left for who interrupts
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
