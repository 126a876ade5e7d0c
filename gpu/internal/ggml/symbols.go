package ggml

import "unsafe"

// base lists the functions of libggml-base: tensors, graphs, allocation.
// The tag is the C name; the C header documents each.
type base struct {
	versionC func() *byte `c:"ggml_version"`
	commitC  func() *byte `c:"ggml_commit"`

	// contexts
	Init           func(p InitParams) Context `c:"ggml_init"`
	Free           func(ctx Context)          `c:"ggml_free"`
	TensorOverhead func() uint64              `c:"ggml_tensor_overhead"`

	// types
	TypeName      func(t Type) *byte                                                                              `c:"ggml_type_name"`
	BlockSize     func(t Type) int64                                                                              `c:"ggml_blck_size"`
	TypeSize      func(t Type) uint64                                                                             `c:"ggml_type_size"`
	RowSize       func(t Type, ne int64) uint64                                                                   `c:"ggml_row_size"`
	NumBytes      func(t *Tensor) uint64                                                                          `c:"ggml_nbytes"`
	Traits        func(t Type) *TypeTraits                                                                        `c:"ggml_get_type_traits"`
	QuantizeChunk func(t Type, src, dst unsafe.Pointer, start, rows, perRow int64, imatrix unsafe.Pointer) uint64 `c:"ggml_quantize_chunk"`

	HalvesToFloats func(src, dst unsafe.Pointer, n int64) `c:"ggml_fp16_to_fp32_row"`
	FloatsToHalves func(src, dst unsafe.Pointer, n int64) `c:"ggml_fp32_to_fp16_row"`

	// leaves and views
	NewTensor1 func(ctx Context, t Type, ne0 int64) *Tensor                                       `c:"ggml_new_tensor_1d"`
	NewTensor2 func(ctx Context, t Type, ne0, ne1 int64) *Tensor                                  `c:"ggml_new_tensor_2d"`
	NewTensor3 func(ctx Context, t Type, ne0, ne1, ne2 int64) *Tensor                             `c:"ggml_new_tensor_3d"`
	View2      func(ctx Context, a *Tensor, ne0, ne1 int64, nb1, offset uint64) *Tensor           `c:"ggml_view_2d"`
	View3      func(ctx Context, a *Tensor, ne0, ne1, ne2 int64, nb1, nb2, offset uint64) *Tensor `c:"ggml_view_3d"`
	Reshape2   func(ctx Context, a *Tensor, ne0, ne1 int64) *Tensor                               `c:"ggml_reshape_2d"`
	Reshape3   func(ctx Context, a *Tensor, ne0, ne1, ne2 int64) *Tensor                          `c:"ggml_reshape_3d"`
	Permute    func(ctx Context, a *Tensor, axis0, axis1, axis2, axis3 int32) *Tensor             `c:"ggml_permute"`
	SetName    func(a *Tensor, name string) *Tensor                                               `c:"ggml_set_name"`
	SetOutput  func(a *Tensor)                                                                    `c:"ggml_set_output"`

	// operators
	Add       func(ctx Context, a, b *Tensor) *Tensor                                           `c:"ggml_add"`
	AddInPl   func(ctx Context, a, b *Tensor) *Tensor                                           `c:"ggml_add_inplace"`
	Mul       func(ctx Context, a, b *Tensor) *Tensor                                           `c:"ggml_mul"`
	MulMat    func(ctx Context, a, b *Tensor) *Tensor                                           `c:"ggml_mul_mat"`
	RMSNorm   func(ctx Context, a *Tensor, eps float32) *Tensor                                 `c:"ggml_rms_norm"`
	SwiGLU2   func(ctx Context, gate, up *Tensor) *Tensor                                       `c:"ggml_swiglu_split"`
	GetRows   func(ctx Context, a, rows *Tensor) *Tensor                                        `c:"ggml_get_rows"`
	SetRows   func(ctx Context, a, src, rows *Tensor) *Tensor                                   `c:"ggml_set_rows"`
	Cont      func(ctx Context, a *Tensor) *Tensor                                              `c:"ggml_cont"`
	Cpy       func(ctx Context, a, b *Tensor) *Tensor                                           `c:"ggml_cpy"`
	Concat    func(ctx Context, a, b *Tensor, dim int32) *Tensor                                `c:"ggml_concat"`
	SoftMax   func(ctx Context, a, mask *Tensor, scale, maxBias float32) *Tensor                `c:"ggml_soft_max_ext"`
	FlashAttn func(ctx Context, q, k, v, mask *Tensor, scale, maxBias, softcap float32) *Tensor `c:"ggml_flash_attn_ext"`
	FlashPrec func(a *Tensor, prec int32)                                                       `c:"ggml_flash_attn_ext_set_prec"`
	RoPE      func(ctx Context, a, pos, freqs *Tensor, dims, mode, ctxOrig int32,
		base, scale, extFactor, attnFactor, betaFast, betaSlow float32) *Tensor `c:"ggml_rope_ext"`

	// graphs
	NewGraph      func(ctx Context, size uint64, grads bool) Graph `c:"ggml_new_graph_custom"`
	GraphOverhead func(size uint64, grads bool) uint64             `c:"ggml_graph_overhead_custom"`
	Expand        func(g Graph, t *Tensor)                         `c:"ggml_build_forward_expand"`
	GraphNodes    func(g Graph) int32                              `c:"ggml_graph_n_nodes"`
	GraphNode     func(g Graph, i int32) *Tensor                   `c:"ggml_graph_node"`
	OpName        func(t *Tensor) *byte                            `c:"ggml_op_desc"`
	IsEmpty       uintptr                                          `c:"ggml_is_empty"` // bool (*)(const struct ggml_tensor *)

	// memory
	NewAllocator     func(t BufferType) Allocator                              `c:"ggml_gallocr_new"`
	FreeAllocator    func(a Allocator)                                         `c:"ggml_gallocr_free"`
	AllocGraph       func(a Allocator, g Graph) bool                           `c:"ggml_gallocr_alloc_graph"`
	AllocatorSize    func(a Allocator, id int32) uint64                        `c:"ggml_gallocr_get_buffer_size"`
	AllocTensors     func(ctx Context, b Backend) Buffer                       `c:"ggml_backend_alloc_ctx_tensors"`
	AllocTensorsType func(ctx Context, t BufferType) Buffer                    `c:"ggml_backend_alloc_ctx_tensors_from_buft"`
	BufferFree       func(b Buffer)                                            `c:"ggml_backend_buffer_free"`
	BufferSize       func(b Buffer) uint64                                     `c:"ggml_backend_buffer_get_size"`
	BufferClear      func(b Buffer, value uint8)                               `c:"ggml_backend_buffer_clear"`
	BufferSetUsage   func(b Buffer, usage int32)                               `c:"ggml_backend_buffer_set_usage"`
	TensorAlloc      func(b Buffer, t *Tensor, addr unsafe.Pointer) Status     `c:"ggml_backend_tensor_alloc"`
	TensorSet        func(t *Tensor, data unsafe.Pointer, offset, size uint64) `c:"ggml_backend_tensor_set"`
	TensorGet        func(t *Tensor, data unsafe.Pointer, offset, size uint64) `c:"ggml_backend_tensor_get"`
	TensorMemset     func(t *Tensor, value uint8, offset, size uint64)         `c:"ggml_backend_tensor_memset"`
	HostBuffer       func(p unsafe.Pointer, size uint64) Buffer                `c:"ggml_backend_cpu_buffer_from_ptr"`

	// backends
	DefaultBufferType func(b Backend) BufferType            `c:"ggml_backend_get_default_buffer_type"`
	Compute           func(b Backend, g Graph) Status       `c:"ggml_backend_graph_compute"`
	BackendFree       func(b Backend)                       `c:"ggml_backend_free"`
	BackendDevice     func(b Backend) Device                `c:"ggml_backend_get_device"`
	DeviceDescription func(d Device) *byte                  `c:"ggml_backend_dev_description"`
	DeviceKind        func(d Device) DeviceType             `c:"ggml_backend_dev_type"`
	DeviceRegistry    func(d Device) Registry               `c:"ggml_backend_dev_backend_reg"`
	DeviceInit        func(d Device, params *byte) Backend  `c:"ggml_backend_dev_init"`
	DeviceSupports    func(d Device, op *Tensor) bool       `c:"ggml_backend_dev_supports_op"`
	RegistryProc      func(r Registry, name string) uintptr `c:"ggml_backend_reg_get_proc_address"`
	BufferTypeName    func(t BufferType) *byte              `c:"ggml_backend_buft_name"`
	RegistryName      func(r Registry) *byte                `c:"ggml_backend_reg_name"`
}

