package anchor

import "github.com/interlude-run/interlude/programs"

// Unbounded lets the index look at everything, however much it is.
func (x *Index[T]) Unbounded() {
	x.bounds = bounds{looked: 1 << 30, ofOne: 1 << 30, perStep: 1 << 20, ahead: 1 << 30}
}

// Collide gives an empty index a hash that is the last token of a block, and nothing more.
func (x *Index[T]) Collide() { x.field = field{} }

// Compared is how many blocks a Find compares.
func (x *Index[T]) Compared(tenant programs.TenantID, self programs.ProgramID, tokens []T, from programs.Tokens) int {
	q := x.query(tenant, self, tokens, from)
	q.runs()
	return q.spent
}

// Most is how many blocks a Find of so many tokens may compare.
func Most(tokens int) int { return tokens*usual.perStep + usual.ahead }

// Tokens is how many tokens are indexed.
func (x *Index[T]) Tokens() int { return x.tokens }

// HashOf and RollOf are the hash of a block under a seed, from scratch and rolled there
// from the first block of the text.
func HashOf(seed uint64, block []int32) uint64 {
	f := newField(seed, len(block))
	return hash(&f, block)
}

func RollOf(seed uint64, text []int32, block int) uint64 {
	f := newField(seed, block)
	h := hash(&f, text[:block])
	for i := range len(text) - block {
		h = roll(&f, h, text[i], text[i+block])
	}
	return h
}

var Mul = mul

const Prime = prime
