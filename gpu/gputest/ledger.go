package gputest

import (
	"maps"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// ledger knows what every sequence must contain and cost. It is as naive as can
// be: every reserved cell has a number, a shared cell the same number in two
// books, and the pool holds as many cells as there are different numbers.
type ledger struct {
	g     engine.Geometry
	books map[engine.Seq]*book
	cells int // numbers given
}

// book is one sequence.
type book struct {
	tokens []engine.Token
	cells  []int // their numbers, as many as the capacity
}

func newLedger(g engine.Geometry) *ledger {
	return &ledger{g: g, books: map[engine.Seq]*book{}}
}

func (l *ledger) names() []engine.Seq { return slices.Sorted(maps.Keys(l.books)) }

func (l *ledger) used() int64 { return l.usedBy(l.books) }

func (l *ledger) freeCells() int { return int((l.g.PoolBytes - l.used()) / l.g.CellBytes) }

func (l *ledger) usedBy(books map[engine.Seq]*book) int64 {
	different := map[int]bool{}
	for _, b := range books {
		for _, c := range b.cells {
			different[c] = true
		}
	}
	return int64(len(different)) * l.g.CellBytes
}

func (l *ledger) begin(seq engine.Seq) { l.books[seq] = &book{} }

func (l *ledger) append(seq engine.Seq, tokens []engine.Token) {
	b := l.books[seq]
	b.tokens = append(b.tokens, tokens...)
}

// write is what a step does with an item.
func (l *ledger) write(item engine.Item) {
	if item.At == nil {
		l.append(item.Seq, item.Tokens)
		return
	}
	b := l.books[item.Seq]
	for i, p := range item.At {
		if p == len(b.tokens) {
			b.tokens = append(b.tokens, 0)
		}
		b.tokens[p] = item.Tokens[i]
	}
}

func (l *ledger) reserve(seq engine.Seq, cells int) error {
	if cells > l.g.MaxContext {
		return engine.ErrTooLong
	}
	b := l.books[seq]
	return l.put(seq, book{tokens: b.tokens, cells: l.extended(b.cells, l.g.Cells(cells))})
}

func (l *ledger) fork(src, dst engine.Seq, n int) error {
	b := l.books[src]
	return l.put(dst, book{
		tokens: slices.Clone(b.tokens[:n]),
		cells:  l.extended(b.cells[:l.g.Shared(n)], l.g.Cells(n)),
	})
}

// truncate leaves what a fork at n would have, but that cells which nobody else
// holds stay.
func (l *ledger) truncate(seq engine.Seq, n int) error {
	b := l.books[seq]
	keep := l.g.Cells(n)
	if keep > l.g.Shared(n) && l.isShared(seq, l.g.Shared(n)) {
		keep = l.g.Shared(n)
	}
	return l.put(seq, book{tokens: b.tokens[:n:n], cells: l.extended(b.cells[:keep], l.g.Cells(n))})
}

// put replaces the book of a sequence if the pool has room for that.
func (l *ledger) put(seq engine.Seq, b book) error {
	books := maps.Clone(l.books)
	books[seq] = &b
	if l.usedBy(books) > l.g.PoolBytes {
		return engine.ErrNoRoom
	}
	l.books = books
	return nil
}

// extended is the list with new numbers up to n.
func (l *ledger) extended(cells []int, n int) []int {
	cells = slices.Clone(cells)
	for len(cells) < n {
		l.cells++
		cells = append(cells, l.cells)
	}
	return cells
}

// isShared tells whether another sequence holds cell i too.
func (l *ledger) isShared(seq engine.Seq, i int) bool {
	number := l.books[seq].cells[i]
	for other, b := range l.books {
		if other != seq && slices.Contains(b.cells, number) {
			return true
		}
	}
	return false
}
