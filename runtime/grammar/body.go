package grammar

import "slices"

// bodies is the alternatives of the values of shapes, as expressions, for the named
// rule.
func (c *converter) bodies(name string, shapes []shape) (ways []string) {
	var parts []part
	for _, s := range shapes {
		for _, p := range c.parts(name, s) {
			if !slices.Contains(ways, p.way) {
				ways, parts = append(ways, p.way), append(parts, p)
			}
			c.demands[name] = append(c.demands[name], p.demands)
		}
	}
	c.widths[name] = together(parts)
	if len(shapes) == 1 && shapes[0].fixed && len(shapes[0].consts) == 1 {
		c.tags[name] = ways
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
	width   width
	tag     [2]string // the first member that all have, and its value if that is a constant
	demands []string  // rules that each of its values has within it
}

func (c *converter) parts(name string, s shape) (out []part) {
	add := func(kind kinds, p part, ok bool) {
		if p.kind = kind; ok {
			out = append(out, p)
		}
	}
	simple := func(kind kinds, way string, ok bool, w width) { add(kind, part{way: way, width: w}, ok) }
	if s.fixed {
		return c.constant(name, s)
	}
	simple(isNull, "null", s.kinds&isNull != 0, narrow)
	simple(isBoolean, "boolean", s.kinds&isBoolean != 0, width{2, 2})
	if s.kinds&isNumber != 0 {
		way, ok := group(c.number(s))
		simple(isNumber, way, ok, numeric)
	}
	if s.kinds&isString != 0 {
		way, w, ok := c.text(name+"-string", s)
		simple(isString, way, ok, w)
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
