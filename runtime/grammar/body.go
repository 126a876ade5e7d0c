package grammar

import "slices"

// maxWidth bounds in how many ways at once a text may be read: what package gbnf
// follows, with room for what is around a schema's value.
const maxWidth = 160

// bodies is the alternatives of the values of shapes, as expressions, for the named
// rule.
func (c *converter) bodies(name string, shapes []shape) (ways []string) {
	alike := map[kinds]int{} // in how many ways values of one kind may be read at once
	for _, s := range shapes {
		for _, p := range c.parts(name, s) {
			if !slices.Contains(ways, p.way) {
				ways = append(ways, p.way)
				alike[p.kind] += p.width
			}
			c.demands[name] = append(c.demands[name], p.demands)
		}
	}
	for _, width := range alike {
		c.widths[name] = max(c.widths[name], width)
	}
	return ways
}

// open is the alternatives of all values of the kinds that the shapes have.
func open(shapes []shape) (ways []string) {
	var some kinds
	for _, s := range shapes {
		some |= s.kinds
	}
	for _, k := range []struct {
		of  kinds
		way string
	}{{isNull, "null"}, {isBoolean, "boolean"}, {isNumber, "number"}, {isString, "string"}, {isArray, "array"}, {isObject, "object"}} {
		if some&k.of != 0 {
			ways = append(ways, k.way)
		}
	}
	return ways
}

// part is the values of a shape that are of one kind: their first character tells.
type part struct {
	kind    kinds
	way     string
	width   int      // in how many ways at once it may be read
	demands []string // rules that each of its values has within it
}

func (c *converter) parts(name string, s shape) (out []part) {
	add := func(kind kinds, p part, ok bool) {
		if p.kind = kind; ok {
			out = append(out, p)
		}
	}
	simple := func(kind kinds, way string, ok bool) { add(kind, part{way: way, width: 1}, ok) }
	if s.fixed {
		return c.constant(name, s)
	}
	simple(isNull, "null", s.kinds&isNull != 0)
	simple(isBoolean, "boolean", s.kinds&isBoolean != 0)
	if s.kinds&isNumber != 0 {
		way, ok := group(c.number(s))
		simple(isNumber, way, ok)
	}
	if s.kinds&isString != 0 {
		way, ok := c.text(name+"-string", s)
		simple(isString, way, ok)
	}
	if s.kinds&isArray != 0 {
		p, ok := c.array(name, s)
		add(isArray, p, ok)
	}
	if s.kinds&isObject != 0 {
		p, ok := c.object(name, s)
		add(isObject, p, ok)
	}
	return out
}

// ends tells whether a value of the rule can be finished: a schema that requires
// itself within itself has none.
func (c *converter) ends(root string) bool {
	finite := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for name, alternatives := range c.demands {
			if !finite[name] && slices.ContainsFunc(alternatives, func(demands []string) bool {
				return !slices.ContainsFunc(demands, func(d string) bool { return c.demands[d] != nil && !finite[d] })
			}) {
				finite[name], changed = true, true
			}
		}
	}
	for name := range c.demands {
		if !finite[name] {
			return false
		}
	}
	return true
}
