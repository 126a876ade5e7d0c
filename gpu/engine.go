package gpu

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/interrupt"
)

// Errors of Open that callers branch on.
var (
	ErrUnsupported = errors.New("not supported")
	ErrNoDevice    = errors.New("no such device")
)

// Options say what to open and how. The zero value of a field is its default.
type Options struct {
	Libraries      string // directory of the ggml libraries
	Model          string // path of a GGUF file
	Device         string // cpu, cuda, vulkan or auto (default)
	Weights        string // auto (default): in the type that this machine computes fastest; file: as they are
	KVBytes        int64  // size of the KV pool; 0: 1 GiB
	KType          string // type of the K cells, q8_0 (default) or f16
	Layout         string // of V: transposed (default on the CPU) or rows (for flash attention; a fork then copies all)
	Context        int    // the longest context; 0 or more than the model's: the model's
	MaxStep        int    // most tokens of a step; 0: 512
	Threads        int    // 0: as many as the process may use
	NormalPriority bool   // do not raise the priority of the compute threads
	// Deterministic computes every row the same way whatever else is in the step
	// and however its context came about, so that a greedy text depends on the
	// prompt alone. Long prefills are slower.
	Deterministic bool
	TuneFile      string // where measurements of this machine are kept; empty: not kept

	span int // cells; 0: the default; tests use small ones
}

// Engine computes steps over sequences of cells. Its methods keep the promises
// of package gpu/engine.
type Engine struct {
	lib      *ggml.Lib
	device   *device
	hyper    *hyper
	weights  *weights
	cache    *cache
	geo      engine.Geometry
	threads  *threads
	tuning   tuning
	tuneFile tuneFile
	options  Options

	alloc    ggml.Allocator // intermediate results, shared by all graphs
	graphs   graphCache
	scale    float32 // of attention scores: 1/√headDim
	tileRows int

	// Memory that graphs write by hand-placed nodes.
	ownCtx       ggml.Context
	ownBuf       ggml.Buffer
	ownMem       []byte
	attnOut      *ggml.Tensor           // F32 [heads·headDim, MaxStep]
	scores       *ggml.Tensor           // F32, one tile's
	partial      *ggml.Tensor           // F32 [heads·headDim]
	sums         map[int64]*ggml.Tensor // by width k of the input: F32 [k/32 padded, MaxStep], the block sums of one split product
	kCopy, vCopy *ggml.Tensor           // F32 [headDim, MaxContext, kvHeads]
	cliffs       [2]*ggml.Tensor        // F32 and F16 [MaxContext + MaxStep + granule]: see mask
	inputs       inputs
	sparseRows   int // rows over the longest context that scattered patches have masks for
	plan         plan
	hostLogits   []float32 // of a card
	vocab        *Vocab
	broken       error // what every call answers once it is set
	closed       bool
	stop         *interrupt.Switch // never replaced: Interrupt may come at any time
	probing      int               // layers of the graphs while forms of attention are compared; 0: all
}

// Open loads a model. The caller closes the engine.
func Open(o Options) (_ *Engine, err error) {
	// The steps of the tuning raise the thread's priority, and a thread that Go
	// starts from a raised one would inherit it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		if err != nil {
			err = fmt.Errorf("open %s: %w", o.Model, err)
		}
	}()
	file, err := gguf.Inspect(o.Model)
	if err != nil {
		return nil, err
	}
	h, err := readHyper(file)
	if err != nil {
		return nil, err
	}
	lib, err := ggml.Open(o.Libraries)
	if err != nil {
		return nil, err
	}
	vocab, err := OpenVocab(lib, o.Model)
	if err != nil {
		return nil, err
	}
	e := &Engine{lib: lib, hyper: h, vocab: vocab, options: o, stop: &interrupt.Switch{}, scale: float32(1 / math.Sqrt(float64(h.headDim)))}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if vocab.Size() != h.vocab {
		return nil, fmt.Errorf("%d tokens in the vocabulary, %d in the embedding", vocab.Size(), h.vocab)
	}
	if e.device, err = openDevice(lib, o.Device, e.stop); err != nil {
		return nil, err
	}
	if e.threads, err = newThreads(e.device, o); err != nil {
		return nil, err
	}
	l, err := e.chooseLayout()
	if err != nil {
		return nil, err
	}
	e.geo = geometry(h, l, o)
	if e.device.kind != "cpu" {
		e.geo.Tile = tile
	}
	e.tuneFile = newTuneFile(e, file)
	if err := e.tuneWeights(file); err != nil {
		return nil, err
	}
	if e.weights, err = loadWeights(e.device, file, h, e.storageOf); err != nil {
		return nil, err
	}
	if e.cache, err = newCache(e.device, e.geo, l); err != nil {
		return nil, err
	}
	if err := e.allocateOwn(); err != nil {
		return nil, err
	}
	if err := e.reserveGraphs(); err != nil {
		return nil, err
	}
	if err := e.tuneAttention(); err != nil {
		return nil, err
	}
	e.threads.lower()
	return e, nil
}

