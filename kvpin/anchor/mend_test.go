package anchor_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
)

func TestSchemeOf(t *testing.T) {
	dense := anchor.Scheme{Dense: true}
	for _, c := range []struct {
		kind anchor.Kind
		kept programs.Tokens
		want anchor.Scheme
	}{
		{anchor.Sibling, 64, anchor.Scheme{First: 8}},
		{anchor.Preface, 1199, anchor.Scheme{First: 32}},
		{anchor.Preface, 1200, anchor.Scheme{}},
		{anchor.Trim, 100, anchor.Scheme{First: 32}},
		{anchor.Compaction, 511, dense},
		{anchor.Compaction, 512, anchor.Scheme{First: 32, Each: 8}},
		{anchor.Strip, 5000, dense},
	} {
		if got := anchor.SchemeOf(c.kind, c.kept); got != c.want {
			t.Errorf("kind %d, %d kept: %+v, want %+v", c.kind, c.kept, got, c.want)
		}
	}
}

func TestDenseHasNoPieces(t *testing.T) {
	if got := (anchor.Scheme{Dense: true}).Pieces(anchor.Run{At: 5, Count: 500}, nil); got != nil {
		t.Errorf("%+v", got)
	}
}

// TestPieces: they are the run, one behind the other, and what is mended is what the scheme
// names, token by token.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string, from, to int) programs.Tokens {
			return programs.Tokens(rapid.IntRange(from, to).Draw(t, name))
		}
		run := anchor.Run{At: n("at", 0, 50), Count: n("count", 1, 120), From: n("from", 0, 50), Source: "p"}
		s := anchor.Scheme{First: n("first", 0, 40), Each: n("each", 0, 12)}
		var borders []programs.Tokens
		for at := n("border", 0, 30); at < 200; at += n("gap", 1, 40) {
			borders = append(borders, at)
		}
		mend := map[programs.Tokens]bool{}
		for i := range min(s.First, run.Count) {
			mend[run.At+i] = true
		}
		for _, b := range borders {
			for i := range s.Each {
				if at := b + i; b >= run.At && at < run.At+run.Count {
					mend[at] = true
				}
			}
		}
		at := run.At
		for _, p := range s.Pieces(run, borders) {
			if p.At != at || p.From-p.At != run.From-run.At || p.Source != "p" || p.Mend > p.Count || p.Count < 1 {
				t.Fatalf("%+v at %d of %+v", p, at, run)
			}
			for i := range p.Count {
				if got := i < p.Mend; got != mend[at+i] {
					t.Fatalf("position %d is mended: %v, want %v", at+i, got, mend[at+i])
				}
			}
			at += p.Count
		}
		if at != run.At+run.Count {
			t.Fatalf("the pieces end at %d, the run at %d", at, run.At+run.Count)
		}
	})
}
