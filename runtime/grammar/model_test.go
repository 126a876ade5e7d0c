package grammar_test

import (
	"fmt"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// model is a schema of the subset that is held strictly, and how to make values of it.
type model struct {
	schema string
	draw   func(*rapid.T) string // a value's JSON, compact, members in the schema's order
}

// anyModel draws a schema, at most depth objects and arrays deep.
func anyModel(t *rapid.T, depth int) model {
	kinds := []func(*rapid.T, int) model{scalarModel, integerModel, numberModel, stringModel, patternModel, enumModel}
	if depth > 0 {
		kinds = append(kinds, objectModel, objectModel, arrayModel, tupleModel, anyOfModel, allOfModel, taggedModel, countedModel, alikeModel)
	}
	return rapid.SampledFrom(kinds).Draw(t, "kind")(t, depth)
}

func scalarModel(t *rapid.T, _ int) model {
	return rapid.SampledFrom([]model{
		{`{"type":"boolean"}`, oneOf("true", "false")},
		{`{"type":"null"}`, oneOf("null")},
		{`{"type":["null","boolean"]}`, oneOf("true", "false", "null")},
		{`{}`, oneOf("1", "[]", `{"a":{}}`, `"x"`, "-1.5e-3", "null")},
		{`{"type":"object"}`, oneOf("{}", `{"a":[1,2]}`)},
		{`{"type":["array","integer"]}`, oneOf("[]", "7", `[1,"x"]`)},
	}).Draw(t, "scalar")
}

func oneOf(texts ...string) func(*rapid.T) string {
	return func(t *rapid.T) string { return rapid.SampledFrom(texts).Draw(t, "value") }
}

func integerModel(t *rapid.T, _ int) model {
	magnitude := rapid.SampledFrom([]int64{3, 30, 1200, 1e6, 1 << 53}).Draw(t, "magnitude")
	low := rapid.Int64Range(-magnitude, magnitude).Draw(t, "low")
	high := low + rapid.Int64Range(0, magnitude).Draw(t, "more")
	keys := rapid.SampledFrom([]string{"minimum maximum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum maximum", ""}).Draw(t, "limits")
	parts, least, most := []string{`"type":"integer"`}, low-2000, high+2000
	for _, key := range strings.Fields(keys) {
		switch key {
		case "minimum":
			parts, least = append(parts, fmt.Sprintf(`"minimum":%d`, low)), low
		case "exclusiveMinimum":
			parts, least = append(parts, fmt.Sprintf(`"exclusiveMinimum":%d`, low-1)), low
		case "maximum":
			parts, most = append(parts, fmt.Sprintf(`"maximum":%d`, high)), high
		case "exclusiveMaximum":
			parts, most = append(parts, fmt.Sprintf(`"exclusiveMaximum":%d.5`, max(high, 0))), high
		}
	}
	return model{"{" + strings.Join(parts, ",") + "}", func(t *rapid.T) string {
		return strconv.FormatInt(rapid.Int64Range(least, most).Draw(t, "integer"), 10)
	}}
}

// numberModel has limits with up to three digits behind the point.
func numberModel(t *rapid.T, _ int) model {
	digits := rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "digits")
	magnitude := rapid.SampledFrom([]int64{2, 50, 30_000}).Draw(t, "magnitude")
	low := rapid.Int64Range(-magnitude, magnitude).Draw(t, "low")
	high := low + rapid.Int64Range(0, magnitude).Draw(t, "more")
	write := func(n int64, digits int) string {
		text := strconv.FormatFloat(float64(n)/float64([]int64{1, 10, 100, 1000, 1e4, 1e5}[digits]), 'f', digits, 64)
		if strings.Trim(text, "-0.") == "" { // -0 is not written
			return strings.TrimPrefix(text, "-")
		}
		return text
	}
	parts, open := []string{`"type":"number"`}, false
	switch rapid.IntRange(0, 2).Draw(t, "limits") {
	case 0:
		parts = append(parts, `"minimum":`+write(low, digits), `"maximum":`+write(high, digits))
	case 1:
		open = true
		parts = append(parts, `"exclusiveMinimum":`+write(low, digits), `"exclusiveMaximum":`+write(high+1, digits))
		high++
	case 2:
		parts = append(parts, `"minimum":`+write(low, digits))
	}
	return model{"{" + strings.Join(parts, ",") + "}", func(t *rapid.T) string {
		more := rapid.IntRange(1, 2).Draw(t, "more digits") // than the limits have
		ten := []int64{1, 10, 100}[more]
		least, most := low*ten, high*ten
		if open {
			least, most = least+1, most-1
		}
		return write(rapid.Int64Range(least, most).Draw(t, "number"), digits+more)
	}}
}

