package chat

import (
	"strings"
	"sync"

	"github.com/interlude-run/interlude/gpu/engine"
)

// tokenize makes tokens of a rendered text. It is cut where the template's
// control tokens begin, which is where tokenizers cut it themselves, so that no
// seam comes about that would not be there. A stretch between them that is
// guarded is read as plain text.
func (t *Template) tokenize(r rendered) (tokens []engine.Token) {
	begin, plain := 0, 0 // of the section, and of what follows the control token that it begins with
	for begin < len(r.text) {
		from, to := t.controls.findOwn(r, plain)
		switch {
		case from == begin: // the text begins with a control token
		case r.guarded(plain, from, false):
			tokens = append(tokens, t.sections.tokens(r.text[begin:plain], true)...)
			tokens = append(tokens, t.sections.tokens(r.text[plain:from], false)...)
		default:
			tokens = append(tokens, t.sections.tokens(r.text[begin:from], true)...)
		}
		begin, plain = from, to
	}
	return tokens
}

// sections remembers the tokens of short sections. Most sections of a prompt are
// the template's own and come again with every turn, and a tokenizer takes its
// time for each, however short. Any goroutine may use it.
type sections struct {
	tokenizer Tokenizer

	mu    sync.RWMutex
	known map[string][]engine.Token
}

const (
	shortSection  = 64   // bytes
	knownSections = 1024 // when there are more, all are forgotten
)

func newSections(t Tokenizer) *sections {
	return &sections{tokenizer: t, known: map[string][]engine.Token{}}
}

// tokens are not to be changed.
func (s *sections) tokens(text string, parseSpecial bool) []engine.Token {
	if text == "" {
		return nil
	}
	if len(text) > shortSection || !parseSpecial {
		return s.tokenizer.Tokenize(text, false, parseSpecial)
	}
	s.mu.RLock()
	tokens, ok := s.known[text]
	s.mu.RUnlock()
	if ok {
		return tokens
	}
	tokens = s.tokenizer.Tokenize(text, false, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) == knownSections {
		clear(s.known)
	}
	s.known[strings.Clone(text)] = tokens // text is a part of a whole conversation
	return tokens
}
