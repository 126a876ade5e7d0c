package kvpin

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
)

// Tier is where KV is kept.
type Tier uint8

// The tiers, from the fastest down.
const (
	Device Tier = iota // the engine's pool
	Host               // memory that steps do not run on
	Disk
)

// String names the tier in lower case.
func (t Tier) String() string { return [...]string{"device", "host", "disk"}[t] }

// Owner names whose copies lower tiers keep. Unlike a Seq it stays when cells
// leave the device. Whoever makes a copy first chooses it; 0 is not a name.
type Owner uint64

// Provide gives a lower tier its size. A tier has none until then.
func (l *Ledger) Provide(t Tier, size programs.Bytes) { l.tiers[t].size = size }

// Copied is how many cells, from the front, the tier has a copy of.
func (l *Ledger) Copied(t Tier, owner Owner) programs.Tokens {
	if k := l.tiers[t].copies[owner]; k != nil {
		return k.cells
	}
	return 0
}

// Copy books a copy of the owner's first n cells on a lower tier, which may have
// some of them already. The rank is the copy's place among those that may go: the
// first goes first. Copies of others make room; each of them is given to gone,
// when the ledger has the change already. When the tier is too small, or what
// others have is held, it changes nothing and returns false.
func (l *Ledger) Copy(t Tier, owner Owner, n programs.Tokens, rank programs.Rank, gone func(Owner)) bool {
	s := &l.tiers[t]
	k := s.copies[owner]
	if k == nil {
		k = &kept{owner: owner}
		k.place.Value = k
	}
	more := programs.Bytes(max(0, n-k.cells)) * l.geometry.CellBytes
	lent := s.lent
	if k.place.In() {
		lent -= k.bytes
	}
	if more > s.size-s.used+lent {
		return false
	}
	s.loans.Remove(&k.place)
	if k.bytes > 0 && !k.held {
		s.lent -= k.bytes
	}
	for more > s.size-s.used {
		victim := s.loans.Top().Value
		s.drop(victim)
		gone(victim.owner)
	}
	s.copies[owner] = k
	k.cells, k.bytes = max(k.cells, n), k.bytes+more
	s.used += more
	if !k.held {
		s.lent += k.bytes
		s.loans.Put(&k.place, rank)
	}
	return true
}

// KeepCopy makes a copy safe, as long as it is moved or read, or lends it again
// at a rank.
func (l *Ledger) KeepCopy(t Tier, owner Owner, held bool, rank programs.Rank) {
	s := &l.tiers[t]
	k := s.copies[owner]
	if k == nil {
		panic(fmt.Sprintf("kvpin: owner %d has no copy on %v", owner, t))
	}
	if !k.held {
		s.lent -= k.bytes
	}
	k.held = held
	if held {
		s.loans.Remove(&k.place)
		return
	}
	s.lent += k.bytes
	s.loans.Put(&k.place, rank)
}

// CutCopy leaves the owner a copy of its first n cells at most.
func (l *Ledger) CutCopy(t Tier, owner Owner, n programs.Tokens) {
	s := &l.tiers[t]
	k := s.copies[owner]
	switch {
	case k == nil || k.cells <= n:
	case n == 0:
		s.drop(k)
	default:
		less := programs.Bytes(k.cells-n) * l.geometry.CellBytes
		k.cells, k.bytes = n, k.bytes-less
		s.used -= less
		if !k.held {
			s.lent -= less
		}
	}
}

// FirstToGo is whose copy makes room next on a lower tier, and its size; 0 and 0 when
// no copy may go.
func (l *Ledger) FirstToGo(t Tier) (owner Owner, size programs.Bytes) {
	if top := l.tiers[t].loans.Top(); top != nil {
		return top.Value.owner, top.Value.bytes
	}
	return 0, 0
}

// TierUsage is the state of a lower tier in bytes: its size, and what copies take.
func (l *Ledger) TierUsage(t Tier) (size, used programs.Bytes) {
	return l.tiers[t].size, l.tiers[t].used
}

// store is a lower tier's part of the ledger.
type store struct {
	size, used programs.Bytes
	lent       programs.Bytes // of used, what may go
	copies     map[Owner]*kept
	loans      order.Heap[*kept] // first goes first
}

// kept is a copy of the first cells of its owner's context.
type kept struct {
	owner Owner
	cells programs.Tokens
	bytes programs.Bytes
	held  bool
	place order.Entry[*kept]
}

func (s *store) drop(k *kept) {
	s.loans.Remove(&k.place)
	if !k.held {
		s.lent -= k.bytes
	}
	s.used -= k.bytes
	delete(s.copies, k.owner)
}

// check recounts the tier.
func (s *store) check() error {
	var used, lent programs.Bytes
	for owner, k := range s.copies {
		used += k.bytes
		if !k.held {
			lent += k.bytes
		}
		switch {
		case k.owner != owner:
			return fmt.Errorf("the copy of %d says it is that of %d", owner, k.owner)
		case k.held == k.place.In():
			return fmt.Errorf("the copy of %d is held: %v, lent: %v", owner, k.held, k.place.In())
		case k.cells < 1:
			return fmt.Errorf("the copy of %d has %d cells", owner, k.cells)
		}
	}
	if used != s.used || lent != s.lent || used > s.size {
		return fmt.Errorf("%d bytes used of %d, %d lent are booked; the copies have %d, %d", s.used, s.size, s.lent, used, lent)
	}
	return nil
}
