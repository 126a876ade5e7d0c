package gpu

import (
	"unsafe"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// linear is a learnt linear map, stored in the way that this machine multiplies
// fastest. It may join several maps of the same input, whose results are then
// parts of one.
//
// ggml's kernels differ by an order of magnitude between types: where 4-bit
// blocks with one scale (Q4_0) have a kernel over interleaved rows (the "repack"
// buffer), other types have none. So matrices of those types are split, exactly,
// into what has one. In a block of 32 weights,
//
//	Q4_1:  w = d·q + m          = d·(q−8) + (m + 8d)
//	Q8_0:  w = d·(16·hi + lo)   = 16d·hi + d·(lo−8) + 8d,   hi = ⌊q/16⌋ ∈ [−8, 7]
//
// of which d·(q−8), 16d·hi and d·(lo−8) are Q4_0 blocks, and what remains is a
// constant c per block, whose product with x is c times the sum of the block of
// x. These constants make a small matrix [k/32, rows], kept in Q8_0: they are of
// the order of d, so its rounding is far below that of a 4-bit weight.
type linear struct {
	rows []int64 // of each part; their results follow one another

	plain []*ggml.Tensor // one per part, or a single one that joins them [k, rows]

	packed []*ggml.Tensor // the Q4_0 terms of a split [k, rows]
	rest   *ggml.Tensor   // Q8_0 [k/32 rounded up to 32, rows]: the constants
}

// linear is the product of a map of one part with x.
func (b *builder) linear(l *linear, x *ggml.Tensor) *ggml.Tensor {
	if l.rest != nil {
		return b.split(l, x)
	}
	return b.MulMat(b.ctx, l.plain[0], x)
}

// parts is the product of each part with x [k, rows]. The rows of a result lie
// apart where the parts are joined.
func (b *builder) parts(l *linear, x *ggml.Tensor) []*ggml.Tensor {
	var out []*ggml.Tensor
	if l.rest == nil && len(l.plain) == len(l.rows) {
		for _, w := range l.plain {
			out = append(out, b.MulMat(b.ctx, w, x))
		}
		return out
	}
	all := b.linear(l, x)
	at := uint64(0)
	for _, n := range l.rows {
		out = append(out, b.View2(b.ctx, all, n, all.Ne[1], all.Nb[1], at))
		at += 4 * uint64(n)
	}
	return out
}

// split is the product with a split matrix: its Q4_0 terms by x, plus the
// constants by the sums of x's blocks. The sums are a product too, with a row of
// ones in Q8_0, so that they are those of x as the other terms see it: rounded
// to 8 bits.
func (b *builder) split(l *linear, x *ggml.Tensor) *ggml.Tensor {
	k, rows := x.Ne[0], x.Ne[1]
	padded := l.rest.Ne[0]
	memory := b.e.sums[k] // [padded, MaxStep], whose padding stays zero
	blocks := b.Reshape3(b.ctx, x, 32, k/32, rows)
	sums := b.MulMat(b.ctx, b.e.weights.ones, blocks) // [1, k/32, rows]
	b.e.placeAt(sums, memory, 0)
	sums.Nb[2], sums.Nb[3] = 4*uint64(padded), 4*uint64(padded*rows)
	b.expand(sums)
	rest := b.MulMat(b.ctx, l.rest, b.View2(b.ctx, memory, padded, rows, memory.Nb[1], 0))
	b.expand(rest)
	for _, w := range l.packed {
		rest = b.AddInPl(b.ctx, b.MulMat(b.ctx, w, x), rest)
	}
	return rest
}

// paddedBlocks is the number of 32-blocks in k, rounded up to a block of Q8_0.
func paddedBlocks(k int64) int64 { return (k/32 + 31) / 32 * 32 }

// terms is the number of Q4_0 terms that a matrix of type t splits into; 0: it
// does not.
func terms(t ggml.Type) int {
	switch t {
	case ggml.Q4_1:
		return 1
	case ggml.Q8_0:
		return 2
	}
	return 0
}

const (
	blockQ40 = 18 // half d, 32 nibbles
	blockQ41 = 20 // half d, half m, 32 nibbles
	blockQ80 = 34 // half d, 32 bytes
)

// splitRows writes the Q4_0 terms of src, blocks of type t in rows of perRow, to
// out, and returns the constants in rows of padded.
func splitRows(lib *ggml.Lib, t ggml.Type, src []byte, perRow int, out [][]byte, padded int) []float32 {
	size := map[ggml.Type]int{ggml.Q4_1: blockQ41, ggml.Q8_0: blockQ80}[t]
	blocks := len(src) / size
	halves := make([]uint16, 2*blocks) // all d, then all m
	for i := range blocks {
		b := src[i*size:]
		halves[i] = uint16(b[0]) | uint16(b[1])<<8
		halves[blocks+i] = uint16(b[2]) | uint16(b[3])<<8
	}
	values := make([]float32, len(halves))
	lib.HalvesToFloats(unsafe.Pointer(&halves[0]), unsafe.Pointer(&values[0]), int64(len(halves)))
	d, m := values[:blocks], values[blocks:]
	constants := make([]float32, blocks/perRow*padded)
	constant := func(i int) *float32 { return &constants[i/perRow*padded+i%perRow] }

	if t == ggml.Q4_1 {
		for i := range blocks {
			b, o := src[i*size:(i+1)*size], out[0][i*blockQ40:(i+1)*blockQ40]
			copy(o, b[:2])
			copy(o[2:], b[4:])
			*constant(i) = m[i] + 8*d[i]
		}
		return constants
	}
	for i := range blocks {
		*constant(i) = 8 * d[i]
		d[i] *= 16
	}
	lib.FloatsToHalves(unsafe.Pointer(&d[0]), unsafe.Pointer(&halves[0]), int64(blocks))
	for i := range blocks {
		b := src[i*size : (i+1)*size]
		hi, lo := out[0][i*blockQ40:(i+1)*blockQ40], out[1][i*blockQ40:(i+1)*blockQ40]
		hi[0], hi[1] = byte(halves[i]), byte(halves[i]>>8)
		lo[0], lo[1] = b[0], b[1]
		for j := range 16 {
			x, y := b[2+j], b[18+j]
			hi[2+j] = (x>>4 ^ 8) | (y>>4^8)<<4 // ⌊q/16⌋ + 8: the top bit of a signed nibble flipped
			lo[2+j] = x&15 | y<<4
		}
	}
	return constants
}
