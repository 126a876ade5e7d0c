package gpu

import (
	"errors"
	"sync"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// Many goroutines interrupt while the engine computes and closes.
func TestInterruptBesideClose(t *testing.T) {
	for range 5 {
		e := openSmall(t, synth.Options{}, Options{})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						e.Interrupt()
					}
				}
			})
		}
		must(e.New(1) == nil && e.Reserve(1, 64) == nil, "no room for a test")
		for range 20 {
			err := e.Step([]engine.Item{{Seq: 1, Tokens: prompt(1, 1)}}, make([]engine.Output, 1))
			if err != nil && !errors.Is(err, engine.ErrInterrupted) {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		close(stop)
		wg.Wait()
		e.Interrupt()
	}
}

// A device that does not look at the word, as cards do not, ends the step, which
// is undone then. What is no step is not interrupted: cells are moved whole.
func TestInterruptWithoutADeviceThatStops(t *testing.T) {
	e := openSmall(t, synth.Options{}, Options{})
	lib := *e.lib
	e.lib = &lib
	lib.Compute = func(b ggml.Backend, g ggml.Graph) ggml.Status {
		status := fixture.Libraries(t).Compute(b, g)
		e.Interrupt()
		return status
	}
	must(e.New(1) == nil && e.Reserve(1, 64) == nil && e.New(2) == nil && e.Reserve(2, 64) == nil, "no room for a test")
	if err := e.Step([]engine.Item{{Seq: 1, Tokens: prompt(5, 1)}}, make([]engine.Output, 1)); !errors.Is(err, engine.ErrInterrupted) || e.Len(1) != 0 {
		t.Errorf("the step gave %v and left %d cells", err, e.Len(1))
	}
	lib.Compute = func(b ggml.Backend, g ggml.Graph) ggml.Status {
		e.Interrupt()
		return fixture.Libraries(t).Compute(b, g)
	}
	err := e.Step([]engine.Item{{Seq: 1, Tokens: prompt(5, 1)}}, make([]engine.Output, 1))
	if !errors.Is(err, engine.ErrInterrupted) {
		t.Errorf("interrupted before it is computed, the step gave %v", err)
	}
	lib.Compute = fixture.Libraries(t).Compute
	if err := e.Step([]engine.Item{{Seq: 1, Tokens: prompt(5, 1)}}, make([]engine.Output, 1)); err != nil {
		t.Fatal(err)
	}
	lib.Compute = func(b ggml.Backend, g ggml.Graph) ggml.Status {
		e.Interrupt()
		return fixture.Libraries(t).Compute(b, g)
	}
	values := make([]float32, e.geo.Layers*e.geo.KVHeads*e.geo.HeadDim*3)
	if err := e.Place(engine.Placement{Src: 1, From: 1, N: 3, Dst: 2, Delta: &engine.KV{K: values, V: values}}); err != nil {
		t.Errorf("to move cells was interrupted: %v", err)
	}
}
