package gputest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Fake is an engine without a model: it keeps tokens in cells and K and V that
// follow from them, and answers with tokens that follow from every cell of the
// context. Its sequences are owned by one goroutine as an engine's are;
// Interrupt, Counters and the methods that stage a test (Script, Pace, Fail,
// Block) may be called from any.
type Fake struct {
	geometry engine.Geometry
	model    model
	seqs     map[engine.Seq]*sequence
	cells    int   // reserved, shared ones once
	dead     error // what every call answers once it is set

	mu       sync.Mutex // guards what follows
	stage    stage
	counters Counters
}

var _ Engine = (*Fake)(nil)

var errClosed = errors.New("engine is closed")

// Small is a geometry for tests: cells of 64 bytes, spans of 32 cells, contexts
// of up to 512 and a pool of 2048, tokens enough for a vocabulary of bytes.
func Small() engine.Geometry {
	return engine.Geometry{
		Layers: 2, KVHeads: 1, HeadDim: 2,
		Vocab: 320, MaxContext: 512,
		CellBytes: 64, Granule: 8, Span: 32,
		PoolBytes: 2048 * 64, MaxStep: 64,
	}
}

// NewFake returns a fake of that geometry. Its last token, Vocab-1, ends a
// generation. It panics on a geometry that makes no engine: HeadDim must be
// even, and CellBytes hold 4 bytes for the token and for each value of K and V.
func NewFake(g engine.Geometry) *Fake {
	m := model{g}
	switch {
	case min(g.Layers, g.KVHeads, g.HeadDim, g.MaxContext, g.Granule, g.Span, g.MaxStep) <= 0 || g.Vocab < 2 || g.PoolBytes < 0:
		panic(fmt.Sprintf("gputest: geometry %+v has a size that is not positive", g))
	case g.HeadDim%2 != 0:
		panic(fmt.Sprintf("gputest: HeadDim %d is odd, rotation needs pairs", g.HeadDim))
	case g.Span%g.Granule != 0:
		panic(fmt.Sprintf("gputest: Span %d is no multiple of Granule %d", g.Span, g.Granule))
	case g.CellBytes < m.cellBytes():
		panic(fmt.Sprintf("gputest: CellBytes %d is less than the %d that the token and %d values take", g.CellBytes, m.cellBytes(), m.values()))
	}
	return &Fake{geometry: g, model: m, seqs: map[engine.Seq]*sequence{}}
}

// Geometry is what the fake was made with.
func (f *Fake) Geometry() engine.Geometry { return f.geometry }

// End is the token that ends a generation.
func (f *Fake) End() engine.Token { return engine.Token(f.geometry.Vocab - 1) }

// New begins an empty sequence.
func (f *Fake) New(seq engine.Seq) error {
	if err := f.unused(seq); err != nil {
		return engine.Wrap("new", seq, err)
	}
	f.seqs[seq] = &sequence{}
	return nil
}

// unused tells whether a sequence can have that name.
func (f *Fake) unused(seq engine.Seq) error {
	switch {
	case f.dead != nil:
		return f.dead
	case seq == 0:
		return fmt.Errorf("0 is not a name: %w", engine.ErrRange)
	case f.seqs[seq] != nil:
		return engine.ErrSequenceExists
	}
	return nil
}

// Reserve raises the capacity to hold so many cells.
func (f *Fake) Reserve(seq engine.Seq, cells int) error {
	return engine.Wrap("reserve", seq, f.reserve(seq, cells))
}

func (f *Fake) reserve(seq engine.Seq, cells int) error {
	s, err := f.lookup(seq)
	if err != nil {
		return err
	}
	switch {
	case cells < 0:
		return fmt.Errorf("%d cells: %w", cells, engine.ErrRange)
	case cells > f.geometry.MaxContext:
		return fmt.Errorf("%d cells of at most %d: %w", cells, f.geometry.MaxContext, engine.ErrTooLong)
	}
	more := f.geometry.Cells(cells) - s.capacity()
	if more <= 0 {
		return nil
	}
	if err := f.room(more); err != nil {
		return err
	}
	f.cells += more
	s.extend(f.geometry, f.geometry.Cells(cells))
	return nil
}

// Fork begins the sequence dst with the first n cells of src.
func (f *Fake) Fork(src, dst engine.Seq, n int) error {
	return engine.Wrap("fork", src, f.fork(src, dst, n))
}

func (f *Fake) fork(src, dst engine.Seq, n int) error {
	s, err := f.lookup(src)
	if err != nil {
		return err
	}
	if n < 0 || n > s.len {
		return fmt.Errorf("at %d of %d cells: %w", n, s.len, engine.ErrRange)
	}
	if err := f.unused(dst); err != nil {
		return fmt.Errorf("into %d: %w", dst, err)
	}
	shared, own := f.geometry.Shared(n), f.geometry.Cells(n)-f.geometry.Shared(n)
	if err := f.room(own); err != nil {
		return err
	}
	child := s.share(f.geometry, shared)
	child.extend(f.geometry, shared+own)
	child.copyCells(f.geometry, s, shared, n)
	f.seqs[dst] = child
	f.cells += own
	return nil
}

