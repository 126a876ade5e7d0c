package gpu

import "github.com/interlude-run/interlude/gpu/internal/ggml"

// llama is the family of Llama 2 and 3, Mistral, SmolLM2 and TinyLlama: RMS
// norms, grouped-query attention with rotary embeddings over neighbouring pairs,
// SwiGLU (Touvron et al., arXiv 2307.09288).
type llama struct{}

func (llama) ropeMode() int32 { return 0 }

func (llama) tensors(h *hyper, w *layerWeights) []weight { return commonTensors(h, w) }

func (llama) project(b *builder, w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor) {
	h := b.hyper
	q = b.heads(b.linear(w.wq, x), h.heads)
	k = b.heads(b.linear(w.wk, x), h.kvHeads)
	v = b.heads(b.linear(w.wv, x), h.kvHeads)
	return b.rope(q), b.rope(k), v
}
