package gpu

import "github.com/interlude-run/interlude/gpu/internal/ggml"

// llama is the family of Llama 2 and 3, Mistral, SmolLM2 and TinyLlama: RMS
// norms, grouped-query attention with rotary embeddings over neighbouring pairs,
// SwiGLU (Touvron et al., arXiv 2307.09288).
type llama struct{}

func (llama) ropeMode() int32 { return 0 }

func (llama) vectors(h *hyper, w *layerWeights) []vector { return commonVectors(h, w) }

func (llama) project(b *builder, w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor) {
	q, k, v = b.qkv(w, x)
	return b.rope(q), b.rope(k), v
}
