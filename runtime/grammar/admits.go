package grammar

import "unicode/utf8"

// admits tells whether a constant is one of a shape's values, so that an enum is held
// together with what else a schema says. Where that is given up, so it is here.
func (c *converter) admits(s shape, v *value, depth int) bool {
	if s.kinds&v.kind == 0 {
		return false
	}
	switch v.kind {
	case isInteger, isFraction:
		return above(s.low, v) && below(s.high, v)
	case isString:
		return within(utf8.RuneCountInString(v.text), s.least, s.most) && c.matches(s.patterns, v.text)
	case isArray:
		if !within(len(v.items), s.fewItems, s.manyItems) {
			return false
		}
		for i, item := range v.items {
			if !c.admitted(s.item(i), item, depth) {
				return false
			}
		}
	case isObject:
		if !within(len(v.names), s.fewNames, s.manyNames) {
			return false
		}
		for _, m := range s.members {
			if m.required && v.fields[m.name] == nil {
				return false
			}
		}
		for _, name := range v.names {
			m, _ := s.member(name)
			if !c.admitted(m.value, v.fields[name], depth) {
				return false
			}
		}
	}
	return true
}

// admitted tells whether all of a admit a constant.
func (c *converter) admitted(a all, v *value, depth int) bool {
	if depth == 0 || len(a) == 0 {
		return true
	}
	path := c.path
	c.path = nil
	defer func() { c.path = path }()
	for _, s := range c.shapes(a) {
		fixed := !s.fixed
		for _, only := range s.consts {
			fixed = fixed || only.equal(v)
		}
		if fixed && c.admits(s, v, depth-1) {
			return true
		}
	}
	return false
}

// matches tells whether a text matches all patterns that are held.
func (c *converter) matches(patterns []*value, text string) bool {
	for _, p := range patterns {
		if m, err := c.pattern(p.text); err == nil && !m.matches(text) {
			return false
		}
	}
	return true
}

func within(n, least, most int) bool { return n >= least && (most == unlimited || n <= most) }

func above(b *bound, v *value) bool {
	return b == nil || v.number.Cmp(b.at) > 0 || !b.open && v.number.Cmp(b.at) == 0
}

func below(b *bound, v *value) bool {
	return b == nil || v.number.Cmp(b.at) < 0 || !b.open && v.number.Cmp(b.at) == 0
}
