package gpu

import (
	"maps"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// architecture is what one family of models adds to the parts that all share
// (builder.go): which tensors a layer has, and how they are wired.
type architecture interface {
	// ropeMode is ggml's: 0 rotates neighbouring pairs, 2 (NEOX) rotates halves.
	ropeMode() int32

	// vectors lists the norms and biases of one layer: GGUF name within "blk.N.",
	// length, and where the loaded tensor goes.
	vectors(h *hyper, w *layerWeights) []vector

	// project returns the rotated queries, rotated keys and values of the
	// normalised input x [embd, rows], as [headDim, heads, rows] each.
	project(b *builder, w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor)
}

// vector is a tensor of one dimension that an architecture expects in the file.
type vector struct {
	name string
	n    int
	into **ggml.Tensor
}

// architectures are the supported families by their GGUF name.
var architectures = map[string]architecture{
	"llama": llama{},
	"qwen2": qwen2{},
	"qwen3": qwen3{},
}

func supportedArchitectures() string {
	return strings.Join(slices.Sorted(maps.Keys(architectures)), ", ")
}

// layerWeights are the tensors of one transformer block. Vectors that an
// architecture does not have are nil.
type layerWeights struct {
	attnNorm     *ggml.Tensor // [embd]
	qkv          linear       // three parts: embd → heads·headDim, kvHeads·headDim twice
	bq, bk, bv   *ggml.Tensor
	qNorm, kNorm *ggml.Tensor // [headDim]
	wo           linear       // heads·headDim → embd
	ffnNorm      *ggml.Tensor // [embd]
	gateUp       linear       // two parts: embd → ffn
	down         linear       // ffn → embd
}

// commonVectors are those that every family so far has.
func commonVectors(h *hyper, w *layerWeights) []vector {
	return []vector{
		{"attn_norm.weight", h.embd, &w.attnNorm},
		{"ffn_norm.weight", h.embd, &w.ffnNorm},
	}
}

// matrices are the linear maps of a block; every family so far has these.
func matrices(h *hyper, w *layerWeights) []matrix {
	heads, kv := h.heads*h.headDim, h.kvHeads*h.headDim
	return []matrix{
		{&w.qkv, h.embd, []part{{"attn_q.weight", heads}, {"attn_k.weight", kv}, {"attn_v.weight", kv}}},
		{&w.wo, heads, []part{{"attn_output.weight", h.embd}}},
		{&w.gateUp, h.embd, []part{{"ffn_gate.weight", h.ffn}, {"ffn_up.weight", h.ffn}}},
		{&w.down, h.ffn, []part{{"ffn_down.weight", h.embd}}},
	}
}
