package workload

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// stream is the random numbers for the i-th of some things, independent of those
// for all others and for all other purposes.
func stream(seed uint64, purpose string, i int) *rand.Rand {
	return rand.New(source(seed, purpose, i))
}

// source hashes its arguments, since streams of PCG with seeds close to each
// other are not independent.
func source(seed uint64, purpose string, i int) rand.Source {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", seed, purpose, i))
	return rand.NewPCG(binary.LittleEndian.Uint64(h[:8]), binary.LittleEndian.Uint64(h[8:16]))
}
