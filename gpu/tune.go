package gpu

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// tuning is how the engine computes, as far as there is a choice. Kernels differ
// between processors by more than any rule of thumb could say, so the candidates
// are run once, for a second, and the result is kept in a file.
type tuning struct {
	Weights   string // storage of matrices: a key of storages
	FlashFrom int    // rows of a chunk from which flash attention over a copy is used
}

// storages are the ways to store matrices that are compared. They keep what a
// weight is: what is rounded is far below the rounding that the file's own type
// brought.
var storages = map[string]func(d *device) recipe{
	"file": func(*device) recipe { return asInFile },
	"q8_0": func(*device) recipe {
		return func(t ggml.Type) storage {
			switch t {
			case ggml.Q4_1, ggml.Q5_0, ggml.Q5_1:
				return storage{kind: ggml.Q8_0}
			}
			return asInFile(t)
		}
	},
	"packed": func(d *device) recipe {
		return func(t ggml.Type) storage {
			switch {
			case d.repack == 0:
			case terms(t) > 0:
				return storage{kind: ggml.Q4_0, split: true}
			case t == ggml.Q4_0:
				return storage{kind: t, pack: true}
			}
			return asInFile(t)
		}
	},
}

func (e *Engine) recipe(name string) recipe { return storages[name](e.device) }

// form is the fastest form of attention for an item of so many rows.
func (t *tuning) form(e *Engine, rows int) form {
	switch {
	case !e.cache.layout.transposed:
		return formFlash
	case rows == 1:
		return formGrouped
	case e.options.Deterministic || rows < t.FlashFrom:
		return formTiled
	}
	return formFlashCopy
}

// tuneWeights decides how matrices are stored: as the user says, as an earlier
// start found, or as the first layer runs fastest.
func (e *Engine) tuneWeights(f *gguf.File) error {
	if mode := e.options.Weights; mode != "" && mode != "auto" {
		if _, ok := storages[mode]; !ok {
			return fmt.Errorf("weights %q; there are auto, %s", mode, strings.Join(slices.Sorted(maps.Keys(storages)), ", "))
		}
		e.tuning.Weights = mode
		return nil
	}
	if e.tuning.Weights = e.tuneFile.load().Weights; e.tuning.Weights != "" {
		return nil
	}
	e.tuning.Weights = "file"
	if !e.device.host {
		return nil
	}
	took := map[string]map[int]time.Duration{}
	for name := range storages {
		var err error
		if took[name], err = e.probeLinear(f, storages[name](e.device)); err != nil {
			return err
		}
	}
	e.tuning.Weights = fastestStorage(took)
	e.tuneFile.save(measured{Weights: e.tuning.Weights})
	return nil
}

// fastestStorage decides by what the linear maps of a layer take in each storage, by
// the number of rows.
func fastestStorage(took map[string]map[int]time.Duration) string {
	best, chosen := 0.0, ""
	for _, name := range slices.Sorted(maps.Keys(took)) { // "file" comes first
		score := 0.0 // mean of the speeds relative to the file's own types
		for n, d := range took[name] {
			score += float64(took["file"][n]) / float64(d)
		}
		// What takes more memory has to be worth it.
		if score > best*1.03 {
			best, chosen = score, name
		}
	}
	return chosen
}

// probedRows are the batch sizes that storages are compared at: a decode, a
// batch of them, and a prefill.
var probedRows = []int{1, 8, 128}

