package gpu

import (
	"unsafe"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// linear is a learnt linear map of one input, in parts: such as the queries, the keys
// and the values. Parts of one type that lie together in memory are one stored matrix.
type linear []stored

// stored is a matrix [k, rows] in the way that this machine multiplies fastest.
//
// ggml's kernels differ by an order of magnitude between types: where 4-bit
// blocks with one scale (Q4_0) have a kernel over interleaved rows (the "repack"
// buffer), other types have none. So matrices of those types are split, exactly,
// into what has one. In a block of 32 weights,
//
//	Q4_1:  w = d·q + m          = d·(q−8) + (m + 8d)
//	Q5_0:  w = d·(2·hi + b−16)  = 2d·(hi−8) + d·(b+8−8),    hi = ⌊q/2⌋, b = q mod 2
//	Q5_1:  w = d·(2·hi + b) + m = 2d·(hi−8) + d·(b+8−8) + (m + 16d)
//	Q8_0:  w = d·(16·hi + lo)   = 16d·hi + d·(lo−8) + 8d,   hi = ⌊q/16⌋ ∈ [−8, 7]
//
// where a factor times numbers from −8 to 7 is a Q4_0 block. What remains, if anything,
// is a constant c per block, whose product with x is c times the sum of the block of
// x. These constants make a small matrix [k/32, rows], kept in Q8_0: they are of
// the order of d, so its rounding is far below that of a 4-bit weight.
type stored struct {
	rows []int64 // of each part that it joins; their results follow one another

	plain *ggml.Tensor // [k, rows]; or, where it is split:

	terms []*ggml.Tensor // Q4_0 [k, rows]
	rest  *ggml.Tensor   // Q8_0 [k/32 rounded up to 32, rows]: the constants; nil where all are 0
}

// linear is the product of a map of one part with x.
func (b *builder) linear(l *linear, x *ggml.Tensor) *ggml.Tensor {
	return b.product(&(*l)[0], x)
}

// parts is the product of each part with x [k, rows]. The rows of a result lie
// apart where parts are joined.
func (b *builder) parts(l *linear, x *ggml.Tensor) (out []*ggml.Tensor) {
	for i := range *l {
		s := &(*l)[i]
		all, at := b.product(s, x), uint64(0)
		if len(s.rows) == 1 {
			out = append(out, all)
			continue
		}
		for _, n := range s.rows {
			out = append(out, b.View2(b.ctx, all, n, all.Ne[1], all.Nb[1], at))
			at += 4 * uint64(n)
		}
	}
	return out
}

// product is that of a stored matrix with x.
func (b *builder) product(s *stored, x *ggml.Tensor) *ggml.Tensor {
	if s.plain != nil {
		return b.MulMat(b.ctx, s.plain, x)
	}
	var sum *ggml.Tensor
	if s.rest != nil {
		sum = b.constants(s, x)
	}
	for _, w := range s.terms {
		y := b.MulMat(b.ctx, w, x)
		if sum != nil {
			y = b.AddInPl(b.ctx, y, sum)
		}
		sum = y
	}
	return sum
}

// constants is the product of a split matrix's constants with the sums of x's
// blocks. The sums are a product too, with a row of ones in Q8_0, so that they are
// those of x as the other terms see it: rounded to 8 bits.
func (b *builder) constants(s *stored, x *ggml.Tensor) *ggml.Tensor {
	k, rows := x.Ne[0], x.Ne[1]
	padded := s.rest.Ne[0]
	memory := b.e.sums[k] // [padded, MaxStep], whose padding stays zero
	blocks := b.Reshape3(b.ctx, x, 32, k/32, rows)
	sums := b.MulMat(b.ctx, b.e.weights.ones, blocks) // [1, k/32, rows]
	b.e.placeAt(sums, memory, 0)
	sums.Nb[2], sums.Nb[3] = 4*uint64(padded), 4*uint64(padded*rows)
	b.expand(sums)
	return b.expand(b.MulMat(b.ctx, s.rest, b.View2(b.ctx, memory, padded, rows, memory.Nb[1], 0)))
}

// paddedBlocks is the number of 32-blocks in k, rounded up to a block of Q8_0.
func paddedBlocks(k int64) int64 { return (k/32 + 31) / 32 * 32 }

// splits are the types that split into Q4_0 terms.
var splits = map[ggml.Type]struct {
	terms int
	rest  bool // there are constants
	split func(b *block)
}{
	ggml.Q4_1: {1, true, (*block).q41},
	ggml.Q5_0: {2, false, (*block).q50},
	ggml.Q5_1: {2, true, (*block).q51},
	ggml.Q8_0: {2, true, (*block).q80},
}

const (
	blockQ40 = 18 // half d, 32 nibbles: weight j in the lower half of byte j, 16+j in the upper
	blockQ80 = 34 // half d, 32 bytes
)

// block is 32 weights as they are split.
type block struct {
	from  []byte     // as the file has them
	d, m  float32    // scale, and minimum where the type has one
	to    [2][]byte  // nibbles of the terms
	scale [2]float32 // of the terms
	rest  float32    // the constant
}

// q41: half d, half m, 32 nibbles.
func (b *block) q41() {
	copy(b.to[0], b.from[4:])
	b.scale[0], b.rest = b.d, b.m+8*b.d
}

// q50: half d, 32 bits, which are the fifth of each weight, 32 nibbles.
func (b *block) q50() { b.five(b.from[2:6], b.from[6:]) }

// q51: half d, half m, 32 bits, 32 nibbles.
func (b *block) q51() {
	b.five(b.from[4:8], b.from[8:])
	b.rest = b.m + 16*b.d
}

// five splits 5-bit numbers into their upper four bits and the last.
func (b *block) five(fifths, nibbles []byte) {
	high := uint32(fifths[0]) | uint32(fifths[1])<<8 | uint32(fifths[2])<<16 | uint32(fifths[3])<<24
	for j := range 16 {
		x, y := nibbles[j]&15|byte(high>>j&1)<<4, nibbles[j]>>4|byte(high>>(16+j)&1)<<4
		b.to[0][j] = x>>1 | y>>1<<4
		b.to[1][j] = 8 + x&1 | (8+y&1)<<4
	}
	b.scale = [2]float32{2 * b.d, b.d}
}

// q80: half d, 32 signed bytes.
func (b *block) q80() {
	for j := range 16 {
		x, y := b.from[2+j], b.from[18+j]
		b.to[0][j] = (x>>4 ^ 8) | (y>>4^8)<<4 // ⌊q/16⌋ + 8: the top bit of a signed nibble flipped
		b.to[1][j] = x&15 | y<<4
	}
	b.scale, b.rest = [2]float32{16 * b.d, b.d}, 8*b.d
}

// splitRows writes the Q4_0 terms of src, blocks of type t in rows of perRow, to
// out, and returns the constants in rows of padded.
func splitRows(lib *ggml.Lib, t ggml.Type, src []byte, perRow int, out [][]byte, padded int) []float32 {
	how, size := splits[t], int(lib.RowSize(t, 32))
	blocks := len(src) / size
	halves := make([]uint16, 2*blocks) // all d, then all m
	for i := range blocks {
		b := src[i*size:]
		halves[i] = uint16(b[0]) | uint16(b[1])<<8
		halves[blocks+i] = uint16(b[2]) | uint16(b[3])<<8
	}
	values, scales := make([]float32, len(halves)), make([]float32, len(out)*blocks)
	lib.HalvesToFloats(unsafe.Pointer(&halves[0]), unsafe.Pointer(&values[0]), int64(len(halves)))
	constants := make([]float32, blocks/perRow*padded)
	for i := range blocks {
		b := block{from: src[i*size : (i+1)*size], d: values[i], m: values[blocks+i]}
		for j := range out {
			b.to[j] = out[j][i*blockQ40+2 : (i+1)*blockQ40]
		}
		how.split(&b)
		for j := range out {
			scales[j*blocks+i] = b.scale[j]
		}
		constants[i/perRow*padded+i%perRow] = b.rest
	}
	halves = make([]uint16, len(scales))
	lib.FloatsToHalves(unsafe.Pointer(&scales[0]), unsafe.Pointer(&halves[0]), int64(len(scales)))
	for j := range out {
		for i := range blocks {
			h := halves[j*blocks+i]
			out[j][i*blockQ40], out[j][i*blockQ40+1] = byte(h), byte(h>>8)
		}
	}
	return constants
}