var someLetters = []rune("ab\"\\/é😀\n\x01 z")

func stringModel(t *rapid.T, _ int) model {
	least := rapid.SampledFrom([]int{0, 0, 1, 3, 40}).Draw(t, "least")
	most := least + rapid.SampledFrom([]int{0, 1, 2, 20, 31, 32, 33, 300, 5000}).Draw(t, "more")
	schema := fmt.Sprintf(`{"type":"string","minLength":%d,"maxLength":%d}`, least, most)
	if most > 5000 {
		schema = fmt.Sprintf(`{"type":"string","minLength":%d}`, least)
	}
	return model{schema, func(t *rapid.T) string {
		n := rapid.SampledFrom([]int{least, most, (least + most) / 2, min(least+1, most)}).Draw(t, "length")
		letter := rapid.SampledFrom(someLetters)
		text := make([]rune, n)
		for i := range text {
			if i < 10 {
				text[i] = letter.Draw(t, "letter")
			} else {
				text[i] = text[i%10]
			}
		}
		return plainJSON(string(text))
	}}
}

func patternModel(t *rapid.T, _ int) model {
	return rapid.SampledFrom([]model{
		{`{"type":"string","pattern":"^[a-z]+(-[a-z0-9]+)*$"}`, oneOf(`"a"`, `"ab-0-z"`)},
		{`{"type":"string","pattern":"[A-C]{2,3}x"}`, oneOf(`"ABx"`, `"..CCCx\\\n"`)},
		{`{"type":"string","pattern":"^(foo|ba[rz])$"}`, oneOf(`"foo"`, `"baz"`)},
		{`{"type":"string","pattern":"^[^\"]*$","maxLength":5}`, oneOf(`""`, `"é\n\\a😀"`)},
		{`{"type":"string","pattern":"^\\d+\\.\\d{2}$","minLength":5}`, oneOf(`"12.34"`, `"123456.00"`)},
		{`{"type":"string","pattern":"a|^b|c$","maxLength":40}`, oneOf(`"xa"`, `"bx"`, `"xc"`)},
		{`{"type":"string","format":"date"}`, oneOf(`"2024-02-29"`, `"1999-12-31"`)},
		{`{"type":"string","format":"time"}`, oneOf(`"23:59:59Z"`, `"00:00:00.5-03:30"`)},
		{`{"type":"string","format":"date-time"}`, oneOf(`"2024-02-29T12:13:14Z"`)},
		{`{"type":"string","format":"uuid"}`, oneOf(`"123e4567-e89b-12d3-a456-426614174000"`)},
	}).Draw(t, "pattern")
}

func enumModel(t *rapid.T, _ int) model {
	values := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		`"red"`, `"re"`, `"green"`, `""`, `"a\"b"`, `"é"`, `"ê"`, "1", "12", "-1.5", "true", "null", `[1,{"a":"b"}]`, `{"x":[],"y":2}`,
	}), 1, 6, rapid.ID[string]).Draw(t, "values")
	if len(values) == 1 {
		return model{`{"const":` + values[0] + `}`, oneOf(values[0])}
	}
	return model{`{"enum":[` + strings.Join(values, ",") + `]}`, oneOf(values...)}
}

// memberNames are few and begin alike.
var memberNames = []string{"a", "ab", "abc", "b", "x y", "q\"t", "é", "ba"}

