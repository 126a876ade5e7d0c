package bench

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/llama"
)

// arm is one way to compute, over eight sequences.
type arm interface {
	fill() error        // contextLength tokens in each sequence, in cells of its own
	rewind() error      // back to contextLength tokens
	decode(b int) error // one step: a token for each of the first b sequences, greedily
	chunk(n int) error  // n tokens more for the first sequence, at once
	wake()
	sleep()
	close()
}

// text is the i-th token of what the contexts are filled with: ids spread over
// the vocabulary, the same for all arms.
func text(i, vocab int) engine.Token { return engine.Token((i*7919+4099)%(vocab-1000) + 500) }

// own is an arm of the engine.
type own struct {
	engine   *gpu.Engine
	last     [sequences]engine.Token
	items    []engine.Item
	out      []engine.Output
	saved256 engine.Saved // the first 256 cells
}

func openOwn(o Options, e gpu.Options) (*own, error) {
	e.Libraries, e.Model, e.Device, e.Threads, e.TuneFile = o.Libraries, o.Model, "cpu", o.Threads, o.TuneFile
	e.Context, e.MaxStep = contextLength+chunkLength+margin, chunkLength
	probe, err := gpu.CellBytes(e)
	if err != nil {
		return nil, err
	}
	e.KVBytes = probe * int64((sequences+1)*(contextLength+chunkLength+2*margin)+32*288)
	opened, err := gpu.Open(e)
	if err != nil {
		return nil, err
	}
	opened.Sleep()
	return &own{engine: opened}, nil
}

func (a *own) fill() error {
	g := a.engine.Geometry()
	for i := range sequences {
		seq := engine.Seq(i + 1)
		if err := a.engine.New(seq); err != nil {
			return err
		}
		if err := a.engine.Reserve(seq, min(contextLength+chunkLength+margin, g.MaxContext)); err != nil {
			return err
		}
	}
	for at := 0; at < contextLength; at += chunkLength {
		if err := a.append(at, chunkLength); err != nil {
			return err
		}
	}
	saved, err := a.engine.Save(1, 0, contextLength)
	if err != nil {
		return err
	}
	for i := 1; i < sequences; i++ {
		if err := a.engine.Load(engine.Seq(i+1), saved); err != nil {
			return err
		}
	}
	a.saved256, err = a.engine.Save(1, 0, 256)
	return err
}

func (a *own) append(at, n int) error {
	tokens := make([]engine.Token, n)
	for i := range tokens {
		tokens[i] = text(at+i, a.engine.Geometry().Vocab)
	}
	return a.engine.Step([]engine.Item{{Seq: 1, Tokens: tokens, Sample: true}}, make([]engine.Output, 1))
}

func (a *own) chunk(n int) error {
	if err := a.engine.Truncate(1, contextLength); err != nil {
		return err
	}
	if err := a.engine.Reserve(1, contextLength+chunkLength+margin); err != nil {
		return err
	}
	return a.append(contextLength, n)
}

func (a *own) rewind() error {
	for i := range sequences {
		seq := engine.Seq(i + 1)
		if err := a.engine.Truncate(seq, contextLength); err != nil {
			return err
		}
		if err := a.engine.Reserve(seq, contextLength+margin); err != nil {
			return err
		}
		a.last[i] = text(contextLength, a.engine.Geometry().Vocab)
	}
	return nil
}

func (a *own) decode(b int) error {
	a.items, a.out = a.items[:0], a.out[:0]
	for i := range b {
		a.items = append(a.items, engine.Item{Seq: engine.Seq(i + 1), Tokens: a.last[i : i+1], Sample: true})
		a.out = append(a.out, engine.Output{})
	}
	if err := a.engine.Step(a.items, a.out); err != nil {
		return err
	}
	for i := range b {
		a.last[i] = a.out[i].Token
	}
	return nil
}

func (a *own) wake()  { a.engine.Wake() }
func (a *own) sleep() { a.engine.Sleep() }
func (a *own) close() { a.engine.Close() }

