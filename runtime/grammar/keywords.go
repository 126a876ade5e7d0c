package grammar

import (
	"math/big"
	"slices"
	"strings"
)

// annotations are keywords that say nothing of what is valid.
var annotations = []string{
	"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$comment", "$vocabulary", "$defs", "definitions",
	"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly",
	"contentEncoding", "contentMediaType", "contentSchema",
}

// givenUp are keywords that no grammar holds, or none of a bearable size.
var givenUp = map[string]string{
	"not":                   "a grammar cannot say what is not",
	"if":                    "conditions are not supported",
	"dependentRequired":     "conditions are not supported",
	"dependentSchemas":      "conditions are not supported",
	"dependencies":          "conditions are not supported",
	"multipleOf":            "a grammar does not divide",
	"uniqueItems":           "a grammar does not compare items",
	"contains":              "a grammar does not look for items",
	"patternProperties":     "names are held to a list, not to patterns",
	"propertyNames":         "names are held to a list, not to schemas",
	"unevaluatedItems":      "it depends on other keywords",
	"unevaluatedProperties": "it depends on other keywords",
	"$dynamicRef":           "only $ref is followed",
	"$recursiveRef":         "only $ref is followed",
}

// maxMembers bounds the properties of an object, maxConsts the values of an enum.
const (
	maxMembers = 1000
	maxConsts  = 2000
)

// onlyRefers tells whether a schema says nothing but $ref.
func onlyRefers(v *value) bool {
	for _, name := range v.names {
		if name != "$ref" && !slices.Contains(annotations, name) {
			return false
		}
	}
	return true
}

// admitsAnything tells whether a schema says nothing at all.
func admitsAnything(v *value) bool {
	return v.kind == isBoolean && v.truth || v.kind == isObject && onlyRefers(v) && v.field("$ref") == nil
}

// own is what a schema itself says, without the schemas that it refers to or chooses
// between.
func (c *converter) own(v *value) shape {
	s := anything()
	s.kinds = c.types(v)
	c.numbers(v, &s)
	c.strings(v, &s)
	c.arrays(v, &s)
	c.objects(v, &s)
	c.constants(v, &s)
	if never := v.field("not"); never != nil && admitsAnything(never) {
		s.kinds = 0
		return s
	}
	for _, name := range v.names {
		why, ok := givenUp[name]
		if ok && !c.trivial(v, name) {
			c.loosen(v, name, why)
		}
	}
	return s
}

// trivial tells whether a keyword that is not held says nothing here.
func (c *converter) trivial(v *value, name string) bool {
	arg := v.field(name)
	switch name {
	case "not", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "contains", "if":
		c.schema(arg)
	}
	switch name {
	case "uniqueItems":
		return arg.kind == isBoolean && !arg.truth || c.size(v, "maxItems", unlimited) == 0 || c.size(v, "maxItems", unlimited) == 1
	case "not":
		return arg.kind == isBoolean && !arg.truth
	case "if":
		return v.field("then") == nil && v.field("else") == nil
	case "propertyNames":
		t := arg.field("type")
		return admitsAnything(arg) || t != nil && t.kind == isString && t.text == "string" && len(arg.names) == 1
	case "patternProperties", "dependentRequired", "dependentSchemas", "dependencies":
		return arg.kind == isObject && len(arg.names) == 0
	case "unevaluatedItems", "unevaluatedProperties":
		return admitsAnything(arg) || c.standsAlone(v) // then it is items or additionalProperties by another name
	case "multipleOf":
		return arg.kind == isInteger && arg.number.Cmp(big.NewRat(1, 1)) == 0
	}
	return false
}

// standsAlone tells whether no other schema says anything of the value that v does.
func (c *converter) standsAlone(v *value) bool {
	for _, name := range []string{"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "not", "patternProperties", "contains"} {
		if v.field(name) != nil {
			return false
		}
	}
	return true
}

var typeNames = map[string]kinds{
	"null": isNull, "boolean": isBoolean, "integer": isInteger, "number": isNumber, "string": isString, "array": isArray, "object": isObject,
}

func (c *converter) types(v *value) kinds {
	of := v.field("type")
	if of == nil {
		return anyKind
	}
	list := []*value{of}
	if of.kind == isArray {
		list = of.items
	}
	var out kinds
	for _, t := range list {
		k, ok := typeNames[t.text]
		if t.kind != isString || !ok {
			c.fail(t, "expected the name of a type")
		}
		out |= k
	}
	return out
}

func (c *converter) constants(v *value, s *shape) {
	if list := v.field("enum"); list != nil {
		if list.kind != isArray {
			c.fail(list, "expected an array")
		}
		if len(list.items) > maxConsts {
			c.fail(list, "%d values; the most is %d", len(list.items), maxConsts)
		}
		s.fixed, s.consts = true, list.items
	}
	if only := v.field("const"); only != nil {
		fixed := anything()
		fixed.fixed, fixed.consts = true, []*value{only}
		*s = s.meet(fixed)
	}
	s.bare = s.fixed
	for _, name := range v.names {
		s.bare = s.bare && (name == "type" || name == "enum" || name == "const" || slices.Contains(annotations, name))
	}
}

