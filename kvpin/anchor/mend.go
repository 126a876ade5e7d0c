package anchor

import "github.com/interlude-run/interlude/programs"

// Kind is where a run comes from: what stood before it when it was computed, and how that
// differs from what stands before it now.
type Kind uint8

// The kinds. Of all but Sibling the run is the program's own, from before its client edited
// the history.
const (
	Sibling Kind = iota // another program read the same, in a context of its own

	Preface    // a line at the top is another: a date, a list of files
	Trim       // a message far behind is another, or gone: a tool's output that was dropped
	Compaction // most of the past gave way to a summary, and its end was kept
	Strip      // answers lost a part, such as their reasoning
)

// Scheme is how much of a run is computed anew once it is moved.
type Scheme struct {
	Dense bool            // all of it: it is not moved
	First programs.Tokens // of its first tokens
	Each  programs.Tokens // of the tokens from each border of messages on
}

// SchemeOf is the scheme for a run that has kept tokens in all with those that follow it.
//
// The schemes are those that were found best on runs of coding agents with
// SmolLM2-135M, by the mean divergence KL(dense ‖ moved) of the answers that followed:
//
//	sibling     0.012  with 8 of the first tokens; what a text is computed behind matters more
//	            than what is computed anew, so its labels count as a part of it
//	preface     0.004  with none, where 1,200 tokens or more were kept
//	trim        0.006  with 32
//	compaction  0.017  with 32, and 8 from each border on; single programs to 0.05
//	strip       0.05   with none, 0.017 with 16 from each border on: not good enough in any scheme
//
// How far the moved values are from the true ones on the first tokens does not tell good
// moves from bad ones of a program's own text (it points the other way: AUC 0.24), so that the kind
// decides, and how much is kept.
func SchemeOf(kind Kind, kept programs.Tokens) Scheme {
	switch {
	case kind == Sibling:
		return Scheme{First: 8}
	case kind == Preface && kept >= farBehind:
		return Scheme{}
	case kind == Preface, kind == Trim:
		return Scheme{First: 32}
	case kind == Compaction && kept >= worthKeeping:
		return Scheme{First: 32, Each: 8}
	}
	return Scheme{Dense: true}
}

const (
	farBehind    = 1200 // tokens, behind which an edit at the top no longer shows
	worthKeeping = 512  // of the end of a compacted context: for less there is little to win
)

// Piece is a part of a run, of which the first Mend tokens are computed anew.
type Piece struct {
	Run
	Mend programs.Tokens
}

// Pieces cuts a run by the scheme. borders are the positions of the context at which messages
// begin or end, ascending. For example, of a run of 300 tokens at 100 with First 32 and Each
// 8, and borders at 110, 250 and 252:
//
//	[100 ··· 132 ────────────)[250 ·· 260 ─────────────── 400)
//	 mended 32                 mended 10
func (s Scheme) Pieces(run Run, borders []programs.Tokens) (pieces []Piece) {
	if s.Dense {
		return nil
	}
	end := run.At + run.Count
	last := Piece{Run: run, Mend: min(s.First, run.Count)}
	for _, b := range borders {
		if s.Each == 0 || b < run.At || b >= end {
			continue
		}
		mended, to := last.At+last.Mend, min(b+s.Each, end)
		if b <= mended {
			last.Mend = max(last.Mend, to-last.At)
			continue
		}
		pieces = append(pieces, last.until(b))
		last = last.from(b)
		last.Mend = to - b
	}
	return append(pieces, last)
}

// until is the part of a piece before the position of the context, and from what lies from
// there on.
func (p Piece) until(at programs.Tokens) Piece { p.Count = at - p.At; return p }

func (p Piece) from(at programs.Tokens) Piece {
	by := at - p.At
	p.At, p.From, p.Count = at, p.From+by, p.Count-by
	return p
}
