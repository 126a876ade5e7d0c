package gpu

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// weights are a model's tensors, ready to be computed with. A tensor that stays
// as the file has it lies in the mapped file; the others are converted once,
// while loading.
type weights struct {
	embd    *ggml.Tensor // [embd, vocab]
	layers  []layerWeights
	outNorm *ggml.Tensor // [embd]
	out     *ggml.Tensor // [embd, vocab]; embd itself when the file ties them
	freqs   *ggml.Tensor // [ropeDims/2] rotary frequency factors, or nil

	lib    *ggml.Lib
	ctx    ggml.Context
	mapped []byte
	bufs   []ggml.Buffer
	bytes  int64 // memory of all tensors
}

// loadWeights places every tensor of the model where the backend can read it.
// as tells the type that a matrix of the given type is computed in.
func loadWeights(d *device, f *gguf.File, h *hyper, as func(ggml.Type) ggml.Type) (_ *weights, err error) {
	w := &weights{lib: d.lib, layers: make([]layerWeights, h.layers)}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	w.ctx = d.lib.Init(ggml.InitParams{MemSize: uint64(len(f.Tensors)+8) * 2 * d.lib.TensorOverhead(), NoAlloc: true})
	if w.ctx == 0 {
		return nil, fmt.Errorf("no memory for %d tensors", len(f.Tensors))
	}
	if err := w.mapFile(f); err != nil {
		return nil, err
	}
	plan, err := w.plan(f, h, as)
	if err != nil {
		return nil, err
	}
	if err := w.place(d, plan); err != nil {
		return nil, err
	}
	if w.out == nil {
		w.out = w.embd
	}
	return w, nil
}

// placement is one tensor on its way from the file to the device.
type placement struct {
	from gguf.Tensor
	to   *ggml.Tensor
}

// plan matches the tensors that the architecture wants with those of the file
// and creates them in the type that they are computed in.
func (w *weights) plan(f *gguf.File, h *hyper, as func(ggml.Type) ggml.Type) ([]placement, error) {
	embd, vocab := int64(h.embd), int64(h.vocab)
	want := []weight{
		{name: "token_embd.weight", dims: []int64{embd, vocab}, into: &w.embd},
		{name: "output_norm.weight", dims: []int64{embd}, into: &w.outNorm},
		{name: "output.weight", dims: []int64{embd, vocab}, into: &w.out, optional: true},
		{name: "rope_freqs.weight", dims: []int64{int64(h.ropeDims / 2)}, into: &w.freqs, optional: true},
	}
	for i := range w.layers {
		for _, t := range h.arch.tensors(h, &w.layers[i]) {
			t.name = fmt.Sprintf("blk.%d.%s", i, t.name)
			want = append(want, t)
		}
	}
	byName := make(map[string]gguf.Tensor, len(f.Tensors))
	for _, t := range f.Tensors {
		byName[t.Name] = t
	}
	var plan []placement
	for _, t := range want {
		from, ok := byName[t.name]
		if !ok {
			if t.optional {
				continue
			}
			return nil, fmt.Errorf("the file lacks tensor %s", t.name)
		}
		if !slices.Equal(trimOnes(from.Dims), t.dims) {
			return nil, fmt.Errorf("tensor %s has shape %v, expected %v", t.name, from.Dims, t.dims)
		}
		if !slices.Contains(computable, from.Type) {
			return nil, fmt.Errorf("%w: tensor %s has type %s; supported are %s", ErrUnsupported, t.name, w.typeName(from.Type), w.typeNames(computable))
		}
		kind := ggml.F32 // vectors: norms and biases
		if len(t.dims) == 2 {
			kind = as(from.Type)
			if t.dims[0]%w.lib.BlockSize(kind) != 0 {
				kind = from.Type
			}
		}
		if len(t.dims) == 2 {
			*t.into = w.lib.NewTensor2(w.ctx, kind, t.dims[0], t.dims[1])
		} else {
			*t.into = w.lib.NewTensor1(w.ctx, kind, t.dims[0])
		}
		plan = append(plan, placement{from, *t.into})
	}
	return plan, nil
}

// computable are the tensor types with a matrix product and a row lookup on
// every backend that the engine uses.
var computable = []ggml.Type{
	ggml.F32, ggml.F16, ggml.BF16, ggml.Q4_0, ggml.Q4_1, ggml.Q5_0, ggml.Q5_1, ggml.Q8_0,
	ggml.Q2_K, ggml.Q3_K, ggml.Q4_K, ggml.Q5_K, ggml.Q6_K,
}

