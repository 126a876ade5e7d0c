package chat

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/interlude-run/interlude/gpu/engine"
)

// controls finds control tokens in texts by their spelling.
type controls struct {
	tokens   map[string]engine.Token
	first    string              // the runes that spellings begin with
	lengths  []int               // of spellings, longest first
	prefixes map[string]struct{} // of spellings, proper ones
	suffixes map[string]struct{}
}

func newControls(tokens map[string]engine.Token) *controls {
	c := &controls{tokens: tokens, prefixes: map[string]struct{}{}, suffixes: map[string]struct{}{}}
	for spelling := range tokens {
		if spelling == "" {
			continue
		}
		if r, _ := utf8.DecodeRuneInString(spelling); !strings.ContainsRune(c.first, r) {
			c.first += string(r)
		}
		c.lengths = append(c.lengths, len(spelling))
		for i := 1; i < len(spelling); i++ {
			c.prefixes[spelling[:i]] = struct{}{}
			c.suffixes[spelling[i:]] = struct{}{}
		}
	}
	slices.Sort(c.lengths)
	c.lengths = slices.Compact(c.lengths)
	slices.Reverse(c.lengths)
	return c
}

// find is the place of the first control token at or behind at, the longest one
// there; −1 when there is none.
func (c *controls) find(text string, at int) (from, to int) {
	for {
		next := strings.IndexAny(text[at:], c.first)
		if next < 0 {
			return -1, -1
		}
		at += next
		if n := c.match(text[at:]); n > 0 {
			return at, at + n
		}
		at++
	}
}

// match is the length of the longest control token that text begins with.
func (c *controls) match(text string) int {
	const few = 2 // so many bytes tell most texts from control tokens
	if len(text) > few && !contains(c.prefixes, text[:few]) && c.lengths[len(c.lengths)-1] > few {
		return 0
	}
	for _, n := range c.lengths {
		if n > len(text) {
			continue
		}
		if _, ok := c.tokens[text[:n]]; ok {
			return n
		}
	}
	return 0
}

// beginsInside tells whether the text begins with the end of a control token.
func (c *controls) beginsInside(text string) bool {
	for n := 1; n <= min(len(text), c.longest()); n++ {
		if contains(c.suffixes, text[:n]) {
			return true
		}
	}
	return false
}

// endsInside tells whether the text ends with the beginning of a control token.
func (c *controls) endsInside(text string) bool {
	for n := 1; n <= min(len(text), c.longest()); n++ {
		if contains(c.prefixes, text[len(text)-n:]) {
			return true
		}
	}
	return false
}

func (c *controls) longest() int {
	if len(c.lengths) == 0 {
		return 0
	}
	return c.lengths[0]
}

func contains(set map[string]struct{}, s string) bool {
	_, ok := set[s]
	return ok
}

// ControlTokens gives the places of control tokens in a context: messages begin and end
// there.
func (t *Template) ControlTokens(tokens []engine.Token) (at []int) {
	for i, token := range tokens {
		if _, is := t.spelling[token]; is {
			at = append(at, i)
		}
	}
	return at
}
