package grammar

import (
	"math/big"
	"slices"
)

// shape is what one or more schemas say of a value without a choice between
// alternatives. What they say of the value's parts is left as schemas.
type shape struct {
	kinds  kinds
	fixed  bool     // only consts
	consts []*value // from enum and const
	bare   bool     // it says no more than its kinds and consts

	low, high *bound // of numbers; nil: none

	least, most     int      // characters of a string
	leastBy, mostBy *value   // minLength and maxLength
	patterns        []*value // regular expressions
	format          *value

	prefix              []all // the first items of an array
	rest                all   // the others
	fewItems, manyItems int
	members             []member // of an object, in order
	others              all      // of the members that are not named
	listed              bool     // properties are listed
	fewNames, manyNames int
	fewBy, manyBy       *value // minProperties and maxProperties
}

// bound is a limit of a number.
type bound struct {
	at   *big.Rat
	open bool   // the limit itself is out
	by   *value // which keyword says so
}

// member is a name that an object may have, or must.
type member struct {
	name     string
	value    all
	required bool
}

func anything() shape {
	return shape{kinds: anyKind, most: unlimited, manyItems: unlimited, manyNames: unlimited}
}

// meet is what a and b say together.
func (a shape) meet(b shape) shape {
	out := a
	out.kinds &= b.kinds
	out.bare = false
	out.fixed, out.consts = a.fixed || b.fixed, bothConsts(a, b)
	out.low, out.high = higher(a.low, b.low), lower(a.high, b.high)
	if b.least > a.least {
		out.least, out.leastBy = b.least, b.leastBy
	}
	if out.most = fewer(a.most, b.most); out.most != a.most {
		out.mostBy = b.mostBy
	}
	out.patterns = slices.Concat(a.patterns, b.patterns)
	if out.format == nil {
		out.format = b.format
	}
	out.prefix, out.rest = nil, a.rest.and(b.rest...)
	for i := range max(len(a.prefix), len(b.prefix)) {
		out.prefix = append(out.prefix, a.item(i).and(b.item(i)...))
	}
	out.fewItems, out.manyItems = max(a.fewItems, b.fewItems), fewer(a.manyItems, b.manyItems)
	out.members, out.others, out.listed = bothMembers(a, b), a.others.and(b.others...), a.listed || b.listed
	if b.fewNames > a.fewNames {
		out.fewNames, out.fewBy = b.fewNames, b.fewBy
	}
	if out.manyNames = fewer(a.manyNames, b.manyNames); out.manyNames != a.manyNames {
		out.manyBy = b.manyBy
	}
	return out
}

func (a shape) item(i int) all {
	if i < len(a.prefix) {
		return a.prefix[i]
	}
	return a.rest
}

// member is what a says of a name.
func (a shape) member(name string) (m member, named bool) {
	for _, m := range a.members {
		if m.name == name {
			return m, true
		}
	}
	return member{name: name, value: a.others}, false
}

func bothMembers(a, b shape) (out []member) {
	for _, m := range a.members {
		n, _ := b.member(m.name)
		out = append(out, member{m.name, m.value.and(n.value...), m.required || n.required})
	}
	for _, n := range b.members {
		if m, named := a.member(n.name); !named {
			out = append(out, member{n.name, n.value.and(m.value...), n.required})
		}
	}
	return out
}

func bothConsts(a, b shape) []*value {
	switch {
	case !a.fixed:
		return b.consts
	case !b.fixed:
		return a.consts
	}
	return slices.DeleteFunc(slices.Clone(a.consts), func(v *value) bool { return !slices.ContainsFunc(b.consts, v.equal) })
}

func higher(a, b *bound) *bound {
	if a == nil || b != nil && (b.at.Cmp(a.at) > 0 || b.at.Cmp(a.at) == 0 && b.open) {
		return b
	}
	return a
}

func lower(a, b *bound) *bound {
	if a == nil || b != nil && (b.at.Cmp(a.at) < 0 || b.at.Cmp(a.at) == 0 && b.open) {
		return b
	}
	return a
}

// fewer is the lesser of two upper bounds.
func fewer(a, b int) int {
	if a == unlimited || b != unlimited && b < a {
		return b
	}
	return a
}
