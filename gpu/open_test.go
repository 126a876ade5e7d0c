package gpu

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestOpenRefuses opens what cannot be served: each an error that says what is
// wrong, and the process lives.
func TestOpenRefuses(t *testing.T) {
	lib := fixture.Libraries(t)
	good, err := os.ReadFile(synth.File(t, lib, synth.Options{Type: ggml.Q8_0}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		o    Options
		says string
		is   error
	}{
		{name: "empty", data: nil, is: gguf.ErrFormat},
		{name: "not a model", data: []byte("#!/bin/sh\necho hello\n"), is: gguf.ErrFormat},
		{name: "cut in the head", data: good[:200], is: gguf.ErrFormat},
		{name: "cut in the tensors", data: good[:len(good)-4096], is: gguf.ErrFormat},
		{name: "another architecture", data: bytes.Replace(good, []byte("llama"), []byte("lemma"), 1), says: "qwen2", is: ErrUnsupported},
		{name: "a missing tensor", data: bytes.Replace(good, []byte("blk.1.ffn_up.weight"), []byte("blk.1.ffn_xx.weight"), 1), says: "blk.1.ffn_up.weight"},
		{name: "a part too much", data: bytes.Replace(good, []byte("output.weight"), []byte("outptt.weight"), 1), says: "outptt.weight", is: ErrUnsupported},
		{name: "device", data: good, o: Options{Device: "abacus"}, says: "vulkan"},
		{name: "no card", data: good, o: Options{Device: "cuda"}, says: "libcudart", is: ErrNoDevice},
		{name: "weights", data: good, o: Options{Weights: "gold"}, says: "packed"},
		{name: "key type", data: good, o: Options{KType: "q2"}, says: "q8_0"},
		{name: "tiny pool", data: good, o: Options{KVBytes: 100}, says: "--kv-bytes"},
		{name: "negative pool", data: good, o: Options{KVBytes: -1 << 30}, says: "--kv-bytes"},
		{name: "threads", data: good, o: Options{Threads: -3}, says: "threads"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Libraries, c.o.Model = lib.Dir, filepath.Join(t.TempDir(), "model.gguf")
			if c.o.Device == "" {
				c.o.Device = "cpu"
			}
			if err := os.WriteFile(c.o.Model, c.data, 0o644); err != nil {
				t.Fatal(err)
			}
			e, err := Open(c.o)
			if err == nil {
				e.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v; it should say %q and be %v", err, c.says, c.is)
			}
		})
	}
}

// What a file says that its network is, and the graphs do not compute, is refused by
// name.
func TestOpenRefusesOtherNetworks(t *testing.T) {
	lib := fixture.Libraries(t)
	for _, c := range []struct {
		extra map[string]any
		says  string // empty: it opens
	}{
		{map[string]any{"attention.sliding_window": uint32(0), "expert_count": uint32(0), "rope.scaling.type": "none"}, ""},
		{map[string]any{"attention.sliding_window": uint32(4096)}, "sliding window"},
		{map[string]any{"attention.sliding_window": []int32{0, 512}}, "sliding window"},
		{map[string]any{"expert_count": uint32(8), "expert_used_count": uint32(2)}, "mixture of experts"},
		{map[string]any{"rope.scaling.type": "yarn", "rope.scaling.factor": float32(4)}, `rope scaling "yarn"`},
		{map[string]any{"rope.scaling.type": "longrope"}, `rope scaling "longrope"`},
		{map[string]any{"attention.value_length": uint32(8)}, "V heads of 8 values"},
	} {
		e, err := Open(Options{Libraries: lib.Dir, Device: "cpu", Weights: "file", Threads: 1, KVBytes: 16 << 20, Model: synth.File(t, lib, synth.Options{Extra: c.extra})})
		if err == nil {
			e.Close()
		}
		if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v: got %v, which should say %q", c.extra, err, c.says)
		}
	}
}

// A value per layer is no number for all: a default in its place would be another
// network. A factor of rope scaling without its kind is linear, as for libllama.
func TestHyperOfOddFiles(t *testing.T) {
	lib := fixture.Libraries(t)
	good, err := gguf.Inspect(synth.File(t, lib, synth.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readHyper(good); err != nil {
		t.Fatal(err)
	}
	scaled, err := gguf.Inspect(synth.File(t, lib, synth.Options{Extra: map[string]any{"rope.scaling.factor": float32(4)}}))
	if err != nil {
		t.Fatal(err)
	}
	if h, err := readHyper(scaled); err != nil || h.ropeScale != 0.25 {
		t.Errorf("a factor without a kind of scaling: got %+v, %v; want linear", h, err)
	}
	for _, key := range []string{"attention.head_count_kv", "attention.head_count", "feed_forward_length", "rope.dimension_count", "rope.freq_base", "attention.layer_norm_rms_epsilon"} {
		bad := *good
		bad.Meta = maps.Clone(good.Meta)
		bad.Meta["llama."+key] = []uint32{2, 1}
		if _, err := readHyper(&bad); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("a list as %s: got %v", key, err)
		}
	}
}

// Where the buffer of interleaved rows cannot be had, Open says so.
func TestOpenWithoutMemoryForPackedWeights(t *testing.T) {
	lib := fixture.Libraries(t)
	real, calls := lib.AllocTensorsType, 0
	t.Cleanup(func() { lib.AllocTensorsType = real })
	lib.AllocTensorsType = func(c ggml.Context, b ggml.BufferType) ggml.Buffer {
		if calls++; calls == 1 {
			return real(c, b) // of the question whether there are such kernels
		}
		return 0
	}
	e, err := Open(Options{Libraries: lib.Dir, Device: "cpu", Weights: "packed", Threads: 1, KVBytes: 16 << 20, Model: synth.File(t, lib, synth.Options{Type: ggml.Q4_1})})
	switch {
	case calls < 2:
		t.Skip("this processor has no kernels over interleaved rows")
	case err == nil:
		e.Close()
		t.Error("it opened")
	case !strings.Contains(err.Error(), "interleaved"):
		t.Errorf("got %v", err)
	}
}