// probeLinear times the linear maps of the first layer.
func (e *Engine) probeLinear(f *gguf.File, r recipe) (map[int]time.Duration, error) {
	one := *e.hyper
	one.layers, one.whole = 1, false
	w, err := loadWeights(e.device, f, &one, r)
	if err != nil {
		return nil, err
	}
	defer w.close()
	probe := &Engine{lib: e.lib, device: e.device, hyper: &one, weights: w, threads: e.threads, geo: e.geo, options: e.options}
	probe.geo.MaxStep, probe.geo.MaxContext, probe.geo.Layers = slices.Max(probedRows), granule, 1
	if err := probe.allocateOwn(); err != nil {
		return nil, err
	}
	defer probe.freeOwn()
	took := map[int]time.Duration{}
	for _, n := range probedRows {
		if took[n], err = probe.timeLinear(n); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// timeLinear is the fastest of a few runs of every linear map of layer 0 with n
// rows.
func (e *Engine) timeLinear(n int) (time.Duration, error) {
	h, l := e.hyper, &e.weights.layers[0]
	const nodes = 64
	ctx := e.lib.Init(ggml.InitParams{MemSize: nodes*e.lib.TensorOverhead() + e.lib.GraphOverhead(nodes, false), NoAlloc: true})
	inCtx := e.lib.Init(ggml.InitParams{MemSize: 4 * e.lib.TensorOverhead(), NoAlloc: true})
	defer e.lib.Free(ctx)
	defer e.lib.Free(inCtx)
	inputs := map[int]*ggml.Tensor{}
	for _, k := range []int{h.embd, h.heads * h.headDim, h.ffn} {
		if inputs[k] == nil {
			inputs[k] = e.lib.NewTensor2(inCtx, ggml.F32, int64(k), int64(n))
		}
	}
	buf := e.lib.AllocTensors(inCtx, e.device.backend)
	if buf == 0 {
		return 0, fmt.Errorf("no memory for a probe of %d rows", n)
	}
	defer e.lib.BufferFree(buf)
	for k, x := range inputs {
		for i, v := 0, x.Floats(k*n); i < len(v); i++ {
			v[i] = float32(i%13) - 6
		}
	}
	g := e.lib.NewGraph(ctx, nodes, false)
	b := &builder{Lib: e.lib, e: e, ctx: ctx, graph: g, hyper: h}
	for _, m := range []struct {
		l *linear
		k int
	}{{&l.qkv, h.embd}, {&l.wo, h.heads * h.headDim}, {&l.gateUp, h.embd}, {&l.down, h.ffn}} {
		for _, y := range b.parts(m.l, inputs[m.k]) {
			b.expand(y)
		}
	}
	alloc := e.lib.NewAllocator(e.lib.DefaultBufferType(e.device.backend))
	defer e.lib.FreeAllocator(alloc)
	if !e.lib.AllocGraph(alloc, g) {
		return 0, fmt.Errorf("no memory for a probe of %d rows", n)
	}
	best := time.Hour
	for run, began := 0, time.Now(); run < 4 || run < 40 && time.Since(began) < 40*time.Millisecond; run++ {
		start := time.Now()
		if err := e.compute(g, unpaced); err != nil {
			return 0, err
		}
		best = min(best, time.Since(start))
	}
	return best, nil
}

// usualFlashFrom stands in where nothing was measured.
const usualFlashFrom = 64

// flashSizes are the chunk sizes that forms of attention are compared at.
var flashSizes = []int{16, 32, 64, 128, 256}

// tuneAttention finds the chunk size from which flash attention over a copy of
// the cells is faster than products over the cells themselves, on a context of a
// thousand cells and the first two layers. It measures only what this engine can
// compute: all sizes, both ways.
func (e *Engine) tuneAttention() error {
	if e.tuning.FlashFrom = e.tuneFile.load().FlashFrom; e.tuning.FlashFrom > 0 {
		return nil
	}
	e.tuning.FlashFrom = usualFlashFrom
	context, seq, most := min(1024, e.geo.MaxContext/2), engine.Seq(1), slices.Max(flashSizes)
	if !e.cache.layout.transposed || e.options.Deterministic || e.geo.MaxStep < most ||
		e.geo.Bytes(context+most) > e.cache.memory().Free || context+most > e.geo.MaxContext {
		return nil
	}
	if err := e.New(seq); err != nil {
		return err
	}
	defer e.Release(seq)
	if err := e.Reserve(seq, context+most); err != nil {
		return err
	}
	e.cache.seqs[seq].len = context // of zeros
	e.probing = 2
	defer func() { e.probing = 0; e.graphs.close() }()
	from, err := firstFlash(func(n, from int) (time.Duration, error) {
		e.tuning.FlashFrom = from
		return e.timeChunk(seq, context, n)
	})
	if err != nil {
		return err
	}
	e.tuning.FlashFrom = from
	e.tuneFile.save(measured{FlashFrom: from})
	return nil
}

// neverFlash is more rows than a step has.
const neverFlash = 1 << 30

// firstFlash decides from how many rows on flash attention is used: the first of the
// sizes at which it is faster. took measures a chunk of n rows with flash attention
// from so many rows on.
func firstFlash(took func(n, from int) (time.Duration, error)) (int, error) {
	for _, n := range flashSizes {
		tiled, err := took(n, neverFlash)
		if err != nil {
			return 0, err
		}
		flash, err := took(n, 2)
		if err != nil {
			return 0, err
		}
		if flash < tiled {
			return n, nil
		}
	}
	return neverFlash, nil
}

// timeChunk is the fastest of a few steps that append n tokens after the first
// context cells.
func (e *Engine) timeChunk(seq engine.Seq, context, n int) (time.Duration, error) {
	items, out := []engine.Item{{Seq: seq, Tokens: make([]engine.Token, n)}}, make([]engine.Output, 1)
	best := time.Hour
	for range 4 {
		start := time.Now()
		if err := e.Step(items, out); err != nil {
			return 0, err
		}
		best = min(best, time.Since(start))
		e.cache.seqs[seq].len = context
	}
	return best, nil
}
