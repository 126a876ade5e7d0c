package gpu

import "github.com/interlude-run/interlude/gpu/internal/ggml"

// qwen3 is the dense family of Qwen 3: llama with an RMS norm over every query
// and key head before the rotation, NEOX rotation, and heads whose width does
// not follow from the embedding's (arXiv 2505.09388).
type qwen3 struct{}

func (qwen3) ropeMode() int32 { return 2 }

func (qwen3) vectors(h *hyper, w *layerWeights) []vector {
	return append(commonVectors(h, w),
		vector{"attn_q_norm.weight", h.headDim, &w.qNorm},
		vector{"attn_k_norm.weight", h.headDim, &w.kNorm},
	)
}

func (qwen3) project(b *builder, w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor) {
	q, k, v = b.qkv(w, x)
	q, k = b.norm(q, w.qNorm), b.norm(k, w.kNorm)
	return b.rope(q), b.rope(k), v
}
