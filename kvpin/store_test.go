package kvpin_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

// shelf is a lower tier as one would explain it: who has how many cells there.
type shelf struct {
	size   programs.Tokens
	copies map[kvpin.Owner]*shelved
}

type shelved struct {
	cells programs.Tokens
	held  bool
	rank  programs.Rank
}

func (s *shelf) used() (cells programs.Tokens) {
	for _, c := range s.copies {
		cells += c.cells
	}
	return cells
}

// tenantOf is whose an owner's copies are; b weighs twice as much as a and c.
func tenantOf(o kvpin.Owner) programs.TenantID { return programs.TenantID("abc"[o%3 : o%3+1]) }

// next is who makes room first: of the tenant that has most for its weight, more cells of o
// included, among those that may go; 0 when none may. Those that are gone count no longer.
func (s *shelf) next(o kvpin.Owner, more programs.Tokens, gone []kvpin.Owner) (first kvpin.Owner) {
	has := map[programs.TenantID]float64{tenantOf(o): float64(more)}
	for other, c := range s.copies {
		if !slices.Contains(gone, other) {
			has[tenantOf(other)] += float64(c.cells)
		}
	}
	has["b"] /= 2
	for other, c := range s.copies {
		if c.held || other == o || slices.Contains(gone, other) {
			continue
		}
		a, b := tenantOf(other), tenantOf(first)
		switch {
		case first == 0, has[a] > has[b], has[a] == has[b] && a < b, a == b && c.rank.Compare(s.copies[first].rank) < 0:
			first = other
		}
	}
	return first
}

// copy makes a copy and tells who goes for it; false when it cannot be.
func (s *shelf) copy(o kvpin.Owner, n programs.Tokens, rank programs.Rank) (gone []kvpin.Owner, ok bool) {
	c := shelved{}
	if s.copies[o] != nil {
		c = *s.copies[o]
	}
	free := s.size - s.used()
	more := max(0, n-c.cells)
	for free < more {
		victim := s.next(o, more, gone)
		if victim == 0 {
			return nil, false
		}
		free += s.copies[victim].cells
		gone = append(gone, victim)
	}
	for _, victim := range gone {
		delete(s.copies, victim)
	}
	s.copies[o] = &shelved{cells: c.cells + more, held: c.held, rank: rank}
	return gone, true
}

// TestCopiesAgainstModel books copies on two tiers, and compares them with their models
// after each call.
func TestCopiesAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := kvpin.New(small)
		l.Weigh("b", 2)
		tiers := map[kvpin.Tier]*shelf{}
		for _, tier := range []kvpin.Tier{kvpin.Host, kvpin.Disk} {
			size := programs.Tokens(rapid.IntRange(0, 60).Draw(t, "size"))
			l.Provide(tier, programs.Bytes(size)*small.CellBytes)
			tiers[tier] = &shelf{size: size, copies: map[kvpin.Owner]*shelved{}}
		}
		for at := range programs.Time(300) {
			tier := rapid.SampledFrom([]kvpin.Tier{kvpin.Host, kvpin.Disk}).Draw(t, "tier")
			o := kvpin.Owner(rapid.IntRange(1, 8).Draw(t, "owner"))
			n := programs.Tokens(rapid.IntRange(1, 40).Draw(t, "cells"))
			rank := programs.Rank{At: programs.Time(rapid.IntRange(0, 5).Draw(t, "rank")), Program: programs.ProgramID(rune('a' + at))}
			randomCopy(t, l, tier, tiers[tier], o, n, rank)
			for tier, s := range tiers {
				size, used := l.TierUsage(tier)
				if size != programs.Bytes(s.size)*small.CellBytes || used != programs.Bytes(s.used())*small.CellBytes {
					t.Fatalf("%v has %d bytes of %d; its model %d of %d cells", tier, used, size, s.used(), s.size)
				}
				for o := range kvpin.Owner(9) {
					want := programs.Tokens(0)
					if c := s.copies[o]; c != nil {
						want = c.cells
					}
					if got := l.Copied(tier, o); got != want {
						t.Fatalf("%d has %d cells on %v, want %d", o, got, tier, want)
					}
				}
			}
			if err := l.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// randomCopy makes one call of both.
func randomCopy(t *rapid.T, l *kvpin.Ledger, tier kvpin.Tier, s *shelf, o kvpin.Owner, n programs.Tokens, rank programs.Rank) {
	c := s.copies[o]
	call := rapid.SampledFrom([]string{"copy", "copy", "copy", "keep", "lend", "cut", "drop"}).Draw(t, "call")
	switch {
	case call == "copy":
		want, ok := s.copy(o, n, rank)
		var gone []kvpin.Owner
		did := l.Copy(tier, tenantOf(o), o, n, rank, func(victim kvpin.Owner) {
			if l.Copied(tier, victim) > 0 {
				t.Fatalf("%d is told to go and is still there", victim)
			}
			gone = append(gone, victim)
		})
		if did != ok || !slices.Equal(gone, want) {
			t.Fatalf("a copy of %d cells: %v, %v went; want %v, %v", n, did, gone, ok, want)
		}
	case call == "cut" || call == "drop":
		if call == "drop" {
			n = 0
		}
		l.CutCopy(tier, o, n)
		if c == nil {
			return
		}
		if c.cells = min(c.cells, n); c.cells == 0 {
			delete(s.copies, o)
		}
	case c == nil: // only what is there can be kept safe
	case call == "keep":
		l.KeepCopy(tier, o, true, programs.Rank{})
		c.held = true
	case call == "lend":
		l.KeepCopy(tier, o, false, rank)
		c.held, c.rank = false, rank
	}
}

func TestNoCopyToKeep(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a copy that is not there is kept safe")
		}
	}()
	kvpin.New(small).KeepCopy(kvpin.Host, 1, true, programs.Rank{})
}

func TestTiers(t *testing.T) {
	for tier, want := range map[kvpin.Tier]string{kvpin.Device: "device", kvpin.Host: "host", kvpin.Disk: "disk"} {
		if got := tier.String(); got != want {
			t.Errorf("tier %d is %q, want %q", tier, got, want)
		}
	}
}
