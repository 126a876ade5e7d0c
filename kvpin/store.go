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

// Weigh gives a tenant's weight in the lower tiers, which is 1 otherwise, before it has
// anything there.
func (l *Ledger) Weigh(tenant programs.TenantID, weight float64) { l.weights[tenant] = weight }

// Copy books a copy of the owner's first n cells on a lower tier, which may have
// some of them already; it is the tenant's, always the same for an owner. The rank is the
// copy's place among those of the tenant that may go: the first goes first. Copies of
// others make room, of the tenant that has most for its weight, what is to be booked
// included; each of them is given to gone, when the ledger has the change already. When
// the tier is too small, or what others have is held, it changes nothing and returns false.
func (l *Ledger) Copy(t Tier, tenant programs.TenantID, owner Owner, n programs.Tokens, rank programs.Rank, gone func(Owner)) bool {
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
	if k.part == nil {
		k.part = s.part(tenant, l.weights[tenant])
	}
	k.part.recall(k)
	if k.bytes > 0 && !k.held {
		s.lent -= k.bytes
	}
	s.copies[owner] = k
	k.cells, k.bytes = max(k.cells, n), k.bytes+more
	k.part.book(more)
	for s.used += more; s.used > s.size; {
		victim := s.first()
		s.drop(victim)
		gone(victim.owner)
	}
	if !k.held {
		s.lent += k.bytes
		k.part.lend(k, rank)
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
		k.part.recall(k)
		return
	}
	s.lent += k.bytes
	k.part.lend(k, rank)
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
		k.part.book(-less)
		if !k.held {
			s.lent -= less
		}
	}
}

// FirstToGo is whose copy makes room next on a lower tier, and its size; 0 and 0 when
// no copy may go.
func (l *Ledger) FirstToGo(t Tier) (owner Owner, size programs.Bytes) {
	if k := l.tiers[t].first(); k != nil {
		return k.owner, k.bytes
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
	parts      map[programs.TenantID]*part
	lending    order.Heap[*part] // who has most for its weight goes first
}

// kept is a copy of the first cells of its owner's context.
type kept struct {
	owner Owner
	part  *part // its tenant's
	cells programs.Tokens
	bytes programs.Bytes
	held  bool
	place order.Entry[*kept]
}

// part is what a tenant has of a lower tier. That of the largest part makes room, so that
// who copies most harms itself (longest queue drop: Suter, Lakshman, Stiliadis and
// Choudhury, INFOCOM 1998).
type part struct {
	tenant programs.TenantID
	weight float64
	bytes  programs.Bytes
	copies int
	loans  order.Heap[*kept]  // that may go; first goes first
	place  order.Entry[*part] // in lending, while there are loans
	among  *order.Heap[*part]
}

// part is the tenant's, made when it is first asked for.
func (s *store) part(tenant programs.TenantID, weight float64) *part {
	p := s.parts[tenant]
	if p == nil {
		if weight == 0 {
			weight = 1
		}
		p = &part{tenant: tenant, weight: weight, among: &s.lending}
		p.place.Value = p
		s.parts[tenant] = p
	}
	p.copies++
	return p
}

// first is the copy that makes room next; nil when none may go.
func (s *store) first() *kept {
	if top := s.lending.Top(); top != nil {
		return top.Value.loans.Top().Value
	}
	return nil
}

// book counts bytes that the part has more.
func (p *part) book(more programs.Bytes) {
	p.bytes += more
	p.settle()
}

// lend lets a copy go at a rank.
func (p *part) lend(k *kept, rank programs.Rank) {
	p.loans.Put(&k.place, rank)
	p.settle()
}

// recall keeps a copy from going.
func (p *part) recall(k *kept) {
	p.loans.Remove(&k.place)
	p.settle()
}

// settle gives the part its place among those that lend.
func (p *part) settle() {
	if p.loans.Len() == 0 {
		p.among.Remove(&p.place)
		return
	}
	p.among.Put(&p.place, programs.Rank{At: -programs.Time(float64(p.bytes) / p.weight), Program: programs.ProgramID(p.tenant)})
}

func (s *store) drop(k *kept) {
	k.part.recall(k)
	if !k.held {
		s.lent -= k.bytes
	}
	s.used -= k.bytes
	k.part.book(-k.bytes)
	delete(s.copies, k.owner)
	if k.part.copies--; k.part.copies == 0 {
		delete(s.parts, k.part.tenant)
	}
}

// check recounts the tier.
func (s *store) check() error {
	var used, lent programs.Bytes
	parts, copies := map[*part]programs.Bytes{}, map[*part]int{}
	for owner, k := range s.copies {
		used += k.bytes
		parts[k.part] += k.bytes
		copies[k.part]++
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
	for tenant, p := range s.parts {
		if p.tenant != tenant || p.bytes != parts[p] || p.copies != copies[p] || p.place.In() != (p.loans.Len() > 0) {
			return fmt.Errorf("%q is booked with %d copies of %d bytes, lending: %v; it has %d of %d, %d lent", tenant, p.copies, p.bytes, p.place.In(), copies[p], parts[p], p.loans.Len())
		}
		delete(parts, p)
	}
	if len(parts) > 0 {
		return fmt.Errorf("%d tenants have copies and no part", len(parts))
	}
	if used != s.used || lent != s.lent || used > s.size {
		return fmt.Errorf("%d bytes used of %d, %d lent are booked; the copies have %d, %d", s.used, s.size, s.lent, used, lent)
	}
	return nil
}
