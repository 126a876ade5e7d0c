package gpu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// Device tells for people what computes.
func (e *Engine) Device() string { return e.device.name }

// Storage tells how matrices are stored, by their types in the file: f16 file, q4_0 packed.
func (e *Engine) Storage() string {
	var all []string
	for t, name := range e.storageNames() {
		all = append(all, t+" "+name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// WeightBytes is the memory that the model's tensors take.
func (e *Engine) WeightBytes() int64 { return e.weights.bytes }

// ScratchBytes is the memory that computing takes beside the weights and the pool,
// as reserved; on the host the system gives it page by page when it is first used.
// It is bounded by the geometry: inputs, masks, scores and copies of cells for the
// largest step over the longest context, intermediate results, and the nodes of the
// graphs that are kept.
func (e *Engine) ScratchBytes() int64 {
	if e.broken != nil {
		return 0
	}
	return int64(e.lib.BufferSize(e.ownBuf)+e.lib.AllocatorSize(e.alloc, 0)) + e.graphs.bytes()
}

// Threads is the number of compute threads, of which contention may idle some.
func (e *Engine) Threads() int { return e.threads.pace.all }

// Priority is the nice value of the compute threads.
func (e *Engine) Priority() int {
	if e.threads.raised {
		return raisedNice
	}
	return 0
}

// Sleep stops the compute threads from polling for work until Wake. Steps work
// only when awake. It is for a caller that runs several engines in turns.
func (e *Engine) Sleep() {
	if e.threads.pool != 0 {
		e.lib.ThreadpoolPause(e.threads.pool)
	}
}

// Wake is the opposite of Sleep.
func (e *Engine) Wake() {
	if e.threads.pool != 0 {
		e.threads.caller = 0
		e.lib.ThreadpoolResume(e.threads.pool)
	}
}

// CellBytes is the memory of one cell of KV for a model opened with o, without
// opening it.
func CellBytes(o Options) (int64, error) {
	file, err := gguf.Inspect(o.Model)
	if err != nil {
		return 0, err
	}
	h, err := readHyper(file)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", o.Model, err)
	}
	lib, err := ggml.Open(o.Libraries)
	if err != nil {
		return 0, err
	}
	e := &Engine{lib: lib, hyper: h, options: o, device: &device{host: o.Device == "" || o.Device == "cpu"}}
	l, err := e.chooseLayout()
	if err != nil {
		return 0, err
	}
	return geometry(h, l, o).CellBytes, nil
}

// Pinned names the release of the libraries that the engine is written for.
func Pinned() string {
	return fmt.Sprintf("ggml %s, commit %s, of llama.cpp %s", ggml.PinnedVersion, ggml.PinnedCommit, ggml.PinnedRelease)
}
