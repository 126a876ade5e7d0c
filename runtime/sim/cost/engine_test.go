package cost

import (
	"math"
	"math/rand/v2"
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

// allModels are the known engines under every model.
func allModels(t testing.TB) (all []*Engine) {
	for _, name := range Names() {
		for m := range models {
			e := engine(t, name)
			e.Model = Model(m)
			all = append(all, e)
		}
	}
	return all
}

// Results of simulations on a100-8b are compared over time: its steps stay what
// they are, to the nanosecond.
func TestA100(t *testing.T) {
	e := engine(t, "a100-8b")
	for _, test := range []struct {
		name        string
		items       []Item
		serial, max programs.Duration
	}{
		{"one token reads all weights", []Item{{0, 1}}, 12_970_081, 12_000_081},
		{"context is read", []Item{{45_000, 1}}, 16_656_481, 15_686_481},
		{"a full step computes", []Item{{0, 512}}, 55_923_329, 54_953_329},
		{"attention is computed", []Item{{45_000, 512}}, 133_356_634, 132_386_634},
		{"mixed", []Item{{45_000, 1}, {1_000, 1}, {8_192, 510}}, 73_749_618, 69_145_735},
	} {
		t.Run(test.name, func(t *testing.T) {
			e.Model = Serial
			if got := e.Step(test.items); got != test.serial {
				t.Errorf("Step(%v) is %d ns, want %d", test.items, got, test.serial)
			}
			e.Model = Max
			if got := e.Step(test.items); got != test.max {
				t.Errorf("under Max, Step(%v) is %d ns, want %d", test.items, got, test.max)
			}
		})
	}
}

// What the model Serial says of a100-8b in words, see the package's comment.
func TestSerialByHand(t *testing.T) {
	e := engine(t, "a100-8b")
	ms := func(items ...Item) float64 { return e.Step(items).Seconds() * 1e3 }
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.05 {
			t.Errorf("%s takes %.2f ms, want %.2f", what, got, want)
		}
	}
	const contexts = 300_000
	decodes := batch(10, contexts/10)
	near("ten decodes over 300,000 cells: 10 of weights, 24.6 of attention, 3.06 of overheads", ms(decodes...), 37.64)
	beside := append(decodes, Item{0, 54})
	near("54 prompt tokens beside them: one tile; their attention", ms(beside...)-ms(decodes...), 0.03)
	beside[10].Count = 55
	near("55 tokens: two tiles of 64, (128 + 32) rows of 96.5 µs instead of 10 of weights", ms(beside...)-ms(decodes...), 5.47)
	for tokens, part := range map[programs.Tokens]float64{128: 0.85, 256: 0.944, 512: 1, 2048: 1.046} {
		e := *e
		e.AttnFlops, e.KVBytes, e.Overhead, e.Kernels.Launch, e.Kernels.Item = 0, 0, 0, 0, 0
		rate := float64(tokens) * e.TokenFlops / e.Step([]Item{{0, tokens}}).Seconds() / e.Flops
		if math.Abs(rate-part) > 0.001 {
			t.Errorf("%d tokens run at %.3f of the rate of 512, want %.3f", tokens, rate, part)
		}
	}
}

// A move is cut up into pages, and long moves have the link's rate.
func TestTransfer(t *testing.T) {
	e := engine(t, "a100-8b")
	want := 100*programs.Microsecond + 3*10*programs.Microsecond + programs.Seconds(40*131072/10e9)
	if got := e.Transfer(40, HostLink); got != want {
		t.Errorf("40 cells from the host take %v, want %v: three pages", got, want)
	}
	for _, name := range Names() {
		e := engine(t, name)
		for _, link := range []Link{HostLink, DiskLink} {
			const cells = 1 << 20
			rate := cells * float64(e.KVBytes) / e.Transfer(cells, link).Seconds()
			if math.Abs(rate/e.LinkRate(link)-1) > 0.01 {
				t.Errorf("%s: long moves run at %.3g B/s, want %.3g", name, rate, e.LinkRate(link))
			}
		}
	}
	if rate := e.LinkRate(HostLink); rate < 9.4e9 || rate > 9.6e9 {
		t.Errorf("a100-8b copies pages at %.3g B/s, want 9.5e9", rate)
	}
	e.Paging = Paging{}
	if got, want := e.Transfer(152_588, HostLink), programs.Second+100*programs.Microsecond; got < want || got > want+10*programs.Microsecond {
		t.Errorf("20 GB in one piece take %v, want %v", got, want)
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
	random := rand.New(rand.NewPCG(5, 6))
	for _, e := range allModels(t) {
		for range 300 {
			whole := make([]Item, 1+random.IntN(6))
			for i := range whole {
				whole[i] = Item{programs.Tokens(random.IntN(1 << random.IntN(17))), programs.Tokens(1 + random.IntN(1<<random.IntN(9)))}
			}
			took := e.Step(whole)
			at := random.IntN(len(whole))
			if part := e.Step(whole[:at+1]); part > took {
				t.Fatalf("%s, %s: the first %d of %v take %v, more than the %v of all", e.Name, e.Model, at+1, whole, part, took)
			}
			if halves := e.Step(whole[:at]) + e.Step(whole[at:]); at > 0 && halves < took {
				t.Fatalf("%s, %s: %v split behind item %d takes %v, less than %v", e.Name, e.Model, whole, at, halves, took)
			}
			if it := whole[at]; it.Count > 1 { // a prompt in two steps
				cut := 1 + programs.Tokens(random.IntN(int(it.Count)-1))
				first := append([]Item{}, whole...)
				first[at].Count = cut
				if got := e.Step(first); got > took {
					t.Fatalf("%s, %s: %v takes %v, more than %v with more tokens", e.Name, e.Model, first, got, took)
				}
				if got := e.Step(first) + e.Step([]Item{{it.From + cut, it.Count - cut}}); got < took {
					t.Fatalf("%s, %s: %v with item %d in two steps takes %v, less than %v", e.Name, e.Model, whole, at, got, took)
				}
			}
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
	for _, name := range ModelNames() {
		if m, err := ModelByName(name); err != nil || m.String() != name {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	if _, err := ModelByName("min"); err == nil || !strings.Contains(err.Error(), "serial") {
		t.Errorf("ModelByName(min) says %v; want the name and those that there are", err)
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