func objectModel(t *rapid.T, depth int) model {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(memberNames), 0, 5, rapid.ID[string]).Draw(t, "names")
	members, required := make([]model, len(names)), make([]bool, len(names))
	var props, must []string
	for i, name := range names {
		members[i] = anyModel(t, depth-1)
		props = append(props, plainJSON(name)+":"+members[i].schema)
		if required[i] = rapid.Bool().Draw(t, "required"); required[i] {
			must = append(must, plainJSON(name))
		}
	}
	parts := []string{`"type":"object"`, `"properties":{` + strings.Join(props, ",") + `}`, `"required":[` + strings.Join(must, ",") + `]`}
	others := rapid.IntRange(0, 2).Draw(t, "others")
	rest := model{"", oneOf("1", `"x"`, "[]")}
	switch others {
	case 0:
		parts = append(parts, `"additionalProperties":false`)
	case 1:
		rest = anyModel(t, depth-1)
		parts = append(parts, `"additionalProperties":`+rest.schema)
	}
	return model{"{" + strings.Join(parts, ",") + "}", func(t *rapid.T) string {
		var out []string
		for i, name := range names {
			if required[i] || rapid.Bool().Draw(t, "present") {
				out = append(out, plainJSON(name)+":"+members[i].draw(t))
			}
		}
		if others > 0 {
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"aa", "abcd", "", "\n", "\\", "c", "\x01"}), 0, 2, rapid.ID[string]).Draw(t, "more names") {
				out = append(out, plainJSON(name)+":"+rest.draw(t))
			}
		}
		return "{" + strings.Join(out, ",") + "}"
	}}
}

// countedModel bounds the number of members.
func countedModel(t *rapid.T, depth int) model {
	names := memberNames[:rapid.IntRange(1, 5).Draw(t, "names")]
	least := rapid.IntRange(0, len(names)).Draw(t, "least")
	most := rapid.IntRange(least, len(names)+1).Draw(t, "most")
	member := anyModel(t, depth-1)
	var props []string
	for _, name := range names {
		props = append(props, plainJSON(name)+":"+member.schema)
	}
	schema := fmt.Sprintf(`{"type":"object","properties":{%s},"additionalProperties":false,"minProperties":%d,"maxProperties":%d}`, strings.Join(props, ","), least, most)
	return model{schema, func(t *rapid.T) string {
		n := rapid.IntRange(least, min(most, len(names))).Draw(t, "members")
		skip := rapid.IntRange(0, len(names)-n).Draw(t, "skip")
		var out []string
		for _, name := range names[skip : skip+n] {
			out = append(out, plainJSON(name)+":"+member.draw(t))
		}
		return "{" + strings.Join(out, ",") + "}"
	}}
}

func arrayModel(t *rapid.T, depth int) model {
	item := anyModel(t, depth-1)
	least := rapid.IntRange(0, 3).Draw(t, "least")
	most := least + rapid.IntRange(0, 3).Draw(t, "more")
	schema := fmt.Sprintf(`{"type":"array","items":%s,"minItems":%d,"maxItems":%d}`, item.schema, least, most)
	if rapid.Bool().Draw(t, "open") {
		schema = fmt.Sprintf(`{"type":"array","items":%s,"minItems":%d}`, item.schema, least)
	}
	return model{schema, func(t *rapid.T) string {
		var out []string
		for range rapid.IntRange(least, most).Draw(t, "items") {
			out = append(out, item.draw(t))
		}
		return "[" + strings.Join(out, ",") + "]"
	}}
}

func tupleModel(t *rapid.T, depth int) model {
	first, second, rest := anyModel(t, depth-1), anyModel(t, depth-1), anyModel(t, depth-1)
	least := rapid.IntRange(0, 3).Draw(t, "least")
	most := rapid.IntRange(max(least, 1), 5).Draw(t, "most")
	schema := fmt.Sprintf(`{"type":"array","prefixItems":[%s,%s],"items":%s,"minItems":%d,"maxItems":%d}`, first.schema, second.schema, rest.schema, least, most)
	return model{schema, func(t *rapid.T) string {
		var out []string
		for i := range rapid.IntRange(least, most).Draw(t, "items") {
			out = append(out, []model{first, second, rest}[min(i, 2)].draw(t))
		}
		return "[" + strings.Join(out, ",") + "]"
	}}
}