// place gives every tensor memory: in the mapped file where the backend reads
// host memory and the type stays, in buffers of its own elsewhere.
func (w *weights) place(d *device, plan []placement) error {
	var own []placement
	file := ggml.Buffer(0)
	for _, p := range plan {
		if !d.host || p.to.Type != p.from.Type || p.from.Offset%32 != 0 {
			own = append(own, p)
			continue
		}
		if file == 0 {
			file = w.lib.HostBuffer(unsafe.Pointer(&w.mapped[0]), uint64(len(w.mapped)))
			w.lib.BufferSetUsage(file, usageWeights)
			w.bufs = append(w.bufs, file)
		}
		if s := w.lib.TensorAlloc(file, p.to, unsafe.Pointer(&w.mapped[p.from.Offset])); s != ggml.StatusSuccess {
			return fmt.Errorf("place tensor %s: status %d", p.from.Name, s)
		}
		w.bytes += p.from.Size
	}
	if len(own) == 0 {
		return nil
	}
	buf := w.lib.AllocTensors(w.ctx, d.backend)
	if buf == 0 {
		return fmt.Errorf("no memory on %s for %d tensors", d.name, len(own))
	}
	w.lib.BufferSetUsage(buf, usageWeights)
	w.bufs = append(w.bufs, buf)
	w.bytes += int64(w.lib.BufferSize(buf))
	return w.convertAll(own)
}

const usageWeights = 1 // GGML_BACKEND_BUFFER_USAGE_WEIGHTS

// convertAll fills the tensors from the file, on all processors.
func (w *weights) convertAll(own []placement) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs error
		next = make(chan placement)
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var c converter
			for p := range next {
				if err := c.convert(w, p); err != nil {
					mu.Lock()
					errs = err
					mu.Unlock()
				}
			}
		})
	}
	for _, p := range own {
		next <- p
	}
	close(next)
	wg.Wait()
	return errs
}

// converter turns rows of one type into rows of another by way of F32. It keeps
// its scratch memory between tensors.
type converter struct {
	floats []float32
	rows   []byte
}

func (c *converter) convert(w *weights, p placement) error {
	src := w.mapped[p.from.Offset : p.from.Offset+p.from.Size]
	from, to := p.from.Type, p.to.Type
	if from == to {
		w.lib.TensorSet(p.to, unsafe.Pointer(&src[0]), 0, uint64(len(src)))
		return nil
	}
	perRow := p.to.Ne[0]
	rows := p.to.Ne[1]
	srcRow, dstRow := int(w.lib.RowSize(from, perRow)), int(w.lib.RowSize(to, perRow))
	batch := max(1, 1<<18/perRow) // rows at a time: 1 MiB of floats
	for r := int64(0); r < rows; r += batch {
		n := min(batch, rows-r)
		c.floats = slices.Grow(c.floats[:0], int(n*perRow))[:n*perRow]
		c.rows = slices.Grow(c.rows[:0], int(n)*dstRow)[:int(n)*dstRow]
		if err := w.toFloat(from, src[int(r)*srcRow:int(r+n)*srcRow], c.floats); err != nil {
			return fmt.Errorf("tensor %s: %w", p.from.Name, err)
		}
		if to == ggml.F32 {
			c.rows = unsafe.Slice((*byte)(unsafe.Pointer(&c.floats[0])), 4*len(c.floats))
		} else if got := w.lib.QuantizeChunk(to, unsafe.Pointer(&c.floats[0]), unsafe.Pointer(&c.rows[0]), 0, n, perRow, nil); int(got) != len(c.rows) {
			return fmt.Errorf("tensor %s: conversion to %s wrote %d bytes, expected %d", p.from.Name, w.typeName(to), got, len(c.rows))
		}
		w.lib.TensorSet(p.to, unsafe.Pointer(&c.rows[0]), uint64(int(r)*dstRow), uint64(int(n)*dstRow))
		if to == ggml.F32 {
			c.rows = nil // it aliased the floats
		}
	}
	return nil
}

// toFloat dequantises whole rows of type t.
func (w *weights) toFloat(t ggml.Type, src []byte, dst []float32) error {
	if t == ggml.F32 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 4*len(dst)), src)
		return nil
	}
	traits := w.lib.Traits(t)
	if traits == nil || traits.ToFloat == 0 {
		return fmt.Errorf("%w: type %s has no conversion", ErrUnsupported, w.typeName(t))
	}
	purego.SyscallN(traits.ToFloat, uintptr(unsafe.Pointer(&src[0])), uintptr(unsafe.Pointer(&dst[0])), uintptr(len(dst)))
	runtime.KeepAlive(src)
	runtime.KeepAlive(dst)
	return nil
}

// mapFile maps the whole model read-only; pages come in as they are touched.
func (w *weights) mapFile(f *gguf.File) error {
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	w.mapped, err = unix.Mmap(int(file.Fd()), 0, int(f.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", f.Path, err)
	}
	return nil
}

func (w *weights) close() {
	for _, b := range w.bufs {
		w.lib.BufferFree(b)
	}
	if w.ctx != 0 {
		w.lib.Free(w.ctx)
	}
	if w.mapped != nil {
		unix.Munmap(w.mapped)
	}
}

func (w *weights) typeName(t ggml.Type) string { return ggml.GoString(w.lib.TypeName(t)) }

func (w *weights) typeNames(ts []ggml.Type) (names []string) {
	for _, t := range ts {
		names = append(names, w.typeName(t))
	}
	return names
}

// trimOnes drops trailing dimensions of size 1.
func trimOnes(dims []int64) []int64 {
	for len(dims) > 1 && dims[len(dims)-1] == 1 {
		dims = dims[:len(dims)-1]
	}
	return dims
}
