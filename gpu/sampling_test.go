package gpu

import (
	"errors"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// What filters do is tested against libllama where they are: this is about what
// the engine relies on.
func TestSampler(t *testing.T) {
	v := openVocab(t, synth.Options{})
	logits := make([]float32, v.Size())
	logits[v.EOS()], logits[7], logits[9] = 3, 2, 1

	var greedy *sampler
	if got := greedy.sample(logits); got != v.EOS() {
		t.Errorf("no sampler chose %d, want the likeliest, %d", got, v.EOS())
	}
	greedy.free()

	for want, o := range map[engine.Token]engine.Sampling{
		v.EOS(): {},
		7:       {IgnoreEOS: true},
		9:       {IgnoreEOS: true, PresencePenalty: 5}, // the history has 7
		12:      {Bias: map[engine.Token]float32{12: 9}},
	} {
		s, err := newSampler(v, o, []engine.Token{7})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.sample(logits); got != want {
			t.Errorf("%+v chose %d, want %d", o, got, want)
		}
		s.free()
	}
	if _, err := newSampler(v, engine.Sampling{Grammar: "root ::= ("}, nil); !errors.Is(err, engine.ErrGrammar) {
		t.Errorf("got %v, want ErrGrammar", err)
	}
	if _, err := newSampler(v, engine.Sampling{TopK: -1}, nil); !errors.Is(err, engine.ErrRange) {
		t.Errorf("got %v, want ErrRange", err)
	}
}

func TestGreedySamplerDoesNotAllocate(t *testing.T) {
	v := openVocab(t, synth.Options{})
	s, err := newSampler(v, engine.Sampling{IgnoreEOS: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.free()
	logits := make([]float32, v.Size())
	if n := testing.AllocsPerRun(10, func() { s.sample(logits) }); n != 0 {
		t.Errorf("%v allocations for a token", n)
	}
}

// TestDrawAll: every sequence has its own token, on however many processors.
func TestDrawAll(t *testing.T) {
	v := openVocab(t, synth.Options{})
	for _, processors := range []int{1, 2, 3, 16} {
		draws, out := make([]draw, 7), make([]engine.Output, 7)
		for i := range draws {
			logits := make([]float32, worthwhile)
			logits[10*i] = 1
			draws[i] = draw{logits: logits, out: &out[i]}
		}
		drawAll(draws, v, processors)
		for i := range out {
			if want := engine.Token(10 * i); out[i].Token != want || out[i].End != v.IsEnd(want) {
				t.Errorf("%d processors: sequence %d has %+v", processors, i, out[i])
			}
		}
	}
	drawAll(nil, v, 4)
}

// TestDrawAllPanicsWhereItIsCalled: a panic in another goroutine could not be recovered.
func TestDrawAllPanicsWhereItIsCalled(t *testing.T) {
	v := openVocab(t, synth.Options{})
	s, err := newSampler(v, engine.Sampling{Temperature: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.free()
	out := make([]engine.Output, 4)
	draws := make([]draw, 4)
	for i := range draws {
		draws[i] = draw{logits: make([]float32, worthwhile), out: &out[i]}
	}
	draws[2].sampler, draws[2].logits = s, nil
	defer func() {
		if recover() == nil {
			t.Error("no panic for logits that are missing")
		}
	}()
	drawAll(draws, v, 2)
}
