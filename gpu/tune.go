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

func (t *tuning) recipe(e *Engine) (recipe, error) {
	switch mode := e.options.Weights; mode {
	case "file":
		return asInFile, nil
	case "q8":
		return func(t ggml.Type) storage {
			if t == ggml.Q4_1 {
				return storage{kind: ggml.Q8_0}
			}
			return asInFile(t)
		}, nil
	case "", "auto":
		return func(t ggml.Type) storage {
			switch {
			case e.device.repack == 0:
			case terms(t) > 0:
				return storage{kind: ggml.Q4_0, split: true}
			case t == ggml.Q4_0:
				return storage{kind: t, pack: true}
			}
			return asInFile(t)
		}, nil
	default:
		return nil, fmt.Errorf("weights %q; there are auto and file", mode)
	}
}
