package grammar

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrSchema is wrapped by the error for a schema that is malformed, too large, that no
// value fits, or that asks for what a grammar cannot hold.
var ErrSchema = errors.New("JSON schema")

// Schema adds the rules of a JSON schema and gives the name of the rule that stands for a value of it.
// With strict, a keyword that cannot be held is an error that wraps ErrSchema and names the keyword and its place (JSON pointer);
// without, it is loosened (the grammar then accepts more) and named in loosened, by the pointer to the keyword.
// After an error the builder is as it was.
func (b *Builder) Schema(schema []byte, strict bool) (rule string, loosened []string, err error) {
	document, err := read(schema)
	if err != nil {
		return "", nil, err
	}
	before := b.mark()
	c := &converter{Builder: b, strict: strict, root: document, conjunctions: map[string]string{}, widths: map[string]width{}, tags: map[string][]string{}, demands: map[string][][]string{}}
	rule, possible := c.rule(all{document})
	switch {
	case c.err != nil:
	case b.tooMuch:
		c.err = fmt.Errorf("%w: its grammar has more than %d rules, %d bytes or %d characters with repetitions written out", ErrSchema, maxRules, maxText, maxItems)
	case !possible || !c.ends(rule):
		c.err = fmt.Errorf("%w: no value is valid", ErrSchema)
	}
	if c.err != nil {
		b.back(before)
		return "", nil, c.err
	}
	return rule, c.loosened, nil
}

// maxLoosened bounds the list of keywords that are loosened.
const maxLoosened = 100

// converter makes rules of one schema. After the first error it makes nothing more.
type converter struct {
	*Builder
	strict       bool
	root         *value
	conjunctions map[string]string     // the rule of schemas that hold together, by their key; "": no value fits
	widths       map[string]width      // of rules
	tags         map[string][]string   // the value of rules of a constant
	demands      map[string][][]string // of rules, see ends
	path         []*value              // schemas being expanded into shapes
	anchors      map[anchor]*value
	patterns     map[string]compiled
	work         int
	loosened     []string
	err          error
}

// all is schemas that hold together for one value. None: any value.
type all []*value

// and is the schemas of both.
func (a all) and(others ...*value) all {
	out := slices.Concat(a, others)
	slices.SortFunc(out, func(v, w *value) int { return v.id - w.id })
	return slices.Compact(out)
}

func (a all) key() string {
	var key strings.Builder
	for _, v := range a {
		key.WriteString(strconv.Itoa(v.id) + " ")
	}
	return key.String()
}

// rule is the rule of the values that all of a admit, and whether there are any.
// What a schema says of parts of a value is looked at only when the part's rule is
// made, so that schemas may refer to themselves.
func (c *converter) rule(a all) (name string, possible bool) {
	a = c.aims(a)
	if c.err != nil || c.tooMuch {
		return "value", true
	}
	if len(a) == 0 {
		return "value", true
	}
	key := a.key()
	if name, ok := c.conjunctions[key]; ok {
		return name, name != ""
	}
	name = c.reserve(wish(a))
	c.conjunctions[key] = name
	path := c.path
	c.path = nil
	shapes := c.shapes(a)
	bodies := c.bodies(name, shapes)
	c.path = path
	if c.widths[name].most > maxWidth {
		v, keyword := choice(a)
		c.loosen(v, keyword, "too many of its alternatives begin alike")
		bodies, c.widths[name], c.demands[name] = open(shapes), anyWidth, [][]string{nil}
	}
	if len(bodies) == 0 {
		c.conjunctions[key] = ""
		c.define(name, `[z-a]`) // nothing
		return "", false
	}
	c.define(name, either(bodies...))
	return name, true
}

// aims replaces schemas that only refer to others by those.
func (c *converter) aims(a all) all {
	var out all
	for _, v := range a {
		for range maxDepth {
			ref := v.field("$ref")
			if ref == nil || !onlyRefers(v) {
				break
			}
			if v = c.target(v); v == nil {
				break
			}
		}
		if v != nil && !admitsAnything(v) {
			out = append(out, v)
		}
	}
	return all(nil).and(out...)
}

// choice is the keyword that makes alternatives, and the schema that has it. Where
// none does, there is but one.
func choice(a all) (v *value, keyword string) {
	for _, keyword := range []string{"anyOf", "oneOf", "allOf", "$ref", "enum"} {
		for _, v := range a {
			if v.field(keyword) != nil {
				return v, keyword
			}
		}
	}
	return a[0], ""
}

// wish is a name for the rule of a: that of the property, mostly.
func wish(a all) string {
	v := a[0]
	if v.up == nil {
		return "schema"
	}
	if v.up.kind == isArray || v.step == "items" || v.step == "additionalProperties" {
		if up := wish(all{v.up}); len(up) < 20 {
			return up + "-" + strings.TrimSuffix(v.step, "s")
		}
	}
	return v.step
}

func (c *converter) fail(v *value, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s: %s", ErrSchema, v.at(), fmt.Sprintf(format, args...))
	}
}

// loosen gives up a keyword, which is an error where the schema is to be held strictly.
func (c *converter) loosen(v *value, keyword, why string) {
	place := v.at() + "/" + escapePointer.Replace(keyword)
	if c.strict {
		if c.err == nil {
			c.err = fmt.Errorf("%w: %s: %s cannot be held: %s", ErrSchema, place, keyword, why)
		}
		return
	}
	if len(c.loosened) < maxLoosened && !slices.Contains(c.loosened, place) {
		c.loosened = append(c.loosened, place)
	}
}
