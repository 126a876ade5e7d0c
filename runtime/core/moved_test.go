package core_test

import (
	"bytes"
	"slices"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// This file is the checked shell's part in contexts that are put together: it moves cells of
// an engine whose cells tell what they were computed behind.

// holes are the positions of a sequence whose cells are not computed.
type holes map[int]bool

// drawRuns makes a context go on with parts of other contexts, and says where they are.
func (s *checkedShell) drawRuns(t *rapid.T, prompt []engine.Token, id programs.ProgramID) ([]engine.Token, []core.Run) {
	var runs []core.Run
	for range rapid.IntRange(0, 3).Draw(t, "runs") {
		for range rapid.IntRange(0, 20).Draw(t, "between") {
			prompt = append(prompt, s.fresh())
		}
		source := programs.ProgramID(rapid.SampledFrom([]string{string(id), "a", "b", "c"}).Draw(t, "source"))
		tokens := s.text(source).tokens
		if len(tokens) == 0 {
			continue
		}
		from := rapid.IntRange(0, len(tokens)-1).Draw(t, "from")
		count := min(rapid.IntRange(1, 120).Draw(t, "count"), len(tokens)-from)
		runs = append(runs, core.Run{
			At: programs.Tokens(len(prompt)), Count: programs.Tokens(count), Source: source, From: programs.Tokens(from),
			Mend: programs.Tokens(min(rapid.IntRange(0, 20).Draw(t, "mend"), count)), Check: rapid.Bool().Draw(t, "check"),
		})
		prompt = append(prompt, tokens[from:from+count]...)
	}
	return prompt, runs
}

// fresh is a token that comes again after 300 others.
func (s *checkedShell) fresh() engine.Token {
	s.lastToken = (s.lastToken + 1) % 300
	return s.lastToken
}

// place moves cells, and notes what lies between.
func (s *checkedShell) place(e core.Effect) error {
	seq := engine.Seq(e.Seq)
	for i := s.engine.Len(seq); i < int(e.At); i++ {
		if s.holes[seq] == nil {
			s.holes[seq] = holes{}
		}
		s.holes[seq][i] = true
	}
	return s.engine.Place(engine.Placement{
		Src: engine.Seq(e.From), From: int(e.First), N: int(e.Cells - e.First), Dst: seq, At: int(e.At),
	})
}

// cutHoles forgets the holes behind the first n cells.
func (s *checkedShell) cutHoles(seq engine.Seq, n int) {
	for i := range s.holes[seq] {
		if i >= n {
			delete(s.holes[seq], i)
		}
	}
	if len(s.holes[seq]) == 0 {
		delete(s.holes, seq)
	}
}

// flightOf makes a flight of an item, and sees that the cells which are there are those of
// the context, and that the item computes what is not.
func (s *checkedShell) flightOf(t *rapid.T, item core.Item, context []engine.Token) flight {
	seq := engine.Seq(item.Seq)
	cells := s.engine.Tokens(seq)
	spans := item.Spans
	if spans == nil {
		spans = []core.Span{{From: item.From, Count: item.Count}}
		if len(cells) != int(item.From) {
			t.Fatalf("%v goes on behind %d cells", item, len(cells))
		}
	}
	f := flight{item: item}
	for _, x := range spans {
		for i := x.From; i < x.From+x.Count; i++ {
			f.at, f.tokens = append(f.at, int(i)), append(f.tokens, context[i])
		}
	}
	if !slices.IsSorted(f.at) || len(f.at) != int(item.Count) || f.at[0] != int(item.From) {
		t.Fatalf("%v has the positions %v", item, f.at)
	}
	for i, token := range cells {
		hole := s.holes[seq][i]
		switch {
		case !hole && token != context[i]:
			t.Fatalf("%v: cell %d is not of the context", item, i)
		case hole && (item.Sample || i < f.at[len(f.at)-1]) && !slices.Contains(f.at, i):
			t.Fatalf("%v leaves the hole at %d", item, i)
		}
	}
	if item.Spans == nil {
		f.at = nil
	}
	return f
}

// strayed makes answers to the checks of the step under way up; where one strays too far, all
// that is behind it is to be computed again.
func (s *checkedShell) strayed(t *rapid.T) (all []core.Strayed) {
	for i, f := range s.flight {
		if len(f.item.Checks) > 0 && f.item.Sample {
			t.Fatalf("%v samples", f.item)
		}
		gone := false
		for _, c := range f.item.Checks {
			by := rapid.SampledFrom([]float64{0, 0.1, 0.25, 0.26, 1}).Draw(t, "strayed")
			all = append(all, core.Strayed{Item: i, Span: c, By: by})
			if gone = gone || by > 0.25; !gone || !s.open[f.item.Turn] {
				continue
			}
			seq := engine.Seq(f.item.Seq)
			for at := int(c.From + c.Count); at < s.engine.Len(seq); at++ {
				if s.holes[seq] == nil {
					s.holes[seq] = holes{}
				}
				s.holes[seq][at] = true
			}
		}
	}
	return all
}

// filled takes an item's cells out of the holes.
func (s *checkedShell) filled(f flight) {
	seq := engine.Seq(f.item.Seq)
	for _, i := range f.at {
		delete(s.holes[seq], i)
	}
	if len(s.holes[seq]) == 0 {
		delete(s.holes, seq)
	}
}

// checkExact sees that the cells of a turn which wants exact ones are what computing its
// context from the start gives, bit for bit.
func (s *checkedShell) checkExact(t *rapid.T, f flight) {
	const seq = 1
	g := s.engine.Geometry()
	oracle := gputest.NewFake(g)
	n := s.engine.Len(engine.Seq(f.item.Seq))
	if err := oracle.New(seq); err != nil {
		t.Fatal(err)
	}
	if err := oracle.Reserve(seq, n); err != nil {
		t.Fatal(err)
	}
	for tokens := range slices.Chunk(s.text(f.item.Turn.Program).tokens[:n], g.MaxStep) {
		if err := oracle.Step([]engine.Item{{Seq: seq, Tokens: tokens}}, make([]engine.Output, 1)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := oracle.Save(seq, 0, n)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.engine.Save(engine.Seq(f.item.Seq), 0, n)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Data, want.Data) {
		t.Fatalf("%v wants exact cells, and has others", f.item)
	}
}
