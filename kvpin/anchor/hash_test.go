package anchor_test

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/interlude-run/interlude/kvpin/anchor"
)

// TestMul is multiplication as big numbers have it.
func TestMul(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	edges := []uint64{0, 1, 2, 1<<32 - 1, 1 << 32, 1 << 60, anchor.Prime - 1, anchor.Prime - 2}
	for range 10000 {
		a, b := r.Uint64N(anchor.Prime), r.Uint64N(anchor.Prime)
		if r.IntN(4) == 0 {
			a = edges[r.IntN(len(edges))]
		}
		if r.IntN(4) == 0 {
			b = edges[r.IntN(len(edges))]
		}
		want := new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(b))
		want.Mod(want, big.NewInt(anchor.Prime))
		if got := anchor.Mul(a, b); got != want.Uint64() {
			t.Fatalf("%d·%d is %d, want %v", a, b, got, want)
		}
	}
}

// TestRoll: a hash that rolled along a text is that of its last block.
func TestRoll(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 500 {
		block := 1 + r.IntN(40)
		text := make([]int32, block+r.IntN(100))
		for i := range text {
			text[i] = int32(r.Uint32()) >> (8 * r.IntN(5)) // of all sizes, and below 0
		}
		seed := r.Uint64()
		if got, want := anchor.RollOf(seed, text, block), anchor.HashOf(seed, text[len(text)-block:]); got != want {
			t.Fatalf("block of %d, %d tokens: rolled to %x, want %x", block, len(text), got, want)
		}
	}
}

// TestSeeds: another seed is another hash, also where seeds differ by little, and so is
// another text.
func TestSeeds(t *testing.T) {
	type of struct {
		seed uint64
		text int
	}
	seen := map[uint64]of{}
	for seed := range uint64(50) {
		for k, text := range [][]int32{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {1, 0, 0, 1}, {0, 1, 1, 0}, {-1, 0, 0, 0}, {1, 1, 0, 0}} {
			h := anchor.HashOf(seed, text)
			if was, ok := seen[h]; ok {
				t.Errorf("text %d under seed %d has the hash of text %d under seed %d", k, seed, was.text, was.seed)
			}
			seen[h] = of{seed, k}
		}
	}
}
