package gpu

import (
	"slices"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// Steps take no memory that the engine has not told of: neither inputs nor masks of
// their own, whatever their shape, and the graphs that are kept are few.
func TestStepsTakeNoMemoryOfTheirOwn(t *testing.T) {
	for _, layout := range []string{"transposed", "rows"} {
		e := openSmall(t, synth.Options{HeadDim: 32, Embd: 128}, Options{Weights: "file", Layout: layout})
		lib, allocated, built := *e.lib, 0, 0
		real := e.lib
		lib.AllocTensors = func(c ggml.Context, b ggml.Backend) ggml.Buffer { allocated++; return real.AllocTensors(c, b) }
		lib.NewGraph = func(c ggml.Context, size uint64, grads bool) ggml.Graph {
			built++
			return real.NewGraph(c, size, grads)
		}
		e.lib = &lib
		must(e.New(1) == nil && e.Reserve(1, 2000) == nil && e.New(2) == nil && e.Reserve(2, 200) == nil, "no room for a test")
		step := func(seq engine.Seq, n int) {
			t.Helper()
			if err := e.Step([]engine.Item{{Seq: seq, Tokens: prompt(n, 1)}}, make([]engine.Output, 1)); err != nil {
				t.Fatal(err)
			}
		}
		step(2, 1)
		if built != 1 {
			t.Errorf("%s: %d graphs for a decode", layout, built)
		}
		before := e.ScratchBytes() - e.graphs.bytes()
		for i := range 40 {
			step(1, 2+i)
		}
		step(2, 1)
		if built != 41 {
			t.Errorf("%s: 40 chunks of a prompt cost the graph of a decode: %d graphs were built", layout, built)
		}
		if allocated != 0 {
			t.Errorf("%s: steps allocated inputs %d times", layout, allocated)
		}
		if after := e.ScratchBytes() - e.graphs.bytes(); after != before || len(e.graphs.graphs) > 1+promptsKept {
			t.Errorf("%s: scratch memory went from %d to %d bytes, %d graphs are kept", layout, before, after, len(e.graphs.graphs))
		}
	}
}

// What masks take on the host does not grow with the heads, nor with rows × cells.
func TestScratchOfLongContexts(t *testing.T) {
	e := openSmall(t, synth.Options{Embd: 64, Heads: 16, Context: 1 << 17}, Options{Weights: "file", MaxStep: 512})
	h := e.hyper
	named := int64(e.tileRows*h.heads)*int64(e.geo.MaxContext)*4 + 2*int64(h.kvHeads*h.headDim)*int64(e.geo.MaxContext)*4
	// The inputs of 512 rows, two cliffs, the masks of scattered rows and results.
	if rest := e.ScratchBytes() - named; rest > 48<<20 {
		t.Errorf("beside scores and copies of cells, scratch memory is %d bytes", rest)
	}
}

// At the end of the longest context the window on the cliff is at its beginning, and
// each part of the context sees what a prefill in other parts does.
func TestMasksToTheEndOfTheContext(t *testing.T) {
	for o, kind := range map[Options]ggml.Type{{Weights: "packed", Deterministic: true}: ggml.Q4_1, {Weights: "file", Layout: "rows"}: ggml.F32} {
		const context = 256
		o.Context, o.MaxStep = context, 96
		e := openSmall(t, synth.Options{Type: kind, HeadDim: 32, Embd: 128}, o)
		tokens := prompt(context, 5)
		feed := func(seq engine.Seq, parts ...int) []float32 {
			t.Helper()
			must(e.New(seq) == nil && e.Reserve(seq, context) == nil, "no room for a test")
			out := make([]engine.Output, 1)
			for at, i := 0, 0; at < context; i++ {
				n := min(parts[i%len(parts)], context-at)
				if err := e.Step([]engine.Item{{Seq: seq, Tokens: tokens[at : at+n], Logits: true}}, out); err != nil {
					t.Fatal(err)
				}
				at += n
			}
			return out[0].Logits
		}
		want := feed(1, 1)
		for i, parts := range [][]int{{96}, {95, 66}, {33, 1, 2}, {64, 64, 64, 63}} {
			got := feed(engine.Seq(i+2), parts...)
			for j := range got {
				if d := got[j] - want[j]; d > 0.03 || d < -0.03 || o.Deterministic && d != 0 {
					t.Fatalf("%+v, parts %v: logit %d is %v, one by one %v", o, parts, j, got[j], want[j])
				}
			}
		}
		// A patch of all in scattered rows, for which masks are written, of as many as there
		// is memory for.
		cells := func(seq engine.Seq) []float32 {
			all := make([]int, context)
			for i := range all {
				all[i] = i
			}
			kv, err := e.Read(seq, all)
			if err != nil {
				t.Fatal(err)
			}
			return append(kv.K, kv.V...)
		}
		before := cells(2)
		e.sparseRows = 7
		for first := range 3 {
			var at []int
			var again []engine.Token
			for p := first; p < context; p += 3 {
				at, again = append(at, p), append(again, tokens[p])
			}
			if err := e.Step([]engine.Item{{Seq: 2, Tokens: again, At: at}}, make([]engine.Output, 1)); err != nil {
				t.Fatal(err)
			}
			if sparse := e.plan.shape.items[len(e.plan.shape.items)-1]; first == 0 && (!sparse.sparse || e.plan.masks > e.sparseRows*context) {
				t.Errorf("%d elements of masks, with memory for %d", e.plan.masks, e.sparseRows*context)
			}
		}
		if o.Deterministic && !slices.Equal(cells(2), before) {
			t.Error("computed again in scattered rows, the cells differ")
		}
	}
}