func anyOfModel(t *rapid.T, depth int) model {
	a, b := anyModel(t, depth-1), anyModel(t, depth-1)
	return model{`{"anyOf":[` + a.schema + `,` + b.schema + `]}`, func(t *rapid.T) string {
		return rapid.SampledFrom([]model{a, b}).Draw(t, "alternative").draw(t)
	}}
}

// alikeModel is a choice of objects of the same names.
func alikeModel(t *rapid.T, depth int) model {
	n := rapid.IntRange(2, 4).Draw(t, "alternatives")
	names := memberNames[:rapid.IntRange(1, 5).Draw(t, "names")]
	values := make([][]model, n)
	var schemas []string
	for i := range values {
		var props []string
		for _, name := range names {
			m := anyModel(t, min(depth-1, 1))
			values[i] = append(values[i], m)
			props = append(props, plainJSON(name)+":"+m.schema)
		}
		schemas = append(schemas, `{"type":"object","properties":{`+strings.Join(props, ",")+`},"additionalProperties":false}`)
	}
	return model{`{"anyOf":[` + strings.Join(schemas, ",") + `]}`, func(t *rapid.T) string {
		i := rapid.IntRange(0, n-1).Draw(t, "alternative")
		var out []string
		for k, name := range names {
			if rapid.Bool().Draw(t, "present") {
				out = append(out, plainJSON(name)+":"+values[i][k].draw(t))
			}
		}
		return "{" + strings.Join(out, ",") + "}"
	}}
}

// taggedModel is a choice of objects by a constant.
func taggedModel(t *rapid.T, depth int) model {
	a, b := anyModel(t, depth-1), anyModel(t, depth-1)
	schema := func(tag, schema string) string {
		return `{"type":"object","properties":{"kind":{"const":"` + tag + `"},"v":` + schema + `},"required":["kind"]}`
	}
	return model{`{"oneOf":[` + schema("a", a.schema) + `,` + schema("b", b.schema) + `]}`, func(t *rapid.T) string {
		if rapid.Bool().Draw(t, "first") {
			return `{"kind":"a","v":` + a.draw(t) + `}`
		}
		return `{"kind":"b"}`
	}}
}

// allOfModel says with several schemas, some of them named, what one could say.
func allOfModel(t *rapid.T, depth int) model {
	a, b := anyModel(t, depth-1), anyModel(t, depth-1)
	low, high := rapid.IntRange(-20, 20).Draw(t, "low"), 0
	high = low + rapid.IntRange(0, 20).Draw(t, "more")
	return model{fmt.Sprintf(`{"type":"object","allOf":[{"properties":{"n":{"minimum":%d},"a":%s}},`+
		`{"properties":{"n":{"type":"integer","maximum":%d}},"required":["n"]},{"anyOf":[{"required":["a"]},{"properties":{"a":false}}]}],`+
		`"properties":{"b":%s}}`, low, a.schema, high, b.schema),
		func(t *rapid.T) string {
			out := "{"
			if rapid.Bool().Draw(t, "b") {
				out += `"b":` + b.draw(t) + ","
			}
			out += fmt.Sprintf(`"n":%d`, rapid.IntRange(low, high).Draw(t, "n"))
			if rapid.Bool().Draw(t, "a") {
				out += `,"a":` + a.draw(t)
			}
			return out + "}"
		}}
}

// recursive makes a list of a model by way of a reference to the schema itself.
func recursive(m model) model {
	return model{`{"$ref":"#/$defs/list","$defs":{"m":` + m.schema + `,"list":{"type":"object","properties":{"head":{"$ref":"#/$defs/m"},` +
		`"tail":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/list"}]}},"required":["head","tail"],"additionalProperties":false}}}`,
		func(t *rapid.T) string {
			n := rapid.IntRange(1, 4).Draw(t, "long")
			out := ""
			for range n {
				out += `{"head":` + m.draw(t) + `,"tail":`
			}
			return out + "null" + strings.Repeat("}", n)
		}}
}
