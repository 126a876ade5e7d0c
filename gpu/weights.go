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

// recipe tells how a matrix of a type is stored.
type recipe func(t ggml.Type) storage

// storage is how: as it is; converted to another type first; then, perhaps, in the
// repack buffer, whole or in terms (linear.go).
type storage struct {
	kind ggml.Type
	packing
}

type packing uint8

const (
	unpacked packing = iota
	whole
	inTerms
)

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
func loadWeights(d *device, f *gguf.File, h *hyper, r recipe) (*weights, error) {
	return load(d, f, r, func(w *weights) error {
		if err := w.plan(h); err != nil {
			return err
		}
		return w.checkUnused(h)
	})
}

// load places the tensors that plan creates.
func load(d *device, f *gguf.File, r recipe, plan func(*weights) error) (_ *weights, err error) {
	w := &weights{lib: d.lib, device: d, recipe: r, byName: map[string]gguf.Tensor{}, used: map[string]bool{}}
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
	w.planOnes()
	if err := plan(w); err != nil {
		return nil, err
	}
	if err := w.allocate(); err != nil {
		return nil, err
	}
	return w, w.convert()
}

// planOnes creates the row of ones, by which the blocks of an input are summed.
func (w *weights) planOnes() {
	w.ones = w.lib.NewTensor2(w.ctx, ggml.Q8_0, 32, 1)
	ones := make([]byte, blockQ80)
	ones[1] = 0x3c // 1.0 as a half
	for i := range 32 {
		ones[2+i] = 1
	}
	w.jobs = append(w.jobs, func() error {
		w.fillNow(w.ones, ones)
		return nil
	})
}

