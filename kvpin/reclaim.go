package kvpin

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// Quantum is by how many cells a sequence of n cells grows at once: enough that the
// engine is not called for a few cells at a time, nor often by a long context.
func Quantum(n programs.Tokens) programs.Tokens { return max(256, n/8) }

// Lump is the least that an account loses at once, in cells, unless it has less. It
// does not grow with the account, as a Quantum does: whoever is short of a few cells
// would cost a program of 400,000 cells an eighth of them, a minute of computing, and
// leave them free for nobody.
const Lump programs.Tokens = 256

// Reclaim sees to it that need bytes are free. It takes them from parked accounts,
// from each from its tail, in the order in which victim gives them: victim is asked
// again and again and must give a parked account that has cells, as the accounts
// are then. For each account that loses cells it calls cut, when the ledger has the
// change already, with the cells that are left; an account with none left is
// released.
//
// When free and parked bytes together are not enough it takes nothing and
// returns false.
func (l *Ledger) Reclaim(need programs.Bytes, victim func() Seq, cut func(seq Seq, left programs.Tokens)) bool {
	if u := l.Usage(); need > u.Free()+u.Parked {
		return false
	}
	for {
		short := need - l.Usage().Free()
		if short <= 0 {
			return true
		}
		a := l.account(victim())
		if a.held {
			panic(fmt.Sprintf("kvpin: sequence %d is to lose cells, and is held", a.seq))
		}
		left := l.shrink(a, short)
		cut(a.seq, left)
	}
}

// shrink takes at least short bytes from the tail of an account, or all that it
// does not hold together with others, and returns the cells that are left. An
// account that has nothing to itself lets go of everything, so that what it
// shared with other parked accounts can be taken from them.
func (l *Ledger) shrink(a *account, short programs.Bytes) (left programs.Tokens) {
	capacity, common := l.capacity(a), l.common(a)
	if capacity > common {
		cells := programs.Tokens((short + l.geometry.CellBytes - 1) / l.geometry.CellBytes)
		left = max(capacity-max(cells, Lump), common)
		left -= left % l.geometry.Granule
	}
	if left == 0 {
		l.Release(a.seq)
		return 0
	}
	if err := l.Truncate(a.seq, left); err != nil {
		panic("kvpin: a cut behind the common cells wanted room: " + err.Error())
	}
	return left
}
