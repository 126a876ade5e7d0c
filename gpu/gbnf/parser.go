package gbnf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parser reads a grammar. After the first error it stands at the end of the text.
type parser struct {
	text    string
	pos     int
	rules   []rule
	ids     map[string]int // of named rules
	sets    []charset
	single  map[rune]item // sets of one character
	items   int
	nesting int
	err     error
}

func newParser(text string) *parser {
	return &parser{text: text, ids: map[string]int{}, single: map[rune]item{}}
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		line := 1 + strings.Count(p.text[:p.pos], "\n")
		p.err = fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
	}
	p.pos = len(p.text)
}

// peek is the byte n places ahead, 0 behind the end.
func (p *parser) peek(n int) byte {
	if p.pos+n < len(p.text) {
		return p.text[p.pos+n]
	}
	return 0
}

func (p *parser) skip(n int) { p.pos = min(p.pos+n, len(p.text)) }

// grammar = { rule }
func (p *parser) grammar() {
	switch {
	case len(p.text) > maxText:
		p.fail("%d bytes; the most is %d", len(p.text), maxText)
	case strings.IndexByte(p.text, 0) >= 0:
		p.fail("a NUL byte")
	case !utf8.ValidString(p.text):
		p.fail("not UTF-8")
	}
	for p.space(true); p.pos < len(p.text); p.space(true) {
		p.rule()
	}
}

// rule = name "::=" alternatives newline
func (p *parser) rule() {
	name := p.name()
	p.space(false)
	if p.err == nil && !strings.HasPrefix(p.text[p.pos:], "::=") {
		p.fail("expected ::= after %q", name)
		return
	}
	if p.err != nil {
		return
	}
	p.skip(len("::="))
	p.space(true)
	id := p.id(name)
	p.define(id, p.alternatives(name, false))
	if c := p.peek(0); c != 0 && c != '\r' && c != '\n' {
		p.fail("expected the end of the line, found %q", c)
	}
}

// alternatives = sequence { "|" sequence }
func (p *parser) alternatives(name string, nested bool) [][]item {
	alts := [][]item{p.sequence(name, nested)}
	for p.peek(0) == '|' {
		p.skip(1)
		p.space(true)
		alts = append(alts, p.sequence(name, nested))
	}
	p.count(len(alts))
	return alts
}

// sequence = { symbol | repetition }
func (p *parser) sequence(name string, nested bool) (seq []item) {
	last := 0 // where the last symbol begins, which a repetition repeats
	for {
		before := len(seq)
		switch c := p.peek(0); {
		case c == '"':
			seq = append(seq, p.literal()...)
		case c == '[':
			seq = append(seq, p.class()...)
		case c == '<' || c == '!':
			p.fail("tokens like <name> are not supported: write what the text is to be")
		case c == '.':
			p.skip(1)
			seq = append(seq, p.set(nil, true))
		case word(c):
			seq = append(seq, item(p.id(p.name())))
		case c == '(':
			seq = append(seq, p.group(name))
		case c == '*' || c == '+' || c == '?' || c == '{':
			least, most := p.repetition()
			if last == len(seq) {
				p.fail("nothing before %q to repeat", c)
				return seq
			}
			seq = p.repeat(name, seq, last, least, most)
			p.space(nested)
			continue
		default:
			return seq
		}
		last = before
		p.count(len(seq) - before)
		p.space(nested)
	}
}

// literal = '"' { character } '"'
func (p *parser) literal() (chars []item) {
	p.skip(1)
	for p.err == nil && p.peek(0) != '"' {
		r := p.character()
		it, ok := p.single[r]
		if !ok {
			it = p.set([]span{{r, r}}, false)
			p.single[r] = it
		}
		chars = append(chars, it)
	}
	p.skip(1)
	return chars
}

// class = "[" [ "^" ] { character [ "-" character ] } "]"; one without characters
// is nothing.
func (p *parser) class() []item {
	p.skip(1)
	others := p.peek(0) == '^'
	if others {
		p.skip(1)
	}
	var ranges []span
	for p.err == nil && p.peek(0) != ']' {
		first := p.character()
		last := first
		if p.peek(0) == '-' && p.peek(1) != ']' {
			p.skip(1)
			last = p.character()
		}
		ranges = append(ranges, span{first, last})
	}
	p.skip(1)
	p.count(len(ranges))
	if len(ranges) == 0 {
		return nil
	}
	return []item{p.set(ranges, others)}
}

// set adds a character set.
func (p *parser) set(ranges []span, others bool) item {
	p.sets = append(p.sets, newCharset(ranges, others))
	return item(^(len(p.sets) - 1))
}

