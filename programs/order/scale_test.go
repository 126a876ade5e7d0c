package order_test

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs/order"
)

// TestScaleAgainstSortedList puts, moves and removes marks at random, and pours over a list
// of them that is sorted each time.
func TestScaleAgainstSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		good := make([]int, 16) // how good each value is; the last of them as good first
		better := func(a, b int) bool { return good[a] > good[b] || good[a] == good[b] && a > b }
		scale := order.Scale[int]{Better: better}
		marks := make([]order.Mark[int], len(good))
		var list []*order.Mark[int]
		for range 120 {
			i := rapid.IntRange(0, len(marks)-1).Draw(t, "mark")
			m := &marks[i]
			m.Value = i
			if rapid.IntRange(0, 2).Draw(t, "call") > 0 {
				good[i] = rapid.IntRange(0, 5).Draw(t, "good")
				whole := rapid.SampledFrom([]int64{1, 1, 2, 3, 1 << 40}).Draw(t, "whole")
				scale.Put(m, order.Height{Parts: int64(rapid.IntRange(0, 12).Draw(t, "parts")), Whole: whole})
				if !slices.Contains(list, m) {
					list = append(list, m)
				}
			} else {
				scale.Remove(m)
				list = slices.DeleteFunc(list, func(l *order.Mark[int]) bool { return l == m })
			}
			if scale.Len() != len(list) || m.In() != slices.Contains(list, m) {
				t.Fatalf("%d marks, want %d", scale.Len(), len(list))
			}
			slices.SortFunc(list, func(a, b *order.Mark[int]) int { return quotient(a.Height()).Cmp(quotient(b.Height())) })
			quantity := int64(rapid.IntRange(0, 60).Draw(t, "quantity"))
			level, want := scale.Fill(quantity), pour(quantity, list)
			if want == nil {
				want = quotient(order.Top)
			}
			if got := quotient(level); got.Cmp(want) != 0 {
				t.Fatalf("%d reach up to %v, want %v", quantity, got, want)
			}
			var below, above *order.Mark[int]
			for _, m := range list {
				of := &above
				if quotient(m.Height()).Cmp(want) <= 0 {
					of = &below
				} else if parts := level.Of(m.Height().Whole); parts >= m.Height().Parts {
					t.Fatalf("%v at %v has %d", m.Height(), level, parts)
				}
				if *of == nil || better(m.Value, (*of).Value) {
					*of = m
				}
			}
			if got := scale.Best(level); got != below {
				t.Fatalf("the best up to %v is %v, want %v", level, got, below)
			}
			if got := scale.BestAbove(level); got != above {
				t.Fatalf("the best above %v is %v, want %v", level, got, above)
			}
		}
	})
}

func quotient(h order.Height) *big.Rat { return big.NewRat(h.Parts, h.Whole) }

// pour is how high a quantity reaches, by the marks from the lowest on; nil when all have their parts.
func pour(quantity int64, sorted []*order.Mark[int]) *big.Rat {
	left := new(big.Rat).SetInt64(quantity)
	var whole int64
	for _, m := range sorted {
		whole += m.Height().Whole
	}
	for _, m := range sorted {
		level := new(big.Rat).Quo(left, new(big.Rat).SetInt64(whole))
		if quotient(m.Height()).Cmp(level) > 0 {
			return level
		}
		left.Sub(left, new(big.Rat).SetInt64(m.Height().Parts))
		whole -= m.Height().Whole
	}
	return nil
}
