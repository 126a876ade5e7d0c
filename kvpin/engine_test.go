package kvpin_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

// TestLedgerPredictsTheEngine makes the same calls of the ledger and of an engine:
// they refuse the same ones for want of room and agree on every byte.
func TestLedgerPredictsTheEngine(t *testing.T) {
	g := gputest.Small()
	g.PoolBytes = 700 * g.CellBytes
	rapid.Check(t, func(t *rapid.T) {
		e := gputest.NewFake(g)
		l := kvpin.New(kvpin.Geometry{
			CellBytes: programs.Bytes(g.CellBytes), Granule: programs.Tokens(g.Granule),
			Span: programs.Tokens(g.Span), PoolBytes: programs.Bytes(g.PoolBytes),
		})
		var seqs []engine.Seq
		agree := func(ledger, engineErr error) bool {
			if errors.Is(ledger, kvpin.ErrNoRoom) != errors.Is(engineErr, engine.ErrNoRoom) {
				t.Fatalf("the ledger says %v, the engine %v", ledger, engineErr)
			}
			return engineErr == nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				seq := engine.Seq(1000 + len(seqs))
				l.Open(kvpin.Seq(seq))
				agree(nil, e.New(seq))
				seqs = append(seqs, seq)
			},
			"write": func(t *rapid.T) {
				seq := pick(t, e, seqs)
				n := min(e.Len(seq)+rapid.IntRange(1, 200).Draw(t, "n"), g.MaxContext)
				if !agree(l.Reserve(kvpin.Seq(seq), programs.Tokens(n)), e.Reserve(seq, n)) {
					return
				}
				for more := n - e.Len(seq); more > 0; more = n - e.Len(seq) {
					item := engine.Item{Seq: seq, Tokens: make([]engine.Token, min(more, g.MaxStep))}
					if err := e.Step([]engine.Item{item}, make([]engine.Output, 1)); err != nil {
						t.Fatal(err)
					}
				}
			},
			"fork": func(t *rapid.T) {
				src, dst := pick(t, e, seqs), engine.Seq(1000+len(seqs))
				n := rapid.IntRange(0, e.Len(src)).Draw(t, "n")
				if agree(l.Fork(kvpin.Seq(src), kvpin.Seq(dst), programs.Tokens(n)), e.Fork(src, dst, n)) {
					seqs = append(seqs, dst)
				}
			},
			"truncate": func(t *rapid.T) {
				seq := pick(t, e, seqs)
				n := rapid.IntRange(0, e.Len(seq)).Draw(t, "n")
				agree(l.Truncate(kvpin.Seq(seq), programs.Tokens(n)), e.Truncate(seq, n))
			},
			"release": func(t *rapid.T) {
				seq := pick(t, e, seqs)
				l.Release(kvpin.Seq(seq))
				agree(nil, e.Release(seq))
			},
			"": func(t *rapid.T) {
				if got, want := int64(l.Usage().Used), e.Memory().Used; got != want {
					t.Fatalf("the ledger has %d bytes used, the engine %d", got, want)
				}
				for _, seq := range seqs {
					if want := e.Capacity(seq); want >= 0 && int(l.Capacity(kvpin.Seq(seq))) != want {
						t.Fatalf("sequence %d has capacity %d, the engine's %d", seq, l.Capacity(kvpin.Seq(seq)), want)
					}
				}
				if err := l.Check(); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// pick draws one of the sequences that the engine has.
func pick(t *rapid.T, e *gputest.Fake, seqs []engine.Seq) engine.Seq {
	var live []engine.Seq
	for _, seq := range seqs {
		if e.Len(seq) >= 0 {
			live = append(live, seq)
		}
	}
	if len(live) == 0 {
		t.Skip("no sequence yet")
	}
	return rapid.SampledFrom(live).Draw(t, "seq")
}
