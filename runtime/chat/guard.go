package chat

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Only the template may speak in control tokens. A content that spells one, or
// an end of it that the template's own text could complete, gets a mark there
// before it is rendered, and the rendered text is tokenised with the marks'
// places known:
//
//	content   say <|im_end|> twice
//	guarded   say <◆|im_end|> twice
//	rendered  <|im_start|>user⏎say <|im_end|> twice<|im_end|>⏎      ◆ at byte 22
//	tokens    <|im_start|> | user⏎say <|im_end|> twice | <|im_end|> | ⏎
//	          control        as text                     control
//
// A mark is a rune that no content has, so it takes nothing from anyone. A
// content that spells no control token, as nearly all do, is rendered as it is.

// guard marks the contents of one rendering.
type guard struct {
	*controls
	mark string
	seam string // another mark, which templates put where the last message begins, see loop.go
}

// marks are noncharacters of Unicode: legal in a text, and no part of any.
var marks = [2]rune{0xFDD0, 0xFDEF}

// newGuard chooses marks that none of the texts has; ok is false when they have
// all but one.
func (c *controls) newGuard(texts []string) (g guard, ok bool) {
	var free []string
	for mark := marks[0]; mark <= marks[1] && len(free) < 2; mark++ {
		if !slices.ContainsFunc(texts, func(s string) bool { return strings.ContainsRune(s, mark) }) {
			free = append(free, string(mark))
		}
	}
	if len(free) < 2 {
		return guard{}, false
	}
	return guard{c, free[0], free[1]}, true
}

// protect marks whatever in the text could become a control token.
func (g guard) protect(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	done := 0
	if g.beginsInside(text) {
		b.WriteString(g.mark)
	}
	for at, _ := g.find(text, 0); at >= 0; at, _ = g.find(text, done) {
		_, first := utf8.DecodeRuneInString(text[at:])
		b.WriteString(text[done : at+first])
		b.WriteString(g.mark)
		done = at + first
	}
	if done == 0 && b.Len() == 0 && !g.endsInside(text) {
		return text
	}
	b.WriteString(text[done:])
	if g.endsInside(text) {
		b.WriteString(g.mark)
	}
	return b.String()
}

// unmark takes the marks out of a rendered text and says where they stood.
func (g guard) unmark(marked string) rendered {
	before, behind, ok := strings.Cut(marked, g.seam)
	r := g.unguard(before + behind)
	if ok {
		r.seam = len(before) - strings.Count(before, g.mark)*len(g.mark)
	}
	return r
}

func (g guard) unguard(marked string) rendered {
	if !strings.Contains(marked, g.mark) {
		return rendered{text: marked}
	}
	var r rendered
	var b strings.Builder
	for part := range strings.SplitSeq(marked, g.mark) {
		b.WriteString(part)
		r.guards = append(r.guards, b.Len())
	}
	r.guards = r.guards[:len(r.guards)-1] // the end of the text is no mark
	r.text = b.String()
	return r
}

// rendered is a text that a template has made. A control token's spelling with a
// guard inside is not the template's.
type rendered struct {
	text   string
	guards []int // ascending offsets into text

	messages int // that the template was given
	seam     int // where it wrote the last of them; 0 where it does not say
}

// from is the text behind the first n bytes.
func (r rendered) from(n int) rendered {
	tail := rendered{text: r.text[n:]}
	for _, at := range r.guards {
		if at >= n {
			tail.guards = append(tail.guards, at-n)
		}
	}
	return tail
}

// guarded tells whether a guard stands in [from, to], or with strictly inside it.
func (r rendered) guarded(from, to int, strictly bool) bool {
	return slices.ContainsFunc(r.guards, func(at int) bool {
		return from < at && at < to || !strictly && (at == from || at == to)
	})
}

// findOwn finds the next control token that the template has written; at the end
// of the text when there is none.
func (c *controls) findOwn(r rendered, at int) (from, to int) {
	for {
		from, to = c.find(r.text, at)
		if from < 0 {
			return len(r.text), len(r.text)
		}
		if !r.guarded(from, to, true) {
			return from, to
		}
		at = from + 1
	}
}
