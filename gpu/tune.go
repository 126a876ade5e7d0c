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
// are run once, for seconds, and the result is kept in a file.
type tuning struct {
	Storages  map[ggml.Type]string // of matrices, by their type in the file: a key of storages; "file" where there is none
	FlashFrom int                  // rows of a chunk from which flash attention over a copy is used
}

// storages are the ways to store matrices that are compared. They keep what a
// weight is: what is rounded is far below the rounding that the file's own type
// brought.
var storages = map[string]func(d *device) recipe{
	"file": func(*device) recipe { return asInFile },
	"q8_0": func(*device) recipe {
		return func(t ggml.Type) storage {
			switch t {
			case ggml.Q4_1, ggml.Q5_0, ggml.Q5_1, ggml.Q5_K, ggml.Q6_K:
				return storage{kind: ggml.Q8_0}
			}
			return asInFile(t)
		}
	},
	"repacked": func(d *device) recipe { // as libllama does
		return func(t ggml.Type) storage {
			if d.packs[t] {
				return storage{t, whole}
			}
			return asInFile(t)
		}
	},
	"packed": func(d *device) recipe {
		return func(t ggml.Type) storage {
			_, splits := splits[t]
			switch {
			case d.repack == 0:
			case d.packs[t]:
				return storage{t, whole}
			case splits:
				return storage{t, inTerms}
			case t == ggml.Q5_K || t == ggml.Q6_K:
				return storage{ggml.Q8_0, inTerms}
			}
			return asInFile(t)
		}
	},
}

// storageOf is how matrices of a type are stored.
func (e *Engine) storageOf(t ggml.Type) storage {
	if name, ok := e.tuning.Storages[t]; ok {
		return storages[name](e.device)(t)
	}
	return asInFile(t)
}

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

// masked is the form of attention for rows whose positions have gaps.
func (t *tuning) masked(e *Engine) form {
	if !e.cache.layout.transposed {
		return formFlash
	}
	return formTiled
}

// tuneWeights decides how matrices are stored: as the user says, as an earlier
// start found, or, type by type, as they are multiplied fastest.
func (e *Engine) tuneWeights(f *gguf.File) error {
	e.tuning.Storages = map[ggml.Type]string{}
	byType := e.matrices(f)
	if mode := e.options.Weights; mode != "" && mode != "auto" {
		if _, ok := storages[mode]; !ok {
			return fmt.Errorf("weights %q; there are auto, %s", mode, strings.Join(slices.Sorted(maps.Keys(storages)), ", "))
		}
		for t := range byType {
			e.tuning.Storages[t] = mode
		}
		return nil
	}
	known, learnt := e.tuneFile.load().Storages, false
	for _, t := range slices.Sorted(maps.Keys(byType)) {
		name, ok := known[e.typeName(t)]
		if !ok {
			var err error
			if name, err = e.fastest(f, t, byType[t]); err != nil {
				return err
			}
			learnt = true
		}
		e.tuning.Storages[t] = name
	}
	if learnt && e.device.host {
		e.tuneFile.save(measured{Storages: e.storageNames()})
	}
	return nil
}

// matrices are those that the model multiplies by, by the type of their parts, which are
// joined as they will be.
func (e *Engine) matrices(f *gguf.File) map[ggml.Type][]matrix {
	types, byType := map[string]ggml.Type{}, map[ggml.Type][]matrix{}
	for _, t := range f.Tensors {
		types[t.Name] = t.Type
	}
	add := func(prefix string, m matrix) {
		var last ggml.Type
		for i, p := range m.parts {
			p.name = prefix + p.name
			t := types[p.name]
			if i == 0 || t != last {
				byType[t] = append(byType[t], matrix{width: m.width})
			}
			last = t
			joined := &byType[t][len(byType[t])-1]
			joined.parts = append(joined.parts, p)
		}
	}
	for l := range e.hyper.layers {
		for _, m := range matrices(e.hyper, &layerWeights{}) {
			add(fmt.Sprintf("blk.%d.", l), m)
		}
	}
	out := part{"output.weight", e.hyper.vocab}
	if _, ok := types[out.name]; !ok {
		out.name = "token_embd.weight"
	}
	add("", matrix{width: e.hyper.embd, parts: []part{out}})
	return byType
}

func (e *Engine) typeName(t ggml.Type) string { return ggml.GoString(e.lib.TypeName(t)) }

// storageNames are the storages by the names of types.
func (e *Engine) storageNames() map[string]string {
	names := map[string]string{}
	for t, storage := range e.tuning.Storages {
		names[e.typeName(t)] = storage
	}
	return names
}

// fastest is the storage in which the matrices, all of a type, are multiplied fastest.
func (e *Engine) fastest(f *gguf.File, t ggml.Type, matrices []matrix) (string, error) {
	took, tried := map[string]map[int]time.Duration{}, []storage{}
	for _, name := range slices.Sorted(maps.Keys(storages)) {
		how := storages[name](e.device)
		if !e.device.host || name != "file" && (how(t) == asInFile(t) || slices.Contains(tried, how(t))) {
			continue
		}
		tried = append(tried, how(t))
		var err error
		if took[name], err = e.probe(f, matrices, how); err != nil {
			return "", err
		}
	}
	if len(took) < 2 {
		return "file", nil
	}
	return fastestStorage(took), nil
}

