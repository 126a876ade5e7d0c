package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/llama"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

func TestChoose(t *testing.T) {
	names := func(qs []quantisation) (all []string) {
		for _, q := range qs {
			all = append(all, q.name)
		}
		return all
	}
	if all, err := choose(nil); err != nil || !slices.Equal(names(all), []string{"q4_1", "q4_k_m", "q4_0", "q8_0"}) {
		t.Errorf("without names: %v, %v", names(all), err)
	}
	if some, err := choose([]string{"Q8_0", " q4_k_m", "q8_0"}); err != nil || !slices.Equal(names(some), []string{"q8_0", "q4_k_m"}) {
		t.Errorf("got %v, %v", names(some), err)
	}
	if _, err := choose([]string{"q4_0", "q9"}); err == nil || !strings.Contains(err.Error(), `"q9"`) || !strings.Contains(err.Error(), "q4_k_m") {
		t.Errorf("error %v, want one that names q9 and what there is", err)
	}
}

// TestQuantised makes a file once, and anew where it is not what was made.
func TestQuantised(t *testing.T) {
	lib := fixture.Libraries(t)
	l, err := llama.Of(lib)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Model: synth.File(t, lib, synth.Options{Embd: 256, Seed: 3}), Cache: t.TempDir(), Threads: 1}
	q := quantisation{"q4_0", llama.MostlyQ4_0}
	made := 0
	get := func(o Options) string {
		t.Helper()
		made = 0
		path, err := quantised(t.Context(), o, l, q, func(string) { made++ })
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := get(o)
	if made == 0 {
		t.Error("nothing is said of a file that is made")
	}
	f, err := gguf.Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(f.Tensors, func(t gguf.Tensor) bool { return t.Name == "blk.0.attn_q.weight" }); f.Tensors[i].Type != ggml.Q4_0 {
		t.Errorf("a matrix has type %d", f.Tensors[i].Type)
	}
	m, err := l.Load(path, llama.ModelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.Free()
	if again := get(o); again != path || made != 0 {
		t.Errorf("a second time: %s, said %d times; want %s, never", again, made, path)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"a byte is another": func() error {
			bad := slices.Clone(good)
			bad[len(bad)-5] ^= 1
			return os.WriteFile(path, bad, 0o644)
		},
		"it is cut short":      func() error { return os.Truncate(path, 1000) },
		"it is gone":           func() error { return os.Remove(path) },
		"no checksum":          func() error { return os.Remove(path + ".sha256") },
		"an empty checksum":    func() error { return os.WriteFile(path+".sha256", nil, 0o644) },
		"another one's digits": func() error { return os.WriteFile(path+".sha256", []byte(strings.Repeat("a", 64)+"  x\n"), 0o644) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		get(o)
		if now, err := os.ReadFile(path); made == 0 || err != nil || !slices.Equal(now, good) {
			t.Errorf("%s: made %d times, %v; the file is as it was: %v", name, made, err, slices.Equal(now, good))
		}
		if get(o); made != 0 {
			t.Errorf("%s: made a second time", name)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 2 {
		t.Errorf("the folder holds %v", left)
	}

	// The model itself, where it is in the quantisation; another of the same name.
	own := o
	own.Model = path
	if got := get(own); got != path || made != 0 {
		t.Errorf("of a file of that kind: %s, want itself", got)
	}
	other := o
	other.Model = synth.File(t, lib, synth.Options{Embd: 256, Seed: 4})
	if got := get(other); got == path {
		t.Error("two models of one name share a file")
	}
}

// TestWatchSays how large the file is while it is made.
func TestWatchSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 3_000_000), 0o644); err != nil {
		t.Fatal(err)
	}
	made := make(chan error)
	var said []string
	err := watch(made, path, "making it", func(what string) {
		if said = append(said, what); len(said) == 2 {
			go func() { time.Sleep(10 * time.Millisecond); made <- os.ErrClosed }()
		}
	})
	if err != os.ErrClosed || !slices.Equal(said, []string{"making it", "making it: 3 MB written"}) {
		t.Errorf("said %q, returned %v", said, err)
	}
}
