package grammar

import (
	"slices"
	"strings"
)

// maxShapes bounds the alternatives of one value, and maxWork those of all that are looked at.
const (
	maxShapes = 64
	maxWork   = 100_000
	maxOneOf  = 300 // alternatives that are compared with one another
)

// shapes is what all of a say together, as alternatives.
func (c *converter) shapes(a all) []shape {
	out := []shape{anything()}
	for _, v := range a {
		_, keyword := choice(all{v})
		out = c.choose(v, keyword, out, c.alternatives(v))
	}
	return out
}

// alternatives is what one schema says, with those that it refers to and chooses
// between. That goes no deeper into a value, so that a schema that comes by itself
// again would have no end.
func (c *converter) alternatives(v *value) []shape {
	if v.kind == isBoolean {
		if v.truth {
			return []shape{anything()}
		}
		return nil
	}
	if c.schema(v); c.err != nil {
		return nil
	}
	if slices.Contains(c.path, v) {
		c.fail(v, "it is defined by itself")
		return nil
	}
	c.path = append(c.path, v)
	defer func() { c.path = c.path[:len(c.path)-1] }()

	out := []shape{c.own(v)}
	if v.field("$ref") != nil {
		if target := c.target(v); target != nil {
			out = c.choose(v, "$ref", out, c.alternatives(target))
		}
	}
	if list := v.field("allOf"); list != nil {
		for _, part := range c.list(list) {
			out = c.choose(v, "allOf", out, c.alternatives(part))
		}
	}
	if list := v.field("anyOf"); list != nil {
		out = c.choose(v, "anyOf", out, slices.Concat(c.union(list)...))
	}
	if list := v.field("oneOf"); list != nil {
		parts := c.union(list)
		if !c.disjoint(out, parts) {
			c.loosen(v, "oneOf", "its alternatives overlap, or it cannot be told that they do not")
		}
		out = c.choose(v, "oneOf", out, slices.Concat(parts...))
	}
	return out
}

// union is the alternatives of each schema of a list.
func (c *converter) union(list *value) (out [][]shape) {
	for _, part := range c.list(list) {
		out = append(out, c.alternatives(part))
		if c.err != nil {
			return nil
		}
	}
	return out
}

// choose is shapes together with any of the alternatives, which a keyword of v makes.
func (c *converter) choose(v *value, keyword string, shapes, alternatives []shape) []shape {
	both := c.product(shapes, gather(alternatives))
	if len(both) > maxShapes {
		c.loosen(v, keyword, "it makes too many alternatives")
		return shapes
	}
	return both
}

// gather makes one of the alternatives that are constants and nothing else.
func gather(shapes []shape) (out []shape) {
	at := map[kinds]int{}
	for _, s := range shapes {
		if !s.bare {
			out = append(out, s)
			continue
		}
		i, ok := at[s.kinds]
		if !ok {
			i = len(out)
			at[s.kinds] = i
			out = append(out, s)
			continue
		}
		out[i].consts = slices.Concat(out[i].consts, s.consts)
	}
	return out
}

// product is what both lists of alternatives say together.
func (c *converter) product(a, b []shape) (out []shape) {
	for _, s := range a {
		for _, t := range b {
			both := c.meet(s, t)
			if c.err != nil {
				return nil
			}
			if both.kinds != 0 && (!both.fixed || len(both.consts) > 0) {
				out = append(out, both)
			}
		}
	}
	return out
}

// meet is what both shapes say together.
func (c *converter) meet(s, t shape) shape {
	if c.spend(1 + (len(s.members)*len(t.members)+len(s.consts)*len(t.consts))/64); c.err != nil {
		return shape{}
	}
	return s.meet(t)
}

// spend bounds what is looked at.
func (c *converter) spend(work int) {
	if c.work += work; c.work > maxWork {
		c.fail(c.root, "it makes too many alternatives to look at")
	}
}

// disjoint tells whether no value that is in one of the shapes is in two of the parts.
func (c *converter) disjoint(shapes []shape, parts [][]shape) bool {
	if len(parts) > maxOneOf {
		return false
	}
	for i, part := range parts {
		for _, s := range c.product(shapes, part) {
			for _, other := range parts[i+1:] {
				for _, t := range other {
					if c.err != nil || c.overlap(s, t, 2) {
						return false
					}
				}
			}
		}
	}
	return true
}

// overlap tells whether a value may be in both shapes, as far as that is seen from
// their kinds, constants, bounds and required members.
func (c *converter) overlap(a, b shape, depth int) bool {
	both := c.meet(a, b)
	if both.fixed {
		return slices.ContainsFunc(both.consts, func(v *value) bool { return c.admits(both, v, depth) })
	}
	if both.low != nil && both.high != nil && both.low.at.Cmp(both.high.at) > 0 {
		both.kinds &^= isNumber
	}
	if both.most != unlimited && both.least > both.most {
		both.kinds &^= isString
	}
	if both.manyItems != unlimited && both.fewItems > both.manyItems {
		both.kinds &^= isArray
	}
	for _, m := range both.members {
		if m.required && both.kinds&isObject != 0 && depth > 0 && !c.mayBe(m.value, depth-1) {
			both.kinds &^= isObject
		}
	}
	return both.kinds != 0
}

// mayBe tells whether any value may be valid for all of a.
func (c *converter) mayBe(a all, depth int) bool {
	path := c.path
	c.path = nil
	shapes := c.shapes(a)
	c.path = path
	return slices.ContainsFunc(shapes, func(s shape) bool { return c.overlap(s, anything(), depth) })
}

// target is the schema that $ref names; nil where that is given up.
func (c *converter) target(v *value) *value {
	ref := v.field("$ref")
	if ref.kind != isString {
		c.fail(ref, "expected a string")
		return nil
	}
	fragment, local := strings.CutPrefix(ref.text, "#")
	if !local {
		c.loosen(v, "$ref", "only references within the schema are followed")
		return nil
	}
	base := ref.base()
	if found := base.find(fragment); found != nil {
		return c.schema(found)
	}
	if found := c.anchor(base, fragment); found != nil {
		return found
	}
	c.fail(ref, "there is no %q", ref.text)
	return nil
}

// anchor is the schema of that $anchor in the document of base, or nil.
func (c *converter) anchor(base *value, name string) *value {
	if c.anchors == nil {
		c.anchors = map[anchor]*value{}
		c.root.walk(func(v *value) {
			if a := v.field("$anchor"); a != nil && a.kind == isString {
				c.anchors[anchor{v.base(), a.text}] = v
			}
		})
	}
	return c.anchors[anchor{base, name}]
}

type anchor struct {
	base *value
	name string
}