// fastestStorage decides by what products take in each storage, by the number of rows.
func fastestStorage(took map[string]map[int]time.Duration) string {
	best, chosen := 0.0, ""
	for _, name := range slices.Sorted(maps.Keys(took)) { // "file" comes first
		score := 0.0 // mean of the speeds relative to the file's own type
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

// probedWeights is how many weights are multiplied by one row, since a model is larger
// than the caches; by n rows it is an nth of them, but some layers of a small model.
const (
	probedWeights = 64 << 20
	probedLeast   = 4 << 20
)

// probe times products with matrices of one type that are stored in a way.
func (e *Engine) probe(f *gguf.File, matrices []matrix, how recipe) (map[int]time.Duration, error) {
	sample, matrices := e.sample(f, matrices)
	w, err := load(e.device, sample, how, func(w *weights) error {
		for i := range matrices {
			matrices[i].into = &linear{}
			if err := w.matrix("", matrices[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer w.close()
	probe := &Engine{lib: e.lib, device: e.device, hyper: e.hyper, weights: w, threads: e.threads, geo: e.geo, options: e.options}
	probe.geo.MaxStep, probe.geo.MaxContext, probe.geo.Layers = slices.Max(probedRows), granule, 1
	if err := probe.allocateOwn(); err != nil {
		return nil, err
	}
	defer probe.freeOwn()
	took := map[int]time.Duration{}
	for _, n := range probedRows {
		if took[n], err = probe.timeProducts(matrices, n); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// sample is the first of the matrices, of which each has a quarter of probedWeights at
// most, and the file as it would be of these alone.
func (e *Engine) sample(f *gguf.File, all []matrix) (*gguf.File, []matrix) {
	tensors := map[string]gguf.Tensor{}
	for _, t := range f.Tensors {
		tensors[t.Name] = t
	}
	file, left := &gguf.File{Path: f.Path, Size: f.Size}, int64(probedWeights)
	var some []matrix
	for _, m := range all {
		most := max(probedWeights/4/m.width/len(m.parts)/8*8, 8)
		sampled := matrix{width: m.width}
		for _, p := range m.parts {
			p.rows = min(p.rows, most)
			t := tensors[p.name]
			if p.rows == most {
				t.Dims, t.Size = []int64{int64(m.width), int64(most)}, int64(most)*int64(e.lib.RowSize(t.Type, int64(m.width)))
			}
			sampled.parts = append(sampled.parts, p)
			file.Tensors = append(file.Tensors, t)
		}
		some = append(some, sampled)
		if left -= sampled.weights(); left <= 0 {
			break
		}
	}
	return file, some
}

// weights counts them.
func (m *matrix) weights() (n int64) {
	for _, p := range m.parts {
		n += int64(m.width) * int64(p.rows)
	}
	return n
}

// timeProducts is the fastest of a few runs of the products with n rows.
func (e *Engine) timeProducts(matrices []matrix, n int) (time.Duration, error) {
	nodes := uint64(16*len(matrices) + 8)
	ctx := e.lib.Init(ggml.InitParams{MemSize: nodes*e.lib.TensorOverhead() + e.lib.GraphOverhead(nodes, false), NoAlloc: true})
	inCtx := e.lib.Init(ggml.InitParams{MemSize: uint64(len(matrices)+1) * e.lib.TensorOverhead(), NoAlloc: true})
	defer e.lib.Free(ctx)
	defer e.lib.Free(inCtx)
	inputs := map[int]*ggml.Tensor{}
	for _, m := range matrices {
		if inputs[m.width] == nil {
			inputs[m.width] = e.lib.NewTensor2(inCtx, ggml.F32, int64(m.width), int64(n))
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
	b := &builder{Lib: e.lib, e: e, ctx: ctx, graph: g, hyper: e.hyper}
	left := int64(max(probedWeights/n, probedLeast))
	for i := range matrices {
		for _, y := range b.parts(matrices[i].into, inputs[matrices[i].width]) {
			b.expand(y)
		}
		if left -= matrices[i].weights(); left <= 0 {
			break
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

// firstFlash decides from how many rows on flash attention is used: the least of the
// sizes at which it is faster, and at all larger ones too, so that one measurement that
// something disturbed does not decide for small chunks. took measures a chunk of n rows
// with flash attention from so many rows on.
func firstFlash(took func(n, from int) (time.Duration, error)) (int, error) {
	first := neverFlash
	for _, n := range slices.Backward(flashSizes) {
		tiled, err := took(n, neverFlash)
		if err != nil {
			return 0, err
		}
		flash, err := took(n, 2)
		if err != nil {
			return 0, err
		}
		if flash >= tiled {
			break
		}
		first = n
	}
	return first, nil
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
