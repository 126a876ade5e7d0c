package gpu

import (
	"errors"
	"slices"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// failAllocations has the allocator want more than there is, as often as left says:
// it then really gives up its memory and fails, as on a card that is full.
func failAllocations(e *Engine, left *int) {
	real := e.lib
	lib := *real
	e.lib = &lib
	lib.AllocGraph = func(a ggml.Allocator, g ggml.Graph) bool {
		if *left == 0 {
			return real.AllocGraph(a, g)
		}
		*left--
		for i := range real.GraphNodes(g) {
			if t := real.GraphNode(g, i); t.Data == nil && t.ViewSrc == nil {
				n := t.Ne[3]
				t.Ne[3] = 1 << 40
				defer func() { t.Ne[3] = n }()
				break
			}
		}
		return real.AllocGraph(a, g)
	}
}

// A step whose graph gets no memory fails alone: the same step and those of before
// work afterwards.
func TestStepWithoutMemory(t *testing.T) {
	e := openSmall(t, synth.Options{Layers: 3}, Options{})
	left := 0
	failAllocations(e, &left)
	step := func(seq engine.Seq, tokens []engine.Token) ([]float32, error) {
		out := make([]engine.Output, 1)
		err := e.Step([]engine.Item{{Seq: seq, Tokens: tokens, Logits: true}}, out)
		return out[0].Logits, err
	}
	must(e.New(1) == nil && e.Reserve(1, 128) == nil && e.New(2) == nil && e.Reserve(2, 128) == nil, "no room for a test")
	tokens := prompt(50, 1)
	var want [][]float32 // of a twin, undisturbed
	for _, n := range []int{40, 1, 7, 1} {
		l, err := step(2, tokens[:n])
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, l)
		tokens = tokens[n:]
	}
	tokens = prompt(50, 1)
	for i, n := range []int{40, 1, 7, 1} {
		if i == 2 {
			e.graphs.close()
			if _, err := step(2, tokens[:1]); err != nil { // the next decode finds its graph
				t.Fatal(err)
			}
			left = 1
			if _, err := step(1, tokens[:n]); err == nil || errors.Is(err, engine.ErrBroken) || e.Len(1) != 41 {
				t.Fatalf("without memory the step gave %v and %d cells", err, e.Len(1))
			}
			if left != 0 {
				t.Fatal("no allocation failed")
			}
		}
		got, err := step(1, tokens[:n])
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if !slices.Equal(got, want[i]) {
			t.Errorf("step %d has other logits after the failure", i)
		}
		tokens = tokens[n:]
	}

	// Memory that is gone for good breaks the engine.
	e.graphs.close()
	left = 2
	if _, err := step(1, prompt(5, 2)); !errors.Is(err, engine.ErrBroken) {
		t.Errorf("without any memory the step gave %v", err)
	}
	left = 0
	if _, err := step(1, prompt(5, 2)); !errors.Is(err, engine.ErrBroken) {
		t.Errorf("after it, the step gave %v", err)
	}
}
