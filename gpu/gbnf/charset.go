package gbnf

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// charset is a set of characters: those of the ranges, or all others.
type charset struct {
	ranges []span // in order
	others bool
}

// span is the characters first … last.
type span struct{ first, last rune }

func newCharset(ranges []span, others bool) charset {
	slices.SortFunc(ranges, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	return charset{ranges, others}
}

func (c *charset) has(r rune) bool {
	for _, s := range c.ranges {
		if s.first <= r && r <= s.last {
			return !c.others
		}
	}
	return c.others
}

// meets tells whether a character of s is in the set.
func (c *charset) meets(s span) bool {
	if !c.others {
		return slices.ContainsFunc(c.ranges, func(r span) bool { return r.first <= s.last && s.first <= r.last })
	}
	next := s.first // the first that no range so far has
	for _, r := range c.ranges {
		if r.first <= next && next <= r.last {
			next = r.last + 1
		}
	}
	return next <= s.last
}

// partial is the beginning of a character's UTF-8 encoding.
type partial struct {
	value rune  // of the bits so far
	left  uint8 // bytes to come; 0: none has begun
	size  uint8 // bytes in all
}

// add takes one more byte; false where no character is encoded so.
func (p partial) add(b byte) (partial, bool) {
	switch {
	case p.left > 0 && b>>6 == 0b10:
		p = partial{p.value<<6 | rune(b&0x3f), p.left - 1, p.size}
	case p.left > 0:
		return p, false
	case b>>5 == 0b110:
		p = partial{rune(b & 0x1f), 1, 2}
	case b>>4 == 0b1110:
		p = partial{rune(b & 0x0f), 2, 3}
	case b>>3 == 0b11110:
		p = partial{rune(b & 0x07), 3, 4}
	default:
		return p, false
	}
	could := p.completions()
	return p, could.first <= could.last
}

// completions are the characters that it can become; none where first > last.
func (p partial) completions() span {
	bits := 6 * p.left
	first := p.value << bits
	last := first | (1<<bits - 1)
	const firstSurrogate, lastSurrogate = 0xd800, 0xdfff // no characters, half of the 3 bytes from 0xed on
	if firstSurrogate <= first && last <= lastSurrogate {
		return span{0, -1}
	}
	least := [...]rune{2: 0x80, 3: 0x800, 4: 0x10000}[p.size] // those before have a shorter encoding
	return span{max(first, least), min(last, utf8.MaxRune)}
}
