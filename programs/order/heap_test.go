package order_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// TestHeapAgainstSortedList puts, moves and removes entries at random and
// compares the top with that of a list that is sorted each time.
func TestHeapAgainstSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := order.Heap[int]{LastFirst: rapid.Bool().Draw(t, "last first")}
		entries := make([]order.Entry[int], 12)
		var list []*order.Entry[int]
		for range 100 {
			i := rapid.IntRange(0, len(entries)-1).Draw(t, "entry")
			e := &entries[i]
			if rapid.IntRange(0, 2).Draw(t, "call") > 0 {
				at := programs.Time(rapid.IntRange(0, 5).Draw(t, "at"))
				e.Value = i
				h.Put(e, programs.Rank{At: at, Program: programs.ProgramID(fmt.Sprint(i))})
				if !slices.Contains(list, e) {
					list = append(list, e)
				}
			} else {
				h.Remove(e)
				list = slices.DeleteFunc(list, func(l *order.Entry[int]) bool { return l == e })
			}
			slices.SortFunc(list, func(a, b *order.Entry[int]) int { return a.Rank().Compare(b.Rank()) })

			var want *order.Entry[int]
			switch {
			case len(list) > 0 && h.LastFirst:
				want = list[len(list)-1]
			case len(list) > 0:
				want = list[0]
			}
			if h.Top() != want || h.Len() != len(list) || e.In() != slices.Contains(list, e) {
				t.Fatalf("top %v of %d, want %v of %d", h.Top(), h.Len(), want, len(list))
			}
			visited := 0
			h.All(func(e *order.Entry[int]) {
				visited++
				if !slices.Contains(list, e) {
					t.Fatalf("%v is not in the heap", e)
				}
			})
			if visited != len(list) {
				t.Fatalf("visited %d of %d", visited, len(list))
			}
			if h.LastFirst {
				slices.Reverse(list)
			}
			at := 0
			h.Sorted(func(value int) bool {
				if value != list[at].Value {
					t.Fatalf("%d is at place %d, want %d", value, at, list[at].Value)
				}
				at++
				return at < 8
			})
			if at != min(len(list), 8) {
				t.Fatalf("%d of %d in order", at, len(list))
			}
		}
	})
}