// Truncate keeps the first n cells and gives back the memory of the others.
// Whole spans that are shared stay so. Of a shared span that is cut, the
// sequence gets its own copy, as a fork at n would; that can fail for want of
// room.
func (f *Fake) Truncate(seq engine.Seq, n int) error {
	return engine.Wrap("truncate", seq, f.truncate(seq, n))
}

func (f *Fake) truncate(seq engine.Seq, n int) error {
	s, err := f.lookup(seq)
	if err != nil {
		return err
	}
	if n < 0 || n > s.len {
		return fmt.Errorf("to %d of %d cells: %w", n, s.len, engine.ErrRange)
	}
	whole := f.geometry.Shared(n)
	k := s.spansIn(f.geometry, whole)
	kept := f.geometry.Cells(n) - whole
	freed := s.own(k)
	if err := f.room(kept - freed); err != nil {
		return err
	}
	old := sequence{spans: s.spans[k:]}
	s.spans = append([]*span(nil), s.spans[:k]...)
	s.extend(f.geometry, whole+kept)
	if kept > 0 {
		copy(s.spans[k].cells, old.spans[0].cells)
	}
	old.drop(0)
	s.setLen(n)
	f.cells += kept - freed
	return nil
}

// Release ends the sequence.
func (f *Fake) Release(seq engine.Seq) error {
	s, err := f.lookup(seq)
	if err != nil {
		return engine.Wrap("release", seq, err)
	}
	f.cells -= s.own(0)
	s.drop(0)
	delete(f.seqs, seq)
	return nil
}

// Len is how many cells are written, -1 for no such sequence.
func (f *Fake) Len(seq engine.Seq) int {
	if s := f.seqs[seq]; s != nil {
		return s.len
	}
	return -1
}

// Capacity is how many cells are reserved, -1 for no such sequence.
func (f *Fake) Capacity(seq engine.Seq) int {
	if s := f.seqs[seq]; s != nil {
		return s.capacity()
	}
	return -1
}

// Tokens is the context of the sequence, for tests to look at; nil for no such
// sequence.
func (f *Fake) Tokens(seq engine.Seq) []engine.Token {
	s := f.seqs[seq]
	if s == nil {
		return nil
	}
	return s.tokens(f.geometry)
}

// Memory sums up the pool. The fake's bytes are never scattered.
func (f *Fake) Memory() engine.Memory {
	used := int64(f.cells) * f.geometry.CellBytes
	free := f.geometry.PoolBytes - used
	return engine.Memory{Pool: f.geometry.PoolBytes, Used: used, Free: free, LargestHole: free, Sequences: len(f.seqs)}
}

// Close makes every later call fail. It does not wait for a running step:
// Interrupt it first.
func (f *Fake) Close() error {
	f.dead = errClosed
	return nil
}

func (f *Fake) lookup(seq engine.Seq) (*sequence, error) {
	if f.dead != nil {
		return nil, f.dead
	}
	s := f.seqs[seq]
	if s == nil {
		return nil, engine.ErrNoSuchSequence
	}
	return s, nil
}

// room tells whether so many more cells can be reserved.
func (f *Fake) room(cells int) error {
	free := f.geometry.PoolBytes - int64(f.cells)*f.geometry.CellBytes
	if need := int64(cells) * f.geometry.CellBytes; need > free {
		return fmt.Errorf("%d bytes needed, %d free: %w", need, free, engine.ErrNoRoom)
	}
	return nil
}

// Check audits the fake: cells are accounted for once, spans are full up to the
// last, and what is shared is written.
func (f *Fake) Check() error {
	holders := map[*span]int{}
	cells := 0
	for seq, s := range f.seqs {
		if err := s.check(f.geometry); err != nil {
			return engine.Wrap("check", seq, err)
		}
		for _, sp := range s.spans {
			if holders[sp]++; holders[sp] == 1 {
				cells += len(sp.cells)
			}
		}
	}
	for sp, n := range holders {
		if sp.holders != n {
			return fmt.Errorf("check: a span of %d cells counts %d holders and has %d", len(sp.cells), sp.holders, n)
		}
	}
	switch {
	case cells != f.cells:
		return fmt.Errorf("check: %d cells are reserved, %d accounted for", cells, f.cells)
	case int64(cells)*f.geometry.CellBytes > f.geometry.PoolBytes:
		return fmt.Errorf("check: %d cells are more than the pool holds", cells)
	}
	return nil
}
