// Package order keeps things in the order of their ranks.
package order

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Heap gives the first of its entries by rank, or the last, and lets any entry
// leave or change its place, each in O(log n). The zero Heap is empty and gives
// the first; it never allocates beyond its high-water mark. One owner at a time.
//
// Each place holds the numbers of its entry's rank beside it, and has four places below
// it: of many entries most are in no cache, and an entry that sinks past others is to look at
// few of them.
type Heap[T any] struct {
	// LastFirst turns the order round: Top is the entry of the highest rank.
	// Set it while the heap is empty.
	LastFirst bool

	places []place[T]
}

// place is an entry's, and what of its rank tells most entries apart.
type place[T any] struct {
	class int
	at    programs.Time
	entry *Entry[T]
}

// children is how many places are below one.
const children = 4

// Entry is a thing's place in at most one heap. It is meant to be a field of
// the thing. The zero Entry is in no heap.
type Entry[T any] struct {
	Value T // whatever the place belongs to

	rank programs.Rank
	at   int // index in the heap, counted from 1; 0 is in none
}

// Rank is the rank that the entry was last put with.
func (e *Entry[T]) Rank() programs.Rank { return e.rank }

// In tells whether the entry is in a heap.
func (e *Entry[T]) In() bool { return e.at != 0 }

// Len counts the entries.
func (h *Heap[T]) Len() int { return len(h.places) }

// Top is the first entry of the order; nil when there is none.
func (h *Heap[T]) Top() *Entry[T] {
	if len(h.places) == 0 {
		return nil
	}
	return h.places[0].entry
}

// Put gives e the place that rank earns it, whether or not it has one in h.
func (h *Heap[T]) Put(e *Entry[T], rank programs.Rank) {
	if !e.In() {
		h.places = append(h.places, place[T]{})
		e.at = len(h.places)
	} else if e.rank == rank {
		return
	}
	e.rank = rank
	h.settle(e.at-1, place[T]{rank.Class, rank.At, e})
}

// Remove takes e out of h; it does nothing when e is in no heap.
func (h *Heap[T]) Remove(e *Entry[T]) {
	if !e.In() {
		return
	}
	hole, last := e.at-1, len(h.places)-1
	moved := h.places[last]
	h.places[last] = place[T]{}
	h.places = h.places[:last]
	e.at = 0
	if hole < last {
		h.settle(hole, moved)
	}
}

// All calls visit for each entry, in no particular order.
func (h *Heap[T]) All(visit func(*Entry[T])) {
	for i := range h.places {
		visit(h.places[i].entry)
	}
}

// Sorted calls visit for the values in their order, until that returns false. It
// allocates a list of them.
func (h *Heap[T]) Sorted(visit func(T) bool) {
	sorted := slices.Clone(h.places)
	slices.SortFunc(sorted, func(a, b place[T]) int {
		if h.LastFirst {
			a, b = b, a
		}
		return a.entry.rank.Compare(b.entry.rank)
	})
	for i := range sorted {
		if !visit(sorted[i].entry.Value) {
			return
		}
	}
}

// settle puts p where it belongs, from the hole at i on up or down, the rest being in
// order.
func (h *Heap[T]) settle(i int, p place[T]) {
	for i > 0 && h.before(&p, &h.places[(i-1)/children]) {
		h.fill(i, h.places[(i-1)/children])
		i = (i - 1) / children
	}
	for {
		first := children*i + 1
		if first >= len(h.places) {
			break
		}
		for child := first + 1; child <= children*i+children && child < len(h.places); child++ {
			if h.before(&h.places[child], &h.places[first]) {
				first = child
			}
		}
		if !h.before(&h.places[first], &p) {
			break
		}
		h.fill(i, h.places[first])
		i = first
	}
	h.fill(i, p)
}

func (h *Heap[T]) fill(i int, p place[T]) {
	h.places[i] = p
	p.entry.at = i + 1
}

// before tells whether a's rank puts it before b.
func (h *Heap[T]) before(a, b *place[T]) bool {
	if h.LastFirst {
		a, b = b, a
	}
	switch {
	case a.class != b.class:
		return a.class < b.class
	case a.at != b.at:
		return a.at < b.at
	}
	return a.entry.rank.Program < b.entry.rank.Program
}
