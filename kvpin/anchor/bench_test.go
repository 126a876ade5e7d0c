package anchor_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
)

const long = 8192

// BenchmarkPut is a context of 8K tokens that nobody has any of.
func BenchmarkPut(b *testing.B) {
	text := noise(1, long)
	b.ReportAllocs()
	for b.Loop() {
		x := anchor.New[int32](anchor.Config{})
		x.Put("t", "p", text)
	}
	perToken(b, long)
}

// BenchmarkExtend is a turn: 300 tokens more behind 8K, and back again.
func BenchmarkExtend(b *testing.B) {
	x := anchor.New[int32](anchor.Config{})
	text := noise(1, long+300)
	x.Put("t", "p", text[:long])
	b.ReportAllocs()
	for b.Loop() {
		x.Put("t", "p", text)
		x.Cut("p", long)
	}
	perToken(b, 300)
}

// BenchmarkExtendCopy is the same where each turn has its context in a list of its own.
func BenchmarkExtendCopy(b *testing.B) {
	x := anchor.New[int32](anchor.Config{})
	shorter, longer := noise(1, long), noise(1, long+300)
	x.Put("t", "p", shorter)
	b.ReportAllocs()
	for b.Loop() {
		x.Put("t", "p", longer)
		x.Put("t", "p", shorter)
	}
	perToken(b, 300)
}

// BenchmarkFind is a context of 8K tokens among 1,000 of as many.
func BenchmarkFind(b *testing.B) {
	document := noise(9, long/2)
	for _, c := range []struct {
		name string
		text func(r *rand.Rand, k int) []int32 // of owner k, and the one looked for
	}{
		{"nothing", func(r *rand.Rand, k int) []int32 { return noise(uint64(k)+100, long) }},
		{"document", func(r *rand.Rand, k int) []int32 { // half of it, behind texts of as many lengths as there are owners
			before := r.IntN(long / 2)
			text := append(noise(uint64(k)+100, before), document...)
			return append(text, noise(uint64(k)+5000, long-len(text))...)
		}},
		{"same", func(r *rand.Rand, k int) []int32 { return append([]int32{int32(k)}, noise(9, long-1)...) }},
		{"one token", func(r *rand.Rand, k int) []int32 { return append([]int32{int32(k)}, make([]int32, long-1)...) }},
		{"period 7", func(r *rand.Rand, k int) []int32 { return period(7, long) }},
		{"period 1001", func(r *rand.Rand, k int) []int32 { return period(1001, long) }},
		{"short runs", func(r *rand.Rand, k int) []int32 { // pieces of 40 of a text that all are made of
			var text []int32
			for len(text) < long {
				at := r.IntN(len(document) - 40)
				text = append(text, document[at:at+40]...)
			}
			return text[:long]
		}},
		{"runs of 64", func(r *rand.Rand, k int) []int32 {
			var text []int32
			for len(text) < long {
				at := r.IntN(len(document) - 64)
				text = append(text, document[at:at+64]...)
			}
			return text[:long]
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := anchor.New[int32](anchor.Config{})
			r := rand.New(rand.NewPCG(3, 3))
			for k := range 1000 {
				x.Put("t", programs.ProgramID(fmt.Sprint(k)), c.text(r, k))
			}
			query := c.text(r, 1001)
			b.ReportAllocs()
			for b.Loop() {
				x.Find("t", "q", query, 0)
			}
			perToken(b, long)
		})
	}
}

func BenchmarkEdits(b *testing.B) {
	before := noise(1, long)
	after := append(append(noise(1, 100), noise(2, 50)...), before[1000:]...)
	b.ReportAllocs()
	for b.Loop() {
		anchor.Edits(before, after, 64)
	}
	perToken(b, long)
}

func perToken(b *testing.B, tokens int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(tokens), "ns/token")
}

// noise is a text that has no text of another seed in it, and begins with the shorter of
// its own.
func noise(seed uint64, n int) []int32 {
	r := rand.New(rand.NewPCG(seed, seed))
	text := make([]int32, n)
	for i := range text {
		text[i] = r.Int32N(50000)
	}
	return text
}

func period(of, n int) []int32 {
	text := make([]int32, n)
	for i := range text {
		text[i] = int32(i % of)
	}
	return text
}
