package grammar

import (
	"fmt"
	"strings"
)

// text is the rule of a string; possible is false where there is none.
func (c *converter) text(wish string, s shape) (name string, w width, possible bool) {
	if s.most != unlimited && s.least > s.most {
		return "", width{}, false
	}
	held, some := c.automaton(s)
	switch {
	case some && len(held.states) == 0:
		return "", width{}, false
	case some:
		return c.follow(wish, held), held.width(), true
	case s.least == 0 && s.most == unlimited:
		return "string", narrow, true
	}
	return c.share(wish, join(`"\""`, c.repeat("char", s.least, s.most), `"\""`)), countable, true
}

// automaton is what patterns, lengths and format say together, as far as they are
// held. Lengths alone need none.
func (c *converter) automaton(s shape) (m automaton, some bool) {
	for _, p := range s.patterns {
		n, err := c.pattern(p.text)
		if err != nil {
			c.loosen(p.up, "pattern", err.Error())
			continue
		}
		if c.spend(len(m.states)); !some {
			m, some = n, true
		} else if both, ok := m.meet(n); ok {
			m = both
		} else {
			c.loosen(p.up, "pattern", "together with others it is too large")
		}
	}
	if some && (s.least > 0 || s.most != unlimited) {
		both, ok := m.limit(s.least, s.most)
		if c.spend(min(max(s.least, s.most), maxPlaces) / 4); ok {
			m = both
		} else {
			for _, by := range []*value{s.leastBy, s.mostBy} {
				if by != nil {
					c.loosen(by.up, by.step, "together with the pattern it is too large")
				}
			}
		}
	}
	if s.format == nil || formats[s.format.text] == "" {
		return m, some
	}
	n, err := c.pattern(formats[s.format.text])
	if err != nil {
		panic("grammar: format " + s.format.text + ": " + err.Error())
	}
	n, ok := n.limit(min(s.least, longFormat), fewer(s.most, longFormat))
	if ok && some {
		n, ok = m.meet(n)
	}
	if !ok || len(n.states) == 0 { // a format is an annotation; what contradicts it counts
		return m, some
	}
	return n, true
}

// follow is the rule of the strings that an automaton accepts.
func (c *converter) follow(wish string, m automaton) string {
	names := make([]string, len(m.states))
	for i := range names {
		names[i] = c.reserve(wish + "-text")
	}
	for i, p := range m.states {
		var ways []string
		if p.final {
			ways = append(ways, `"\""`)
		}
		for _, e := range p.edges {
			ways = append(ways, c.character(e.on)+" "+names[e.to])
		}
		c.define(names[i], either(ways...))
	}
	return c.share(wish, `"\"" `+names[0])
}

// character is the expression of one character of a set, within a JSON string. Each
// has one spelling, unless it may be any.
func (c *converter) character(set []span) string {
	if len(set) == len(every) && set[0] == every[0] && set[1] == every[1] {
		return "char"
	}
	var ways []string
	if class := plainClass(set); class != "[]" {
		if len(class) > 40 {
			class = c.share("letter", class)
		}
		ways = append(ways, class)
	}
	if short := shortEscapes(set); short != "" {
		ways = append(ways, `"\\" [`+short+`]`)
	}
	for high, digits := range controls(set) {
		if digits != "" {
			ways = append(ways, fmt.Sprintf(`"\\u00%d" [%s]`, high, digits))
		}
	}
	if len(ways) == 1 {
		return ways[0]
	}
	return c.share("letter", either(ways...))
}

// plainClass is the characters of a set that stand for themselves in a JSON string.
func plainClass(set []span) string {
	var out strings.Builder
	out.WriteByte('[')
	for _, s := range common(set, []span{{' ', '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, 0x10ffff}}) {
		out.WriteString(inClass(s.first))
		if s.last > s.first {
			out.WriteString("-" + inClass(s.last))
		}
	}
	return out.String() + "]"
}

// inClass spells a character within brackets of GBNF.
func inClass(r rune) string {
	switch {
	case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9':
		return string(r)
	case r <= 0xff:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// short are the characters with an escape of one letter, and these letters.
var short = []struct {
	char    rune
	plain   string
	inClass string // as it is spelt within brackets of GBNF
}{
	{'"', `"`, `"`}, {'\\', `\`, `\\`}, {'\b', "b", "b"}, {'\f', "f", "f"}, {'\n', "n", "n"}, {'\r', "r", "r"}, {'\t', "t", "t"},
}

func shortEscapes(set []span) (letters string) {
	for _, s := range short {
		if has(set, s.char) {
			letters += s.inClass
		}
	}
	return letters
}

// controls are the last digits of the control characters of a set that have no escape
// of one letter, of \u000d and of \u001d.
func controls(set []span) (digits [2]string) {
	const short = "\b\f\n\r\t"
	for r := range rune(0x20) {
		if has(set, r) && !strings.ContainsRune(short, r) {
			digits[r>>4] += fmt.Sprintf("%x", r&15)
		}
	}
	return digits
}
