package kvpin

import (
	"errors"
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// ErrNoRoom says that the pool has not enough free bytes. Reclaim may make some.
var ErrNoRoom = errors.New("the pool has not enough free bytes")

// Ledger accounts for the pool. Its invariants, which Check audits, are those of
// the package documentation.
type Ledger struct {
	geometry Geometry
	accounts map[Seq]*account
	tiers    [Disk + 1]store // the lower ones
	weights  map[programs.TenantID]float64

	used   programs.Tokens // cells reserved, shared ones once
	safe   programs.Tokens // of those, cells that a held account holds
	shared programs.Tokens // of used, cells that more than one account holds

	alone []Seq // see Alone
}

// New makes a ledger of an empty pool.
func New(g Geometry) *Ledger {
	l := &Ledger{geometry: g, accounts: map[Seq]*account{}, weights: map[programs.TenantID]float64{}}
	for t := range l.tiers {
		l.tiers[t].copies, l.tiers[t].parts = map[Owner]*kept{}, map[programs.TenantID]*part{}
	}
	return l
}

// Open makes an account without capacity. It is held.
func (l *Ledger) Open(seq Seq) { l.add(&account{seq: seq, held: true}) }

// Reserve raises the capacity to hold n cells, when it does not yet.
func (l *Ledger) Reserve(seq Seq, n programs.Tokens) error {
	a := l.account(seq)
	more := l.geometry.Cells(n) - l.capacity(a)
	if more <= 0 {
		return nil
	}
	if err := l.room(more); err != nil {
		return fmt.Errorf("reserve %d cells for sequence %d: %w", n, seq, err)
	}
	l.growOwn(a, more)
	return nil
}

// Fork makes the account dst, held, with the first n cells of src: whole spans
// by reference, the rest in cells of its own. n must be within src's capacity.
func (l *Ledger) Fork(src, dst Seq, n programs.Tokens) error {
	s := l.account(src)
	if n < 0 || n > l.capacity(s) {
		panic(fmt.Sprintf("kvpin: fork of %d cells from sequence %d, which has %d", n, src, l.capacity(s)))
	}
	own := l.geometry.Cells(n) - l.geometry.Shared(n)
	if err := l.room(own); err != nil {
		return fmt.Errorf("fork %d cells of sequence %d: %w", n, src, err)
	}
	d := &account{seq: dst, held: true}
	l.add(d)
	for k := range l.geometry.wholeSpans(n) {
		if k == len(s.spans) {
			l.makeSpan(s)
		}
		l.join(d, s.spans[k])
	}
	l.growOwn(d, own)
	return nil
}

// Truncate lowers the capacity to that of n cells, n within it. Of a shared span
// that the cut goes through, the account keeps a copy of its own, which can want
// room; a cut anywhere else always succeeds.
func (l *Ledger) Truncate(seq Seq, n programs.Tokens) error {
	a := l.account(seq)
	if n < 0 || n > l.capacity(a) {
		panic(fmt.Sprintf("kvpin: truncation of sequence %d to %d cells, which has %d", seq, n, l.capacity(a)))
	}
	whole := min(l.geometry.wholeSpans(n), len(a.spans))
	own := l.geometry.Cells(n) - l.geometry.spanStart(whole)
	freed := a.own
	for _, sp := range a.spans[whole:] {
		if sp.holders == 1 {
			freed += sp.cells
		}
	}
	if err := l.room(own - freed); err != nil {
		return fmt.Errorf("truncate sequence %d to %d cells: %w", seq, n, err)
	}
	l.growOwn(a, -a.own)
	for len(a.spans) > whole {
		l.leaveLast(a)
	}
	l.growOwn(a, own)
	return nil
}

// Release closes the account. Memory that no other account holds is free.
func (l *Ledger) Release(seq Seq) {
	a := l.account(seq)
	l.growOwn(a, -a.own)
	for len(a.spans) > 0 {
		l.leaveLast(a)
	}
	delete(l.accounts, seq)
}

// Hold makes the account's memory safe.
func (l *Ledger) Hold(seq Seq) { l.setHeld(l.account(seq), true) }

// Park lends the account's memory out until Hold.
func (l *Ledger) Park(seq Seq) { l.setHeld(l.account(seq), false) }

// Has tells whether there is an account of the name.
func (l *Ledger) Has(seq Seq) bool { return l.accounts[seq] != nil }

// Capacity is how many cells the account has reserved, shared ones included.
func (l *Ledger) Capacity(seq Seq) programs.Tokens { return l.capacity(l.account(seq)) }

// Common is how many of the account's cells, from the front, other accounts hold
// too.
func (l *Ledger) Common(seq Seq) programs.Tokens { return l.common(l.account(seq)) }

// Alone visits the accounts whose Common has become less since it was last called,
// because others have let go, in the order in which that happened.
func (l *Ledger) Alone(visit func(Seq)) {
	for _, seq := range l.alone {
		if l.Has(seq) {
			visit(seq)
		}
	}
	l.alone = l.alone[:0]
}

// Keepable rounds n down to where a cut does not go through a span that other
// accounts hold too.
func (l *Ledger) Keepable(seq Seq, n programs.Tokens) programs.Tokens {
	if a := l.account(seq); n < l.common(a) {
		return l.geometry.Shared(n)
	}
	return n
}

// Usage is the state of the pool in bytes.
type Usage struct {
	Pool   programs.Bytes
	Used   programs.Bytes // Held + Parked, shared bytes once
	Held   programs.Bytes // safe: a held account holds them
	Parked programs.Bytes // lent until someone needs them
	Shared programs.Bytes // of Used: held by more than one account
}

// Free is what can be reserved without taking anything from anyone.
func (u Usage) Free() programs.Bytes { return u.Pool - u.Used }

// Usage sums the pool up, in O(1).
func (l *Ledger) Usage() Usage {
	cell := l.geometry.CellBytes
	return Usage{
		Pool:   l.geometry.PoolBytes,
		Used:   programs.Bytes(l.used) * cell,
		Held:   programs.Bytes(l.safe) * cell,
		Parked: programs.Bytes(l.used-l.safe) * cell,
		Shared: programs.Bytes(l.shared) * cell,
	}
}

// Available is how many bytes could be free if nobody but held accounts, and the one
// of the name, kept what they have: what a Reclaim for it can come to. 0 names none.
func (l *Ledger) Available(but Seq) programs.Bytes {
	u := l.Usage()
	kept := programs.Tokens(0)
	if but != 0 {
		if a := l.account(but); !a.held {
			kept = a.own
			for _, sp := range a.spans {
				if sp.held == 0 {
					kept += sp.cells
				}
			}
		}
	}
	return u.Free() + u.Parked - programs.Bytes(kept)*l.geometry.CellBytes
}

func (l *Ledger) add(a *account) {
	if a.seq == 0 || l.accounts[a.seq] != nil {
		panic(fmt.Sprintf("kvpin: sequence %d cannot be opened: 0 is no name, and one in use is taken", a.seq))
	}
	l.accounts[a.seq] = a
}

func (l *Ledger) account(seq Seq) *account {
	a := l.accounts[seq]
	if a == nil {
		panic(fmt.Sprintf("kvpin: no sequence %d", seq))
	}
	return a
}

// room tells whether so many more cells can be reserved.
func (l *Ledger) room(cells programs.Tokens) error {
	need, free := programs.Bytes(cells)*l.geometry.CellBytes, l.Usage().Free()
	if need > free {
		return fmt.Errorf("%d bytes needed, %d free: %w", need, free, ErrNoRoom)
	}
	return nil
}

// The methods below keep the three sums right; no others touch them.

// growOwn changes an account's own cells.
func (l *Ledger) growOwn(a *account, by programs.Tokens) {
	a.own += by
	l.used += by
	if a.held {
		l.safe += by
	}
}

// makeSpan turns the first of an account's own cells into a span.
func (l *Ledger) makeSpan(a *account) {
	k := len(a.spans)
	sp := &span{cells: l.geometry.spanStart(k+1) - l.geometry.spanStart(k), holders: 1, names: a.seq}
	if a.held {
		sp.held = 1
	}
	a.own -= sp.cells
	a.spans = append(a.spans, sp)
}

// join makes a held account a holder of the span that follows those it has.
func (l *Ledger) join(a *account, sp *span) {
	a.spans = append(a.spans, sp)
	sp.names += a.seq
	if sp.holders++; sp.holders == 2 {
		l.shared += sp.cells
	}
	l.holdSpan(sp, 1)
}

// leaveLast makes an account let go of the last span that it has.
func (l *Ledger) leaveLast(a *account) {
	last := len(a.spans) - 1
	sp := a.spans[last]
	a.spans[last] = nil
	a.spans = a.spans[:last]
	if a.held {
		l.holdSpan(sp, -1)
	}
	sp.names -= a.seq
	switch sp.holders--; sp.holders {
	case 1:
		l.shared -= sp.cells
		if n := len(l.alone); n == 0 || l.alone[n-1] != sp.names {
			l.alone = append(l.alone, sp.names)
		}
	case 0:
		l.used -= sp.cells
	}
}

// setHeld moves an account's memory between held and parked.
func (l *Ledger) setHeld(a *account, held bool) {
	if a.held == held {
		return
	}
	a.held = held
	by := 1
	if !held {
		by = -1
	}
	l.safe += a.own * programs.Tokens(by)
	for _, sp := range a.spans {
		l.holdSpan(sp, by)
	}
}

// holdSpan changes how many of a span's holders are held.
func (l *Ledger) holdSpan(sp *span, by int) {
	was := sp.held > 0
	sp.held += by
	switch is := sp.held > 0; {
	case is && !was:
		l.safe += sp.cells
	case was && !is:
		l.safe -= sp.cells
	}
}