// chooseLayout decides how cells are stored.
func (e *Engine) chooseLayout() (layout, error) {
	o, h := &e.options, e.hyper
	if o.Layout == "" {
		o.Layout = "transposed"
		if !e.device.host {
			o.Layout = "rows"
		}
	}
	if o.KType == "" {
		o.KType = "q8_0"
		if o.Layout == "rows" || h.headDim%32 != 0 {
			o.KType = "f16"
		}
	}
	kinds := map[string]ggml.Type{"q8_0": ggml.Q8_0, "f16": ggml.F16}
	kind, ok := kinds[o.KType]
	switch {
	case !ok:
		return layout{}, fmt.Errorf("K cells of type %q; there are q8_0 and f16", o.KType)
	case kind == ggml.Q8_0 && h.headDim%32 != 0:
		return layout{}, fmt.Errorf("K cells of type q8_0 need heads of a multiple of 32 values, this model's have %d; choose f16", h.headDim)
	case o.Layout == "rows" && kind != ggml.F16:
		return layout{}, fmt.Errorf("the row layout needs K cells of type f16")
	case o.Layout == "transposed" && !e.device.host:
		return layout{}, fmt.Errorf("the transposed layout is for the CPU; choose rows")
	case o.Layout != "rows" && o.Layout != "transposed":
		return layout{}, fmt.Errorf("layout %q; there are transposed and rows", o.Layout)
	}
	return newLayout(e.lib, h, kind, ggml.F16, o.Layout == "transposed"), nil
}

const (
	granule = 32   // cells: the kernels' vectors divide it, and a mask covers what is over
	tile    = 64   // tokens: rows of a graphics processor's matrix kernels; not measured
	span    = 1024 // cells: attention over extents of this size costs a few percent more than over one
)

func geometry(h *hyper, l layout, o Options) engine.Geometry {
	g := engine.Geometry{
		Layers: h.layers, KVHeads: h.kvHeads, HeadDim: h.headDim, Vocab: h.vocab,
		MaxContext: h.context, CellBytes: int64(h.layers * (l.kCell + l.vCell)),
		Granule: granule, Span: span, PoolBytes: o.KVBytes, MaxStep: o.MaxStep,
	}
	if o.Context > 0 {
		g.MaxContext = min(g.MaxContext, o.Context)
	}
	g.MaxContext = max(g.MaxContext/granule*granule, granule)
	if g.PoolBytes == 0 {
		g.PoolBytes = 1 << 30
	}
	if g.MaxStep == 0 {
		g.MaxStep = 512
	}
	if o.span > 0 {
		g.Span = o.span
	}
	if !l.transposed {
		for g.Span < g.MaxContext {
			g.Span *= 2
		}
	}
	return g
}

