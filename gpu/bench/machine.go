package bench

import (
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// machine measures what the processors can do at most, with as many threads as the
// arms have, of the same priority.
type machine struct {
	lib     *ggml.Lib
	backend ggml.Backend
	pool    ggml.Threadpool
	threads int
}

func openMachine(o Options) (*machine, error) {
	lib, err := ggml.Open(o.Libraries)
	if err != nil {
		return nil, err
	}
	m := &machine{lib: lib, threads: o.Threads, backend: lib.CPUInit()}
	if m.backend == 0 {
		return nil, fmt.Errorf("the CPU backend %s does not start", lib.CPU)
	}
	if m.pool = lib.ThreadpoolNew(&ggml.ThreadpoolParams{Threads: int32(m.threads), Poll: 50}); m.pool == 0 {
		m.close()
		return nil, fmt.Errorf("no pool of %d threads", m.threads)
	}
	lib.ThreadpoolPause(m.pool)
	lib.SetThreadpool(m.backend, m.pool)
	lib.SetThreads(m.backend, int32(m.threads))
	return m, nil
}

func (m *machine) close() {
	if m.pool != 0 {
		m.lib.ThreadpoolFree(m.pool)
	}
	m.lib.BackendFree(m.backend)
}

// readSpeed is the fastest that size bytes were read with, again and again, in bytes
// a second: by products of a row with a matrix of F16 or Q8_0, which is how weights
// are read, or by sums in Go.
func (m *machine) readSpeed(size int64) (float64, error) {
	best := 0.0
	for _, kind := range []ggml.Type{ggml.F16, ggml.Q8_0} {
		const k = 4096
		rows := size / int64(m.lib.RowSize(kind, k))
		p, err := m.newProduct(kind, m.lib.DefaultBufferType(m.backend), k, max(rows, 1), 1)
		if err != nil {
			return 0, err
		}
		m.lib.BufferClear(p.buffer, 1) // all that is read is memory of its own
		read := m.lib.NumBytes(p.matrix)
		took, err := m.fastest(p.compute)
		if err == nil && kind == ggml.F16 {
			words := unsafe.Slice((*[8]uint64)(p.matrix.Data), read/64)
			took = min(took, fastest(func() { sum(words, m.threads) }))
		}
		p.close()
		if err != nil {
			return 0, err
		}
		best = max(best, float64(read)/took.Seconds())
	}
	return best, nil
}

// peakSpeed is the fastest product of 512 rows with a matrix of any type that models
// have, also in the buffers with kernels of their own, in floating-point operations a
// second, and what was multiplied.
func (m *machine) peakSpeed() (best float64, what string, err error) {
	const k, rows, n = 2048, 2048, 512
	for _, in := range append([]ggml.BufferType{m.lib.DefaultBufferType(m.backend)}, m.extraBuffers()...) {
		for _, kind := range []ggml.Type{ggml.F32, ggml.F16, ggml.BF16, ggml.Q4_0, ggml.Q4_1, ggml.Q8_0, ggml.Q4_K, ggml.Q6_K} {
			p, err := m.newProduct(kind, in, k, rows, n)
			if err != nil {
				return 0, "", err
			}
			if p == nil {
				continue
			}
			p.fill()
			took, err := m.fastest(p.compute)
			p.close()
			if err != nil {
				return 0, "", err
			}
			if speed := 2 * k * rows * n / took.Seconds(); speed > best {
				best, what = speed, ggml.GoString(m.lib.TypeName(kind))+" in "+ggml.GoString(m.lib.BufferTypeName(in))
			}
		}
	}
	return best, what, nil
}

// fastest is the shortest of a few runs on the machine's threads.
func (m *machine) fastest(f func() error) (took time.Duration, err error) {
	m.lib.ThreadpoolResume(m.pool)
	defer m.lib.ThreadpoolPause(m.pool)
	took = fastest(func() {
		if e := f(); e != nil {
			err = e
		}
	})
	return took, err
}

func fastest(f func()) time.Duration {
	best := time.Hour
	for run, began := 0, time.Now(); run < 4 || run < 20 && time.Since(began) < 100*time.Millisecond; run++ {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

// sum reads all words on so many threads. The result keeps the compiler from leaving
// it out.
func sum(words [][8]uint64, threads int) uint64 {
	sums := make([]uint64, threads)
	var wg sync.WaitGroup
	for i := range threads {
		part := words[len(words)*i/threads : len(words)*(i+1)/threads]
		wg.Go(func() {
			var s [8]uint64
			for j := range part {
				w := &part[j]
				s[0] += w[0]
				s[1] += w[1]
				s[2] += w[2]
				s[3] += w[3]
				s[4] += w[4]
				s[5] += w[5]
				s[6] += w[6]
				s[7] += w[7]
			}
			sums[i] = s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7]
		})
	}
	wg.Wait()
	total := uint64(0)
	for _, s := range sums {
		total += s
	}
	return total
}

// extraBuffers are the CPU's kinds of memory with layouts of their own.
func (m *machine) extraBuffers() (all []ggml.BufferType) {
	dev := m.lib.BackendDevice(m.backend)
	list := m.lib.RegistryProc(m.lib.DeviceRegistry(dev), "ggml_backend_dev_get_extra_bufts")
	if list == 0 {
		return nil
	}
	types, _, _ := purego.SyscallN(list, uintptr(dev))
	for ; types != 0; types += unsafe.Sizeof(types) {
		t := **(**ggml.BufferType)(unsafe.Pointer(&types)) // a NULL-terminated C array
		if t == 0 {
			break
		}
		all = append(all, t)
	}
	return all
}

// product is a product of rows with a matrix, ready to compute.
type product struct {
	m       *machine
	ctx     [3]ggml.Context // of the matrix, the rows, and the product
	buffer  ggml.Buffer     // of the matrix
	other   ggml.Buffer
	alloc   ggml.Allocator
	matrix  *ggml.Tensor
	factors *ggml.Tensor
	graph   ggml.Graph
}

// newProduct sets up a product of n rows of k values with a matrix of the type and
// size in a buffer of type in. It is nil where that buffer has no kernel for it.
func (m *machine) newProduct(kind ggml.Type, in ggml.BufferType, k, rows, n int64) (*product, error) {
	p := &product{m: m}
	for i := range p.ctx {
		p.ctx[i] = m.lib.Init(ggml.InitParams{MemSize: 4*m.lib.TensorOverhead() + m.lib.GraphOverhead(16, false), NoAlloc: true})
	}
	p.matrix = m.lib.NewTensor2(p.ctx[0], kind, k, rows)
	p.factors = m.lib.NewTensor2(p.ctx[1], ggml.F32, k, n)
	if p.buffer = m.lib.AllocTensorsType(p.ctx[0], in); p.buffer == 0 {
		p.close()
		return nil, nil
	}
	y := m.lib.MulMat(p.ctx[2], p.matrix, p.factors)
	if in != m.lib.DefaultBufferType(m.backend) && !m.lib.DeviceSupports(m.lib.BackendDevice(m.backend), y) {
		p.close()
		return nil, nil
	}
	p.other = m.lib.AllocTensors(p.ctx[1], m.backend)
	p.graph = m.lib.NewGraph(p.ctx[2], 16, false)
	m.lib.Expand(p.graph, y)
	p.alloc = m.lib.NewAllocator(m.lib.DefaultBufferType(m.backend))
	if p.other == 0 || !m.lib.AllocGraph(p.alloc, p.graph) {
		p.close()
		return nil, fmt.Errorf("no memory for a product of %d×%d×%d", n, k, rows)
	}
	for i, x := 0, p.factors.Floats(int(k*n)); i < len(x); i++ {
		x[i] = float32(i%13) - 6
	}
	return p, nil
}

// fill gives the matrix values of an ordinary size.
func (p *product) fill() {
	k, rows := p.matrix.Ne[0], p.matrix.Ne[1]
	floats := make([]float32, k*rows)
	for i := range floats {
		floats[i] = float32(i%31)/16 - 0.9
	}
	data := make([]byte, p.m.lib.RowSize(p.matrix.Type, k)*uint64(rows))
	p.m.lib.QuantizeChunk(p.matrix.Type, unsafe.Pointer(&floats[0]), unsafe.Pointer(&data[0]), 0, rows, k, nil)
	p.m.lib.TensorSet(p.matrix, unsafe.Pointer(&data[0]), 0, uint64(len(data)))
}

func (p *product) compute() error {
	if s := p.m.lib.Compute(p.m.backend, p.graph); s != ggml.StatusSuccess {
		return fmt.Errorf("a product does not compute: status %d", s)
	}
	return nil
}

func (p *product) close() {
	if p.alloc != 0 {
		p.m.lib.FreeAllocator(p.alloc)
	}
	for _, b := range []ggml.Buffer{p.buffer, p.other} {
		if b != 0 {
			p.m.lib.BufferFree(b)
		}
	}
	for _, c := range p.ctx {
		p.m.lib.Free(c)
	}
}
