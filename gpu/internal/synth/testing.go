package synth

import (
	"path/filepath"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// File writes a model that lives as long as the test and returns its path.
func File(t testing.TB, lib *ggml.Lib, o Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := Write(lib, path, o); err != nil {
		t.Fatal(err)
	}
	return path
}