// allocateOwn gives the hand-placed nodes their memory.
func (e *Engine) allocateOwn() error {
	h, maxN := e.hyper, int64(e.geo.MaxContext)
	const scoreBytes = 64 << 20
	e.tileRows = 64
	for e.tileRows > 8 && int64(e.tileRows*h.heads)*maxN*4 > scoreBytes {
		e.tileRows /= 2
	}
	e.ownCtx = e.lib.Init(ggml.InitParams{MemSize: 16 * e.lib.TensorOverhead(), NoAlloc: true})
	width := int64(h.heads * h.headDim)
	// On the host only the masks of scattered rows are written.
	const sparseCells = 8 << 20
	e.sparseRows = e.geo.MaxStep
	if e.device.host {
		e.sparseRows = min(e.sparseRows, max(sparseCells/e.geo.MaxContext, 1))
	}
	size := e.inputBytes(e.sparseRows * e.geo.MaxContext)
	e.inputs = inputs{where: e.lib.NewTensor1(e.ownCtx, ggml.F32, (size+3)/4), lib: e.lib}
	if !e.device.host {
		if e.ownBuf = e.lib.AllocTensors(e.ownCtx, e.device.backend); e.ownBuf == 0 {
			return fmt.Errorf("no memory on %s for inputs of %d bytes", e.device.name, size)
		}
		e.inputs.mem = make([]byte, size)
		return nil
	}
	var tensors []*ggml.Tensor
	e.attnOut = e.lib.NewTensor2(e.ownCtx, ggml.F32, width, int64(e.geo.MaxStep))
	e.scores = e.lib.NewTensor1(e.ownCtx, ggml.F32, int64(e.tileRows*h.heads)*maxN)
	e.partial = e.lib.NewTensor1(e.ownCtx, ggml.F32, width)
	e.sums = map[int64]*ggml.Tensor{}
	for _, k := range []int{h.embd, h.heads * h.headDim, h.ffn} {
		if e.sums[int64(k)] == nil {
			e.sums[int64(k)] = e.lib.NewTensor2(e.ownCtx, ggml.F32, paddedBlocks(int64(k)), int64(e.geo.MaxStep))
			tensors = append(tensors, e.sums[int64(k)])
		}
	}
	e.kCopy = e.lib.NewTensor1(e.ownCtx, ggml.F32, int64(h.kvHeads*h.headDim)*maxN)
	e.vCopy = e.lib.NewTensor1(e.ownCtx, ggml.F32, int64(h.kvHeads*h.headDim)*maxN)
	// A mask's last cell is at most a step and a granule behind what its first row sees.
	edge := e.geo.MaxStep + granule
	for i, kind := range []ggml.Type{ggml.F32, ggml.F16} {
		e.cliffs[i] = e.lib.NewTensor1(e.ownCtx, kind, maxN+int64(edge))
	}
	tensors = append(tensors, e.inputs.where, e.attnOut, e.scores, e.partial, e.kCopy, e.vCopy, e.cliffs[0], e.cliffs[1])
	var err error
	if e.ownMem, e.ownBuf, err = mapTensors(e.lib, tensors); err != nil {
		return err
	}
	e.inputs.mem = e.inputs.where.Bytes(int(size))
	fill(e.cliffs[0].Floats(int(maxN) + edge)[maxN:], 0, 0, negInf)
	fill(e.cliffs[1].Halves(int(maxN) + edge)[maxN:], 0, 0, halfNegInf)
	return nil
}

// cliff is that of masks of a type.
func (e *Engine) cliff(t ggml.Type) *ggml.Tensor {
	if t == ggml.F16 {
		return e.cliffs[1]
	}
	return e.cliffs[0]
}

// freeOwn is the opposite of allocateOwn.
func (e *Engine) freeOwn() {
	if e.ownBuf != 0 {
		e.lib.BufferFree(e.ownBuf)
	}
	if e.ownCtx != 0 {
		e.lib.Free(e.ownCtx)
	}
	if e.ownMem != nil {
		unix.Munmap(e.ownMem)
	}
}

// mapTensors places tensors in freshly mapped host memory, which reads as zeros
// and is not touched before it is used.
func mapTensors(lib *ggml.Lib, tensors []*ggml.Tensor) ([]byte, ggml.Buffer, error) {
	const align = 64
	size := 0
	for _, t := range tensors {
		size += (int(lib.NumBytes(t)) + align - 1) / align * align
	}
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, 0, fmt.Errorf("map %d bytes: %w", size, err)
	}
	// Large pages spare the attention kernels most of their TLB misses.
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	buf := lib.HostBuffer(unsafe.Pointer(&mem[0]), uint64(size))
	off := 0
	for _, t := range tensors {
		if s := lib.TensorAlloc(buf, t, unsafe.Pointer(&mem[off])); s != ggml.StatusSuccess {
			return mem, buf, fmt.Errorf("place %d bytes: status %d", size, s)
		}
		off += (int(lib.NumBytes(t)) + align - 1) / align * align
	}
	return mem, buf, nil
}