// plan creates the tensors that the architecture wants and the jobs that fill
// them.
func (w *weights) plan(h *hyper) error {
	embd, err := w.source("token_embd.weight", int64(h.embd), int64(h.vocab))
	if err != nil {
		return err
	}
	if w.embd, err = w.asIs(embd); err != nil {
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
	w.layers = make([]layerWeights, h.layers)
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
	return nil
}

// checkUnused refuses a file with tensors that nothing computes with: a model
// that has a part more than its family is not what the graphs compute.
func (w *weights) checkUnused(h *hyper) error {
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
	ggml.Q2_K, ggml.Q3_K, ggml.Q4_K, ggml.Q5_K, ggml.Q6_K, ggml.IQ4_NL,
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
func (w *weights) asIs(src gguf.Tensor) (*ggml.Tensor, error) {
	t := w.lib.NewTensor2(w.ctx, src.Type, src.Dims[0], src.Dims[1])
	if !w.device.host || src.Offset%32 != 0 {
		w.jobs = append(w.jobs, func() error {
			data := w.data(src)
			w.lib.TensorSet(t, unsafe.Pointer(&data[0]), 0, uint64(len(data)))
			return nil
		})
		return t, nil
	}
	if s := w.lib.TensorAlloc(w.fileBuffer(), t, unsafe.Pointer(&w.mapped[src.Offset])); s != ggml.StatusSuccess {
		return nil, fmt.Errorf("place tensor %s: status %d", src.Name, s)
	}
	w.bytes += src.Size
	return t, nil
}

// matrix plans a linear map as the recipe for the types of its parts says.
// Neighbours of one type that are not used as they lie in the file are joined.
func (w *weights) matrix(prefix string, m matrix) error {
	k := int64(m.width)
	var sources []gguf.Tensor
	for _, p := range m.parts {
		src, err := w.source(prefix+p.name, k, int64(p.rows))
		if err != nil {
			return err
		}
		sources = append(sources, src)
	}
	for len(sources) > 0 {
		how, n := w.storage(sources[0]), 1
		for how != asInFile(sources[0].Type) && n < len(sources) && sources[n].Type == sources[0].Type && w.storage(sources[n]) == how {
			n++
		}
		s, err := w.store(sources[:n], how)
		if err != nil {
			return err
		}
		*m.into = append(*m.into, s)
		sources = sources[n:]
	}
	return nil
}

// storage is how a matrix is stored: as the recipe says where it has whole blocks, and
// as many rows as are interleaved.
func (w *weights) storage(t gguf.Tensor) storage {
	if t.Dims[0]%32 != 0 || t.Dims[1]%8 != 0 {
		return asInFile(t.Type)
	}
	return w.recipe(t.Type)
}

// store plans a matrix that joins the sources, all of one type.
func (w *weights) store(sources []gguf.Tensor, how storage) (s stored, err error) {
	k, rows := sources[0].Dims[0], int64(0)
	for _, src := range sources {
		s.rows = append(s.rows, src.Dims[1])
		rows += src.Dims[1]
	}
	if how == asInFile(sources[0].Type) {
		s.plain, err = w.asIs(sources[0])
		return s, err
	}
	put := func(t *ggml.Tensor, data []byte) { w.fillNow(t, data) }
	switch how.packing {
	case inTerms:
		w.packs = true
		padded := paddedBlocks(k)
		for range splits[how.kind].terms {
			s.terms = append(s.terms, w.lib.NewTensor2(w.packCtx, ggml.Q4_0, k, rows))
		}
		if splits[how.kind].rest {
			s.rest = w.lib.NewTensor2(w.ctx, ggml.Q8_0, padded, rows)
		}
		put = func(_ *ggml.Tensor, data []byte) { w.fillTerms(&s, how.kind, data, k, rows) }
	case whole:
		w.packs = true
		s.plain = w.lib.NewTensor2(w.packCtx, how.kind, k, rows)
	default:
		s.plain = w.lib.NewTensor2(w.ctx, how.kind, k, rows)
	}
	w.jobs = append(w.jobs, func() error {
		data, err := w.joined(sources, how.kind)
		if err == nil {
			put(s.plain, data)
		}
		return err
	})
	return s, nil
}

// fillTerms splits a matrix.
func (w *weights) fillTerms(s *stored, kind ggml.Type, data []byte, k, rows int64) {
	out, padded := make([][]byte, len(s.terms)), paddedBlocks(k)
	for i := range out {
		out[i] = make([]byte, rows*k/32*blockQ40)
	}
	constants := splitRows(w.lib, kind, data, int(k/32), out, int(padded))
	for i, t := range s.terms {
		w.fillNow(t, out[i])
	}
	if s.rest != nil {
		rest := make([]byte, rows*padded/32*blockQ80)
		w.lib.QuantizeChunk(ggml.Q8_0, unsafe.Pointer(&constants[0]), unsafe.Pointer(&rest[0]), 0, rows, padded, nil)
		w.fillNow(s.rest, rest)
	}
}

// joined is the data of the sources, one after the other, as a type has it: by way of
// F32 where that is another than theirs.
func (w *weights) joined(sources []gguf.Tensor, kind ggml.Type) (all []byte, err error) {
	if len(sources) == 1 && sources[0].Type == kind {
		return w.data(sources[0]), nil
	}
	for _, src := range sources {
		data := w.data(src)
		if src.Type != kind {
			if data, err = w.converted(src, kind); err != nil {
				return nil, fmt.Errorf("tensor %s: %w", src.Name, err)
			}
		}
		all = append(all, data...)
	}
	return all, nil
}

// converted is the data of a matrix in another type.
func (w *weights) converted(src gguf.Tensor, kind ggml.Type) ([]byte, error) {
	k, rows, data := src.Dims[0], src.Dims[1], w.data(src)
	from, to := int64(w.lib.RowSize(src.Type, k)), int64(w.lib.RowSize(kind, k))
	batch := max(1, 1<<18/k) // rows at a time: 1 MiB of floats
	floats, all := make([]float32, batch*k), make([]byte, rows*to)
	for r := int64(0); r < rows; r += batch {
		n := min(batch, rows-r)
		if err := w.toFloat(src.Type, data[r*from:(r+n)*from], floats[:n*k]); err != nil {
			return nil, err
		}
		w.lib.QuantizeChunk(kind, unsafe.Pointer(&floats[0]), unsafe.Pointer(&all[r*to]), 0, n, k, nil)
	}
	return all, nil
}

func (w *weights) data(t gguf.Tensor) []byte { return w.mapped[t.Offset : t.Offset+t.Size] }

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
