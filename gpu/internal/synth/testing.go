package synth

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// Libraries opens the engine libraries that INTERLUDE_ENGINE_DIR names. Where it
// names none, the test is skipped.
func Libraries(t testing.TB) *ggml.Lib {
	t.Helper()
	dir := os.Getenv("INTERLUDE_ENGINE_DIR")
	if dir == "" {
		t.Skip("INTERLUDE_ENGINE_DIR names no engine libraries")
	}
	lib, err := ggml.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// File writes a model that lives as long as the test and returns its path.
func File(t testing.TB, lib *ggml.Lib, o Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := Write(lib, path, o); err != nil {
		t.Fatal(err)
	}
	return path
}
