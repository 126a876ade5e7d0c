package gpu

import (
	"fmt"
	"math"

	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// hyper is what a GGUF file says about the shape of its network, checked.
type hyper struct {
	arch    architecture
	name    string // general.name, for people
	layers  int
	embd    int // width of the residual stream
	heads   int // query heads
	kvHeads int
	headDim int
	ffn     int
	vocab   int
	context int // trained length

	eps       float32
	ropeDims  int
	ropeBase  float32
	ropeScale float32 // positions are multiplied by it (linear scaling)
}

// group is the number of query heads that share one K and V head.
func (h *hyper) group() int { return h.heads / h.kvHeads }

// readHyper takes the hyper-parameters out of a file's metadata. It refuses, by
// name, what the graphs do not compute.
func readHyper(f *gguf.File) (*hyper, error) {
	name, ok := f.String("general.architecture")
	if !ok {
		return nil, fmt.Errorf("the file names no architecture (general.architecture)")
	}
	arch, ok := architectures[name]
	if !ok {
		return nil, fmt.Errorf("%w: architecture %q; supported are %s", ErrUnsupported, name, supportedArchitectures())
	}
	h := &hyper{arch: arch}
	h.name, _ = f.String("general.name")

	var err error
	uint := func(key string, otherwise, most int) int {
		v, ok := f.Uint(name + "." + key)
		there, is := f.Meta[name+"."+key]
		switch {
		case !ok && is: // a list has a value per layer
			err = fmt.Errorf("%w: metadata %s.%s is %v, not a number", ErrUnsupported, name, key, there)
		case !ok && otherwise > 0:
			return otherwise
		case !ok:
			err = fmt.Errorf("metadata %s.%s is missing", name, key)
		case v == 0 || v > uint64(most):
			err = fmt.Errorf("metadata %s.%s is %d, outside 1…%d", name, key, v, most)
		}
		return int(v)
	}
	float := func(key string, otherwise float32) float32 {
		there, is := f.Meta[name+"."+key]
		if !is {
			return otherwise
		}
		v, ok := f.Float(name + "." + key)
		if !ok || !(v > 0) || math.IsInf(v, 0) {
			err = fmt.Errorf("metadata %s.%s is %v, not a positive number", name, key, there)
		}
		return float32(v)
	}
	h.layers = uint("block_count", 0, 1024)
	h.embd = uint("embedding_length", 0, 1<<16)
	h.heads = uint("attention.head_count", 0, 1024)
	h.ffn = uint("feed_forward_length", 0, 1<<20)
	h.context = uint("context_length", 0, 1<<24)
	if err != nil {
		return nil, err
	}
	h.kvHeads = uint("attention.head_count_kv", h.heads, 1024)
	h.headDim = uint("attention.key_length", max(h.embd/h.heads, 1), 1024)
	vDim := uint("attention.value_length", h.headDim, 1024)
	h.ropeDims = uint("rope.dimension_count", h.headDim, 1024)
	h.eps = float("attention.layer_norm_rms_epsilon", 1e-5)
	h.ropeBase = float("rope.freq_base", 10000)
	h.ropeScale = 1
	if err != nil {
		return nil, err
	}
	kind, ok := f.String(name + ".rope.scaling.type")
	if _, scaled := f.Meta[name+".rope.scaling.factor"]; !ok && scaled {
		kind = "linear" // as in files older than the other kinds
	}
	if kind != "" && kind != "none" {
		if kind != "linear" {
			return nil, fmt.Errorf("%w: rope scaling %q; supported are none, linear and Llama 3's frequency factors", ErrUnsupported, kind)
		}
		h.ropeScale = 1 / float("rope.scaling.factor", 1)
	}
	if window, ok := f.Meta[name+".attention.sliding_window"]; ok {
		if n, ok := f.Uint(name + ".attention.sliding_window"); !ok || n > 0 {
			return nil, fmt.Errorf("%w: a sliding window (%s.attention.sliding_window is %v)", ErrUnsupported, name, window)
		}
	}
	if experts, ok := f.Uint(name + ".expert_count"); ok && experts > 0 {
		return nil, fmt.Errorf("%w: mixture of experts (%d experts)", ErrUnsupported, experts)
	}
	switch {
	case err != nil:
		return nil, err
	case h.heads%h.kvHeads != 0:
		return nil, fmt.Errorf("%d query heads do not divide into %d K and V heads", h.heads, h.kvHeads)
	case vDim != h.headDim:
		return nil, fmt.Errorf("%w: V heads of %d values beside K heads of %d", ErrUnsupported, vDim, h.headDim)
	case h.headDim%2 != 0 || h.ropeDims%2 != 0 || h.ropeDims > h.headDim:
		return nil, fmt.Errorf("rotary dimensions %d in heads of %d", h.ropeDims, h.headDim)
	}
	embd, ok := findTensor(f, "token_embd.weight")
	if !ok || len(embd.Dims) != 2 || embd.Dims[0] != int64(h.embd) || embd.Dims[1] < 2 || embd.Dims[1] > 1<<24 {
		return nil, fmt.Errorf("token_embd.weight is missing or not [%d, vocabulary]", h.embd)
	}
	h.vocab = int(embd.Dims[1])
	return h, nil
}

func findTensor(f *gguf.File, name string) (gguf.Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return gguf.Tensor{}, false
}
