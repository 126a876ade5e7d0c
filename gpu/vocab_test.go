package gpu

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

func openVocab(t *testing.T, o synth.Options) *Vocab {
	t.Helper()
	lib := fixture.Libraries(t)
	v, err := OpenVocab(lib, synth.File(t, lib, o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestVocab(t *testing.T) {
	v := openVocab(t, synth.Options{AddBOS: true})
	end := v.Controls()[synth.ImEnd]
	if want := (map[string]engine.Token{synth.EndOfText: 0, synth.ImStart: 1, synth.ImEnd: 2}); len(v.Controls()) != len(want) || end != want[synth.ImEnd] {
		t.Errorf("controls %v, want %v", v.Controls(), want)
	}
	if bos, add := v.BOS(); bos != 1 || !add || v.EOS() != 2 || !v.IsEnd(end) || v.IsEnd(bos) {
		t.Errorf("BOS %d (add %v), EOS %d", bos, add, v.EOS())
	}
	if v.Size() != 384 || v.ChatTemplate() != synth.ChatTemplate {
		t.Errorf("%d tokens, template %q", v.Size(), v.ChatTemplate())
	}
	text := "hello" + synth.ImEnd
	plain, parsed := v.Tokenize(text, false, false), v.Tokenize(text, true, true)
	if slices.Contains(plain, end) || parsed[0] != 1 || parsed[len(parsed)-1] != end {
		t.Errorf("%q is %v, parsed %v", text, plain, parsed)
	}
	if len(v.Piece(end)) != 0 || string(v.Spelling(end)) != synth.ImEnd {
		t.Errorf("%d is %q, spelled %q", end, v.Piece(end), v.Spelling(end))
	}
}

func TestOpenVocabRefusesWhatIsNoModel(t *testing.T) {
	lib := fixture.Libraries(t)
	if _, err := OpenVocab(lib, filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	path := filepath.Join(t.TempDir(), "text.gguf")
	if err := os.WriteFile(path, []byte("GGUF, but text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenVocab(lib, path); !errors.Is(err, gguf.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
}
