package gpu

import "github.com/interlude-run/interlude/gpu/internal/ggml"

// qwen2 is the family of Qwen 2 and 2.5: llama with biases on the query, key and
// value projections and NEOX rotation (arXiv 2407.10671).
type qwen2 struct{}

func (qwen2) ropeMode() int32 { return 2 }

func (qwen2) vectors(h *hyper, w *layerWeights) []vector {
	q, kv := h.heads*h.headDim, h.kvHeads*h.headDim
	return append(commonVectors(h, w),
		vector{"attn_q.bias", q, &w.bq},
		vector{"attn_k.bias", kv, &w.bk},
		vector{"attn_v.bias", kv, &w.bv},
	)
}

func (qwen2) project(b *builder, w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor) {
	q, k, v = b.qkv(w, x)
	q, k, v = b.bias(q, w.bq), b.bias(k, w.bk), b.bias(v, w.bv)
	return b.rope(q), b.rope(k), v
}
