package gpu

import (
	"fmt"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/interrupt"
)

// device is where the tensors live and the graphs run.
type device struct {
	lib     *ggml.Lib
	backend ggml.Backend
	name    string             // for people: "CPU (libggml-cpu-zen4.so)", "NVIDIA H100 …"
	kind    string             // cpu, cuda or vulkan
	host    bool               // tensors lie in memory that Go can read
	repack  ggml.BufferType    // where some types get kernels over interleaved rows, Q4_0 among them; 0: nowhere
	packs   map[ggml.Type]bool // which
	stopCtx ggml.Context       // of the tensor that stops a graph

	// supports tells whether the device computes a node; nil where it computes all.
	// What a card does not, it ends the process for.
	supports func(node *ggml.Tensor) bool
}

// openDevice opens the device that a user asked for. auto takes a graphics card
// where the libraries have a backend for one that is there, else the CPU.
func openDevice(lib *ggml.Lib, want string, stop *interrupt.Switch) (*device, error) {
	if want == "" || want == "auto" {
		for _, kind := range []string{"cuda", "vulkan"} {
			if d, err := openCard(lib, kind); err == nil {
				return d, nil
			}
		}
		want = "cpu"
	}
	switch want {
	case "cpu":
		b := lib.CPUInit()
		if b == 0 {
			return nil, fmt.Errorf("the CPU backend %s does not start", lib.CPU)
		}
		variant := strings.TrimSuffix(strings.TrimPrefix(lib.CPU, "libggml-cpu-"), ".so")
		d := &device{lib: lib, backend: b, name: "CPU (" + variant + " kernels)", kind: "cpu", host: true}
		d.findRepack()
		d.prepareStop(stop)
		return d, nil
	case "cuda", "vulkan":
		return openCard(lib, want)
	}
	return nil, fmt.Errorf("unknown device %q; there are cpu, cuda, vulkan and auto", want)
}

// openCard opens the first card that the backend of that name drives.
func openCard(lib *ggml.Lib, kind string) (*device, error) {
	found := false
	for i := range lib.DeviceCount() {
		d := lib.DeviceGet(i)
		if !strings.EqualFold(ggml.GoString(lib.RegistryName(lib.DeviceRegistry(d))), kind) {
			continue
		}
		found = true
		if k := lib.DeviceKind(d); k != ggml.DeviceGPU && k != ggml.DeviceIGPU {
			continue
		}
		b := lib.DeviceInit(d, nil)
		if b == 0 {
			return nil, fmt.Errorf("%w: %s does not start on %s", ErrNoDevice, kind, ggml.GoString(lib.DeviceDescription(d)))
		}
		return &device{
			lib: lib, backend: b, name: ggml.GoString(lib.DeviceDescription(d)), kind: kind,
			supports: func(node *ggml.Tensor) bool { return lib.DeviceSupports(d, node) },
		}, nil
	}
	if !found {
		need := map[string]string{
			"cuda":   "libggml-cuda.so of the engine package, and libcudart.so.13, libcublas.so.13 and libcuda.so.1 of the CUDA 13 runtime and the driver",
			"vulkan": "libggml-vulkan.so of the engine package, and libvulkan.so.1 with a driver for the card",
		}[kind]
		return nil, fmt.Errorf("%w: no %s backend was loaded from %s; it needs %s", ErrNoDevice, kind, lib.Dir, need)
	}
	return nil, fmt.Errorf("%w: the %s backend finds no card", ErrNoDevice, kind)
}

// findRepack looks for the CPU's buffer of interleaved rows and asks of which types a
// product with a matrix in it has a kernel on this processor.
func (d *device) findRepack() {
	dev := d.lib.BackendDevice(d.backend)
	list := d.lib.RegistryProc(d.lib.DeviceRegistry(dev), "ggml_backend_dev_get_extra_bufts")
	if list == 0 {
		return
	}
	types, _, _ := purego.SyscallN(list, uintptr(dev))
	for ; types != 0; types += unsafe.Sizeof(types) {
		t := **(**ggml.BufferType)(unsafe.Pointer(&types)) // a NULL-terminated C array
		if t == 0 {
			return
		}
		if ggml.GoString(d.lib.BufferTypeName(t)) == "CPU_REPACK" && d.multiplies(t, ggml.Q4_0) {
			d.repack, d.packs = t, map[ggml.Type]bool{}
			for _, kind := range computable {
				d.packs[kind] = d.multiplies(t, kind)
			}
			return
		}
	}
}

// multiplies asks whether a matrix in a buffer of type t can be multiplied.
func (d *device) multiplies(t ggml.BufferType, kind ggml.Type) bool {
	ctx := d.lib.Init(ggml.InitParams{MemSize: 8 * d.lib.TensorOverhead(), NoAlloc: true})
	defer d.lib.Free(ctx)
	w := d.lib.NewTensor2(ctx, kind, 256, 64)
	buf := d.lib.AllocTensorsType(ctx, t)
	if buf == 0 {
		return false
	}
	defer d.lib.BufferFree(buf)
	return d.lib.DeviceSupports(d.lib.BackendDevice(d.backend), d.lib.MulMat(ctx, w, d.lib.NewTensor2(ctx, ggml.F32, 256, 1)))
}

// check refuses a graph with a node that the device does not compute.
func (d *device) check(g ggml.Graph) error {
	if d.supports == nil {
		return nil
	}
	for i := range d.lib.GraphNodes(g) {
		node := d.lib.GraphNode(g, i)
		if d.supports(node) {
			continue
		}
		var from []string
		for _, src := range node.Src {
			if src != nil {
				from = append(from, d.shape(src))
			}
		}
		return fmt.Errorf("%w: %s does not compute %s of %s to %s", ErrUnsupported, d.name,
			ggml.GoString(d.lib.OpName(node)), strings.Join(from, ", "), d.shape(node))
	}
	return nil
}

func (d *device) shape(t *ggml.Tensor) string {
	return fmt.Sprintf("%s %v", ggml.GoString(d.lib.TypeName(t.Type)), trimOnes(t.Ne[:]))
}

// prepareStop lets the CPU backend ask between two operators whether it should go
// on. The question is ggml_is_empty of a tensor whose first dimension says so, and
// costs no call into Go. A card has no such question: it ends what it has begun.
func (d *device) prepareStop(stop *interrupt.Switch) {
	d.stopCtx = d.lib.Init(ggml.InitParams{MemSize: 2 * d.lib.TensorOverhead(), NoAlloc: true})
	t := d.lib.NewTensor1(d.stopCtx, ggml.F32, 1)
	stop.Attach((*atomic.Int64)(unsafe.Pointer(&t.Ne[0])))
	d.lib.SetAbort(d.backend, d.lib.IsEmpty, unsafe.Pointer(t))
}

func (d *device) close() {
	d.lib.BackendFree(d.backend)
	if d.stopCtx != 0 {
		d.lib.Free(d.stopCtx)
	}
}
