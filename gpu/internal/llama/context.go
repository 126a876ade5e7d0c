package llama

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// FlashAttention is enum llama_flash_attn_type.
type FlashAttention int32

const (
	FlashAuto FlashAttention = iota - 1
	FlashOff
	FlashOn
)

func (f FlashAttention) String() string {
	if f < FlashAuto || f > FlashOn {
		return fmt.Sprintf("flash(%d)", int32(f))
	}
	return [...]string{"auto", "off", "on"}[f+1]
}

// ContextOptions are the parameters of a context. All but Unified and Flash must
// be given.
type ContextOptions struct {
	Cells     int  // of all sequences together
	Batch     int  // most tokens of one Decode
	Ubatch    int  // of them, as many as are computed at once
	Sequences int  // names 0 … Sequences−1
	Unified   bool // one cache for all sequences, as llama-server has it
	Flash     FlashAttention
	KType     ggml.Type
	VType     ggml.Type
	Threads   int
}

// Context is a KV cache of libllama with what computes it.
type Context struct {
	lib     *Lib
	handle  context
	memory  memory
	options ContextOptions
	vocab   int

	// The batch of the last Decode.
	tokens  []engine.Token
	pos     []int32
	seqs    []int32
	counts  []int32
	seqPtrs []*int32
	flags   []int8
}

// Entry is one token of a batch.
type Entry struct {
	Token  engine.Token
	Pos    int
	Seq    int
	Logits bool // compute the logits after it
}

// Errors of Decode.
var (
	ErrNoCells = errors.New("no cells left for the batch")
	ErrDecode  = errors.New("libllama does not decode the batch")
)

// NewContext makes a context. The caller frees it before the model.
func (m *Model) NewContext(o ContextOptions) (*Context, error) {
	const most = 1 << 30
	for name, n := range map[string]int{"cells": o.Cells, "batch": o.Batch, "ubatch": o.Ubatch, "sequences": o.Sequences, "threads": o.Threads} {
		if n < 1 || n > most {
			return nil, fmt.Errorf("context: %w: %s = %d", engine.ErrRange, name, n)
		}
	}
	p := m.lib.contextDefaults()
	p.ctx, p.batch, p.ubatch, p.seqMax = uint32(o.Cells), uint32(o.Batch), uint32(o.Ubatch), uint32(o.Sequences)
	p.outputsMaxPerSeq = 0 // as many as there are outputs
	p.threads, p.threadsBatch = int32(o.Threads), int32(o.Threads)
	p.kvUnified, p.flashAttn, p.typeK, p.typeV = o.Unified, o.Flash, o.KType, o.VType
	c := &Context{lib: m.lib, options: o, vocab: m.vocab.Size(), handle: m.lib.contextNew(m.handle, p)}
	if c.handle == 0 {
		return nil, fmt.Errorf("context of %+v: %w", o, ErrLoad)
	}
	c.memory = m.lib.contextMemory(c.handle)
	return c, nil
}

// Decode computes a batch. Within a sequence positions must follow one another.
func (c *Context) Decode(entries []Entry) error {
	if err := c.check(entries); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	n := len(entries)
	c.tokens, c.pos, c.seqs, c.flags = c.tokens[:0], c.pos[:0], c.seqs[:0], c.flags[:0]
	for _, e := range entries {
		c.tokens = append(c.tokens, e.Token)
		c.pos = append(c.pos, int32(e.Pos))
		c.seqs = append(c.seqs, int32(e.Seq))
		flag := int8(0)
		if e.Logits {
			flag = 1
		}
		c.flags = append(c.flags, flag)
	}
	c.counts, c.seqPtrs = c.counts[:0], c.seqPtrs[:0]
	for i := range n {
		c.counts = append(c.counts, 1)
		c.seqPtrs = append(c.seqPtrs, &c.seqs[i])
	}
	status := c.lib.decode(c.handle, batch{
		n: int32(n), token: unsafe.Pointer(&c.tokens[0]), pos: unsafe.Pointer(&c.pos[0]),
		seqs: unsafe.Pointer(&c.counts[0]), seqID: unsafe.Pointer(&c.seqPtrs[0]), logits: unsafe.Pointer(&c.flags[0]),
	})
	runtime.KeepAlive(c)
	switch status {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("decode %d tokens: %w", n, ErrNoCells)
	}
	return fmt.Errorf("decode %d tokens: %w: status %d", n, ErrDecode, status)
}

func (c *Context) check(entries []Entry) error {
	if len(entries) < 1 || len(entries) > c.options.Batch {
		return fmt.Errorf("%w: a batch of %d tokens, 1 to %d are possible", engine.ErrRange, len(entries), c.options.Batch)
	}
	for _, e := range entries {
		if e.Token < 0 || int(e.Token) >= c.vocab || e.Seq < 0 || e.Seq >= c.options.Sequences || e.Pos < 0 || e.Pos >= 1<<30 {
			return fmt.Errorf("%w: %+v", engine.ErrRange, e)
		}
	}
	return nil
}

// Logits are those after entry i of the last Decode, nil where none were asked
// for. They lie in libllama's memory until the next Decode.
func (c *Context) Logits(i int) []float32 {
	if i < 0 || i >= len(c.flags) || c.flags[i] == 0 {
		return nil
	}
	p := c.lib.logits(c.handle, int32(i))
	if p == nil {
		return nil
	}
	return unsafe.Slice(p, c.vocab)
}

// Clear empties the cache.
func (c *Context) Clear() { c.lib.memoryClear(c.memory, false) }

// Remove takes the cells [from, to) from a sequence; to < 0 is its end.
func (c *Context) Remove(seq, from, to int) bool {
	return c.lib.memoryRemove(c.memory, int32(seq), int32(from), int32(to))
}

// Copy lets dst share the cells of src. A cache that is not unified copies whole
// sequences only.
func (c *Context) Copy(src, dst int) { c.lib.memoryCopy(c.memory, int32(src), int32(dst), -1, -1) }

// Attach has the context compute on the threads of a pool instead of starting
// its own for every graph. The pool has at least as many as the context uses and
// outlives it.
func (c *Context) Attach(pool ggml.Threadpool) { c.lib.attachPool(c.handle, pool, pool) }

// SetThreads changes how many threads compute.
func (c *Context) SetThreads(n int) { c.lib.setThreads(c.handle, int32(n), int32(n)) }

// Free gives the context's memory back.
func (c *Context) Free() {
	if c.handle != 0 {
		c.lib.contextFree(c.handle)
		c.handle = 0
	}
}
