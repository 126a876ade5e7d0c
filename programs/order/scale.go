package order

import (
	"cmp"
	"math"
	"math/bits"
)

// Scale keeps marks by a quotient, the lowest first, finds how high a quantity that is poured
// over them reaches, and gives the best of those up to a height, or above it. Every method is
// O(log n); none allocates. Quotients are never worked out: they are compared by products of
// integers, so that all answers are exact. One owner at a time.
//
// It is a treap, as Tree is.
type Scale[T any] struct {
	// Better tells whether a value is better than another; it is a strict total order, and a
	// mark is put again when it changes. Nil: none is, and Best and BestAbove give any.
	Better func(a, b T) bool

	root *Mark[T]
	len  int
	puts uint64
}

// Mark is a thing's place on at most one scale. It is meant to be a field of the thing. The
// zero Mark is on none.
type Mark[T any] struct {
	Value T // whatever the mark belongs to

	height       Height
	put          uint64 // when it was put: of two as high, the first comes first
	parts, whole int64  // sums of Parts and Whole of all below and itself
	best         *Mark[T]
	priority     uint64
	left, right  *Mark[T]
}

// Height is the quotient Parts / Whole of numbers of at least 0, of which one is above 0. With
// a Whole of 0 it is higher than any other.
type Height struct{ Parts, Whole int64 }

// Top is as high as a quotient gets whose Whole is not 0.
var Top = Height{math.MaxInt64, 1}

// Compare is negative when h is lower than o, and 0 when they are as high.
func (h Height) Compare(o Height) int {
	hi, lo := bits.Mul64(uint64(h.Parts), uint64(o.Whole))
	ohi, olo := bits.Mul64(uint64(o.Parts), uint64(h.Whole))
	if hi != ohi {
		return cmp.Compare(hi, ohi)
	}
	return cmp.Compare(lo, olo)
}

// Of is the whole number of parts of something at that height, rounded down. It panics when that
// is 2⁶³ or more.
func (h Height) Of(whole int64) int64 {
	hi, lo := bits.Mul64(uint64(h.Parts), uint64(whole))
	q, _ := bits.Div64(hi, lo, uint64(h.Whole))
	if q > math.MaxInt64 {
		panic("order: more parts than can be counted")
	}
	return int64(q)
}

// Height is the height that the mark was last put at.
func (m *Mark[T]) Height() Height { return m.height }

// In tells whether the mark is on a scale.
func (m *Mark[T]) In() bool { return m.priority != 0 }

// Len counts the marks.
func (s *Scale[T]) Len() int { return s.len }

// Put gives m its place, whether or not it has one on s, and looks anew how good its value is.
func (s *Scale[T]) Put(m *Mark[T], at Height) {
	if m.In() {
		if m.height == at {
			s.retrace(s.root, m)
			return
		}
		s.Remove(m)
	}
	s.puts++
	m.height, m.put, m.priority = at, s.puts, scramble(s.puts)
	s.len++
	s.root = s.insert(s.root, m)
}

// Remove takes m off s; it does nothing when m is on no scale.
func (s *Scale[T]) Remove(m *Mark[T]) {
	if !m.In() {
		return
	}
	s.root = s.remove(s.root, m)
	m.left, m.right, m.best, m.priority = nil, nil, nil, 0
	s.len--
}

// Fill is how high a quantity reaches that is poured over all marks: each takes Whole of it for
// each unit of height, and no more than Parts, and what one leaves goes to the others
// (max-min fairness). It is Top when all have their Parts.
func (s *Scale[T]) Fill(quantity int64) Height {
	if s.root == nil {
		return Top
	}
	left, whole := quantity, s.root.whole // for the marks that have not been passed
	for m := s.root; m != nil; {
		here := Height{left, whole}
		if m.left != nil {
			here.Parts -= m.left.parts
			here.Whole -= m.left.whole
		}
		if here.Parts >= 0 && m.height.Compare(here) <= 0 {
			left, whole = here.Parts-m.height.Parts, here.Whole-m.height.Whole
			m = m.right
		} else {
			m = m.left
		}
	}
	if whole == 0 {
		return Top
	}
	return Height{left, whole}
}

// Best is the best of the marks that are no higher than h; nil when there is none.
func (s *Scale[T]) Best(h Height) (best *Mark[T]) {
	for m := s.root; m != nil; {
		if m.height.Compare(h) > 0 {
			m = m.left
			continue
		}
		best = s.better(s.better(best, m), m.left.top())
		m = m.right
	}
	return best
}

// BestAbove is the best of the marks that are higher than h; nil when there is none.
func (s *Scale[T]) BestAbove(h Height) (best *Mark[T]) {
	for m := s.root; m != nil; {
		if m.height.Compare(h) <= 0 {
			m = m.right
			continue
		}
		best = s.better(s.better(best, m), m.right.top())
		m = m.left
	}
	return best
}

// before tells whether m's place is before that of o.
func (m *Mark[T]) before(o *Mark[T]) bool {
	if c := m.height.Compare(o.height); c != 0 {
		return c < 0
	}
	return m.put < o.put
}

func (m *Mark[T]) top() *Mark[T] {
	if m == nil {
		return nil
	}
	return m.best
}

// better is the better of two marks, of which either may be nil.
func (s *Scale[T]) better(a, b *Mark[T]) *Mark[T] {
	if a == nil || b != nil && s.Better != nil && s.Better(b.Value, a.Value) {
		return b
	}
	return a
}

// resum brings what a mark holds of its children up to date.
func (s *Scale[T]) resum(m *Mark[T]) {
	m.parts, m.whole = m.height.Parts, m.height.Whole
	for _, child := range [...]*Mark[T]{m.left, m.right} {
		if child != nil {
			m.parts += child.parts
			m.whole += child.whole
		}
	}
	m.best = s.better(s.better(m, m.left.top()), m.right.top())
}

// retrace brings all from m up to at up to date.
func (s *Scale[T]) retrace(at, m *Mark[T]) {
	switch {
	case at == m:
	case m.before(at):
		s.retrace(at.left, m)
	default:
		s.retrace(at.right, m)
	}
	s.resum(at)
}

// insert puts m below at, or in its place, and gives what is then there.
func (s *Scale[T]) insert(at, m *Mark[T]) *Mark[T] {
	switch {
	case at == nil || at.priority < m.priority:
		m.left, m.right = s.split(at, m)
		s.resum(m)
		return m
	case m.before(at):
		at.left = s.insert(at.left, m)
	default:
		at.right = s.insert(at.right, m)
	}
	s.resum(at)
	return at
}

// remove takes m, which is at or below at, out, and gives what is then there.
func (s *Scale[T]) remove(at, m *Mark[T]) *Mark[T] {
	switch {
	case at == m:
		return s.merge(m.left, m.right)
	case m.before(at):
		at.left = s.remove(at.left, m)
	default:
		at.right = s.remove(at.right, m)
	}
	s.resum(at)
	return at
}

// split parts what is at and below it into what comes before m and what does not.
func (s *Scale[T]) split(at, m *Mark[T]) (before, after *Mark[T]) {
	if at == nil {
		return nil, nil
	}
	if at.before(m) {
		at.right, after = s.split(at.right, m)
		s.resum(at)
		return at, after
	}
	before, at.left = s.split(at.left, m)
	s.resum(at)
	return before, at
}

// merge joins a and b, of which the first comes wholly before the second.
func (s *Scale[T]) merge(a, b *Mark[T]) *Mark[T] {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority >= b.priority:
		a.right = s.merge(a.right, b)
		s.resum(a)
		return a
	}
	b.left = s.merge(a, b.left)
	s.resum(b)
	return b
}
