package order_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// TestTreeAgainstSortedList puts, reweighs, moves and removes nodes at random and
// compares order, sums and reach with a list that is sorted each time.
func TestTreeAgainstSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tree order.Tree[int]
		nodes := make([]order.Node[int], 16)
		var list []*order.Node[int]
		for range 120 {
			i := rapid.IntRange(0, len(nodes)-1).Draw(t, "node")
			n := &nodes[i]
			if rapid.IntRange(0, 2).Draw(t, "call") > 0 {
				rank := programs.Rank{At: programs.Time(rapid.IntRange(0, 5).Draw(t, "at")), Program: programs.ProgramID(fmt.Sprint(i))}
				tree.Put(n, rank, int64(rapid.IntRange(0, 9).Draw(t, "weight")))
				if !slices.Contains(list, n) {
					list = append(list, n)
				}
			} else {
				tree.Remove(n)
				list = slices.DeleteFunc(list, func(l *order.Node[int]) bool { return l == n })
			}
			slices.SortFunc(list, func(a, b *order.Node[int]) int { return a.Rank().Compare(b.Rank()) })

			var got []*order.Node[int]
			tree.All(func(n *order.Node[int]) bool { got = append(got, n); return true })
			if !slices.Equal(got, list) || tree.Len() != len(list) {
				t.Fatalf("the tree has %d nodes in another order than the list's %d", len(got), len(list))
			}
			limit := int64(rapid.IntRange(-1, 60).Draw(t, "limit"))
			var sum int64
			slack := programs.Time(math.MaxInt64)
			var reach *order.Node[int]
			for _, n := range list {
				if before := tree.Before(n.Rank()); before != sum {
					t.Fatalf("%d come before %v, want %d", before, n.Rank(), sum)
				}
				if sum += n.Weight(); sum > limit && reach == nil {
					reach = n
				}
				slack = min(slack, n.Rank().At-programs.Time(sum))
			}
			if tree.Slack() != slack {
				t.Fatalf("the slack is %v, want %v", tree.Slack(), slack)
			}
			if first := tree.First(); first != nil && first != list[0] || (first == nil) != (len(list) == 0) {
				t.Fatalf("the first is %v of %v", first, list)
			}
			if tree.Sum() != sum || tree.Reach(limit) != reach {
				t.Fatalf("sum %d, want %d; %d reaches %v, want %v", tree.Sum(), sum, limit, tree.Reach(limit), reach)
			}
		}
	})
}

// BenchmarkTree moves one of n nodes and finds the reach.
func BenchmarkTree(b *testing.B) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			var tree order.Tree[int]
			nodes := make([]order.Node[int], n)
			for i := range nodes {
				tree.Put(&nodes[i], programs.Rank{At: programs.Time(i * 7919 % n)}, 10)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				tree.Put(&nodes[i%n], programs.Rank{At: programs.Time(i * 104729 % n), Class: i % 3}, int64(i%20))
				tree.Reach(int64(5 * n))
			}
		})
	}
}
