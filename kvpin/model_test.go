package kvpin_test

import (
	"fmt"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

// model is the ledger as one would explain it: an account is a list of cells,
// a fork lists some of the same cells, and a byte is counted by looking.
type model struct {
	geometry kvpin.Geometry
	accounts map[kvpin.Seq]*modelAccount
	made     int                           // cells so far; the next one's name
	common   map[kvpin.Seq]programs.Tokens // as noted by whoever only hears of it from the ledger
}

type modelAccount struct {
	cells []int
	held  bool
	rank  programs.Rank
}

func newModel(g kvpin.Geometry) *model {
	return &model{geometry: g, accounts: map[kvpin.Seq]*modelAccount{}, common: map[kvpin.Seq]programs.Tokens{}}
}

// note follows what accounts have in common with others: the one of the name is asked
// after, of all others the ledger must tell.
func (m *model) note(l *kvpin.Ledger, seqs ...kvpin.Seq) error {
	for _, seq := range seqs {
		if l.Has(seq) {
			m.common[seq] = l.Common(seq)
		} else {
			delete(m.common, seq)
		}
	}
	l.Alone(func(seq kvpin.Seq) { m.common[seq] = l.Common(seq) })
	for seq := range m.accounts {
		if got, want := m.common[seq], l.Common(seq); got != want {
			return fmt.Errorf("sequence %d has %d cells in common with others, and %d as far as was told", seq, want, got)
		}
	}
	return nil
}

// fresh makes the cells that bring an account of `from` cells to capacity for n.
func (m *model) fresh(from, n programs.Tokens) (cells []int) {
	for range m.geometry.Cells(n) - from {
		m.made++
		cells = append(cells, m.made)
	}
	return cells
}

func (m *model) fork(src, dst kvpin.Seq, n programs.Tokens) {
	shared := sharedCells(m.geometry, n)
	cells := append([]int(nil), m.accounts[src].cells[:shared]...)
	m.accounts[dst] = &modelAccount{cells: append(cells, m.fresh(shared, n)...), held: true}
}

func (m *model) reserve(seq kvpin.Seq, n programs.Tokens) {
	a := m.accounts[seq]
	a.cells = append(a.cells, m.fresh(programs.Tokens(len(a.cells)), n)...)
}

// truncate cuts the list; where that goes through a span of which some cell is
// on another list, the cells of that span that stay are replaced by copies.
func (m *model) truncate(seq kvpin.Seq, n programs.Tokens) {
	a := m.accounts[seq]
	whole := sharedCells(m.geometry, n)
	end := max(2*whole, m.geometry.Span)
	cells := a.cells[:m.geometry.Cells(n)]
	if n > whole && programs.Tokens(len(a.cells)) >= end && m.holders()[a.cells[end-1]] > 1 {
		cells = append(append([]int(nil), cells[:whole]...), m.fresh(whole, n)...)
	}
	a.cells = cells
}

// holders counts the accounts that list each cell.
func (m *model) holders() map[int]int {
	holders := map[int]int{}
	for _, a := range m.accounts {
		for _, c := range a.cells {
			holders[c]++
		}
	}
	return holders
}

func (m *model) usage() kvpin.Usage {
	u := kvpin.Usage{Pool: m.geometry.PoolBytes}
	held := map[int]bool{}
	for _, a := range m.accounts {
		for _, c := range a.cells {
			held[c] = held[c] || a.held
		}
	}
	for c, n := range m.holders() {
		u.Used += m.geometry.CellBytes
		if held[c] {
			u.Held += m.geometry.CellBytes
		} else {
			u.Parked += m.geometry.CellBytes
		}
		if n > 1 {
			u.Shared += m.geometry.CellBytes
		}
	}
	return u
}

// copy lets a test try a change before it is made.
func (m *model) copy() *model {
	c := &model{geometry: m.geometry, accounts: map[kvpin.Seq]*modelAccount{}, made: m.made, common: m.common}
	for seq, a := range m.accounts {
		c.accounts[seq] = &modelAccount{cells: append([]int(nil), a.cells...), held: a.held, rank: a.rank}
	}
	return c
}

// lastParked is the parked account of the highest rank.
func (m *model) lastParked() (last kvpin.Seq) {
	for seq, a := range m.accounts {
		if !a.held && (last == 0 || a.rank.Compare(m.accounts[last].rank) > 0) {
			last = seq
		}
	}
	return last
}

// compare reports the first difference between the model and the ledger.
func (m *model) compare(l *kvpin.Ledger) error {
	if got, want := l.Usage(), m.usage(); got != want {
		return fmt.Errorf("the ledger says %+v, its model %+v", got, want)
	}
	for seq, a := range m.accounts {
		if got, want := l.Capacity(seq), programs.Tokens(len(a.cells)); got != want {
			return fmt.Errorf("sequence %d has capacity %d, its model %d", seq, got, want)
		}
	}
	return l.Check()
}

// sharedCells lists spans one by one, as the engine's contract words it.
func sharedCells(g kvpin.Geometry, n programs.Tokens) (shared programs.Tokens) {
	for end := g.Span; end <= n; end *= 2 {
		shared = end
	}
	return shared
}
