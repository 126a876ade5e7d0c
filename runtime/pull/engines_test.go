package pull

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestEngineThroughNPM(t *testing.T) {
	w := newWorld(t)
	w.install("npm", "node-llama-cpp-test-3.22.1.tgz", enginePackage)

	e, err := w.p.Engine(background(), CPU)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, e.Dir); !reflect.DeepEqual(got, engineFiles) {
		t.Errorf("kept %q, want %q", got, engineFiles)
	}
	if !e.Pinned {
		t.Error("npm's archive is pinned by its checksum, and the engine says it is not")
	}
	if got := w.runs(); len(got) != 1 || !strings.HasSuffix(got[0], " @node-llama-cpp/test@3.22.1") {
		t.Errorf("npm ran as %q", got)
	}
	if w.heard.last != int64(len(enginePackage)) {
		t.Errorf("the meter ended at %d of %d bytes", w.heard.last, len(enginePackage))
	}
	w.empty("staging")

	t.Run("a warm cache needs neither npm nor network", func(t *testing.T) {
		w.cutOff()
		again, err := w.puller().Engine(background(), CPU)
		if err != nil || again != e {
			t.Errorf("got %+v, %v; want %+v", again, err, e)
		}
		if n := len(w.runs()); n != 1 {
			t.Errorf("npm ran %d times", n)
		}
	})
}

func TestEngineFromReleasePage(t *testing.T) {
	archive := func(commit string) []byte {
		return targz(
			member{name: "llama-b42/LICENSE", body: "MIT"},
			member{name: "llama-b42/llama-server", body: "tool"},
			member{name: "llama-b42/libggml-base.so.0", link: "libggml-base.so.0.25.1", kind: '2'},
			member{name: "llama-b42/libggml-base.so.0.25.1", body: "base " + commit},
			member{name: "llama-b42/libllama.so.0", body: "llama"},
		)
	}
	for _, c := range []struct {
		name   string
		tag    string
		commit string
		npm    func(*testing.T, *world)
		strict bool
		want   string // part of the error; "" is success
	}{
		{name: "without npm", tag: "b42\n", commit: llamaCommit},
		{name: "npm fails", tag: "b42", commit: llamaCommit, npm: func(t *testing.T, w *world) {
			w.install("npm", "node-llama-cpp-test-3.22.1.tgz", enginePackage)
			t.Setenv("PLAY_AS", "broken")
		}},
		{name: "npm delivers other bytes", tag: "b42", commit: llamaCommit, npm: func(t *testing.T, w *world) {
			w.install("npm", "node-llama-cpp-test-3.22.1.tgz", []byte("not the engine"))
		}},
		{name: "another commit", tag: "b42", commit: "badc0de", want: "not built from commit " + llamaCommit},
		{name: "a tag that is a path", tag: "../../x", commit: llamaCommit, want: "names no build"},
		{name: "pinned sources only", tag: "b42", commit: llamaCommit, strict: true, want: "npm is not installed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.npm != nil {
				c.npm(t, w)
			}
			w.p.pinnedOnly = c.strict
			w.web.put("/releases/"+llamaRelease+"/nightly-tag.txt", []byte(c.tag))
			w.web.put("/releases/b42/llama-b42-bin-test.tar.gz", archive(c.commit))

			e, err := w.p.Engine(background(), CPU)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
				w.empty("engine")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.Pinned {
				t.Error("nobody knew the archive's checksum, and the engine says it is pinned")
			}
			want := []string{"libggml-base.so.0", "libggml-base.so.0.25.1", "libllama.so.0"}
			if got := names(t, e.Dir); !reflect.DeepEqual(got, want) {
				t.Errorf("kept %q, want %q", got, want)
			}
			if got := content(t, filepath.Join(e.Dir, "libggml-base.so.0")); string(got) != "base "+c.commit {
				t.Errorf("the versioned name holds %q", got)
			}
			w.cutOff()
			if again, err := w.puller().Engine(background(), CPU); err != nil || again != e {
				t.Errorf("warm: got %+v, %v; want %+v", again, err, e)
			}
		})
	}
}

func TestChecksumMismatchNamesBoth(t *testing.T) {
	w := newWorld(t)
	other := []byte("not the engine")
	w.install("npm", "node-llama-cpp-test-3.22.1.tgz", other)
	w.p.pinnedOnly = true

	_, err := w.p.Engine(background(), CPU)
	var mismatch *ChecksumError
	if !errors.As(err, &mismatch) || !errors.Is(err, ErrChecksum) {
		t.Fatalf("got %v, want a ChecksumError", err)
	}
	if mismatch.Want != sum(enginePackage) || mismatch.Found != sum(other) || mismatch.Bytes != int64(len(other)) {
		t.Errorf("the error says %+v", mismatch)
	}
	w.empty("engine")
	w.empty("staging")
}

func TestStagedArchiveIsUsedAgain(t *testing.T) {
	w := newWorld(t)
	stage := filepath.Join(w.cache, "staging", "engine-test-3.22.1")
	if err := os.MkdirAll(stage, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stage, "node-llama-cpp-test-3.22.1.tgz"), enginePackage, 0o644); err != nil {
		t.Fatal(err)
	}
	if e, err := w.p.Engine(background(), CPU); err != nil || !e.Pinned {
		t.Errorf("got %+v, %v; the archive of an interrupted pull was there", e, err)
	}
}

func TestUnsupportedDevice(t *testing.T) {
	w := newWorld(t)
	if _, err := w.p.Engine(background(), CUDA); !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}

func TestEngineDirOfTheUser(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	t.Setenv("INTERLUDE_ENGINE_DIR", dir)
	p := w.puller()
	if _, err := p.Engine(background(), CPU); err == nil {
		t.Error("an empty folder passed for an engine")
	}
	for _, name := range []string{"libggml-base.so", "libllama.so.0"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := p.Engine(background(), CPU); err != nil || e.Dir != dir || e.Pinned {
		t.Errorf("got %+v, %v", e, err)
	}
}

// The pinned archives are what the registry really delivers.
func TestRealEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches 10 MB the first time")
	}
	p, err := New(Options{Verify: true, PinnedOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.Engine(t.Context(), CPU)
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"libggml-base.so*", "libggml-cpu-*.so", "libllama*.so*"} {
		if found, _ := filepath.Glob(filepath.Join(e.Dir, pattern)); len(found) == 0 {
			t.Errorf("%s holds no %s", e.Dir, pattern)
		}
	}
}
