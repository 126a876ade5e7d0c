package llama

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// BenchmarkSample is what a token costs behind the product that gives its logits.
func BenchmarkSample(b *testing.B) {
	for _, size := range []int{49_152, 151_936} {
		v := load(b, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
		v.flags = make([]tokenFlags, size) // as if it were so large
		logits := randomLogits(rand.New(rand.NewPCG(1, 2)), size)
		for i := range 20 { // a model has its favourites
			logits[1000*i] += float32(12 - i/2)
		}
		for name, o := range map[string]engine.Sampling{
			"greedy":                 {},
			"temperature":            {Temperature: 0.8},
			"top-p":                  {Temperature: 0.8, TopP: 0.95},
			"top-k":                  {Temperature: 0.8, TopK: 40},
			"top-k, top-p and min-p": {Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05},
			"penalties":              {Temperature: 0.8, TopK: 40, RepeatPenalty: 1.1},
		} {
			b.Run(fmt.Sprintf("%s/vocabulary=%d", name, size), func(b *testing.B) {
				s := newSampler(b, v, o)
				for b.Loop() {
					s.Sample(logits)
				}
			})
		}
	}
}
