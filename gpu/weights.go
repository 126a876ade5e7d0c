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
	embd    *ggml.Tensor // [embd, vocab], for the lookup of tokens
	layers  []layerWeights
	outNorm *ggml.Tensor // [embd]
	out     linear       // embd → vocab
	freqs   *ggml.Tensor // [ropeDims/2] rotary frequency factors, or nil
	ones    *ggml.Tensor // Q8_0 [32, 1], for splits

	lib     *ggml.Lib
	device  *device
	ctx     ggml.Context // tensors in the file or in buffers of the default kind
	packCtx ggml.Context // tensors in the repack buffer
	mapped  []byte
	bufs    []ggml.Buffer
	bytes   int64 // memory of all tensors
	byName  map[string]gguf.Tensor
	used    map[string]bool
	jobs    []func() error // conversions that fill the tensors once they have memory
	recipe  recipe
	packs   bool // some matrices go to the repack buffer
	packed  bool // and are there
}

// recipe tells how a matrix of a type is stored: as it is, converted to another
// type, or split (linear.go).
type recipe func(t ggml.Type) storage

type storage struct {
	kind  ggml.Type
	split bool
	pack  bool // as it is, in the repack buffer
}

func asInFile(t ggml.Type) storage { return storage{kind: t} }

// matrix is a linear map that a block has, and the tensors of the file, within
// "blk.N.", that are its parts.
type matrix struct {
	into  *linear
	width int // of the input
	parts []part
}

type part struct {
	name string
	rows int
}

