// Package grammar turns JSON schemas into grammars in GBNF, the notation of llama.cpp
// as package gbnf follows it, so that an answer is held to a schema while it is
// sampled.
//
//	b := grammar.New()
//	arguments, loosened, err := b.Schema([]byte(`{
//		"type": "object",
//		"properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 14}},
//		"required": ["city"],
//		"additionalProperties": false
//	}`), false)
//	call := b.Rule("call", grammar.Literal("<tool_call>")+" "+arguments+" "+grammar.Literal("</tool_call>"))
//	text := b.Grammar(call)   // accepts <tool_call>{"city": "Rome", "days": 3}</tool_call>
//
// # Promise
//
// What the grammar of a schema accepts is JSON, and valid, unless Schema names
// keywords that it loosened: then it accepts more. Strictly, such a keyword is an
// error instead. What is valid is accepted if it is written as models write it:
//
//   - an object's members are in the order of properties, those that only required
//     names come next, and others are last; 24 and more members in a row that may be left
//     out come in any order, and a matcher does not notice one that comes twice;
//   - white space is none or one space behind a colon or a comma, or a new line and up to
//     32 spaces behind a comma, before the first part and before the end of an object or
//     array. It is bounded, since small models write white space for ever;
//   - a number has up to 18 digits before the point, 24 behind it and 2 in its exponent,
//     and between limits no exponent. Limits with more digits extend it. An integer has
//     no point, and there is no -0 between limits. A constant is written as the schema
//     writes it, and an integer without a point as well;
//   - \u stands for no half of a pair of surrogates. In strings of a pattern and in names
//     beside those of properties each character has one spelling, the shortest.
//
// # Held
//
// type, enum, const; properties, required, additionalProperties, minProperties and
// maxProperties; items, prefixItems (and the lists of drafts before 2020), minItems,
// maxItems; minimum, maximum, exclusiveMinimum, exclusiveMaximum (of numbers up to 10³⁰
// with up to 23 digits behind the point); minLength, maxLength of any size; pattern,
// unless it looks around, refers back, has word boundaries or flags, or is too large;
// the formats date, time, date-time and uuid; allOf, anyOf, $ref to a place or an $anchor
// of the same schema, also from within itself; true and false; what enum and const name
// is filtered by the rest. oneOf is anyOf and held where its alternatives are seen to
// exclude each other: by their types, constants, limits, or a required member of each.
// multipleOf 1, propertyNames of type string, uniqueItems false, not {} and the like are held since
// they say little. unevaluatedItems and unevaluatedProperties are held beside no other
// schema of the same value.
//
// # Loosened
//
// not, if, dependentRequired, dependentSchemas, multipleOf, uniqueItems, contains,
// patternProperties (then other members are open), propertyNames, $dynamicRef, references to
// other documents; oneOf that may overlap; minProperties of 2 and more above the required
// ones where members need no name of the schema, since one could be written twice; counts of
// many members; lengths together with a pattern where both make too many states; anyOf
// with more than 64 alternatives, or that begin alike in more than some 200 ways.
//
// A format is an annotation: others than those held say nothing, not even strictly. So do
// keywords that nobody knows.
//
// # How
//
// A schema is first brought into shapes: alternatives of which each says everything
// of a value at once, with the schemas of its parts as they are (alternatives.go, shape.go).
// Each set of schemas that hold together for some part becomes one rule (schema.go),
// so that what refers to itself ends. Package gbnf follows a bounded number of
// ways through a grammar at once. Therefore constants, names and patterns are written so that
// a text has one way (constant.go, names.go, automaton.go), and so are repetitions,
// in blocks since GBNF would write them out (repeat.go). An alternative of objects
// that begin alike, within itself, is still followed in all its ways, and given up
// when they are too many.
//
// Everything is bounded: the bytes and depth of a schema, the alternatives that are
// looked at, and the rules, bytes and repetitions of a Builder.
package grammar
