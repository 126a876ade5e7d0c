package anchors

import (
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/kvpin/anchor"
)

func fake() *gputest.Fake {
	return gputest.NewFake(engine.Geometry{
		Layers: 3, KVHeads: 2, HeadDim: 8, Vocab: 50, MaxContext: 2048, CellBytes: 4096, Granule: 4, Span: 64,
		PoolBytes: 64 << 20, MaxStep: 128,
	})
}

// tokens are n that look random, the same for the same seed.
func tokens(n int, seed uint32) (list []engine.Token) {
	for range n {
		seed = seed*1664525 + 1013904223
		list = append(list, engine.Token(seed>>16)%50)
	}
	return list
}

func join(parts ...[]engine.Token) (all []engine.Token) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// edited is a case in which a text of 300 tokens moves by 7 positions.
func edited(kind anchor.Kind) Case {
	opening, text := tokens(20, 1), tokens(300, 2)
	return Case{
		Program: 1, Name: "edited", Kind: kind, Other: tokens(40, 9),
		Source: join(opening, tokens(10, 3), text), Target: join(opening, tokens(17, 4), text, tokens(5, 5)),
	}
}

func measure(t *testing.T, c Case, arms ...Arm) map[string]Sample {
	t.Helper()
	e := fake()
	l := &Lab{Engine: e, Answer: 6}
	samples, err := l.Measure([]Case{c, c}, arms)
	if err != nil {
		t.Fatal(err)
	}
	if m := e.Memory(); m.Sequences != 0 || m.Used != 0 {
		t.Errorf("afterwards the engine has %d sequences, %d bytes", m.Sequences, m.Used)
	}
	by := map[string]Sample{}
	for i, s := range samples {
		if len(s.KL) != 6 {
			t.Fatalf("%s has %d figures of 6 tokens", s.Arm, len(s.KL))
		}
		if again := samples[i%len(arms)]; mean(again.KL) != mean(s.KL) {
			t.Errorf("%s: KL %v the first time, %v the second", s.Arm, again.KL, s.KL)
		}
		by[s.Arm] = s
	}
	return by
}

func TestWhatIsMovedShows(t *testing.T) {
	by := measure(t, edited(anchor.Trim), Arms()...)
	if kl := mean(by["dense, other steps"].KL); kl != 0 {
		t.Errorf("in other steps KL is %v, and the engine is one that does not round", kl)
	}
	for _, arm := range []string{"place", "rotated", "copied", "wrong text"} {
		if mean(by[arm].KL) == 0 {
			t.Errorf("%s: no difference from the dense context", arm)
		}
	}
	if by["rotated"].Moved != 300 || by["place"].Moved != 300-32 {
		t.Errorf("rotated moved %d tokens of 300, place %d, of which it mends 32", by["rotated"].Moved, by["place"].Moved)
	}
}

// What a node does not move is computed as if there were no reuse.
func TestDenseKindsAreDense(t *testing.T) {
	s := measure(t, edited(anchor.Strip), Arms()...)["place"]
	if s.Moved != 0 || mean(s.KL) != 0 || s.Top1 != 6 {
		t.Errorf("stripped reasoning: %+v, want what is dense", s)
	}
}

// A text whose beginning strays too far is what it is without reuse.
func TestFallBackIsReuseOff(t *testing.T) {
	by := measure(t, edited(anchor.Sibling), Arms()...)
	if s := by["place"]; s.Moved != 0 || mean(s.KL) != 0 {
		t.Errorf("place: %d tokens moved, KL %v; want what is dense", s.Moved, s.KL)
	}
	if s := by["rotated"]; s.Moved != 300 || mean(s.KL) == 0 {
		t.Errorf("without the check %d tokens are moved, want 300; KL %v", s.Moved, s.KL)
	}
}

// Cells of the dense context itself, at their own positions, are the dense context: nothing that
// assembling does changes what it does not compute.
func TestSelfAnchorIsDense(t *testing.T) {
	self := Arm{"self", "", func(b *bench, seq engine.Seq) (int, error) {
		pieces := []anchor.Piece{
			{Run: anchor.Run{At: 40, From: 40, Count: 100}},
			{Run: anchor.Run{At: 150, From: 150, Count: 120}, Mend: 9},
		}
		return b.assemble(seq, pieces, b.from(b.truth))
	}}
	s := measure(t, edited(anchor.Trim), self)["self"]
	if s.Moved != 211 || mean(s.KL) != 0 {
		t.Errorf("moved %d tokens, want 211; KL %v, want none", s.Moved, s.KL)
	}
}
