package gpu

import (
	"unsafe"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// region is the memory of one tensor, wherever it lies, addressed in bytes. On
// the host it is a slice; on a device every access is a transfer.
type region struct {
	lib    *ggml.Lib
	tensor *ggml.Tensor
	host   []byte // nil on a device
}

func newRegion(d *device, t *ggml.Tensor) region {
	r := region{lib: d.lib, tensor: t}
	if d.host {
		r.host = t.Bytes(int(d.lib.NumBytes(t)))
	}
	return r
}

// move copies n bytes within the region as memmove does.
func (r region) move(to, from, n int) {
	if n == 0 || to == from {
		return
	}
	if r.host != nil {
		copy(r.host[to:to+n], r.host[from:from+n])
		return
	}
	buf := make([]byte, n)
	r.read(buf, from)
	r.write(to, buf)
}

// zero clears n bytes.
func (r region) zero(from, n int) {
	if r.host != nil {
		clear(r.host[from : from+n])
		return
	}
	r.lib.TensorMemset(r.tensor, 0, uint64(from), uint64(n))
}

func (r region) read(dst []byte, from int) {
	if r.host != nil {
		copy(dst, r.host[from:])
		return
	}
	if len(dst) > 0 {
		r.lib.TensorGet(r.tensor, unsafe.Pointer(&dst[0]), uint64(from), uint64(len(dst)))
	}
}

func (r region) write(to int, src []byte) {
	if r.host != nil {
		copy(r.host[to:], src)
		return
	}
	if len(src) > 0 {
		r.lib.TensorSet(r.tensor, unsafe.Pointer(&src[0]), uint64(to), uint64(len(src)))
	}
}
