package anchors

import (
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
)

// Case is a context that has much in common with one that was computed before.
type Case struct {
	Program int    // whose texts these are
	Name    string // of what is done: see Cases
	Kind    anchor.Kind
	Source  []engine.Token    // what was computed
	Target  []engine.Token    // what is to be
	Borders []programs.Tokens // of Target's messages
	Other   []engine.Token    // another program's context, for the control
}

// pieces are what a node moves of the case: text that both have behind the exact prefix, by
// the scheme of its kind.
func (c *Case) pieces(scheme func(anchor.Kind, programs.Tokens) anchor.Scheme) (pieces []anchor.Piece, exact int) {
	exact = agree(c.Source, c.Target)
	found := anchor.Edits(c.Source, c.Target[:len(c.Target)-1], 0)
	kept := programs.Tokens(0)
	for _, r := range found {
		kept += r.Count
	}
	s := scheme(c.Kind, kept)
	for _, r := range found {
		pieces = append(pieces, s.Pieces(r, c.Borders)...)
	}
	return pieces, exact
}

// agree is how many tokens a and b begin with in common. The last of b is not among them: its
// logits are wanted.
func agree(a, b []engine.Token) (n int) {
	for n < min(len(a), len(b)-1) && a[n] == b[n] {
		n++
	}
	return n
}