// libllama is the arm to compare with.
type libllama struct {
	lib     *ggml.Lib
	model   *llama.Model
	context *llama.Context
	pool    ggml.Threadpool
	normal  bool // of normal priority
	threads int
	len     [sequences]int
	last    [sequences]engine.Token
	batch   []llama.Entry
}

// openLibllama opens the model in libllama. Its threads are created while the
// caller's priority is raised as the engine's is, and inherit it.
func openLibllama(o Options, ours *gpu.Engine) (*libllama, error) {
	lib, err := ggml.Open(o.Libraries)
	if err != nil {
		return nil, err
	}
	l, err := llama.Of(lib)
	if err != nil {
		return nil, err
	}
	a := &libllama{lib: lib, threads: o.Threads}
	if a.model, err = l.Load(o.Model, llama.ModelOptions{Repack: true}); err != nil {
		return nil, err
	}
	a.context, err = a.model.NewContext(llama.ContextOptions{
		Cells: sequences*(contextLength+margin) + chunkLength, Batch: 2048, Ubatch: 512, Sequences: sequences,
		Unified: true, Flash: llama.FlashOn, KType: ggml.F16, VType: ggml.F16, Threads: o.Threads,
	})
	if err != nil {
		a.close()
		return nil, err
	}
	return a, a.newPool(ours.Priority())
}

// newPool gives the context threads of the given priority.
func (a *libllama) newPool(nice int) error {
	unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice)
	pool := a.lib.ThreadpoolNew(&ggml.ThreadpoolParams{Threads: int32(a.threads), Poll: 50})
	if pool == 0 {
		return fmt.Errorf("no pool of %d threads", a.threads)
	}
	a.context.Attach(pool)
	if a.pool != 0 {
		a.lib.ThreadpoolFree(a.pool)
	}
	a.pool = pool
	a.sleep()
	return nil
}

// asShipped gives the context threads of normal priority, as llama-server has
// them.
func (a *libllama) asShipped() error {
	a.normal = true
	return a.newPool(0)
}

func (a *libllama) fill() error {
	for at := 0; at < contextLength; at += chunkLength {
		if err := a.append(at, chunkLength); err != nil {
			return err
		}
	}
	for i := 1; i < sequences; i++ {
		if err := a.context.Duplicate(0, i); err != nil {
			return err
		}
		a.len[i] = contextLength
	}
	return nil
}

func (a *libllama) append(at, n int) error {
	a.batch = a.batch[:0]
	for i := range n {
		a.batch = append(a.batch, llama.Entry{Token: text(at+i, a.model.Vocab().Size()), Pos: at + i, Logits: i == n-1})
	}
	if err := a.context.Decode(a.batch); err != nil {
		return err
	}
	a.len[0] = at + n
	llama.Greedy(a.context.Logits(n-1), nil) // waits for the result, as ours does
	return nil
}

func (a *libllama) chunk(n int) error {
	a.context.Remove(0, contextLength, -1)
	return a.append(contextLength, n)
}

func (a *libllama) rewind() error {
	for i := range sequences {
		a.context.Remove(i, contextLength, -1)
		a.len[i], a.last[i] = contextLength, text(contextLength, a.model.Vocab().Size())
	}
	return nil
}

func (a *libllama) decode(b int) error {
	a.batch = a.batch[:0]
	for i := range b {
		a.batch = append(a.batch, llama.Entry{Token: a.last[i], Pos: a.len[i], Seq: i, Logits: true})
		a.len[i]++
	}
	if err := a.context.Decode(a.batch); err != nil {
		return err
	}
	for i := range b {
		a.last[i] = llama.Greedy(a.context.Logits(i), nil)
	}
	return nil
}

func (a *libllama) wake() {
	if a.normal {
		unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 0)
	}
	a.lib.ThreadpoolResume(a.pool)
}

func (a *libllama) sleep() { a.lib.ThreadpoolPause(a.pool) }

func (a *libllama) close() {
	if a.context != nil {
		a.context.Free()
	}
	if a.pool != 0 {
		a.lib.ThreadpoolFree(a.pool)
	}
	a.model.Free()
}
