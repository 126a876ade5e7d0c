package chat

import (
	"strings"
	"unicode"
)

// tag is a tag of a template's source: {{ an expression }}, {% a statement %} or
// {# a comment #}.
type tag struct {
	kind     byte // '{', '%' or '#'
	from, to int  // in the source
	words    []word
}

// word is a name, a number, a string or an operator inside a tag.
type word struct {
	text     string
	from, to int // in the source
}

// readTags finds the tags of a source. ok is false when one has no end.
func readTags(source string) (tags []tag, ok bool) {
	for at := 0; ; {
		next := strings.IndexByte(source[at:], '{')
		if next < 0 || at+next+1 == len(source) {
			return tags, true
		}
		at += next
		t := tag{kind: source[at+1], from: at}
		switch t.kind {
		case '{':
			t.words, t.to = readWords(source, at+2, "}}")
		case '%':
			t.words, t.to = readWords(source, at+2, "%}")
		case '#':
			if end := strings.Index(source[at+2:], "#}"); end >= 0 {
				t.to = at + 2 + end + 2
			}
		default:
			at++
			continue
		}
		if t.to == 0 {
			return nil, false
		}
		tags = append(tags, t)
		at = t.to
	}
}

// readWords reads words up to what closes the tag; to is behind that, and 0 when it never
// comes. The marks of white space control are no words.
func readWords(source string, at int, closing string) (words []word, to int) {
	at += len(source[at:]) - len(strings.TrimPrefix(source[at:], "-"))
	for at < len(source) {
		rest := source[at:]
		if strings.HasPrefix(rest, closing) {
			return words, at + len(closing)
		}
		if strings.HasPrefix(rest, "-"+closing) {
			return words, at + 1 + len(closing)
		}
		n := wordLength(rest)
		if n == 0 {
			return nil, 0
		}
		if !unicode.IsSpace(rune(rest[0])) {
			words = append(words, word{text: rest[:n], from: at, to: at + n})
		}
		at += n
	}
	return nil, 0
}

// wordLength is the length of the word that the text begins with, or of one white space;
// 0 for a string that does not end.
func wordLength(text string) int {
	switch c := text[0]; {
	case c == '\'' || c == '"':
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case c:
				return i + 1
			}
		}
		return 0
	case isNameByte(c):
		n := 1
		for n < len(text) && isNameByte(text[n]) {
			n++
		}
		return n
	case len(text) > 1 && text[1] == '=' && strings.IndexByte("=!<>", c) >= 0:
		return 2
	}
	return 1
}

func isNameByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}

// isName tells names from numbers, strings and operators.
func (w word) isName() bool {
	return isNameByte(w.text[0]) && (w.text[0] < '0' || w.text[0] > '9')
}

// spell is the words with one space between each.
func spell(words []word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}
