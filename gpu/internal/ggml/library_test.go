package ggml

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenNamesWhatIsMissing(t *testing.T) {
	_, err := Open(t.TempDir())
	if !errors.Is(err, ErrNoLibraries) || !strings.Contains(err.Error(), "interlude pull") {
		t.Fatalf("got %v, want ErrNoLibraries with what to do", err)
	}
}

func TestOpenRefusesWhatIsNotALibrary(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "libggml-base.so"), []byte("not an ELF file"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "libggml-base.so") {
		t.Fatalf("got %v, want an error that names the file", err)
	}
}
