package anchor

import (
	"container/list"

	"github.com/interlude-run/interlude/programs"
)

// source is a context that has cells.
type source[T ~int32] struct {
	owner  programs.ProgramID
	tenant programs.TenantID
	number uint32
	put    uint64 // the number of the last Put: the higher, the newer
	age    *list.Element

	tokens []T
	blocks []block          // of the tokens, as many as are whole
	heads  map[uint64]place // its tenant's
}

// tenant has the chains of what was hashed for it, and nobody else's: no text is found
// from one tenant to another, as there is no way there.
type tenant struct {
	heads   map[uint64]place // by hash, the block that was listed last
	sources int
}

// agree is how many tokens the source begins with that the others begin with, too. A
// list that was appended to is known by where it is.
func (s *source[T]) agree(tokens []T) int {
	if len(s.tokens) > 0 && &s.tokens[0] == &tokens[0] {
		return min(len(s.tokens), len(tokens))
	}
	return agree(s.tokens, tokens)
}
