package sdk

import (
	"strings"

	"github.com/interlude-run/interlude/sdk/wire"
)

// parts follows the pieces of an answer, over attempts that begin it anew.
type parts struct {
	shown  []Piece // what was yielded, joined
	again  []Piece // what a later attempt has so far, joined
	behind bool    // that attempt has not come as far yet
}

// begin is called where another attempt does.
func (p *parts) begin() { p.again, p.behind = nil, len(p.shown) > 0 }

// add takes the next pieces of the attempt in, and gives what of them was not yielded yet.
// ok is false where the attempt departs from what was.
func (p *parts) add(pieces []Piece) (fresh []Piece, ok bool) {
	if !p.behind {
		for _, piece := range pieces {
			p.shown = wire.Join(p.shown, piece)
		}
		return pieces, true
	}
	for _, piece := range pieces {
		p.again = wire.Join(p.again, piece)
	}
	fresh, ok = beyond(p.again, p.shown)
	if len(fresh) > 0 {
		p.shown, p.again, p.behind = p.again, nil, false
	}
	return fresh, ok
}

// end takes the whole answer in, and gives what of it was not yielded yet.
func (p *parts) end(all []Piece) (fresh []Piece, ok bool) {
	if fresh, ok = beyond(all, p.shown); ok {
		p.shown = all
	}
	return fresh, ok
}

// beyond is what all has more than shown, both joined; nothing where it has less. ok is false
// where they differ.
func beyond(all, shown []Piece) (more []Piece, ok bool) {
	for i, s := range shown {
		if i == len(all) {
			return nil, true
		}
		a := all[i]
		if a.Kind != s.Kind || a.Index != s.Index || a.ID != s.ID || a.Name != s.Name {
			return nil, false
		}
		if len(a.Text) < len(s.Text) || s.Done && !a.Done {
			return nil, i == len(all)-1 && !a.Done && strings.HasPrefix(s.Text, a.Text)
		}
		rest, ok := strings.CutPrefix(a.Text, s.Text)
		if !ok {
			return nil, false
		}
		if rest == "" && a.Done == s.Done {
			continue
		}
		if i < len(shown)-1 {
			return nil, false
		}
		more = append(more, Piece{Kind: a.Kind, Index: a.Index, Text: rest, Done: a.Done})
	}
	return append(more, all[len(shown):]...), true
}
