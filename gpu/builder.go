package gpu

import (
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// builder appends operators to a graph. Its methods are the parts that the
// architectures share; tensors are [width, rows] unless said otherwise, and one
// row is one token of the step.
type builder struct {
	*ggml.Lib
	ctx   ggml.Context
	graph ggml.Graph
	hyper *hyper
	pos   *ggml.Tensor   // [rows] positions
	freqs *ggml.Tensor   // rotary frequency factors, or nil
	outs  []*ggml.Tensor // attention outputs of the layer so far, one per item [headDim, heads, rows]
}

func (b *builder) expand(t *ggml.Tensor) *ggml.Tensor {
	b.Expand(b.graph, t)
	return t
}

func (b *builder) linear(w, x *ggml.Tensor) *ggml.Tensor { return b.MulMat(b.ctx, w, x) }

func (b *builder) add(x, y *ggml.Tensor) *ggml.Tensor { return b.Add(b.ctx, x, y) }

// norm is RMS normalisation over the first dimension, times a learnt weight.
func (b *builder) norm(x, w *ggml.Tensor) *ggml.Tensor {
	return b.Mul(b.ctx, b.RMSNorm(b.ctx, x, b.hyper.eps), w)
}

// heads splits [heads·headDim, rows] into [headDim, heads, rows].
func (b *builder) heads(x *ggml.Tensor, n int) *ggml.Tensor {
	return b.Reshape3(b.ctx, x, int64(b.hyper.headDim), int64(n), x.Ne[1])
}

// rope rotates every head of x [headDim, heads, rows] by its row's position.
func (b *builder) rope(x *ggml.Tensor) *ggml.Tensor { return b.ropeBy(x, b.pos) }

// ropeBy rotates by pos [rows], which may be differences of positions:
// rotations add.
func (b *builder) ropeBy(x, pos *ggml.Tensor) *ggml.Tensor {
	h := b.hyper
	return b.RoPE(b.ctx, x, pos, b.freqs, int32(h.ropeDims), h.arch.ropeMode(), int32(h.context),
		h.ropeBase, h.ropeScale, 0, 1, 32, 1)
}

// feedForward is SwiGLU: down(silu(gate(x)) · up(x)).
func (b *builder) feedForward(w *layerWeights, x *ggml.Tensor) *ggml.Tensor {
	return b.linear(w.down, b.SwiGLU2(b.ctx, b.linear(w.gate, x), b.linear(w.up, x)))
}
