package ggml

import "unsafe"

// Type is enum ggml_type.
type Type int32

// The tensor types that the engine names. Others are passed through by number.
const (
	F32    Type = 0
	F16    Type = 1
	Q4_0   Type = 2
	Q4_1   Type = 3
	Q5_0   Type = 6
	Q5_1   Type = 7
	Q8_0   Type = 8
	Q2_K   Type = 10
	Q3_K   Type = 11
	Q4_K   Type = 12
	Q5_K   Type = 13
	Q6_K   Type = 14
	IQ4_NL Type = 20
	I32    Type = 26
	I64    Type = 27
	BF16   Type = 30

	typeCount = 43
)

// Tensor mirrors struct ggml_tensor. It lives in C memory: Go reads and, for
// views and hand-placed nodes, writes its fields, and never keeps it after its
// context is freed.
type Tensor struct {
	Type     Type
	_        int32
	Buffer   Buffer
	Ne       [4]int64  // elements per dimension
	Nb       [4]uint64 // bytes between elements of each dimension
	Op       int32
	OpParams [16]int32
	Flags    int32
	Src      [10]*Tensor
	ViewSrc  *Tensor
	ViewOffs uint64
	Data     unsafe.Pointer
	Name     [64]byte
	Extra    unsafe.Pointer
	_        [8]byte
}

// Handles of C objects. Zero is C's NULL.
type (
	Context    uintptr // struct ggml_context *
	Graph      uintptr // struct ggml_cgraph *
	Backend    uintptr // ggml_backend_t
	Buffer     uintptr // ggml_backend_buffer_t
	BufferType uintptr // ggml_backend_buffer_type_t
	Device     uintptr // ggml_backend_dev_t
	Registry   uintptr // ggml_backend_reg_t
	Allocator  uintptr // ggml_gallocr_t
	Threadpool uintptr // struct ggml_threadpool *
	GGUF       uintptr // struct gguf_context *
)

// Status is enum ggml_status.
type Status int32

const (
	StatusAllocFailed Status = -2
	StatusFailed      Status = -1
	StatusSuccess     Status = 0
	StatusAborted     Status = 1
)

// DeviceType is enum ggml_backend_dev_type.
type DeviceType int32

const (
	DeviceCPU DeviceType = iota
	DeviceGPU
	DeviceIGPU
	DeviceAccel
)

// InitParams mirrors struct ggml_init_params.
type InitParams struct {
	MemSize   uint64
	MemBuffer unsafe.Pointer
	NoAlloc   bool
}

// ThreadpoolParams mirrors struct ggml_threadpool_params.
type ThreadpoolParams struct {
	CPUMask   [512]bool
	Threads   int32
	Priority  int32
	Poll      uint32
	StrictCPU bool
	Paused    bool
}

// TypeTraits mirrors struct ggml_type_traits.
type TypeTraits struct {
	Name       *byte
	BlockSize  int64
	Interleave int64
	TypeSize   uint64
	Quantized  bool
	ToFloat    uintptr // void (*)(const void * x, float * y, int64_t k)
	FromFloat  uintptr
}

// Bytes is the memory of t as a slice, n bytes from its start. t must lie in
// host memory.
func (t *Tensor) Bytes(n int) []byte { return unsafe.Slice((*byte)(t.Data), n) }

// Floats, Ints and Longs are the first n elements of a host tensor of type F32,
// I32 or I64; Halves those of an F16 one, as bits.
func (t *Tensor) Floats(n int) []float32 { return unsafe.Slice((*float32)(t.Data), n) }
func (t *Tensor) Ints(n int) []int32     { return unsafe.Slice((*int32)(t.Data), n) }
func (t *Tensor) Longs(n int) []int64    { return unsafe.Slice((*int64)(t.Data), n) }
func (t *Tensor) Halves(n int) []uint16  { return unsafe.Slice((*uint16)(t.Data), n) }

// Elements is the number of elements of t.
func (t *Tensor) Elements() int64 { return t.Ne[0] * t.Ne[1] * t.Ne[2] * t.Ne[3] }

// GoString reads a NUL-terminated C string.
func GoString(p *byte) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}
