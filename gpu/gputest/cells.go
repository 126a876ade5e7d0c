package gputest

import (
	"fmt"
	"math/bits"

	"github.com/interlude-run/interlude/gpu/engine"
)

// sequence is a context: its spans, of which only the last may be less than
// full.
type sequence struct {
	spans   []*span
	len     int
	sampler sampler

	// digests[i] is the digest of the cells [0, i], for as many as are known.
	digests []uint64
}

// span is a run of cells that sequences hold together.
type span struct {
	cells   []cell
	holders int
}

// cell is written as a whole; its kv is replaced, never changed.
type cell struct {
	token engine.Token
	kv    []float32 // K, then V, each [Layers][KVHeads][HeadDim]
}

// spanAt is the index of the span that cell i belongs to.
func spanAt(g engine.Geometry, i int) int { return bits.Len(uint(i / g.Span)) }

// spanStart is the first cell of span k, the end of the one before it.
func spanStart(g engine.Geometry, k int) int {
	if k == 0 {
		return 0
	}
	return g.Span << (k - 1)
}

func (s *sequence) capacity() (n int) {
	for _, sp := range s.spans {
		n += len(sp.cells)
	}
	return n
}

func (s *sequence) at(g engine.Geometry, i int) *cell {
	k := spanAt(g, i)
	return &s.spans[k].cells[i-spanStart(g, k)]
}

// shared tells whether another sequence holds cell i as well.
func (s *sequence) shared(g engine.Geometry, i int) bool {
	return s.spans[spanAt(g, i)].holders > 1
}

// spansIn counts the spans that make up the first n cells, a whole number.
func (s *sequence) spansIn(g engine.Geometry, n int) int {
	if n == 0 {
		return 0
	}
	return spanAt(g, n-1) + 1
}

// extend adds empty cells until there are n.
func (s *sequence) extend(g engine.Geometry, n int) {
	for have := s.capacity(); have < n; have = s.capacity() {
		k := spanAt(g, have)
		if k == len(s.spans) {
			s.spans = append(s.spans, &span{holders: 1})
		}
		sp := s.spans[k]
		sp.cells = append(sp.cells, make([]cell, min(n, spanStart(g, k+1))-have)...)
	}
}

// share returns a sequence that holds the first n cells, whole spans.
func (s *sequence) share(g engine.Geometry, n int) *sequence {
	child := &sequence{spans: append([]*span(nil), s.spans[:s.spansIn(g, n)]...), len: n}
	for _, sp := range child.spans {
		sp.holders++
	}
	return child
}

// copyCells completes a new sequence with the cells [from, to) of src.
func (s *sequence) copyCells(g engine.Geometry, src *sequence, from, to int) {
	for i := from; i < to; i++ {
		*s.at(g, i) = *src.at(g, i)
	}
	s.len = to
	s.digests = append(s.digests, src.digests[:min(to, len(src.digests))]...)
}

// own counts the cells from span k on that no other sequence holds.
func (s *sequence) own(k int) (n int) {
	for _, sp := range s.spans[k:] {
		if sp.holders == 1 {
			n += len(sp.cells)
		}
	}
	return n
}

// drop lets go of the spans from k on.
func (s *sequence) drop(k int) {
	for _, sp := range s.spans[k:] {
		sp.holders--
	}
	s.spans = s.spans[:k]
}

// setLen shortens or lengthens the written part.
func (s *sequence) setLen(n int) {
	s.len = n
	s.touch(n)
}

// touch notes that cells from i on have changed.
func (s *sequence) touch(i int) { s.digests = s.digests[:min(i, len(s.digests))] }

// digest is that of the first n cells.
func (s *sequence) digest(m model, n int) uint64 {
	d := m.emptyDigest()
	if known := min(n, len(s.digests)); known > 0 {
		d = s.digests[known-1]
	}
	for i := len(s.digests); i < n; i++ {
		d = m.fold(d, s.at(m.Geometry, i).kv)
		s.digests = append(s.digests, d)
	}
	return d
}

func (s *sequence) tokens(g engine.Geometry) []engine.Token {
	tokens := make([]engine.Token, s.len)
	for i := range tokens {
		tokens[i] = s.at(g, i).token
	}
	return tokens
}

func (s *sequence) check(g engine.Geometry) error {
	if s.len > s.capacity() || s.len > g.MaxContext || s.capacity()%g.Granule != 0 {
		return fmt.Errorf("%d cells written of %d reserved", s.len, s.capacity())
	}
	for k, sp := range s.spans {
		start, end := spanStart(g, k), spanStart(g, k+1)
		switch full := len(sp.cells) == end-start; {
		case len(sp.cells) == 0 || len(sp.cells) > end-start:
			return fmt.Errorf("span %d has %d cells of %d", k, len(sp.cells), end-start)
		case !full && k < len(s.spans)-1:
			return fmt.Errorf("span %d of %d is not full", k, len(s.spans))
		case sp.holders > 1 && (!full || s.len < end):
			return fmt.Errorf("span %d is shared and not written whole", k)
		}
	}
	for i := range s.len {
		if s.at(g, i).kv == nil {
			return fmt.Errorf("cell %d of %d was never written", i, s.len)
		}
	}
	return nil
}