// registry lists the functions of libggml: devices and their libraries.
type registry struct {
	LoadBackends func(dir string)      `c:"ggml_backend_load_all_from_path"`
	DeviceCount  func() uint64         `c:"ggml_backend_dev_count"`
	DeviceGet    func(i uint64) Device `c:"ggml_backend_dev_get"`
}

// cpu lists the functions of the CPU backend's own library, of which ggml picks
// the variant that fits the processor.
type cpu struct {
	CPUInit          func() Backend                                         `c:"ggml_backend_cpu_init"`
	SetThreads       func(b Backend, n int32)                               `c:"ggml_backend_cpu_set_n_threads"`
	SetThreadpool    func(b Backend, p Threadpool)                          `c:"ggml_backend_cpu_set_threadpool"`
	SetAbort         func(b Backend, callback uintptr, data unsafe.Pointer) `c:"ggml_backend_cpu_set_abort_callback"`
	ThreadpoolNew    func(p *ThreadpoolParams) Threadpool                   `c:"ggml_threadpool_new"`
	ThreadpoolFree   func(p Threadpool)                                     `c:"ggml_threadpool_free"`
	ThreadpoolPause  func(p Threadpool)                                     `c:"ggml_threadpool_pause"`
	ThreadpoolResume func(p Threadpool)                                     `c:"ggml_threadpool_resume"`
}
