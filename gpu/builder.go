package gpu

import (
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// builder appends operators to a graph. Its methods are the parts that the
// architectures share; tensors are [width, rows] unless said otherwise, and one
// row is one token of the step.
type builder struct {
	*ggml.Lib
	e     *Engine
	ctx   ggml.Context
	graph ggml.Graph
	hyper *hyper
	pos   *ggml.Tensor   // [rows] positions
	outs  []*ggml.Tensor // attention outputs of the layer so far, one per item [headDim, heads, rows]
}

func (b *builder) expand(t *ggml.Tensor) *ggml.Tensor {
	b.Expand(b.graph, t)
	return t
}

func (b *builder) add(x, y *ggml.Tensor) *ggml.Tensor { return b.Add(b.ctx, x, y) }

// norm is RMS normalisation over the first dimension, times a learnt weight.
func (b *builder) norm(x, w *ggml.Tensor) *ggml.Tensor {
	return b.Mul(b.ctx, b.RMSNorm(b.ctx, x, b.hyper.eps), w)
}

// qkv is the three projections of x, as [headDim, heads, rows] each.
func (b *builder) qkv(w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor) {
	h, parts := b.hyper, b.parts(&w.qkv, x)
	return b.heads(parts[0], h.heads), b.heads(parts[1], h.kvHeads), b.heads(parts[2], h.kvHeads)
}

// heads views [heads·headDim, rows], whose rows may lie apart, as [headDim,
// heads, rows].
func (b *builder) heads(x *ggml.Tensor, n int) *ggml.Tensor {
	dim := b.hyper.headDim
	return b.View3(b.ctx, x, int64(dim), int64(n), x.Ne[1], 4*uint64(dim), x.Nb[1], 0)
}

// bias adds a learnt vector to x [headDim, heads, rows].
func (b *builder) bias(x, w *ggml.Tensor) *ggml.Tensor {
	return b.add(x, b.Reshape2(b.ctx, w, x.Ne[0], x.Ne[1]))
}

// rope rotates every head of x [headDim, heads, rows] by its row's position.
func (b *builder) rope(x *ggml.Tensor) *ggml.Tensor { return b.ropeBy(x, b.pos) }

// ropeBy rotates by pos [rows], which may be differences of positions:
// rotations add.
func (b *builder) ropeBy(x, pos *ggml.Tensor) *ggml.Tensor {
	h := b.hyper
	return b.RoPE(b.ctx, x, pos, b.e.weights.freqs, int32(h.ropeDims), h.arch.ropeMode(), int32(h.context),
		h.ropeBase, h.ropeScale, 0, 1, 32, 1)
}

// feedForward is SwiGLU: down(silu(gate(x)) · up(x)).
func (b *builder) feedForward(w *layerWeights, x *ggml.Tensor) *ggml.Tensor {
	parts := b.parts(&w.gateUp, x)
	return b.linear(&w.down, b.SwiGLU2(b.ctx, parts[0], parts[1]))
}

// contiguous is x, copied where its rows lie apart.
func (b *builder) contiguous(x *ggml.Tensor) *ggml.Tensor {
	packed := x.Nb[0]
	for i, n := range x.Ne {
		if n > 1 && x.Nb[i] != packed {
			return b.Cont(b.ctx, x)
		}
		packed *= uint64(n)
	}
	return x
}
