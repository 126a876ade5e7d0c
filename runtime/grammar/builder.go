package grammar

import (
	"fmt"
	"strings"
)

// Bounds on one grammar. They lie within those of package gbnf, so that what a
// Builder made compiles.
const (
	maxRules = 8000
	maxText  = 200 << 10 // bytes of the schemas' rules
	maxItems = 100_000   // characters, references and alternatives, with repetitions written out
)

// Builder collects the rules of one grammar: those of schemas and the caller's own.
type Builder struct {
	// Closed is for models: objects whose schema lists properties, and says nothing of others,
	// have no others. JSON Schema allows any there, and small models make use of it.
	Closed bool

	rules   []rule
	names   map[string]int    // where in rules
	copies  map[string]int    // of a wish, how often it was altered
	byBody  map[string]string // the name of the rule with that body
	text    int               // bytes
	items   int
	tooMuch bool // a bound has been passed
}

type rule struct{ name, body string }

// New begins a grammar.
func New() *Builder {
	b := &Builder{names: map[string]int{"root": -1}, copies: map[string]int{}, byBody: map[string]string{}}
	for _, r := range plain {
		b.share(r.name, r.body)
	}
	return b
}

// Rule adds a rule of the caller's with a body in GBNF and gives its name, made unique from the wish.
func (b *Builder) Rule(wish, body string) string {
	name := b.reserve(wish)
	b.rules[b.names[name]].body = body
	return name
}

// Grammar is the whole grammar, which begins with the given rule.
func (b *Builder) Grammar(root string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "root ::= %s\n", root)
	for _, r := range b.rules {
		fmt.Fprintf(&text, "%s ::= %s\n", r.name, r.body)
	}
	return text.String()
}

// Literal spells a text as GBNF. Bytes that are not UTF-8 become U+FFFD.
func Literal(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// share is the name of a rule with that body, one that is there already or a new one.
func (b *Builder) share(wish, body string) string {
	if name, ok := b.byBody[body]; ok {
		return name
	}
	name := b.reserve(wish)
	b.define(name, body)
	b.byBody[body] = name
	return name
}

// reserve gives a name to a rule, and leaves it to the caller to define it.
func (b *Builder) reserve(wish string) string {
	stem := word(wish)
	name := stem
	for _, taken := b.names[name]; taken; _, taken = b.names[name] {
		b.copies[stem]++
		name = fmt.Sprintf("%s-%d", stem, b.copies[stem]+1)
	}
	b.names[name] = len(b.rules)
	b.rules = append(b.rules, rule{name: name})
	return name
}

// define sets the body of a reserved rule and charges what it takes.
func (b *Builder) define(name, body string) {
	b.rules[b.names[name]].body = body
	b.text += len(name) + len(body) + len(" ::= \n")
	b.items += itemsOf(body)
	if len(b.rules) > maxRules || b.text > maxText || b.items > maxItems {
		b.tooMuch = true
	}
}

// itemsOf is how many items a body has, as package gbnf counts them, without
// repetitions: characters between quotes and brackets, names, alternatives.
func itemsOf(body string) (n int) {
	within, named, escaped := rune(0), false, false
	n = 2
	for _, r := range body {
		switch {
		case within != 0:
			n++
			if r == within && !escaped {
				within = 0
			}
			escaped = r == '\\' && !escaped
			continue
		case r == '"':
			within = '"'
		case r == '[':
			within = ']'
		case r == '|' || r == '(':
			n++
		}
		isName := r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if isName && !named {
			n++
		}
		named = isName
	}
	return n
}

// mark is how much of the grammar there is.
type mark struct{ rules, text, items int }

func (b *Builder) mark() mark { return mark{len(b.rules), b.text, b.items} }

// back forgets the rules that were added since.
func (b *Builder) back(m mark) {
	for _, r := range b.rules[m.rules:] {
		delete(b.names, r.name)
		if b.byBody[r.body] == r.name {
			delete(b.byBody, r.body)
		}
	}
	b.rules, b.text, b.items, b.tooMuch = b.rules[:m.rules], m.text, m.items, false
}

// word is a rule's name as GBNF allows it: letters, digits and -.
func word(wish string) string {
	const longest = 24
	var out []byte
	for i := 0; i < len(wish) && len(out) < longest; i++ {
		c := wish[i]
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
			out = append(out, c)
		case len(out) > 0 && out[len(out)-1] != '-':
			out = append(out, '-')
		}
	}
	if len(out) == 0 {
		return "rule"
	}
	return string(out)
}
