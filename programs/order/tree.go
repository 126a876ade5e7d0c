package order

import (
	"math"

	"github.com/interlude-run/interlude/programs"
)

// Tree keeps entries in the order of their ranks, each with a weight, and finds
// how far down the order a sum of weights reaches: see Reach; and, where ranks are
// deadlines and weights the work to be done by them, whether there is time: see Slack.
// Every method but All is O(log n); none allocates. The zero Tree is empty. One owner at
// a time.
//
// It is a treap: a search tree by rank that is a heap by priorities, which come
// from a fixed sequence, so that the shape depends on the calls alone.
type Tree[T any] struct {
	root *Node[T]
	len  int
	puts uint64
}

// Node is a thing's place in at most one tree. It is meant to be a field of the
// thing. The zero Node is in no tree.
type Node[T any] struct {
	Value T // whatever the place belongs to

	rank        programs.Rank
	weight, sum int64 // of the node, and of all below and itself
	slack       int64 // of all below and itself, see Tree.Slack
	priority    uint64
	left, right *Node[T]
}

// Rank is the rank that the node was last put with.
func (n *Node[T]) Rank() programs.Rank { return n.rank }

// Weight is the weight that the node was last put with.
func (n *Node[T]) Weight() int64 { return n.weight }

// In tells whether the node is in a tree.
func (n *Node[T]) In() bool { return n.priority != 0 }

// Len counts the nodes.
func (t *Tree[T]) Len() int { return t.len }

// Sum adds up all weights.
func (t *Tree[T]) Sum() int64 { return t.root.total() }

// Put gives n the place that rank earns it, with a weight of at least 0, whether
// or not it has a place in t.
func (t *Tree[T]) Put(n *Node[T], rank programs.Rank, weight int64) {
	if n.In() {
		if n.rank == rank {
			if n.weight != weight {
				t.root.reweigh(n, weight)
			}
			return
		}
		t.Remove(n)
	}
	t.puts++
	n.rank, n.weight, n.priority = rank, weight, scramble(t.puts)
	t.len++
	t.root = t.root.insert(n)
}

// Remove takes n out of t; it does nothing when n is in no tree.
func (t *Tree[T]) Remove(n *Node[T]) {
	if !n.In() {
		return
	}
	t.root = t.root.remove(n)
	n.left, n.right, n.priority = nil, nil, 0
	t.len--
}

// First is the first node of the order; nil when there is none.
func (t *Tree[T]) First() *Node[T] {
	n := t.root
	for n != nil && n.left != nil {
		n = n.left
	}
	return n
}

// Slack is how late work may begin that has to be done by deadlines: the least, over all
// nodes, of the time of its rank less the weights up to its own. Work that begins by then
// and is done in the order of the deadlines, a unit of weight in a nanosecond, meets them
// all, and if it begins later one is missed (the demand criterion of earliest deadline
// first: Liu and Layland, JACM 1973). Without nodes it is the latest time there is.
func (t *Tree[T]) Slack() programs.Time { return programs.Time(t.root.least()) }

// Reach goes down the order as long as the weights passed add up to no more than
// limit, and gives the first node that makes them exceed it; nil when none does.
func (t *Tree[T]) Reach(limit int64) *Node[T] {
	for n := t.root; n != nil; {
		upTo := n.left.total() + n.weight
		switch {
		case n.left != nil && n.left.total() > limit:
			n = n.left
		case upTo > limit:
			return n
		default:
			limit -= upTo
			n = n.right
		}
	}
	return nil
}

// Before adds up the weights of the entries that come before a rank.
func (t *Tree[T]) Before(rank programs.Rank) (sum int64) {
	for n := t.root; n != nil; {
		if n.rank.Compare(rank) < 0 {
			sum += n.left.total() + n.weight
			n = n.right
		} else {
			n = n.left
		}
	}
	return sum
}

// UpTo adds up the weights of the nodes that come before n, which is in t, and its own.
func (t *Tree[T]) UpTo(n *Node[T]) int64 { return t.Before(n.rank) + n.weight }

// All calls visit for each node in order until visit returns false.
func (t *Tree[T]) All(visit func(*Node[T]) bool) { walk(t.root, visit) }

// insert puts n below at, or in its place, and gives what is then there.
func (at *Node[T]) insert(n *Node[T]) *Node[T] {
	if at == nil || at.priority < n.priority {
		n.left, n.right = split(at, n.rank)
		n.resum()
		return n
	}
	if n.rank.Compare(at.rank) < 0 {
		at.left = at.left.insert(n)
	} else {
		at.right = at.right.insert(n)
	}
	at.resum()
	return at
}

// remove takes n, which is at or below it, out, and gives what is then there.
func (at *Node[T]) remove(n *Node[T]) *Node[T] {
	switch {
	case at == n:
		return merge(n.left, n.right)
	case n.rank.Compare(at.rank) < 0:
		at.left = at.left.remove(n)
	default:
		at.right = at.right.remove(n)
	}
	at.resum()
	return at
}

// reweigh gives n, which is at or below it, another weight.
func (at *Node[T]) reweigh(n *Node[T], weight int64) {
	switch {
	case at == n:
		n.weight = weight
	case n.rank.Compare(at.rank) < 0:
		at.left.reweigh(n, weight)
	default:
		at.right.reweigh(n, weight)
	}
	at.resum()
}

func (n *Node[T]) total() int64 {
	if n == nil {
		return 0
	}
	return n.sum
}

func (n *Node[T]) least() int64 {
	if n == nil {
		return math.MaxInt64
	}
	return n.slack
}

// resum brings a node's sums up to date with its children's.
func (n *Node[T]) resum() {
	before := n.left.total()
	n.sum = before + n.weight + n.right.total()
	n.slack = min(n.left.least(), int64(n.rank.At)-before-n.weight)
	if right := n.right.least(); right != math.MaxInt64 {
		n.slack = min(n.slack, right-before-n.weight)
	}
}

// split parts a tree into what comes before rank and what does not.
func split[T any](n *Node[T], rank programs.Rank) (before, after *Node[T]) {
	if n == nil {
		return nil, nil
	}
	if n.rank.Compare(rank) < 0 {
		n.right, after = split(n.right, rank)
		n.resum()
		return n, after
	}
	before, n.left = split(n.left, rank)
	n.resum()
	return before, n
}

// merge joins two trees of which the first comes wholly before the second.
func merge[T any](a, b *Node[T]) *Node[T] {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority >= b.priority:
		a.right = merge(a.right, b)
		a.resum()
		return a
	}
	b.left = merge(a, b.left)
	b.resum()
	return b
}

func walk[T any](n *Node[T], visit func(*Node[T]) bool) bool {
	return n == nil || walk(n.left, visit) && visit(n) && walk(n.right, visit)
}

// scramble makes priorities that look like chance out of 1, 2, 3 …; never 0
// (the finaliser of SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
func scramble(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return (x ^ x>>31) | 1
}
