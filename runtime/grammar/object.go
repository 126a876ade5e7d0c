package grammar

import (
	"slices"
	"strings"
)

// Bounds on one object.
const (
	maxCounts = 600 // members, times how many of them may have been written
	maxRun    = 24  // optional members in a row of which the first may be any
)

// object is the objects that a shape admits; false where there are none.
//
// Members come in the schema's order and those that it does not name behind them.
// What may follow depends on how far in the order a text is, and on how many members
// it has as far as that matters:
//
//	rest(i, n) = member(i) rest(i+1, n+1)
//	           | rest(i+1, n)             where member i may be left out
func (c *converter) object(name string, s shape) (p part, ok bool) {
	o := object{c: c, name: name, least: s.fewNames, most: s.manyNames, memo: map[[2]int]*string{}}
	o.p.width = width{2, 3}
	var names []string
	for _, m := range s.members {
		names = append(names, m.name)
		rule, possible := c.rule(m.value)
		if !possible {
			if m.required {
				return part{}, false
			}
			continue
		}
		o.add(m, rule)
	}
	closed := c.Closed && s.listed && len(s.others) == 0
	if rule, possible := c.rule(s.others); possible && !closed {
		key := "string"
		if len(names) > 0 {
			slices.Sort(names)
			key, o.names = c.otherNames(name+"-name", names)
		}
		o.pair = c.share(name+"-pair", join(key, `":" gap`, rule))
		if key == "string" && rule == "value" {
			o.pair = "pair"
		}
		o.p.width = o.p.width.around(c.width(rule), 2)
	}
	o.settle(s)
	if c.err != nil {
		return part{}, false
	}
	if o.pair == "pair" && o.least == 0 && o.most == unlimited {
		return part{way: "object", width: o.p.width}, true
	}
	rest, ok := o.rest(0, 0)
	o.p.way = `"{" ` + rest
	return o.p, ok
}

type object struct {
	c       *converter
	name    string
	members []written
	pair    string // the rule of a member that is not named; "": there is none
	names   int    // in how many ways its name may go on
	least   int    // members
	most    int
	counted int                // members are counted up to it
	memo    map[[2]int]*string // what rest gave; nil: it is not possible
	p       part
}

// written is a member as an expression.
type written struct {
	way        string
	key, value string // apart
	required   bool
}

func (o *object) add(m member, rule string) {
	key := quote(m.name) + ":"
	value := "gap " + rule
	o.members = append(o.members, written{Literal(key) + " " + value, key, value, m.required})
	o.p.width = o.p.width.around(o.c.width(rule), 2)
	if len(o.members) == 1 && m.required {
		o.p.tag = [2]string{key, strings.Join(o.c.tags[rule], "")}
	}
	if m.required {
		o.p.demands = append(o.p.demands, rule)
	}
}

// settle gives up what cannot be counted, and says how far members are counted.
func (o *object) settle(s shape) {
	required, run, longest := 0, 0, 0
	for _, m := range o.members {
		if run++; m.required {
			required++
			run = 0
		}
		longest = max(longest, run)
	}
	// Each that may be next comes behind a comma, a blank and a new line or none.
	longest = min(longest, maxRun)
	o.p.width.most = max(o.p.width.most, 3*(longest+1), longest+o.names)
	if o.least <= required {
		o.least = 0 // there are enough
	}
	if o.most != unlimited && o.pair == "" && o.most >= len(o.members) {
		o.most = unlimited // there are no more
	}
	if o.pair != "" && o.least > required+1 {
		o.c.loosen(s.fewBy.up, s.fewBy.step, "members that are not named may be written twice")
	}
	if o.counted = max(o.least, 1); o.most != unlimited {
		o.counted = max(o.counted, min(o.most, len(o.members)))
	}
	if o.counted == 1 || longest < maxRun && len(o.members)*o.counted <= maxCounts {
		return
	}
	if o.least > 0 {
		o.c.loosen(s.fewBy.up, s.fewBy.step, "there are too many members to count")
	}
	if o.most != unlimited {
		o.c.loosen(s.manyBy.up, s.manyBy.step, "there are too many members to count")
	}
	o.least, o.most, o.counted = 0, unlimited, 1
}

// rest is what may follow where the next member is i and n are written.
func (o *object) rest(i, n int) (way string, ok bool) {
	n = min(n, o.counted)
	if known, looked := o.memo[[2]int{i, n}]; looked {
		if known == nil {
			return "", false
		}
		return *known, true
	}
	switch {
	case i == len(o.members):
		way, ok = o.c.more(o.name, o.pair, n, o.least, o.most, "}")
	case o.run(i) >= maxRun:
		way, ok = o.anyOrder(i, n)
	default:
		way, ok = o.inOrder(i, n)
	}
	if o.memo[[2]int{i, n}] = nil; ok {
		o.memo[[2]int{i, n}] = &way
	}
	return way, ok
}

func (o *object) inOrder(i, n int) (way string, ok bool) {
	m := o.members[i]
	var ways []string
	if o.most == unlimited || n < o.most {
		if tail, ok := o.rest(i+1, n+1); ok {
			ways = append(ways, join(before(n), m.way, tail))
		}
	}
	if !m.required {
		if tail, ok := o.rest(i+1, n); ok {
			ways = append(ways, tail)
		}
	}
	switch len(ways) {
	case 0:
		return "", false
	case 1:
		return ways[0], true
	}
	return o.c.share(o.name+"-rest", either(ways...)), true
}

// run is how many optional members follow one another from i on.
func (o *object) run(i int) (n int) {
	for i+n < len(o.members) && !o.members[i+n].required {
		n++
	}
	return n
}

// anyOrder is a long run of optional members: any of them, as many times as there are
// members. In order, each of them would be a way on from the first.
func (o *object) anyOrder(i, n int) (way string, ok bool) {
	run := o.run(i)
	var texts []ending
	for _, m := range o.members[i : i+run] {
		texts = append(texts, ending{m.key, m.value})
	}
	way, most := o.c.trie(o.name+"-any", texts)
	any := o.c.share(o.name+"-any", way)
	o.p.width.most = max(o.p.width.most, most+o.names)
	next := o.c.share(any+"-next", "comma "+any)
	var ways []string
	if tail, ok := o.rest(i+run, 1); ok {
		ways = append(ways, join(before(n), any, o.c.repeat(next, 0, run-1), tail))
	}
	if tail, ok := o.rest(i+run, n); ok {
		ways = append(ways, tail)
	}
	if len(ways) == 0 {
		return "", false
	}
	return o.c.share(o.name+"-rest", either(ways...)), true
}