// loadWeights places every tensor of the model where the backend can read it.
func loadWeights(d *device, f *gguf.File, h *hyper, r recipe) (_ *weights, err error) {
	w := &weights{lib: d.lib, device: d, layers: make([]layerWeights, h.layers), recipe: r, byName: map[string]gguf.Tensor{}, used: map[string]bool{}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	size := uint64(2*len(f.Tensors)+16) * d.lib.TensorOverhead()
	w.ctx = d.lib.Init(ggml.InitParams{MemSize: size, NoAlloc: true})
	w.packCtx = d.lib.Init(ggml.InitParams{MemSize: size, NoAlloc: true})
	for _, t := range f.Tensors {
		w.byName[t.Name] = t
	}
	if err := w.mapFile(f); err != nil {
		return nil, err
	}
	if err := w.plan(h); err != nil {
		return nil, err
	}
	if err := w.checkUnused(h); err != nil {
		return nil, err
	}
	if err := w.allocate(); err != nil {
		return nil, err
	}
	return w, w.convert()
}

// plan creates the tensors that the architecture wants and the jobs that fill
// them.
func (w *weights) plan(h *hyper) error {
	var err error
	if w.embd, err = w.asIs("token_embd.weight", h.embd, h.vocab); err != nil {
		return err
	}
	top := []vector{{"output_norm.weight", h.embd, &w.outNorm}}
	if _, ok := w.byName["rope_freqs.weight"]; ok {
		top = append(top, vector{"rope_freqs.weight", h.ropeDims / 2, &w.freqs})
	}
	for _, v := range top {
		if err := w.vector("", v); err != nil {
			return err
		}
	}
	out := matrix{&w.out, h.embd, []part{{"output.weight", h.vocab}}}
	if _, ok := w.byName["output.weight"]; !ok {
		out.parts[0].name = "token_embd.weight" // tied
	}
	if err := w.matrix("", out); err != nil {
		return err
	}
	for i := range w.layers {
		prefix := fmt.Sprintf("blk.%d.", i)
		for _, v := range h.arch.vectors(h, &w.layers[i]) {
			if err := w.vector(prefix, v); err != nil {
				return err
			}
		}
		for _, m := range matrices(h, &w.layers[i]) {
			if err := w.matrix(prefix, m); err != nil {
				return err
			}
		}
	}
	w.ones = w.lib.NewTensor2(w.ctx, ggml.Q8_0, 32, 1)
	ones := make([]byte, blockQ80)
	ones[1] = 0x3c // 1.0 as a half
	for i := range 32 {
		ones[2+i] = 1
	}
	w.fill(w.ones, ones)
	return nil
}

// checkUnused refuses a file with tensors that nothing computes with: a model
// that has a part more than its family is not what the graphs compute.
func (w *weights) checkUnused(h *hyper) error {
	if !h.whole {
		return nil // a probe of some layers
	}
	for name := range w.byName {
		if !w.used[name] {
			return fmt.Errorf("%w: tensor %s, which this engine's %T has no use for", ErrUnsupported, name, h.arch)
		}
	}
	return nil
}

// source is a tensor of the file, of the expected shape and a computable type.
func (w *weights) source(name string, dims ...int64) (gguf.Tensor, error) {
	t, ok := w.byName[name]
	w.used[name] = true
	switch {
	case !ok:
		return t, fmt.Errorf("the file lacks tensor %s", name)
	case !slices.Equal(trimOnes(t.Dims), dims):
		return t, fmt.Errorf("tensor %s has shape %v, expected %v", name, t.Dims, dims)
	case !slices.Contains(computable, t.Type):
		return t, fmt.Errorf("%w: tensor %s has type %s; supported are %s", ErrUnsupported, name, w.typeName(t.Type), w.typeNames(computable))
	}
	return t, nil
}

// computable are the tensor types with a matrix product and a row lookup on
// every backend that the engine uses.
var computable = []ggml.Type{
	ggml.F32, ggml.F16, ggml.BF16, ggml.Q4_0, ggml.Q4_1, ggml.Q5_0, ggml.Q5_1, ggml.Q8_0,
	ggml.Q2_K, ggml.Q3_K, ggml.Q4_K, ggml.Q5_K, ggml.Q6_K,
}

// vector plans a norm or bias, in F32.
func (w *weights) vector(prefix string, v vector) error {
	src, err := w.source(prefix+v.name, int64(v.n))
	if err != nil {
		return err
	}
	t := w.lib.NewTensor1(w.ctx, ggml.F32, int64(v.n))
	*v.into = t
	w.jobs = append(w.jobs, func() error {
		floats := make([]float32, v.n)
		if err := w.toFloat(src.Type, w.data(src), floats); err != nil {
			return fmt.Errorf("tensor %s: %w", src.Name, err)
		}
		w.lib.TensorSet(t, unsafe.Pointer(&floats[0]), 0, uint64(4*v.n))
		return nil
	})
	return nil
}

// asIs plans a matrix in the file's own type: in the mapped file where the
// backend reads host memory, copied elsewhere.
func (w *weights) asIs(name string, k, rows int) (*ggml.Tensor, error) {
	src, err := w.source(name, int64(k), int64(rows))
	if err != nil {
		return nil, err
	}
	t := w.lib.NewTensor2(w.ctx, src.Type, int64(k), int64(rows))
	if !w.device.host || src.Offset%32 != 0 {
		w.jobs = append(w.jobs, func() error {
			data := w.data(src)
			w.lib.TensorSet(t, unsafe.Pointer(&data[0]), 0, uint64(len(data)))
			return nil
		})
		return t, nil
	}
	if s := w.lib.TensorAlloc(w.fileBuffer(), t, unsafe.Pointer(&w.mapped[src.Offset])); s != ggml.StatusSuccess {
		return nil, fmt.Errorf("place tensor %s: status %d", name, s)
	}
	w.bytes += src.Size
	return t, nil
}

// matrix plans a linear map as the recipe for its type says. Parts of one type
// that are not used as they lie in the file are joined.
func (w *weights) matrix(prefix string, m matrix) error {
	var sources []gguf.Tensor
	total, same := int64(0), true
	for _, p := range m.parts {
		src, err := w.source(prefix+p.name, int64(m.width), int64(p.rows))
		if err != nil {
			return err
		}
		sources = append(sources, src)
		m.into.rows = append(m.into.rows, int64(p.rows))
		total += int64(p.rows)
		same = same && src.Type == sources[0].Type
	}
	k := int64(m.width)
	how := w.recipe(sources[0].Type)
	switch {
	case !same, k%32 != 0, total%8 != 0, how == asInFile(sources[0].Type):
		for _, p := range m.parts {
			t, err := w.asIs(prefix+p.name, m.width, p.rows)
			if err != nil {
				return err
			}
			m.into.plain = append(m.into.plain, t)
		}
	case how.split:
		w.planSplit(m.into, sources, k, total)
	case how.pack:
		w.packs = true
		t := w.lib.NewTensor2(w.packCtx, how.kind, k, total)
		m.into.plain = []*ggml.Tensor{t}
		w.jobs = append(w.jobs, func() error {
			w.fillNow(t, w.joined(sources))
			return nil
		})
	default:
		t := w.lib.NewTensor2(w.ctx, how.kind, k, total)
		m.into.plain = []*ggml.Tensor{t}
		w.jobs = append(w.jobs, func() error { return w.requantize(t, sources) })
	}
	return nil
}

// planSplit: see linear.
func (w *weights) planSplit(l *linear, sources []gguf.Tensor, k, rows int64) {
	w.packs = true
	kind := sources[0].Type
	padded := paddedBlocks(k)
	for range terms(kind) {
		l.packed = append(l.packed, w.lib.NewTensor2(w.packCtx, ggml.Q4_0, k, rows))
	}
	l.rest = w.lib.NewTensor2(w.ctx, ggml.Q8_0, padded, rows)
	w.jobs = append(w.jobs, func() error {
		out := make([][]byte, len(l.packed))
		for i := range out {
			out[i] = make([]byte, rows*k/32*blockQ40)
		}
		constants := splitRows(w.lib, kind, w.joined(sources), int(k/32), out, int(padded))
		for i, t := range l.packed {
			w.fillNow(t, out[i])
		}
		rest := make([]byte, rows*padded/32*blockQ80)
		w.lib.QuantizeChunk(ggml.Q8_0, unsafe.Pointer(&constants[0]), unsafe.Pointer(&rest[0]), 0, rows, padded, nil)
		w.fillNow(l.rest, rest)
		return nil
	})
}

// requantize fills t, which joins the sources, by way of F32.
func (w *weights) requantize(t *ggml.Tensor, sources []gguf.Tensor) error {
	perRow, to := t.Ne[0], t.Type
	dstRow := int(w.lib.RowSize(to, perRow))
	batch := max(1, 1<<18/perRow) // rows at a time: 1 MiB of floats
	floats := make([]float32, batch*perRow)
	bytes := make([]byte, int(batch)*dstRow)
	at := uint64(0)
	for _, src := range sources {
		data, srcRow := w.data(src), int(w.lib.RowSize(src.Type, perRow))
		for r, rows := int64(0), src.Dims[1]; r < rows; r += batch {
			n := min(batch, rows-r)
			f, b := floats[:n*perRow], bytes[:int(n)*dstRow]
			if err := w.toFloat(src.Type, data[int(r)*srcRow:int(r+n)*srcRow], f); err != nil {
				return fmt.Errorf("tensor %s: %w", src.Name, err)
			}
			w.lib.QuantizeChunk(to, unsafe.Pointer(&f[0]), unsafe.Pointer(&b[0]), 0, n, perRow, nil)
			w.lib.TensorSet(t, unsafe.Pointer(&b[0]), at, uint64(len(b)))
			at += uint64(len(b))
		}
	}
	return nil
}

// joined is the data of the sources, one after the other.
func (w *weights) joined(sources []gguf.Tensor) []byte {
	if len(sources) == 1 {
		return w.data(sources[0])
	}
	var all []byte
	for _, s := range sources {
		all = append(all, w.data(s)...)
	}
	return all
}

func (w *weights) data(t gguf.Tensor) []byte { return w.mapped[t.Offset : t.Offset+t.Size] }

func (w *weights) fill(t *ggml.Tensor, data []byte) {
	w.jobs = append(w.jobs, func() error {
		w.fillNow(t, data)
		return nil
	})
}

func (w *weights) fillNow(t *ggml.Tensor, data []byte) {
	w.lib.TensorSet(t, unsafe.Pointer(&data[0]), 0, uint64(len(data)))
}

// allocate gives memory to the tensors that are not in the file.
func (w *weights) allocate() error {
	buf := w.lib.AllocTensors(w.ctx, w.device.backend)
	if buf == 0 {
		return fmt.Errorf("no memory on %s for the weights", w.device.name)
	}
	bufs := []ggml.Buffer{buf}
	if w.packs {
		packed := w.lib.AllocTensorsType(w.packCtx, w.device.repack)
		if packed == 0 {
			w.lib.BufferFree(buf)
			return fmt.Errorf("no memory on %s for the interleaved weights", w.device.name)
		}
		bufs = append(bufs, packed)
		w.packed = true
	}
	for _, b := range bufs {
		w.lib.BufferSetUsage(b, usageWeights)
		w.bufs = append(w.bufs, b)
		w.bytes += int64(w.lib.BufferSize(b))
	}
	return nil
}

// fileBuffer is the mapped file as a buffer of the backend.
func (w *weights) fileBuffer() ggml.Buffer {
	if len(w.bufs) == 0 {
		w.bufs = append(w.bufs, w.lib.HostBuffer(unsafe.Pointer(&w.mapped[0]), uint64(len(w.mapped))))
		w.lib.BufferSetUsage(w.bufs[0], usageWeights)
	}
	return w.bufs[0]
}

const usageWeights = 1 // GGML_BACKEND_BUFFER_USAGE_WEIGHTS

// convert does the jobs, on all processors.
func (w *weights) convert() error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs error
		next = make(chan func() error)
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for job := range next {
				if err := job(); err != nil {
					mu.Lock()
					errs = err
					mu.Unlock()
				}
			}
		})
	}
	for _, job := range w.jobs {
		next <- job
	}
	close(next)
	wg.Wait()
	w.jobs, w.byName, w.used = nil, nil, nil
	return errs
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
	for _, ctx := range []ggml.Context{w.ctx, w.packCtx} {
		if ctx != 0 {
			w.lib.Free(ctx)
		}
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
