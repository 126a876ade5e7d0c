package llama

import (
	"errors"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

func open(t testing.TB) *Lib {
	t.Helper()
	l, err := Of(fixture.Libraries(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// load writes a synthetic model and loads it.
func load(t testing.TB, o synth.Options, mo ModelOptions) *Model {
	t.Helper()
	l := open(t)
	m, err := l.Load(synth.File(t, l.ggml, o), mo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Free)
	return m
}

func TestLayoutMismatchIsRefused(t *testing.T) {
	l := *open(t)
	if err := l.verifyLayouts(); err != nil {
		t.Fatal(err)
	}
	for say, spoil := range map[string]func(*Lib){
		"llama_model_default_params": func(l *Lib) {
			l.modelDefaults = func() modelParams { p := modelLayout; p.splitMode, p.loadMode = p.loadMode, p.splitMode; return p }
		},
		"llama_context_default_params": func(l *Lib) {
			l.contextDefaults = func() contextParams { p := contextLayout; p.opOffload = false; return p }
		},
		"llama_batch_init": func(l *Lib) {
			l.batchInit = func(_, _, _ int32) batch { return batch{n: 3} }
			l.batchFree = func(batch) {}
		},
		"llama_sampler_chain_default_params": func(l *Lib) { l.chainDefaults = func() chainParams { return chainParams{} } },
	} {
		other := l
		spoil(&other)
		err := other.verifyLayouts()
		if !errors.Is(err, ggml.ErrMismatch) || !strings.Contains(err.Error(), say) || strings.Count(err.Error(), ") reads") != 1 {
			t.Errorf("got %v, want ErrMismatch about %s alone", err, say)
		}
	}
}
