package gputest

import (
	"math"

	"github.com/interlude-run/interlude/gpu/engine"
)

// model stands in for a transformer of that geometry. Like one, it makes K and
// V of the first layer from the token alone and those of deeper layers from
// the token and every cell before it; it rotates K by the position; and what
// comes next follows from the K and V of the whole context.
//
// Rotation is exact: the pair (2j, 2j+1) of a head is a number x+iy with x and y
// modulo the prime 2^17-1, and a position turns it by a power of a fixed number
// of norm 1, whose order is 2^17. So turns add up, are linear, and all values
// are whole numbers that a float32 holds.
type model struct{ engine.Geometry }

const prime = 1<<17 - 1

// unit has norm 1 and order 2^17 modulo prime.
var unit = turn{50411, 120989}

// values counts the K and V of one cell.
func (m model) values() int { return 2 * m.Layers * m.KVHeads * m.HeadDim }

// cellBytes is what a cell takes in a saved copy.
func (m model) cellBytes() int64 { return 4 + 4*int64(m.values()) }

// write computes the cell of a token at a position, over the cells before it.
func (m model) write(token engine.Token, position int, before uint64) cell {
	kv := make([]float32, m.values())
	perLayer, half := m.KVHeads*m.HeadDim, m.values()/2
	for i := range half {
		seed := mix(uint64(token)+1, uint64(i))
		if i >= perLayer {
			seed = mix(seed, before)
		}
		kv[i] = float32(seed % prime)
		kv[half+i] = float32(mix(seed, 1) % prime)
	}
	return cell{token: token, kv: m.rotate(kv, position)}
}

// rotate turns the K of one cell by so many positions, either way.
func (m model) rotate(kv []float32, by int) []float32 {
	out := append([]float32(nil), kv...)
	if by == 0 {
		return out
	}
	for j := 0; j < m.HeadDim; j += 2 {
		t := unit.power(by * (j + 1))
		for i := j; i < len(kv)/2; i += m.HeadDim {
			out[i], out[i+1] = t.apply(kv[i], kv[i+1])
		}
	}
	return out
}

// emptyDigest is the digest of no cells.
func (m model) emptyDigest() uint64 { return 0x1d }

// fold is the digest of a context that has one more cell.
func (m model) fold(digest uint64, kv []float32) uint64 {
	for _, v := range kv {
		digest = mix(digest, uint64(math.Float32bits(v)))
	}
	return digest
}

// next is the token that the context makes likeliest.
func (m model) next(digest uint64) engine.Token {
	return engine.Token(mix(digest, 2) % uint64(m.Vocab))
}

// logits are between 0 and 4, and 8 for the likeliest token.
func (m model) logits(digest uint64, likeliest engine.Token) []float32 {
	logits := make([]float32, m.Vocab)
	for i := range logits {
		logits[i] = float32(mix(digest, uint64(i)+3)>>40) / (1 << 22)
	}
	logits[likeliest] = 8
	return logits
}

// encode writes cell i of n into their saved copy, which has the first bytes of all
// cells, then their second bytes, and so on: as with real engines, a cell does not lie
// in one piece.
func (m model) encode(saved []byte, i, n int, c cell) {
	word := func(at int, w uint32) {
		for b := range 4 {
			saved[(4*at+b)*n+i] = byte(w >> (8 * b))
		}
	}
	word(0, uint32(c.token))
	for k, v := range c.kv {
		word(1+k, math.Float32bits(v))
	}
}

// decode reads what encode wrote.
func (m model) decode(saved []byte, i, n int) cell {
	word := func(at int) (w uint32) {
		for b := range 4 {
			w |= uint32(saved[(4*at+b)*n+i]) << (8 * b)
		}
		return w
	}
	c := cell{token: engine.Token(word(0)), kv: make([]float32, m.values())}
	for k := range c.kv {
		c.kv[k] = math.Float32frombits(word(1 + k))
	}
	return c
}

// turn is a number of norm 1 modulo prime.
type turn struct{ re, im int64 }

func (t turn) times(u turn) turn {
	return turn{modulo(t.re*u.re - t.im*u.im), modulo(t.re*u.im + t.im*u.re)}
}

func (t turn) power(n int) turn {
	result := turn{1, 0}
	for e := uint64(n) % (prime + 1); e > 0; e >>= 1 { // the order divides 2^64: negative powers come out right
		if e&1 == 1 {
			result = result.times(t)
		}
		t = t.times(t)
	}
	return result
}

// apply turns x+iy. Whole numbers stay exact; K that deltas have made fractions
// of is rounded as floats are.
func (t turn) apply(x, y float32) (float32, float32) {
	re, im := float64(t.re), float64(t.im)
	return wrap(float64(x)*re - float64(y)*im), wrap(float64(x)*im + float64(y)*re)
}

func modulo(n int64) int64 { return (n%prime + prime) % prime }

func wrap(x float64) float32 {
	x = math.Mod(x, prime)
	if x < 0 {
		x += prime
	}
	return float32(x)
}

// mix hashes two words into one.
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 ^ (b + 0x632be59bd9b4e019)
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}
