package gpu

import (
	"maps"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// architecture is what one family of models adds to the parts that all share
// (block.go): which tensors a layer has, and how they are wired.
type architecture interface {
	// ropeMode is ggml's: 0 rotates neighbouring pairs, 2 (NEOX) rotates halves.
	ropeMode() int32

	// tensors lists the weights of one layer: GGUF name within "blk.N.", shape,
	// and where the loaded tensor goes.
	tensors(h *hyper, w *layerWeights) []weight

	// attention returns the rotated queries, rotated keys and values of the
	// normalised input x [embd, rows], as [headDim, heads, rows] each.
	project(b *builder, w *layerWeights, x *ggml.Tensor) (q, k, v *ggml.Tensor)
}

// weight is one tensor that an architecture expects in the file.
type weight struct {
	name     string
	dims     []int64
	into     **ggml.Tensor
	optional bool
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

// layerWeights are the tensors of one transformer block. Those that an
// architecture does not have are nil.
type layerWeights struct {
	attnNorm       *ggml.Tensor // [embd]
	wq, wk, wv, wo *ggml.Tensor // [in, out], as GGUF stores them
	bq, bk, bv     *ggml.Tensor
	qNorm, kNorm   *ggml.Tensor // [headDim]
	ffnNorm        *ggml.Tensor // [embd]
	gate, up, down *ggml.Tensor
}

// commonTensors are those that every family so far has.
func commonTensors(h *hyper, w *layerWeights) []weight {
	embd, q, kv, ffn := int64(h.embd), int64(h.heads*h.headDim), int64(h.kvHeads*h.headDim), int64(h.ffn)
	return []weight{
		{name: "attn_norm.weight", dims: []int64{embd}, into: &w.attnNorm},
		{name: "attn_q.weight", dims: []int64{embd, q}, into: &w.wq},
		{name: "attn_k.weight", dims: []int64{embd, kv}, into: &w.wk},
		{name: "attn_v.weight", dims: []int64{embd, kv}, into: &w.wv},
		{name: "attn_output.weight", dims: []int64{q, embd}, into: &w.wo},
		{name: "ffn_norm.weight", dims: []int64{embd}, into: &w.ffnNorm},
		{name: "ffn_gate.weight", dims: []int64{embd, ffn}, into: &w.gate},
		{name: "ffn_up.weight", dims: []int64{embd, ffn}, into: &w.up},
		{name: "ffn_down.weight", dims: []int64{ffn, embd}, into: &w.down},
	}
}
