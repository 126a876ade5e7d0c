package gpu

import (
	"fmt"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// tuning is what was measured on this machine.
type tuning struct {
	FlashFrom int // rows from which flash attention over a copy is faster
}

func loadTuning(e *Engine) (tuning, error) { return tuning{FlashFrom: 64}, nil }

func (t *tuning) form(e *Engine, rows, n int) form {
	switch {
	case !e.cache.layout.transposed:
		return formFlash
	case rows == 1:
		return formGrouped
	case e.options.Deterministic || rows < t.FlashFrom:
		return formTiled
	}
	return formFlashCopy
}

func (t *tuning) weightTypes(mode string) (func(ggml.Type) ggml.Type, error) {
	switch mode {
	case "file":
		return func(t ggml.Type) ggml.Type { return t }, nil
	case "", "auto":
		return func(t ggml.Type) ggml.Type {
			if t == ggml.Q4_1 {
				return ggml.Q8_0
			}
			return t
		}, nil
	}
	return nil, fmt.Errorf("weights %q; there are auto and file", mode)
}
