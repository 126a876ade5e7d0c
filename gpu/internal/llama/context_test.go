package llama

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

func newContext(t *testing.T, m *Model, o ContextOptions) *Context {
	t.Helper()
	o.KType, o.VType = ggml.F16, ggml.F16
	o.Cells, o.Batch, o.Ubatch, o.Sequences, o.Threads = 128, 64, 32, 4, 1
	c, err := m.NewContext(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Free)
	return c
}

// run appends tokens to a sequence and returns the logits after the last.
func run(t *testing.T, c *Context, seq, from int, tokens ...engine.Token) []float32 {
	t.Helper()
	var batch []Entry
	for i, token := range tokens {
		batch = append(batch, Entry{Token: token, Pos: from + i, Seq: seq, Logits: i == len(tokens)-1})
	}
	if err := c.Decode(batch); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(c.Logits(len(tokens) - 1))
}

func same(t *testing.T, what string, a, b []float32, tolerance float64) {
	t.Helper()
	for i := range a {
		if d := math.Abs(float64(a[i] - b[i])); !(d <= tolerance) {
			t.Fatalf("%s: logit %d is %v and %v", what, i, a[i], b[i])
		}
	}
}

func TestContext(t *testing.T) {
	m := load(t, synth.Options{}, ModelOptions{})
	for _, flash := range []FlashAttention{FlashOff, FlashOn, FlashAuto} {
		for _, unified := range []bool{false, true} {
			c := newContext(t, m, ContextOptions{Flash: flash, Unified: unified})
			whole := run(t, c, 0, 0, 10, 20, 30, 40)

			run(t, c, 1, 0, 10, 20, 30)
			same(t, "one by one", run(t, c, 1, 3, 40), whole, 0.05)

			c.Copy(0, 2)
			if !c.Remove(2, 3, -1) {
				t.Errorf("cells of a copy are not removed")
			}
			same(t, "from a copy", run(t, c, 2, 3, 40), whole, 0.05)

			if err := c.Duplicate(0, 3); err != nil {
				t.Fatal(err)
			}
			same(t, "after a duplicate", run(t, c, 3, 4, 50), run(t, c, 0, 4, 50), 0.05)

			c.Clear()
			same(t, "after clearing", run(t, c, 0, 0, 10, 20, 30, 40), whole, 0)
		}
	}
}

func TestContextOnAThreadpool(t *testing.T) {
	m := load(t, synth.Options{}, ModelOptions{})
	c := newContext(t, m, ContextOptions{})
	alone := run(t, c, 0, 0, 10, 20, 30)
	pool := m.lib.ggml.ThreadpoolNew(&ggml.ThreadpoolParams{Threads: 2})
	c.Attach(pool)
	c.SetThreads(2)
	same(t, "on a pool", run(t, c, 1, 0, 10, 20, 30), alone, 1e-3)
	c.Free()
	m.lib.ggml.ThreadpoolFree(pool)
}

func TestLogitsWhereAskedFor(t *testing.T) {
	c := newContext(t, load(t, synth.Options{}, ModelOptions{}), ContextOptions{})
	if err := c.Decode([]Entry{{Token: 1}, {Token: 2, Pos: 1, Logits: true}, {Token: 3, Seq: 1, Logits: true}}); err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]bool{-1: false, 0: false, 1: true, 2: true, 3: false} {
		if got := c.Logits(i) != nil; got != want {
			t.Errorf("logits after entry %d: %v, want %v", i, got, want)
		}
	}
	if slices.Equal(c.Logits(1), c.Logits(2)) {
		t.Errorf("two entries have the same logits")
	}
}

func TestDecodeRefuses(t *testing.T) {
	m := load(t, synth.Options{}, ModelOptions{})
	c := newContext(t, m, ContextOptions{})
	size := engine.Token(m.Vocab().Size())
	for _, batch := range [][]Entry{
		nil, make([]Entry, 65), {{Token: -1}}, {{Token: size}}, {{Seq: -1}}, {{Seq: 4}}, {{Pos: -1}},
	} {
		if err := c.Decode(batch); !errors.Is(err, engine.ErrRange) {
			t.Errorf("%d entries: got %v, want ErrRange", len(batch), err)
		}
	}
	if err := c.Decode([]Entry{{Pos: 0}, {Pos: 7}}); !errors.Is(err, ErrDecode) {
		t.Errorf("positions 0 and 7: got %v, want ErrDecode", err)
	}
	err := error(nil)
	for pos := 0; err == nil && pos < 10_000; pos += 64 {
		batch := make([]Entry, 64)
		for i := range batch {
			batch[i].Pos = pos + i
		}
		err = c.Decode(batch)
	}
	if !errors.Is(err, ErrNoCells) {
		t.Errorf("more tokens than cells: got %v, want ErrNoCells", err)
	}
}

func TestContextOptionsAreChecked(t *testing.T) {
	m := load(t, synth.Options{}, ModelOptions{})
	good := ContextOptions{Cells: 64, Batch: 8, Ubatch: 8, Sequences: 1, KType: ggml.F16, VType: ggml.F16, Threads: 1}
	for name, spoil := range map[string]func(*ContextOptions){
		"cells": func(o *ContextOptions) { o.Cells = 0 }, "batch": func(o *ContextOptions) { o.Batch = -1 },
		"threads": func(o *ContextOptions) { o.Threads = 0 }, "sequences": func(o *ContextOptions) { o.Sequences = 0 },
	} {
		o := good
		spoil(&o)
		if _, err := m.NewContext(o); !errors.Is(err, engine.ErrRange) {
			t.Errorf("%s: got %v, want ErrRange", name, err)
		}
	}
	o := good
	o.VType, o.Flash = ggml.Q8_0, FlashOff
	if _, err := m.NewContext(o); !errors.Is(err, ErrLoad) {
		t.Errorf("quantised V without flash attention: got %v, want ErrLoad", err)
	}
}
