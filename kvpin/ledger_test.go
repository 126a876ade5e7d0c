package kvpin_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

var small = kvpin.Geometry{CellBytes: 3, Granule: 2, Span: 8, PoolBytes: 3 * 160}

// TestLedgerAgainstModel makes a thousand random calls a run, a hundred runs, and
// compares every sum with the model's after each.
func TestLedgerAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, m := kvpin.New(small), newModel(small)
		next := kvpin.Seq(1)
		for range 1000 {
			next = randomCall(t, l, m, next)
			if err := m.compare(l); err != nil {
				t.Fatal(err)
			}
			available(t, l, m)
		}
	})
}

// available holds each account for a moment, and has what is left counted.
func available(t *rapid.T, l *kvpin.Ledger, m *model) {
	if u := l.Usage(); l.Available(0) != u.Free()+u.Parked {
		t.Fatalf("%d bytes are available, with %+v", l.Available(0), u)
	}
	for seq, a := range m.accounts {
		got := l.Available(seq)
		l.Hold(seq)
		if want := l.Usage().Free() + l.Usage().Parked; got != want {
			t.Fatalf("%d bytes are available to %d, want %d", got, seq, want)
		}
		if !a.held {
			l.Park(seq)
		}
	}
}

// randomCall makes one call of both and returns the next unused name.
func randomCall(t *rapid.T, l *kvpin.Ledger, m *model, next kvpin.Seq) kvpin.Seq {
	seqs := make([]kvpin.Seq, 0, len(m.accounts))
	for seq := range m.accounts {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	call := rapid.SampledFrom([]string{"open", "reserve", "reserve", "fork", "fork", "truncate", "release", "hold", "park", "park", "reclaim"}).Draw(t, "call")
	if len(seqs) == 0 {
		call = "open"
	}
	if len(seqs) >= 12 && (call == "open" || call == "fork") {
		call = "release"
	}
	var seq kvpin.Seq
	if call != "open" {
		seq = rapid.SampledFrom(seqs).Draw(t, "seq")
	}

	// What the model can afford, the ledger must grant, and nothing else.
	try := func(change func(*model), call func() error) {
		after := m.copy()
		change(after)
		err := call()
		if fits := after.usage().Used <= small.PoolBytes; fits != (err == nil) || (err != nil && !errors.Is(err, kvpin.ErrNoRoom)) {
			t.Fatalf("fits: %v, error: %v", fits, err)
		}
		if err == nil {
			*m = *after
		}
	}
	upTo := func(n programs.Tokens) programs.Tokens {
		return programs.Tokens(rapid.IntRange(0, int(n)).Draw(t, "n"))
	}

	switch call {
	case "open":
		l.Open(next)
		m.accounts[next] = &modelAccount{held: true}
		next++
	case "reserve":
		n := upTo(80)
		try(func(m *model) { m.reserve(seq, n) }, func() error { return l.Reserve(seq, n) })
	case "fork":
		n := upTo(l.Capacity(seq))
		try(func(m *model) { m.fork(seq, next, n) }, func() error { return l.Fork(seq, next, n) })
		next++
	case "truncate":
		n := upTo(l.Capacity(seq))
		try(func(m *model) { m.truncate(seq, n) }, func() error { return l.Truncate(seq, n) })
	case "release":
		l.Release(seq)
		delete(m.accounts, seq)
	case "hold":
		l.Hold(seq)
		m.accounts[seq].held = true
	case "park":
		rank := programs.Rank{Class: int(upTo(2)), At: programs.Time(upTo(5)), Program: programs.ProgramID(rune('a' + seq))}
		l.Park(seq)
		m.accounts[seq].held, m.accounts[seq].rank = false, rank
	case "reclaim":
		reclaim(t, l, m, programs.Bytes(upTo(200))*small.CellBytes)
	}
	if err := m.note(l, seq, next-1); err != nil {
		t.Fatal(err)
	}
	return next
}

// reclaim follows the ledger's cuts in the model: each must hit the last parked
// account, none may come when enough is free, and at the end enough is.
func reclaim(t *rapid.T, l *kvpin.Ledger, m *model, need programs.Bytes) {
	before := m.usage()
	cuts := 0
	ok := l.Reclaim(need, m.lastParked, func(seq kvpin.Seq, left programs.Tokens) {
		cuts++
		if m.usage().Free() >= need {
			t.Fatalf("cut %d of sequence %d, though enough is free", cuts, seq)
		}
		if last := m.lastParked(); seq != last {
			t.Fatalf("cut of sequence %d, the last parked is %d", seq, last)
		}
		if m.truncate(seq, left); left == 0 {
			delete(m.accounts, seq)
		}
		if err := m.compare(l); err != nil {
			t.Fatal(err)
		}
		if err := m.note(l, seq); err != nil {
			t.Fatal(err)
		}
	})
	switch {
	case ok != (need <= before.Free()+before.Parked):
		t.Fatalf("reclaim of %d bytes: %v, with %+v", need, ok, before)
	case ok && l.Usage().Free() < need:
		t.Fatalf("reclaim of %d bytes left %d free", need, l.Usage().Free())
	case !ok && cuts > 0:
		t.Fatalf("a reclaim that failed made %d cuts", cuts)
	}
}

func TestReclaimTakesWhatIsShortFromTheTail(t *testing.T) {
	g := kvpin.Geometry{CellBytes: 1, Granule: 16, Span: 512, PoolBytes: 16384}
	l := kvpin.New(g)
	for seq := kvpin.Seq(1); seq <= 2; seq++ {
		l.Open(seq)
		if err := l.Reserve(seq, 8192); err != nil {
			t.Fatal(err)
		}
		l.Park(seq)
	}
	last := func(l *kvpin.Ledger) func() kvpin.Seq {
		return func() kvpin.Seq {
			if l.Has(2) {
				return 2
			}
			return 1
		}
	}
	type cut struct {
		seq  kvpin.Seq
		left programs.Tokens
	}
	var cuts []cut
	for _, need := range []programs.Bytes{1, 1000, 2000, 9000} {
		if !l.Reclaim(need, last(l), func(seq kvpin.Seq, left programs.Tokens) { cuts = append(cuts, cut{seq, left}) }) {
			t.Fatalf("reclaim of %d bytes failed with %+v", need, l.Usage())
		}
	}
	want := []cut{
		{2, 7936},         // one byte is short: a lump of the account goes, however long it is
		{2, 7184},         // 744 bytes are short, more than a lump: so much goes, in granules
		{2, 6192},         // 992
		{2, 0}, {1, 7376}, // all of the later account is not enough: the tail of the earlier
	}
	if !slices.Equal(cuts, want) {
		t.Errorf("cuts %v, want %v", cuts, want)
	}
}

// TestSharedBytesAreSafeWhileAnyHolderIs parks a parent whose fork runs.
func TestSharedBytesAreSafeWhileAnyHolderIs(t *testing.T) {
	g := kvpin.Geometry{CellBytes: 1, Granule: 1, Span: 16, PoolBytes: 128}
	l := kvpin.New(g)
	l.Open(1)
	if err := l.Reserve(1, 40); err != nil {
		t.Fatal(err)
	}
	if err := l.Fork(1, 2, 35); err != nil {
		t.Fatal(err)
	}
	l.Park(1)
	if got, want := l.Usage(), (kvpin.Usage{Pool: 128, Used: 43, Held: 35, Parked: 8, Shared: 32}); got != want {
		t.Fatalf("usage %+v, want %+v", got, want)
	}
	if l.Reclaim(128-34, func() kvpin.Seq { t.Error("asked for a victim"); return 1 }, func(kvpin.Seq, programs.Tokens) { t.Error("cut though it cannot succeed") }) {
		t.Error("reclaimed bytes that a running fork holds")
	}
	if got := l.Keepable(1, 20); got != 16 {
		t.Errorf("a cut at 20 goes through a shared span; keepable is %d, want 16", got)
	}
}
