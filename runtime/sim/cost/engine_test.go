package cost

import (
	"math"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

func engine(t testing.TB, name string) *Engine {
	t.Helper()
	e, err := ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Results of simulations on a100-8b are compared over time: its steps stay what
// they are, to the nanosecond.
func TestA100(t *testing.T) {
	e := engine(t, "a100-8b")
	for _, test := range []struct {
		name  string
		items []Item
		want  programs.Duration
	}{
		{"one token reads all weights", []Item{{0, 1}}, 12_000_081},
		{"context is read", []Item{{45_000, 1}}, 15_686_481},
		{"a full step computes", []Item{{0, 512}}, 54_953_329},
		{"attention is computed", []Item{{45_000, 512}}, 132_386_634},
		{"mixed", []Item{{45_000, 1}, {1_000, 1}, {8_192, 510}}, 69_145_735},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := e.Step(test.items); got != test.want {
				t.Errorf("Step(%v) is %d ns, want %d", test.items, got, test.want)
			}
		})
	}
	if got, want := e.Transfer(20e9, HostLink), programs.Second; got != want {
		t.Errorf("20 GB from the host take %v, want %v", got, want)
	}
	if got, want := e.Transfer(20e9, DiskLink), 10*programs.Second; got != want {
		t.Errorf("20 GB from disk take %v, want %v", got, want)
	}
}

// The processor's rates are those that it is described with.
func TestCPU(t *testing.T) {
	e := engine(t, "cpu-135m")
	for _, test := range []struct {
		name  string
		items []Item
		want  float64 // tokens a second
	}{
		{"decode alone", batch(1, 512), 179},
		{"decode by eight", batch(8, 512), 395},
	} {
		var tokens programs.Tokens
		for _, item := range test.items {
			tokens += item.Count
		}
		if got := float64(tokens) / e.Step(test.items).Seconds(); math.Abs(got/test.want-1) > 0.03 {
			t.Errorf("%s: %.1f tokens/s, want %v within 3 %%", test.name, got, test.want)
		}
	}
	if got := 512 / e.Prefill(0, 512).Seconds(); math.Abs(got/1230-1) > 0.03 {
		t.Errorf("prefill: %.1f tokens/s, want 1230 within 3 %%", got)
	}
}

func batch(size int, context programs.Tokens) []Item {
	items := make([]Item, size)
	for i := range items {
		items[i] = Item{context, 1}
	}
	return items
}

// What LowerBound rests on: more work never takes less time, and one step never
// more than its parts in two.
func TestStepGrowsAndSplitsCostMore(t *testing.T) {
	whole := []Item{{0, 100}, {5_000, 1}, {300, 20}, {8_000, 7}}
	for _, name := range Names() {
		e := engine(t, name)
		for i := range whole {
			if part := e.Step(whole[:i+1]); part > e.Step(whole) {
				t.Errorf("%s: %d items take %v, more than all take", name, i+1, part)
			}
			if halves := e.Step(whole[:i]) + e.Step(whole[i:]); i > 0 && halves < e.Step(whole) {
				t.Errorf("%s: split behind item %d it takes %v, less than %v", name, i, halves, e.Step(whole))
			}
		}
		if split := e.Step([]Item{{64, 50}}) + e.Step([]Item{{114, 50}}); split < e.Step([]Item{{64, 100}}) {
			t.Errorf("%s: a prompt in two steps takes %v, less than in one", name, split)
		}
	}
}

func TestPrefill(t *testing.T) {
	e := engine(t, "a100-8b")
	want := e.Step([]Item{{100, 512}}) + e.Step([]Item{{612, 512}}) + e.Step([]Item{{1124, 6}})
	if got := e.Prefill(100, 1030); got != want {
		t.Errorf("Prefill(100, 1030) is %v, want %v", got, want)
	}
	if got := e.Prefill(100, 0); got != 0 {
		t.Errorf("Prefill(100, 0) is %v, want 0", got)
	}
	if got, want := e.Decode(77), e.Step([]Item{{77, 1}}); got != want {
		t.Errorf("Decode(77) is %v, want %v", got, want)
	}
}

func TestByName(t *testing.T) {
	for _, name := range Names() {
		if e := engine(t, name); e.Name != name || e.Flops <= 0 || e.Bandwidth <= 0 || e.StepTokens <= 0 ||
			e.Pool <= 0 || e.MaxContext > e.Pool || e.HostBytes <= 0 || e.DiskBytes <= 0 || e.KVBytes <= 0 {
			t.Errorf("%s is incomplete: %+v", name, e)
		}
	}
	engine(t, "a100-8b").Pool = 1
	if engine(t, "a100-8b").Pool == 1 {
		t.Error("ByName gives the table's own engine, not a copy")
	}
	if _, err := ByName("tpu"); err == nil || !strings.Contains(err.Error(), `"tpu"`) || !strings.Contains(err.Error(), "h100-8b") {
		t.Errorf("ByName(tpu) says %v; want the name and those that there are", err)
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	e, items := engine(t, "a100-8b"), batch(64, 1000)
	if n := testing.AllocsPerRun(100, func() { e.Step(items) }); n != 0 {
		t.Errorf("Step allocates %v times", n)
	}
}

func BenchmarkStep(b *testing.B) {
	e, items := engine(b, "a100-8b"), batch(64, 1000)
	for b.Loop() {
		e.Step(items)
	}
}
