package gpu

import (
	"unsafe"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// input is a tensor that a step fills in. On the host its memory is written in
// place; on a card a copy is, which send transfers.
type input struct {
	t   *ggml.Tensor
	mem []byte
}

// attach gives the input its memory once the tensor has its own.
func (in *input) attach(d *device) {
	if in.t == nil {
		return
	}
	n := int(d.lib.NumBytes(in.t))
	if d.host {
		in.mem = in.t.Bytes(n)
	} else {
		in.mem = make([]byte, n)
	}
}

// send transfers the first n bytes to a card.
func (in *input) send(d *device, n int) {
	if !d.host && n > 0 {
		d.lib.TensorSet(in.t, unsafe.Pointer(&in.mem[0]), 0, uint64(n))
	}
}

func (in *input) ints() []int32     { return elements[int32](in.mem) }
func (in *input) longs() []int64    { return elements[int64](in.mem) }
func (in *input) floats() []float32 { return elements[float32](in.mem) }
func (in *input) halves() []uint16  { return elements[uint16](in.mem) }

func elements[T any](mem []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/int(unsafe.Sizeof(zero)))
}