func (c *converter) numbers(v *value, s *shape) {
	s.low = higher(c.limit(v, "minimum"), c.limit(v, "exclusiveMinimum"))
	s.high = lower(c.limit(v, "maximum"), c.limit(v, "exclusiveMaximum"))
	if step := v.field("multipleOf"); step != nil {
		if step.number == nil || step.number.Sign() <= 0 {
			c.fail(step, "expected a number above 0")
		} else if step.kind == isInteger {
			s.kinds &^= isFraction
		}
	}
}

// limit reads a bound. In drafts up to 4 an exclusive one was a word on the other.
func (c *converter) limit(v *value, keyword string) *bound {
	arg := v.field(keyword)
	if arg == nil || arg.kind == isBoolean && strings.HasPrefix(keyword, "exclusive") {
		return nil
	}
	if arg.number == nil {
		c.fail(arg, "expected a number")
		return nil
	}
	open := strings.HasPrefix(keyword, "exclusive")
	if word := v.field("exclusive" + strings.ToUpper(keyword[:1]) + keyword[1:]); word != nil && word.kind == isBoolean {
		open = word.truth
	}
	return &bound{arg.number, open, arg}
}

func (c *converter) strings(v *value, s *shape) {
	s.least, s.most = c.size(v, "minLength", 0), c.size(v, "maxLength", unlimited)
	s.leastBy, s.mostBy = v.field("minLength"), v.field("maxLength")
	if p := v.field("pattern"); p != nil {
		if p.kind != isString {
			c.fail(p, "expected a string")
		}
		s.patterns = []*value{p}
	}
	if f := v.field("format"); f != nil && f.kind == isString {
		s.format = f
	}
}

// size reads a number of characters, items or members.
func (c *converter) size(v *value, keyword string, none int) int {
	arg := v.field(keyword)
	if arg == nil {
		return none
	}
	if arg.kind != isInteger || arg.number.Sign() < 0 {
		c.fail(arg, "expected a number of 0 or more")
		return none
	}
	if n := arg.number.Num(); n.IsInt64() && n.Int64() < outOfReach {
		return int(n.Int64())
	}
	return outOfReach
}

func (c *converter) arrays(v *value, s *shape) {
	s.fewItems, s.manyItems = c.size(v, "minItems", 0), c.size(v, "maxItems", unlimited)
	first, rest := v.field("prefixItems"), v.field("items")
	if rest != nil && rest.kind == isArray { // drafts before 2020
		first, rest = rest, v.field("additionalItems")
	}
	if rest == nil && c.standsAlone(v) {
		rest = v.field("unevaluatedItems")
	}
	if first != nil {
		for _, item := range c.list(first) {
			s.prefix = append(s.prefix, all{item})
		}
	}
	if rest != nil {
		s.rest = all{c.schema(rest)}
	}
}

func (c *converter) objects(v *value, s *shape) {
	s.fewNames, s.manyNames = c.size(v, "minProperties", 0), c.size(v, "maxProperties", unlimited)
	s.fewBy, s.manyBy = v.field("minProperties"), v.field("maxProperties")
	others := v.field("additionalProperties")
	if others == nil && c.standsAlone(v) {
		others = v.field("unevaluatedProperties")
	}
	patterns := v.field("patternProperties")
	if others != nil && (patterns == nil || len(patterns.names) == 0) {
		s.others = all{c.schema(others)}
	}
	if props := v.field("properties"); props != nil {
		if props.kind != isObject {
			c.fail(props, "expected an object")
		}
		if len(props.names) > maxMembers {
			c.fail(props, "%d properties; the most is %d", len(props.names), maxMembers)
			return
		}
		s.listed = true
		c.spend(len(props.names) / 16)
		for _, name := range props.names {
			s.members = append(s.members, member{name: name, value: all{c.schema(props.fields[name])}})
		}
	}
	required := v.field("required")
	if required == nil || required.kind == isBoolean { // a word of draft 3
		return
	}
	if required.kind != isArray {
		c.fail(required, "expected an array")
	}
	if len(required.items) > maxMembers {
		c.fail(required, "%d properties; the most is %d", len(required.items), maxMembers)
		return
	}
	c.spend(len(s.members) * len(required.items) / 64)
	for _, name := range required.items {
		if name.kind != isString {
			c.fail(name, "expected a string")
		}
		s.require(name.text)
	}
}

func (s *shape) require(name string) {
	for i := range s.members {
		if s.members[i].name == name {
			s.members[i].required = true
			return
		}
	}
	s.members = append(s.members, member{name, s.others, true})
}

// list checks that v is a list of schemas.
func (c *converter) list(v *value) []*value {
	if v.kind != isArray {
		c.fail(v, "expected an array of schemas")
	}
	for _, item := range v.items {
		c.schema(item)
	}
	return v.items
}

// schema checks that v is one.
func (c *converter) schema(v *value) *value {
	if v.kind != isObject && v.kind != isBoolean {
		c.fail(v, "expected a schema, which is an object, true or false")
	}
	return v
}
