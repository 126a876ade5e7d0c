package kvpin

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// Check recounts the pool from its accounts and reports the first invariant that
// does not hold. It visits every account and is meant for tests.
func (l *Ledger) Check() error {
	type seen struct {
		holders, held int
		names         Seq
	}
	spans := map[*span]seen{}
	var used, safe, shared programs.Tokens
	for seq, a := range l.accounts {
		if err := l.checkAccount(seq, a); err != nil {
			return err
		}
		used += a.own
		if a.held {
			safe += a.own
		}
		for _, sp := range a.spans {
			s := spans[sp]
			s.holders++
			s.names += seq
			if a.held {
				s.held++
			}
			spans[sp] = s
		}
	}
	for sp, s := range spans {
		if sp.holders != s.holders || sp.held != s.held || sp.names != s.names {
			return fmt.Errorf("ledger: a span counts %d holders, %d held, named %d in sum, and has %d, %d, %d",
				sp.holders, sp.held, sp.names, s.holders, s.held, s.names)
		}
		used += sp.cells
		if s.held > 0 {
			safe += sp.cells
		}
		if s.holders > 1 {
			shared += sp.cells
		}
	}
	switch {
	case used != l.used || safe != l.safe || shared != l.shared:
		return fmt.Errorf("ledger: %d cells used, %d safe, %d shared are booked; the accounts have %d, %d, %d",
			l.used, l.safe, l.shared, used, safe, shared)
	case l.Usage().Free() < 0:
		return fmt.Errorf("ledger: %d bytes more than the pool", -l.Usage().Free())
	}
	for t := Host; t <= Disk; t++ {
		if err := l.tiers[t].check(); err != nil {
			return fmt.Errorf("ledger: %v: %w", t, err)
		}
	}
	return nil
}

func (l *Ledger) checkAccount(seq Seq, a *account) error {
	switch {
	case a.seq != seq:
		return fmt.Errorf("ledger: the account of sequence %d says it is that of %d", seq, a.seq)
	case a.own < 0 || a.own%l.geometry.Granule != 0:
		return fmt.Errorf("ledger: sequence %d has %d cells of its own", seq, a.own)
	}
	for k, sp := range a.spans {
		if want := l.geometry.spanStart(k+1) - l.geometry.spanStart(k); sp.cells != want {
			return fmt.Errorf("ledger: span %d of sequence %d has %d cells, not %d", k, seq, sp.cells, want)
		}
		if k > 0 && sp.holders > a.spans[k-1].holders {
			return fmt.Errorf("ledger: span %d of sequence %d has more holders than the one before it", k, seq)
		}
	}
	return nil
}
