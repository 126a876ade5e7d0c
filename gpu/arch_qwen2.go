package gpu

import "github.com/interlude-run/interlude/gpu/internal/ggml"

// qwen2 is the family of Qwen 2 and 2.5: llama with biases on the query, key and
// value projections and NEOX rotation (arXiv 2407.10671).
type qwen2 struct{}

func (qwen2) ropeMode() int32 { return 2 }

func (qwen2) tensors(h *hyper, w *layerWeights) []weight {
	q, kv := int64(h.heads*h.headDim), int64(h.kvHeads*h.headDim)
	return append(commonTensors(h, w),
		weight{name: "attn_q.bias", dims: []int64{q}, into: &w.bq},
		weight{name: "attn_k.bias", dims: []int64{kv}, into: &w.bk},
		weight{name: "attn_v.bias", dims: []int64{kv}, into: &w.bv},
	)
}

func (qwen2) project(b *builder, w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor) {
	h := b.hyper
	q = b.heads(b.add(b.linear(w.wq, x), w.bq), h.heads)
	k = b.heads(b.add(b.linear(w.wk, x), w.bk), h.kvHeads)
	v = b.heads(b.add(b.linear(w.wv, x), w.bv), h.kvHeads)
	return b.rope(q), b.rope(k), v
}