// reserveGraphs sizes the memory for intermediate results by the largest step,
// so that it never moves: graphs that were built keep pointing into it. Those that
// there are, and what memory they had, it gives up.
func (e *Engine) reserveGraphs() error {
	e.graphs.close()
	if e.alloc != 0 {
		e.lib.FreeAllocator(e.alloc)
	}
	e.alloc = e.lib.NewAllocator(e.lib.DefaultBufferType(e.device.backend))
	n := min(e.geo.MaxStep, e.geo.MaxContext)
	s := shape{rows: n, outputs: 1, items: []itemShape{e.itemShape(n, 0)}}
	s.outputs = min(e.geo.MaxStep, maxOutputs)
	s.paddedRows, s.paddedOutputs = e.roundRows(s.rows), e.roundRows(s.outputs)
	g, err := e.buildGraph(s)
	if err != nil {
		return err
	}
	g.close()
	e.graphs = newGraphCache()
	return nil
}

// maxOutputs is how many rows of logits fit the memory that is reserved for
// intermediate results without it being enlarged.
const maxOutputs = 64

// Geometry tells what a caller must know to account for the engine's memory.
func (e *Engine) Geometry() engine.Geometry { return e.geo }

// New, Fork, Reserve, Truncate and Release: see package gpu/engine.

func (e *Engine) New(seq engine.Seq) error {
	if e.broken != nil {
		return engine.Wrap("new", seq, e.broken)
	}
	_, err := e.cache.create("new", seq)
	return err
}

func (e *Engine) Reserve(seq engine.Seq, cells int) error {
	if e.broken != nil {
		return engine.Wrap("reserve", seq, e.broken)
	}
	return e.cache.reserve(seq, cells)
}

func (e *Engine) Fork(src, dst engine.Seq, n int) error {
	if e.broken != nil {
		return engine.Wrap("fork", src, e.broken)
	}
	return e.cache.fork(src, dst, n)
}

func (e *Engine) Truncate(seq engine.Seq, n int) error {
	if e.broken != nil {
		return engine.Wrap("truncate", seq, e.broken)
	}
	return e.cache.truncate(seq, n)
}

func (e *Engine) Release(seq engine.Seq) error {
	if e.broken != nil {
		return engine.Wrap("release", seq, e.broken)
	}
	return e.cache.release(seq)
}

// get finds a sequence of an engine that is in order.
func (e *Engine) get(op string, seq engine.Seq) (*sequence, error) {
	if e.broken != nil {
		return nil, engine.Wrap(op, seq, e.broken)
	}
	return e.cache.get(op, seq)
}

// Len is the number of cells written; −1 where there is no such sequence.
func (e *Engine) Len(seq engine.Seq) int {
	s, err := e.get("length of", seq)
	if err != nil {
		return -1
	}
	return s.len
}

// Capacity is the number of cells reserved; −1 where there is no such sequence.
func (e *Engine) Capacity(seq engine.Seq) int {
	s, err := e.get("capacity of", seq)
	if err != nil {
		return -1
	}
	return s.capacity()
}

// Vocab is the model's vocabulary; it lives as long as the engine.
func (e *Engine) Vocab() *Vocab { return e.vocab }

// Memory is the pool as it stands; nothing when the engine is broken.
func (e *Engine) Memory() engine.Memory {
	if e.broken != nil {
		return engine.Memory{}
	}
	return e.cache.memory()
}

// Check audits the cache.
func (e *Engine) Check() error {
	if e.broken != nil {
		return e.broken
	}
	return e.cache.check()
}

// Interrupt makes the running step, if there is one, return ErrInterrupted: see
// package gpu/engine. Any goroutine may call it, also when the engine is closed.
func (e *Engine) Interrupt() { e.stop.Interrupt() }

// Close gives all memory back; every call after it is refused. The libraries stay
// loaded.
func (e *Engine) Close() error {
	if e.closed {
		return nil
	}
	e.closed, e.broken = true, fmt.Errorf("%w: it is closed", engine.ErrBroken)
	e.stop.Close()
	e.graphs.close()
	if e.alloc != 0 {
		e.lib.FreeAllocator(e.alloc)
	}
	e.freeOwn()
	if e.cache != nil {
		e.cache.close()
	}
	if e.weights != nil {
		e.weights.close()
	}
	if e.vocab != nil {
		e.vocab.Close()
	}
	if e.threads != nil {
		e.threads.close()
	}
	if e.device != nil {
		e.device.close()
	}
	return nil
}
