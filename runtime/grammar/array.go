package grammar

// array is the arrays that a shape admits; false where there are none.
//
// The first items each have a rule of their own, and those behind them one for all.
func (c *converter) array(name string, s shape) (p part, ok bool) {
	if s.manyItems != unlimited && s.fewItems > s.manyItems {
		return part{}, false
	}
	most := s.manyItems
	var first []string
	for i, item := range s.prefix {
		if most != unlimited && i >= most {
			break
		}
		rule, possible := c.rule(item)
		if !possible {
			most = i
			break
		}
		first = append(first, rule)
	}
	rest := "" // no others
	if most == unlimited || most > len(first) {
		rule, possible := c.rule(s.rest)
		if !possible {
			most = len(first)
		}
		rest = rule
	}
	if most != unlimited && s.fewItems > most {
		return part{}, false
	}

	p = part{width: width{2, 3}}
	for i, rule := range append(first, rest) {
		if rule != "" {
			p.width = p.width.around(c.width(rule), 2)
		}
		if rule != "" && i < s.fewItems {
			p.demands = append(p.demands, rule)
		}
	}
	p.way = `"[" ` + c.elements(name, first, rest, s.fewItems, most)
	if len(first) == 0 && rest == "value" && s.fewItems == 0 && most == unlimited {
		p.way = "array"
	}
	return p, true
}

// elements is what follows the bracket.
func (c *converter) elements(name string, first []string, rest string, least, most int) string {
	tail, _ := c.more(name, rest, len(first), least, most, "]")
	for i := len(first) - 1; i >= 0; i-- {
		item := join(before(i), first[i], tail)
		if i < least {
			tail = item
			continue
		}
		tail = c.share(name+"-items", either(after("]", i), item))
	}
	return tail
}

// more is what follows n parts: more of one rule up to least and most in all, and the
// bracket. There are no more where the rule is "".
func (c *converter) more(name, rule string, n, least, most int, bracket string) (way string, ok bool) {
	if rule == "" || most == n {
		return after(bracket, n), least <= n
	}
	next := c.share(rule+"-next", "comma "+rule)
	few, many := max(least-n, 0), unlimited
	if most != unlimited {
		many = most - n
	}
	if n > 0 {
		return join(c.repeat(next, few, many), after(bracket, n)), true
	}
	if many != unlimited {
		many--
	}
	some := join(before(0), rule, c.repeat(next, max(few-1, 0), many), after(bracket, 1))
	if few > 0 {
		return some, true
	}
	return c.share(name+"-some", either(after(bracket, 0), some)), true
}

// before is what separates a part from what is before it: the i parts before.
func before(i int) string {
	if i == 0 {
		return "line"
	}
	return "comma"
}

// after is the end behind n parts. There is none but the bracket in an empty value.
func after(bracket string, n int) string {
	if n == 0 {
		return Literal(bracket)
	}
	return "line " + Literal(bracket)
}