// character reads one, escaped or not.
func (p *parser) character() rune {
	c := p.peek(0)
	if c == 0 {
		p.fail("the text ends within quotes or brackets")
		return 0
	}
	if c != '\\' {
		r, n := utf8.DecodeRuneInString(p.text[p.pos:])
		p.skip(n)
		return r
	}
	c = p.peek(1)
	p.skip(2)
	if digits, ok := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; ok {
		text := p.text[p.pos:min(p.pos+digits, len(p.text))]
		r, err := strconv.ParseUint(text, 16, 31)
		if err != nil || len(text) < digits {
			p.fail("expected %d hexadecimal digits after \\%c", digits, c)
		}
		p.skip(digits)
		return rune(r)
	}
	if r, ok := map[byte]rune{'t': '\t', 'r': '\r', 'n': '\n', '\\': '\\', '"': '"', '[': '[', ']': ']', '-': '-'}[c]; ok {
		return r
	}
	p.fail("unknown escape \\%c", c)
	return 0
}

// group = "(" alternatives ")", a rule of its own.
func (p *parser) group(name string) item {
	if p.nesting++; p.nesting > maxNesting {
		p.fail("parentheses more than %d deep", maxNesting)
	}
	p.skip(1)
	p.space(true)
	id := p.generate(name)
	p.define(id, p.alternatives(name, true))
	if p.peek(0) != ')' {
		p.fail("expected )")
	}
	p.skip(1)
	p.nesting--
	return item(id)
}

// unlimited is the most times of a repetition without an end.
const unlimited = -1

// repetition = "*" | "+" | "?" | "{" number [ "," [ number ] ] "}"
func (p *parser) repetition() (least, most int) {
	c := p.peek(0)
	p.skip(1)
	switch c {
	case '*':
		return 0, unlimited
	case '+':
		return 1, unlimited
	case '?':
		return 0, 1
	}
	p.space(true)
	least = p.number()
	most = least
	p.space(true)
	if p.peek(0) == ',' {
		p.skip(1)
		p.space(true)
		most = unlimited
		if digit(p.peek(0)) {
			if most = p.number(); most < least {
				p.fail("repeated at least %d and at most %d times", least, most)
			}
			p.space(true)
		}
	}
	if p.peek(0) != '}' {
		p.fail("expected }")
	}
	p.skip(1)
	return least, most
}

// repeat expands a repetition of seq[from:] as libllama does:
// S{m,n} = S … S (m times) R, where R = S R' | nothing, n−m rules deep, or
// R = S R | nothing where there is no end.
func (p *parser) repeat(name string, seq []item, from, least, most int) []item {
	symbol := slices.Clone(seq[from:])
	options := 1
	if most != unlimited {
		options = most - least
	}
	if p.count(len(symbol)*(least+options) + 3*options); p.err != nil {
		return seq
	}
	seq = seq[:from]
	for range least {
		seq = append(seq, symbol...)
	}
	rest := -1
	for range options {
		id := p.generate(name)
		alt := slices.Clone(symbol)
		if most == unlimited {
			p.rules[id].repeats = true
			rest = id
		}
		if rest >= 0 {
			alt = append(alt, item(rest))
		}
		p.define(id, [][]item{alt, nil})
		rest = id
	}
	if rest >= 0 {
		seq = append(seq, item(rest))
	}
	return seq
}

// number reads one that libllama takes as a count of repetitions.
func (p *parser) number() int {
	begin := p.pos
	for digit(p.peek(0)) {
		p.skip(1)
	}
	n, err := strconv.Atoi(p.text[begin:p.pos])
	if err != nil || n > maxRepeats {
		p.fail("expected a number of repetitions up to %d, found %q", maxRepeats, p.text[begin:p.pos])
		return 0
	}
	return n
}

func (p *parser) name() string {
	begin := p.pos
	for word(p.peek(0)) {
		p.skip(1)
	}
	if p.pos == begin {
		p.fail("expected a rule's name, of letters, digits and -")
	}
	return p.text[begin:p.pos]
}

// space skips blanks and comments, and newlines where they mean nothing.
func (p *parser) space(newlines bool) {
	for {
		switch c := p.peek(0); {
		case c == ' ' || c == '\t' || newlines && (c == '\r' || c == '\n'):
			p.skip(1)
		case c == '#':
			for c := p.peek(0); c != 0 && c != '\r' && c != '\n'; c = p.peek(0) {
				p.skip(1)
			}
		default:
			return
		}
	}
}

// id is the number of the rule of that name.
func (p *parser) id(name string) int {
	id, ok := p.ids[name]
	if !ok {
		id = len(p.rules)
		p.ids[name] = id
		p.rules = append(p.rules, rule{name: name})
	}
	return id
}

// generate makes a rule without a name of its own, a part of the named one.
func (p *parser) generate(name string) int {
	p.rules = append(p.rules, rule{name: name})
	return len(p.rules) - 1
}

func (p *parser) define(id int, alts [][]item) {
	p.rules[id].alts, p.rules[id].defined = alts, true
}

// count adds to the size of the expanded grammar.
func (p *parser) count(items int) {
	if p.items += items; p.items > maxItems {
		p.fail("more than %d characters and rules with all repetitions written out", maxItems)
	}
}

func word(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || digit(c) || c == '-'
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
