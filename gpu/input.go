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

// inputs is the memory of all that steps fill in. All graphs share it, for a step
// writes all of its inputs before it runs. It is no part of the graph allocator's,
// which reuses the inputs that it manages while a graph runs.
type inputs struct {
	where *ggml.Tensor
	mem   []byte // the same on the host, a copy of it for a card
	used  int
	lib   *ggml.Lib
}

// inputAlign is what every backend's kernels are content with.
const inputAlign = 128

// begin lays out the inputs of another graph, over those of the last.
func (in *inputs) begin() { in.used = 0 }

// place gives an input its memory. That there is enough for the largest step is for
// inputBytes to know.
func (in *inputs) place(i *input) {
	n := int(in.lib.NumBytes(i.t))
	must(in.used+n <= len(in.mem), "the inputs of a step are larger than their memory")
	i.mem = in.mem[in.used : in.used+n : in.used+n]
	i.t.Data, i.t.Buffer = unsafe.Add(in.where.Data, in.used), in.where.Buffer
	in.used += (n + inputAlign - 1) / inputAlign * inputAlign
}

// inputBytes is what the inputs of the largest step take: for every row its token,
// its position, perhaps its place among the outputs, and where its K and V go; and
// masks of so many elements. What a Place fills in lies there too, in pieces that fit.
func (e *Engine) inputBytes(maskCells int) int64 {
	h, rows := e.hyper, int64(e.geo.MaxStep)
	vRows := h.kvHeads
	if e.device.host {
		vRows *= h.headDim // where V is transposed
	}
	perRow := int64(3*4 + 8*h.kvHeads + 8*vRows)
	mask := int64(2)
	if e.device.host {
		mask = 4
	}
	step := rows*(perRow+inputAlign) + 8*inputAlign + int64(maskCells)*mask
	return max(step, int64(e.changePadding()+e.changeBytes(true))) // of one cell at least
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
