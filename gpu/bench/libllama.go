package bench

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/llama"
)

// opponent is libllama with a model and threads, which its contexts share.
type opponent struct {
	lib     *ggml.Lib
	model   *llama.Model
	pool    ggml.Threadpool
	threads int
	nice    int // of its threads
	arms    []*libllama
}

// openOpponent opens the model in libllama, with threads of the given priority.
func openOpponent(o Options, model string, nice int) (*opponent, error) {
	lib, err := ggml.Open(o.Libraries)
	if err != nil {
		return nil, err
	}
	l, err := llama.Of(lib)
	if err != nil {
		return nil, err
	}
	p := &opponent{lib: lib, threads: o.Threads}
	if p.model, err = l.Load(model, llama.ModelOptions{Repack: true}); err != nil {
		return nil, err
	}
	if err := p.setPriority(nice); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// setPriority has other threads compute, of the given priority, which they inherit
// from the one that creates them.
func (p *opponent) setPriority(nice int) error {
	setNice(nice)
	pool := p.lib.ThreadpoolNew(&ggml.ThreadpoolParams{Threads: int32(p.threads), Poll: 50})
	if pool == 0 {
		return fmt.Errorf("no pool of %d threads", p.threads)
	}
	for _, a := range p.arms {
		a.context.Attach(pool)
	}
	if p.pool != 0 {
		p.lib.ThreadpoolFree(p.pool)
	}
	p.pool, p.nice = pool, nice
	p.lib.ThreadpoolPause(pool)
	return nil
}

// setNice sets the priority of the calling thread, where that is permitted.
func setNice(nice int) { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice) }

// newArm makes a context with a cache for so many sequences of cells cells.
func (p *opponent) newArm(n, cells int, unified bool) (*libllama, error) {
	c, err := p.model.NewContext(llama.ContextOptions{
		Cells: n * cells, Batch: 2048, Ubatch: 512, Sequences: n, Unified: unified,
		Flash: llama.FlashAuto, KType: ggml.F16, VType: ggml.F16, Threads: p.threads,
	})
	if err != nil {
		return nil, err
	}
	c.Attach(p.pool)
	a := &libllama{opponent: p, context: c, sequences: n}
	p.arms = append(p.arms, a)
	return a, nil
}

func (p *opponent) close() {
	for _, a := range p.arms {
		a.context.Free()
	}
	if p.pool != 0 {
		p.lib.ThreadpoolFree(p.pool)
	}
	p.model.Free()
}

// libllama is one arrangement of it to compare with.
type libllama struct {
	opponent  *opponent
	context   *llama.Context
	sequences int
	like      *libllama // has the contents that this one is filled with, if any
	len       [sequences]int
	last      [sequences]engine.Token
	batch     []llama.Entry
}

func (a *libllama) fill() error {
	if a.like != nil {
		if err := a.like.context.CopyTo(a.context, 0, 0); err != nil {
			return err
		}
	} else {
		for at := 0; at < contextLength; at += chunkLength {
			if err := a.chunk(at, chunkLength); err != nil {
				return err
			}
		}
	}
	for i := 1; i < a.sequences; i++ {
		if err := a.context.Duplicate(0, i); err != nil {
			return err
		}
	}
	return nil
}

func (a *libllama) rewind(b, at, _ int) error {
	for i := range b {
		if !a.context.Remove(i, at, -1) {
			return errors.New("libllama does not rewind its cache")
		}
		a.len[i], a.last[i] = at, text(at, a.opponent.model.Vocab().Size())
	}
	return nil
}

func (a *libllama) chunk(at, n int) error {
	a.batch = a.batch[:0]
	for i := range n {
		a.batch = append(a.batch, llama.Entry{Token: text(at+i, a.opponent.model.Vocab().Size()), Pos: at + i, Logits: i == n-1})
	}
	if err := a.context.Decode(a.batch); err != nil {
		return err
	}
	llama.Greedy(a.context.Logits(n-1), nil) // waits for the result, as ours does
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
	setNice(a.opponent.nice)
	a.opponent.lib.ThreadpoolResume(a.opponent.pool)
}

func (a *libllama) sleep() { a.opponent.lib.ThreadpoolPause(a.opponent.pool) }
