package anchor

import "math/bits"

// prime is 2⁶¹−1: remainders by it are a shift and an addition.
const prime = 1<<61 - 1

// field hashes blocks of tokens as polynomials over the field of that many elements, at
// a secret point. Two blocks of n tokens collide for at most n of its 2⁶¹ points.
type field struct {
	point uint64
	out   uint64 // point to the power of the block's length: what a token counts when it is to leave
}

func newField(seed uint64, block int) field {
	f := field{point: 1<<32 | mix(seed)%prime, out: 1}
	for range block {
		f.out = mul(f.out, f.point)
	}
	return f
}

// hash is the hash of a block.
func hash[T ~int32](f *field, block []T) (h uint64) {
	for _, t := range block {
		h = reduce(mul(h, f.point) + uint64(uint32(t)))
	}
	return h
}

// roll is the hash of the block one token on: it loses one and gains one.
func roll[T ~int32](f *field, h uint64, loses, gains T) uint64 {
	return reduce(mul(h, f.point) + uint64(uint32(gains)) + prime - mul(uint64(uint32(loses)), f.out))
}

// mul is a·b in the field.
func mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return reduce(lo&prime + (hi<<3 | lo>>61))
}

// reduce brings what is below 2⁶³ into the field.
func reduce(n uint64) uint64 {
	n = n&prime + n>>61
	if n >= prime {
		n -= prime
	}
	return n
}

// mix makes of seeds that are near one another numbers that are not (SplitMix64).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
