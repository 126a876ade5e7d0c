package gpu

import (
	"sync"
	"sync/atomic"

	"github.com/interlude-run/interlude/gpu/engine"
)

// draw is a token to be chosen: by the sampler of one sequence, which nobody else uses
// meanwhile.
type draw struct {
	sampler *sampler
	logits  []float32
	out     *engine.Output
}

func (d *draw) choose(v *Vocab) {
	d.out.Token = d.sampler.sample(d.logits)
	d.out.End = v.IsEnd(d.out.Token)
}

// worthwhile is how many logits are looked at before another goroutine pays: its start takes
// some microseconds, a logit about one nanosecond, ten where a temperature wants all
// probabilities.
const worthwhile = 1 << 16

// drawAll chooses the tokens, on so many processors at most. A large vocabulary takes a
// millisecond for each sequence otherwise, while all processors but one wait.
func drawAll(draws []draw, v *Vocab, processors int) {
	logits := 0
	for i := range draws {
		logits += len(draws[i].logits)
	}
	workers := min(processors, len(draws), 1+logits/worthwhile)
	if workers < 2 {
		for i := range draws {
			draws[i].choose(v)
		}
		return
	}
	var (
		next   atomic.Int64
		failed atomic.Value
		others sync.WaitGroup
	)
	work := func() {
		defer func() {
			if p := recover(); p != nil {
				failed.CompareAndSwap(nil, panicked{p})
			}
		}()
		for i := next.Add(1) - 1; i < int64(len(draws)); i = next.Add(1) - 1 {
			draws[i].choose(v)
		}
	}
	for range workers - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	if p, ok := failed.Load().(panicked); ok {
		panic(p.value) // where the caller can have it
	}
}

type panicked struct{ value any }
