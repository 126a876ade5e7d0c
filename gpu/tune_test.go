package gpu

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

func TestFastestStorage(t *testing.T) {
	const ms = time.Millisecond
	file := map[int]time.Duration{1: 10 * ms, 8: 40 * ms, 128: 600 * ms}
	scaled := func(by float64) map[int]time.Duration {
		took := map[int]time.Duration{}
		for n, d := range file {
			took[n] = time.Duration(float64(d) * by)
		}
		return took
	}
	for _, c := range []struct {
		want string
		took map[string]map[int]time.Duration
	}{
		{"file", map[string]map[int]time.Duration{"file": file}},
		{"packed", map[string]map[int]time.Duration{"file": file, "packed": scaled(0.5), "q8_0": scaled(0.7)}},
		{"q8_0", map[string]map[int]time.Duration{"file": file, "packed": scaled(0.8), "q8_0": scaled(0.7)}},
		{"file", map[string]map[int]time.Duration{"file": file, "packed": scaled(1.1), "q8_0": scaled(0.98)}}, // not worth the memory
		{"packed", map[string]map[int]time.Duration{"file": file, "packed": {1: 11 * ms, 8: 20 * ms, 128: 200 * ms}, "q8_0": scaled(1)}},
	} {
		if got := fastestStorage(c.took); got != c.want {
			t.Errorf("%s of %v, want %s", got, c.took, c.want)
		}
	}
}

func TestFirstFlash(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		flash []time.Duration // at each of flashSizes, beside 10 for products
		want  int
		err   error
	}{
		{[]time.Duration{9, 9, 9, 9, 9}, 16, nil},
		{[]time.Duration{12, 11, 9, 9, 9}, 64, nil},
		{[]time.Duration{8, 8, 10, 9, 9}, 128, nil}, // what was disturbed at 16 and 32 does not decide
		{[]time.Duration{12, 10, 10, 10, 9}, 256, nil},
		{[]time.Duration{8, 8, 8, 8, 11}, neverFlash, nil},
		{[]time.Duration{12, 11, 11, 0, 9}, 0, broken},
	} {
		got, err := firstFlash(func(n, from int) (time.Duration, error) {
			i := slices.Index(flashSizes, n)
			switch {
			case n < from:
				return 10, nil
			case c.flash[i] == 0:
				return 0, broken
			}
			return c.flash[i], nil
		})
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v: from %d rows on (%v), want %d", c.flash, got, err, c.want)
		}
	}
}

// What is kept is what was measured: of one start's choice the next knows nothing.
func TestTuneFileHasMeasurementsOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tuning.json")
	small := synth.Options{Type: ggml.Q4_1, Embd: 128, HeadDim: 32}
	kept := func() []measured {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		all := map[string]measured{}
		if err := errors.Join(err, json.Unmarshal(data, &all)); err != nil {
			t.Fatal(err)
		}
		return slices.Collect(maps.Values(all))
	}
	open := func(m synth.Options, o Options) *Engine {
		o.TuneFile = path
		if o.MaxStep == 0 {
			o.MaxStep = 256
		}
		e := openSmall(t, m, o)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return e
	}

	open(small, Options{Weights: "file", Deterministic: true})
	open(small, Options{Weights: "q8_0", MaxStep: 128})
	open(small, Options{Weights: "file", Layout: "rows"})
	open(small, Options{Weights: "file", Context: 256})
	if got := kept(); len(got) != 0 {
		t.Fatalf("starts that measure nothing keep %+v", got)
	}
	if e := open(small, Options{Weights: "file"}); e.Storage() != "q4_1 file" {
		t.Errorf("weights are stored as %s", e.Storage())
	}
	first := kept()
	if len(first) != 1 || first[0].Storages != nil || first[0].FlashFrom == 0 {
		t.Fatalf("a start whose user chose the storage keeps %+v", first)
	}
	for _, o := range []Options{{Weights: "file", Deterministic: true}, {Weights: "file", MaxStep: 128}} {
		if e := open(small, o); e.tuning.FlashFrom != first[0].FlashFrom {
			t.Errorf("a start that measures nothing has flash from %d on, measured was %d", e.tuning.FlashFrom, first[0].FlashFrom)
		}
	}
	auto := open(small, Options{})
	if got := kept(); len(got) != 1 || !maps.Equal(got[0].Storages, auto.storageNames()) || got[0].FlashFrom != first[0].FlashFrom {
		t.Errorf("after a start that measures the storage, %s, there is %+v", auto.Storage(), got)
	}

	open(small, Options{Weights: "file", KType: "f16"})
	other := small
	other.Type = ggml.Q8_0
	open(other, Options{Weights: "file"})
	if got := kept(); len(got) != 3 {
		t.Errorf("three kinds of cells and weights share %d entries", len(got))
	}
}

func TestTuneFileOfNonsense(t *testing.T) {
	f := tuneFile{filepath.Join(t.TempDir(), "tuning.json"), "key"}
	for _, text := range []string{"", "{", `{"key":{"Storages":{"q4_1":"gold"},"FlashFrom":-1}}`, `{"key":3}`} {
		if err := os.WriteFile(f.path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if m := f.load(); len(m.Storages) > 0 || m.FlashFrom != 0 {
			t.Errorf("%q is read as %+v", text, m)
		}
		f.save(measured{FlashFrom: 32})
		if m := f.load(); len(m.Storages) > 0 || m.FlashFrom != 32 {
			t.Errorf("over %q, %+v was written", text, m)
		}
	}
}
