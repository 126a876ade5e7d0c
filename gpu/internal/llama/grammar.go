package llama

import (
	"bytes"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gbnf"
)

// follow adds a token to the text that the grammar is held to; false, and
// nothing changes, where the grammar does not allow it. An end is allowed where
// the text may end. Control tokens have no text and are not.
func (s *Sampler) follow(t engine.Token) bool {
	if s.vocab.IsEnd(t) {
		return s.text.Done()
	}
	piece := s.vocab.Piece(t)
	return spells(piece) && s.text.Accept(piece)
}

// spells tells whether a piece can be part of a grammar's text.
func spells(piece []byte) bool { return len(piece) > 0 && piece[0] != 0 }

// allowed yields the tokens that the grammar allows next. It goes through the
// vocabulary in the order of the spellings, so that a beginning that tokens share
// is looked at once.
func (s *Sampler) allowed(yield func(engine.Token)) {
	if s.text.Done() && len(s.banned) == 0 {
		for _, t := range s.vocab.Ends() {
			yield(t)
		}
	}
	order := s.vocab.order()
	path := []gbnf.Cursor{s.text.Here()} // after each byte of the piece before, as far as it is allowed
	for i, t := range order.tokens {
		shared := order.shared[i]
		if shared >= len(path) {
			continue // the piece before ended the path within what they share
		}
		path = path[:shared+1]
		piece := s.vocab.Piece(t)
		for _, b := range piece[shared:] {
			next, ok := s.text.Step(path[len(path)-1], b)
			if !ok {
				break
			}
			path = append(path, next)
		}
		if len(path) == len(piece)+1 {
			yield(t)
		}
	}
}

// spellingOrder is the tokens that a grammar can allow, in the order of their
// pieces, with the number of bytes that each shares with the one before.
type spellingOrder struct {
	tokens []engine.Token
	shared []int
}

func (v *Vocab) order() *spellingOrder {
	v.orderOnce.Do(func() {
		o := &v.spellings
		for t := range engine.Token(v.Size()) {
			if !v.IsEnd(t) && spells(v.Piece(t)) {
				o.tokens = append(o.tokens, t)
			}
		}
		slices.SortStableFunc(o.tokens, func(a, b engine.Token) int { return bytes.Compare(v.Piece(a), v.Piece(b)) })
		before := []byte(nil)
		for _, t := range o.tokens {
			piece := v.Piece(t)
			n := 0
			for n < min(len(piece), len(before)) && piece[n] == before[n] {
				n++
			}
			o.shared = append(o.shared, n)
			before = piece
		}
	})
	return &v.spellings
}
