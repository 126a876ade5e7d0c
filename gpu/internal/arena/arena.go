package arena

import (
	"cmp"
	"fmt"
	"slices"
)

// Arena accounts for ranges inside a buffer of fixed size.
type Arena struct {
	size, align int64
	ranges      []*span // by offset
	byHandle    map[Handle]*span
	last        Handle
	used, moved int64
}

// Handle names a range. Its offset may change with every Alloc and Grow.
type Handle uint64

// Move asks for N bytes to be copied as by memmove.
type Move struct{ From, To, N int64 }

// Stats is the state of the arena in bytes.
type Stats struct {
	Used, Free  int64
	LargestHole int64 // the largest range that moves nothing
	Moved       int64 // sum over all moves asked for so far
	Ranges      int
}

// span is a live range.
type span struct {
	handle    Handle
	off, size int64
}

func (s *span) end() int64 { return s.off + s.size }

// New returns an arena over a buffer of size bytes, in which every range begins
// and ends at a multiple of align. What size has beyond such a multiple is
// never used.
func New(size, align int64) *Arena {
	if align <= 0 || size < 0 {
		panic(fmt.Sprintf("arena: size %d, alignment %d", size, align))
	}
	return &Arena{size: size / align * align, align: align, byHandle: map[Handle]*span{}}
}

// Alloc makes a range of n bytes, rounded up to the alignment. ok is false, and
// nothing has changed, if and only if fewer bytes are free.
func (a *Arena) Alloc(n int64) (h Handle, moves []Move, ok bool) {
	n, ok = a.fit(n, 0)
	if !ok {
		return 0, nil, false
	}
	at, found := a.bestHole(n)
	if !found {
		lo, hi := a.cheapestWindow(n)
		moves = a.gather(lo, hi, hi)
		at = hi
	}
	a.last++
	s := &span{handle: a.last, off: a.holeStart(at), size: n}
	a.ranges = slices.Insert(a.ranges, at, s)
	a.byHandle[s.handle] = s
	a.used += n
	return s.handle, moves, true
}

// Grow makes the range n bytes long, rounded up to the alignment, and keeps its
// contents. It needs no more free bytes than it grows by; ok is false, and
// nothing has changed, if and only if fewer are free.
func (a *Arena) Grow(h Handle, n int64) (moves []Move, ok bool) {
	s := a.lookup(h)
	n, ok = a.fit(n, s.size)
	if !ok {
		return nil, false
	}
	growth := n - s.size
	if growth < 0 {
		panic(fmt.Sprintf("arena: grow of range %d from %d to %d bytes", h, s.size, n))
	}
	i := a.index(s)
	if a.hole(i+1) < growth {
		moves = a.makeWay(i, n)
	}
	s.size = n
	a.used += growth
	return moves, true
}

// makeWay moves the range at index i, or its neighbours, or both, so that n
// bytes from its beginning are its own or free, and moves as little as it can.
func (a *Arena) makeWay(i int, n int64) []Move {
	s := a.ranges[i]
	lo, hi := a.cheapestWindowAround(i+1, n-s.size)
	at, found := a.bestHole(n)
	if !found || a.bytesBetween(lo, hi) <= s.size {
		return a.gather(lo, hi, i+1)
	}
	to := a.holeStart(at)
	a.ranges = slices.Delete(a.ranges, i, i+1)
	if at > i {
		at--
	}
	a.ranges = slices.Insert(a.ranges, at, s)
	return a.shift(nil, s, to)
}

// Trim gives back what the range has beyond n bytes, rounded up to the
// alignment.
func (a *Arena) Trim(h Handle, n int64) {
	s := a.lookup(h)
	n, _ = a.fit(n, s.size)
	if n > s.size {
		panic(fmt.Sprintf("arena: trim of range %d from %d to %d bytes", h, s.size, n))
	}
	a.used -= s.size - n
	s.size = n
}

// Free gives the range back.
func (a *Arena) Free(h Handle) {
	s := a.lookup(h)
	i := a.index(s)
	a.ranges = slices.Delete(a.ranges, i, i+1)
	delete(a.byHandle, h)
	a.used -= s.size
}

// Offset tells where the range begins.
func (a *Arena) Offset(h Handle) int64 { return a.lookup(h).off }

// Size is the length of the range, a multiple of the alignment.
func (a *Arena) Size(h Handle) int64 { return a.lookup(h).size }

// Stats sums up the arena.
func (a *Arena) Stats() Stats {
	st := Stats{Used: a.used, Free: a.size - a.used, Moved: a.moved, Ranges: len(a.ranges)}
	for i := range len(a.ranges) + 1 {
		st.LargestHole = max(st.LargestHole, a.hole(i))
	}
	return st
}

// Check audits the invariants.
func (a *Arena) Check() error {
	var used, end int64
	for _, s := range a.ranges {
		switch {
		case s.size <= 0 || s.size%a.align != 0 || s.off%a.align != 0:
			return fmt.Errorf("arena: range %d at %d, %d bytes: empty or not aligned to %d", s.handle, s.off, s.size, a.align)
		case s.off < end:
			return fmt.Errorf("arena: range %d at %d begins before its neighbour ends at %d", s.handle, s.off, end)
		case a.byHandle[s.handle] != s:
			return fmt.Errorf("arena: range %d at %d is not known by its handle", s.handle, s.off)
		}
		used += s.size
		end = s.end()
	}
	switch {
	case end > a.size:
		return fmt.Errorf("arena: ranges end at %d of %d bytes", end, a.size)
	case used != a.used:
		return fmt.Errorf("arena: ranges take %d bytes, %d are accounted for", used, a.used)
	case len(a.byHandle) != len(a.ranges):
		return fmt.Errorf("arena: %d handles for %d ranges", len(a.byHandle), len(a.ranges))
	}
	return nil
}

// fit rounds n up to the alignment and tells whether a range of so many bytes
// fits, of which it has some already.
func (a *Arena) fit(n, has int64) (int64, bool) {
	if n <= 0 {
		panic(fmt.Sprintf("arena: range of %d bytes", n))
	}
	if n > a.size { // beyond this, rounding cannot overflow
		return n, false
	}
	n = (n + a.align - 1) / a.align * a.align
	return n, n-has <= a.size-a.used
}

func (a *Arena) lookup(h Handle) *span {
	s, ok := a.byHandle[h]
	if !ok {
		panic(fmt.Sprintf("arena: no range has handle %d", h))
	}
	return s
}

func (a *Arena) index(s *span) int {
	i, _ := slices.BinarySearchFunc(a.ranges, s.off, func(r *span, off int64) int { return cmp.Compare(r.off, off) })
	return i
}
