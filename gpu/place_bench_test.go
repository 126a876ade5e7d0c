package gpu

import (
	"slices"
	"testing"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
)

// The arms of a benchmark take turns, and what is told is the median of each: other work
// on the machine meets all of them.

// BenchmarkPlace moves 1,024 cells by 200 positions, and tells beside it what to copy them
// costs, and what their prefill does. A check's Read is of 16 cells of one layer.
func BenchmarkPlace(b *testing.B) {
	const n, prefix, by = 1024, 512, 200
	e := openModel(b)
	grow(b, e, 1, 2*prefix+n)
	grow(b, e, 2, prefix)
	saved, err := e.Save(1, prefix, n)
	if err != nil {
		b.Fatal(err)
	}
	var cells []int
	for i := range 16 {
		cells = append(cells, prefix+i)
	}
	place := func(p engine.Placement) func() error {
		p.From, p.N, p.Dst = prefix, n, 2
		return func() error { return e.Place(p) }
	}
	turns(b, func() {
		if err := e.Truncate(2, prefix); err != nil {
			b.Fatal(err)
		}
		if err := e.Reserve(2, prefix+by+n); err != nil {
			b.Fatal(err)
		}
	}, []arm{
		{"place-ms", place(engine.Placement{Src: 1, At: prefix + by})},
		{"place-saved-ms", place(engine.Placement{Saved: &saved, At: prefix + by})},
		{"copy-ms", place(engine.Placement{Src: 1, At: prefix})},
		{"prefill-ms", func() error { return feed(e, 2, prompt(n, 3)) }},
		{"read-16-of-1-layer-ms", func() error { _, err := e.Read(1, cells, 8); return err }},
		{"read-16-of-all-layers-ms", func() error { _, err := e.Read(1, cells); return err }},
	})
}

// BenchmarkPatch fills a hole of 200 tokens in a context of 2,048, and mends 32 cells that
// lie apart, beside chunks as large that are appended: to 1,000 cells as the hole is, and to
// 2,000 where the last of the 32 are.
func BenchmarkPatch(b *testing.B) {
	const context, at, hole, apart = 2048, 1000, 200, 32
	e := openModel(b)
	grow(b, e, 1, context)
	grow(b, e, 2, at)
	grow(b, e, 3, context-apart)
	item := func(seq engine.Seq, n int, at func(i int) int) func() error {
		it := engine.Item{Seq: seq, Tokens: prompt(n, 7)}
		for i := range n {
			it.At = append(it.At, at(i))
		}
		return func() error { return e.Step([]engine.Item{it}, make([]engine.Output, 1)) }
	}
	turns(b, func() {
		for seq, n := range map[engine.Seq]int{2: at, 3: context - apart} {
			if err := e.Truncate(seq, n); err != nil {
				b.Fatal(err)
			}
			if err := e.Reserve(seq, context); err != nil {
				b.Fatal(err)
			}
		}
	}, []arm{
		{"hole-200-ms", item(1, hole, func(i int) int { return at + i })},
		{"chunk-200-ms", item(2, hole, func(i int) int { return at + i })},
		{"apart-32-ms", item(1, apart, func(i int) int { return context - 2*apart*8 + i*16 })},
		{"chunk-32-ms", item(3, apart, func(i int) int { return context - apart + i })},
	})
}

// arm is one thing that is timed.
type arm struct {
	name string
	do   func() error
}

// turns times the arms one after the other, after what makes ready, as often as b.N says.
func turns(b *testing.B, ready func(), arms []arm) {
	took := make([][]float64, len(arms))
	for b.Loop() {
		for i, a := range arms {
			ready()
			begin := time.Now()
			if err := a.do(); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], float64(time.Since(begin).Microseconds())/1000)
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, a := range arms {
		slices.Sort(took[i])
		b.ReportMetric(took[i][len(took[i])/2], a.name)
	}
}

// openModel opens the default model as it is shipped, on one thread.
func openModel(b *testing.B) *Engine {
	e, err := Open(Options{Libraries: fixture.Dir(b), Model: fixture.Model(b), Device: "cpu", Threads: 1, KVBytes: 512 << 20, TuneFile: fixture.TuneFile(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	return e
}

// grow makes a sequence of n cells.
func grow(b *testing.B, e *Engine, seq engine.Seq, n int) {
	if err := e.New(seq); err != nil {
		b.Fatal(err)
	}
	if err := e.Reserve(seq, n); err != nil {
		b.Fatal(err)
	}
	if err := feed(e, seq, prompt(n, int(seq))); err != nil {
		b.Fatal(err)
	}
}

// feed appends tokens in steps as large as may be.
func feed(e *Engine, seq engine.Seq, tokens []engine.Token) error {
	for chunk := range slices.Chunk(tokens, e.geo.MaxStep) {
		if err := e.Step([]engine.Item{{Seq: seq, Tokens: chunk}}, make([]engine.Output, 1)); err != nil {
			return err
		}
	}
	return nil
}
