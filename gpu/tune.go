package gpu

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// tuning is what was measured on this machine for models of one shape. Kernels
// differ between processors by more than any rule of thumb could say, so the
// candidates are run once, for a second, and the result is kept in a file.
type tuning struct {
	Weights   string // storage of matrices: a key of storages
	FlashFrom int    // rows of a chunk from which flash attention over a copy is faster

	path, key string
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

// loadTuning reads what an earlier start has measured. A file that cannot be
// read is one that measures anew.
func loadTuning(e *Engine) tuning {
	h := e.hyper
	t := tuning{path: e.options.TuneFile}
	t.key = fmt.Sprintf("%s, %d threads, embd %d ffn %d heads %d/%d×%d, file %s",
		e.device.name, e.threads.pace.all, h.embd, h.ffn, h.heads, h.kvHeads, h.headDim, filepath.Base(e.options.Model))
	if t.path == "" {
		return t
	}
	if data, err := os.ReadFile(t.path); err == nil {
		all := map[string]tuning{}
		if json.Unmarshal(data, &all) == nil {
			t.Weights, t.FlashFrom = all[t.key].Weights, all[t.key].FlashFrom
		}
	}
	if _, ok := storages[t.Weights]; !ok || t.FlashFrom < 2 {
		t.Weights, t.FlashFrom = "", 0
	}
	return t
}

// save adds the measurements to the file. It is a cache: failing to write it
// costs the next start a second.
func (t *tuning) save() {
	if t.path == "" {
		return
	}
	all := map[string]tuning{}
	if data, err := os.ReadFile(t.path); err == nil {
		_ = json.Unmarshal(data, &all)
	}
	all[t.key] = *t
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return
	}
	tmp := fmt.Sprintf("%s.%d", t.path, os.Getpid())
	if os.WriteFile(tmp, data, 0o644) == nil {
		_ = os.Rename(tmp, t.path)
	}
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
	if e.tuning.Weights != "" {
		return nil
	}
	e.tuning.Weights = "file"
	if !e.device.host {
		return nil
	}
	best := 0.0
	first := map[int]time.Duration{}
	for _, name := range slices.Sorted(maps.Keys(storages)) { // "file" comes first
		took, err := e.probeLinear(f, storages[name](e.device))
		if err != nil {
			return err
		}
		score := 0.0 // mean of the speeds relative to the file's own types
		for n, d := range took {
			if name == "file" {
				first[n] = d
			}
			score += float64(first[n]) / float64(d)
		}
		// What takes more memory has to be worth it.
		if score > best*1.03 {
			best, e.tuning.Weights = score, name
		}
	}
	return nil
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

// tuneAttention finds the chunk size from which flash attention over a copy of
// the cells is faster than products over the cells themselves, on a context of a
// thousand cells and the first two layers.
func (e *Engine) tuneAttention() error {
	if e.tuning.FlashFrom > 0 {
		return nil
	}
	e.tuning.FlashFrom = 64
	context, seq := min(1024, e.geo.MaxContext/2), engine.Seq(1)
	sizes := []int{16, 32, 64, 128, 256}
	most := min(slices.Max(sizes), e.geo.MaxStep)
	if !e.cache.layout.transposed || e.geo.Bytes(context+most) > e.cache.memory().Free || context+most > e.geo.MaxContext {
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
	e.tuning.FlashFrom = 1 << 30
	for _, n := range sizes {
		if n > most {
			break
		}
		var took [2]time.Duration
		for i, from := range []int{1 << 30, 2} {
			e.tuning.FlashFrom = from
			var err error
			if took[i], err = e.timeChunk(seq, context, n); err != nil {
				return err
			}
		}
		e.tuning.FlashFrom = 1 << 30
		if took[1] < took[0] {
			e.tuning.FlashFrom = n
			break
		}
	}
	e.tuning.save()
	return nil
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
