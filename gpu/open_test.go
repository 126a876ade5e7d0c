package gpu

import (
	"bytes"
	"errors"
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
