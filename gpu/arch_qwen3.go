package gpu

import "github.com/interlude-run/interlude/gpu/internal/ggml"

// qwen3 is the dense family of Qwen 3: llama with an RMS norm over every query
// and key head before the rotation, NEOX rotation, and heads whose width does
// not follow from the embedding's (arXiv 2505.09388).
type qwen3 struct{}

func (qwen3) ropeMode() int32 { return 2 }

func (qwen3) tensors(h *hyper, w *layerWeights) []weight {
	dim := int64(h.headDim)
	return append(commonTensors(h, w),
		weight{name: "attn_q_norm.weight", dims: []int64{dim}, into: &w.qNorm},
		weight{name: "attn_k_norm.weight", dims: []int64{dim}, into: &w.kNorm},
	)
}

func (qwen3) project(b *builder, w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor) {
	h := b.hyper
	q = b.norm(b.heads(b.linear(w.wq, x), h.heads), w.qNorm)
	k = b.norm(b.heads(b.linear(w.wk, x), h.kvHeads), w.kNorm)
	v = b.heads(b.linear(w.wv, x), h.kvHeads)
	return b.rope(q), b.rope(k), v
}
