// Package order keeps things in the order of their ranks.
package order

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Heap gives the first of its entries by rank, or the last, and lets any entry
// leave or change its place, each in O(log n). The zero Heap is empty and gives
// the first; it never allocates beyond its high-water mark. One owner at a time.
type Heap[T any] struct {
	// LastFirst turns the order round: Top is the entry of the highest rank.
	// Set it while the heap is empty.
	LastFirst bool

	entries []*Entry[T]
}

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
func (h *Heap[T]) Len() int { return len(h.entries) }

// Top is the first entry of the order; nil when there is none.
func (h *Heap[T]) Top() *Entry[T] {
	if len(h.entries) == 0 {
		return nil
	}
	return h.entries[0]
}

// Put gives e the place that rank earns it, whether or not it has one in h.
func (h *Heap[T]) Put(e *Entry[T], rank programs.Rank) {
	e.rank = rank
	if !e.In() {
		h.entries = append(h.entries, e)
		e.at = len(h.entries)
	}
	h.restore(e.at - 1)
}

// Remove takes e out of h; it does nothing when e is in no heap.
func (h *Heap[T]) Remove(e *Entry[T]) {
	if !e.In() {
		return
	}
	hole, last := e.at-1, len(h.entries)-1
	h.swap(hole, last)
	h.entries[last] = nil
	h.entries = h.entries[:last]
	e.at = 0
	if hole < last {
		h.restore(hole)
	}
}

// All calls visit for each entry, in no particular order.
func (h *Heap[T]) All(visit func(*Entry[T])) {
	for _, e := range h.entries {
		visit(e)
	}
}

// Sorted calls visit for the values in their order, until that returns false. It
// allocates a list of them.
func (h *Heap[T]) Sorted(visit func(T) bool) {
	entries := slices.Clone(h.entries)
	slices.SortFunc(entries, func(a, b *Entry[T]) int {
		if h.LastFirst {
			a, b = b, a
		}
		return a.rank.Compare(b.rank)
	})
	for _, e := range entries {
		if !visit(e.Value) {
			return
		}
	}
}

// restore moves the entry at i to where it belongs, the rest being in order.
func (h *Heap[T]) restore(i int) {
	for i > 0 && h.before(i, (i-1)/2) {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h.entries); child++ {
			if h.before(child, first) {
				first = child
			}
		}
		if first == i {
			return
		}
		h.swap(i, first)
		i = first
	}
}

func (h *Heap[T]) before(i, j int) bool {
	c := h.entries[i].rank.Compare(h.entries[j].rank)
	if h.LastFirst {
		return c > 0
	}
	return c < 0
}

func (h *Heap[T]) swap(i, j int) {
	h.entries[i], h.entries[j] = h.entries[j], h.entries[i]
	h.entries[i].at, h.entries[j].at = i+1, j+1
}
