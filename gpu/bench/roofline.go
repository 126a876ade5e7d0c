package bench

import (
	"fmt"

	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// work is what a model's steps must read and multiply, however they are computed.
type work struct {
	weightBytes  int64 // of the file's tensors that a decode reads whole
	layerParams  int64 // of the matrices that every token goes through
	outputParams int64 // of the matrix that makes logits, for a last token alone
	layers       int
	heads        int // query heads
	headDim      int
}

// workOf reads a model's head.
func workOf(f *gguf.File) (work, error) {
	arch, _ := f.String("general.architecture")
	number := func(key string) int64 { n, _ := f.Uint(arch + "." + key); return int64(n) }
	layers, heads, headDim := number("block_count"), number("attention.head_count"), number("attention.key_length")
	if layers < 1 || heads < 1 {
		return work{}, fmt.Errorf("%s has %d layers of %d heads", f.Path, layers, heads)
	}
	if headDim == 0 {
		headDim = number("embedding_length") / heads
	}
	w := work{layers: int(layers), heads: int(heads), headDim: int(headDim)}
	var embedding gguf.Tensor
	for _, t := range f.Tensors {
		switch {
		case t.Name == "token_embd.weight":
			embedding = t
			continue
		case t.Name == "output.weight":
			w.outputParams = elements(t)
		case len(t.Dims) > 1 && t.Dims[1] > 1:
			w.layerParams += elements(t)
		}
		w.weightBytes += t.Size
	}
	if w.outputParams == 0 { // tied: the embedding makes the logits, and is read whole
		w.outputParams = elements(embedding)
		w.weightBytes += embedding.Size
	}
	return w, nil
}

func elements(t gguf.Tensor) int64 {
	n := int64(1)
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// decodeBytes are read by the decode of one token after cells others.
func (w work) decodeBytes(cells int, cellBytes int64) float64 {
	return float64(w.weightBytes) + float64(cells)*float64(cellBytes)
}

// prefillFLOPs are multiplications and additions of a chunk of n tokens after first
// others: two per parameter and token, the logits of the last token, and four per
// query head, value of a head and cell that a token sees.
func (w work) prefillFLOPs(first, n int) float64 {
	seen := float64(n)*float64(first) + float64(n)*float64(n+1)/2
	return 2*float64(w.layerParams)*float64(n) + 2*float64(w.outputParams) +
		4*float64(w.layers)*float64(w.heads)*float64(w.headDim)*seen
}
