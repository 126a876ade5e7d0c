package grammar_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/gbnf"
	"github.com/interlude-run/interlude/runtime/grammar"
)

// compile is the grammar of a schema's values.
func compile(t rapid.TB, schema string, strict bool) (*gbnf.Grammar, []string) {
	t.Helper()
	b := grammar.New()
	rule, loosened, err := b.Schema([]byte(schema), strict)
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return compileText(t, b.Grammar(rule)), loosened
}

func compileText(t rapid.TB, text string) *gbnf.Grammar {
	t.Helper()
	g, err := gbnf.Compile(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return g
}

// accepts tells whether text is whole in the grammar. It comes in pieces, as tokens
// do: a matcher makes room between them.
func accepts(g *gbnf.Grammar, text string) bool {
	m := g.Matcher()
	for piece := range slices.Chunk([]byte(text), 8) {
		if !m.Accept(piece) {
			return false
		}
	}
	return m.Done()
}

// TestStrict is of schemas that are held, with texts that are in and out.
func TestStrict(t *testing.T) {
	for _, tt := range []struct{ schema, in, out string }{
		// One text a line.
		{`true`, "1\n{}\n[1, {\"a\": null}]\n\"\"\n{\n  \"a\": 1,\n  \"b\": 2\n}", "\n{\n01\n[1,]\n{} "},
		{`{}`, "1\n-0.5e3", "1.\n.5\n+1\n1e999"},
		{`{"type": "null"}`, "null", "0"},
		{`{"type": "boolean"}`, "true\nfalse", "0"},
		{`{"type": ["string", "null"]}`, "null\n\"a\"", "0"},
		{`{"type": "integer"}`, "0\n-12\n123456789012345678", "1.5\n1e3\n00\n1234567890123456789"},
		{`{"type": "integer", "minimum": -9007199254740991, "exclusiveMinimum": 0, "maximum": 9007199254740991}`,
			"1\n9\n10\n9007199254740991\n8999999999999999", "0\n-1\n9007199254740992\n10000000000000000\n9107199254740991"},
		{`{"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991}`,
			"0\n-1\n-9007199254740991", "-0\n-9007199254740992"},
		{`{"type": "integer", "minimum": 0}`, "0\n7\n99", "-1\n-0"},
		{`{"type": "integer", "maximum": -5}`, "-5\n-6\n-10\n-4000", "-4\n0\n5"},
		{`{"type": "integer", "minimum": 18, "maximum": 120}`, "18\n19\n20\n99\n100\n119\n120", "17\n121\n130\n200\n1\n9\n1000"},
		{`{"type": "integer", "minimum": 0.5, "maximum": 2.5}`, "1\n2", "0\n3"},
		{`{"type": "integer", "minimum": 5, "maximum": 5}`, "5", "4\n6\n55"},
		{`{"type": "integer", "minimum": 1, "exclusiveMinimum": true}`, "2", "1\n0"},
		{`{"type": "number", "multipleOf": 1}`, "2", "1.5"},
		{`{"type": "number", "minimum": 0, "maximum": 1}`, "0\n0.5\n1\n1.0\n0.0", "1.01\n-0.1\n2\n0.\n1e0"},
		{`{"type": "number", "exclusiveMinimum": 0}`, "0.1\n0.001\n1\n10.0\n99.9", "0\n0.0\n0.00\n-1"},
		{`{"type": "number", "exclusiveMinimum": 0.25, "exclusiveMaximum": 0.75}`, "0.26\n0.251\n0.2500001\n0.74\n0.7499\n0.3", "0.25\n0.250\n0.75\n0.1\n0.8\n1\n0"},
		{`{"type": "number", "minimum": -1.5, "maximum": 2}`, "-1.5\n-1.50\n-1.4\n-0.3\n0\n2\n2.0\n1.99", "-1.51\n-2\n2.01\n3"},
		{`{"type": "number", "minimum": 9.5, "maximum": 10.5}`, "9.5\n9.51\n10\n10.5\n10.499", "9.4\n10.51\n9\n11"},
		{`{"enum": ["red", "green", "ready", null, 1, 1.5, true, {"a": [1]}, []]}`,
			"\"red\"\n\"ready\"\n\"green\"\nnull\n1\n1.5\ntrue\n{\"a\": [1]}\n[]", "\"re\"\n\"blue\"\n2\nfalse\n{}"},
		{`{"type": "string", "enum": ["a", 1, "bcd"], "maxLength": 2}`, "\"a\"", "1\n\"bcd\""},
		{`{"const": "a\"b\\c\u0001é"}`, `"a\"b\\c\u0001é"`, `"a"`},
		{`{"type": "string"}`, "\"\"\n\"é😀\\n\\u00e9\\ud83d\\ude00\\/\"", "\"\t\"\n\"\\q\"\n\"\\ud83d\"\n\"\\u12\""},
		{`{"type": "string", "minLength": 2, "maxLength": 3}`, "\"ab\"\n\"é😀\"\n\"\\ud83d\\ude00a\"\n\"abc\"", "\"\"\n\"a\"\n\"😀\"\n\"\\ud83d\\ude00\"\n\"abcd\""},
		{`{"type": "string", "pattern": "^[a-z]+(-[a-z0-9]+)*$"}`, "\"a\"\n\"ab-c9-d\"", "\"\"\n\"-a\"\n\"a-\"\n\"A\"\n\"a--b\""},
		{`{"type": "string", "pattern": "b{2}"}`, "\"bb\"\n\"abba\"\n\"a\\n\\\"\\\\bb\\u00e9\"", "\"b\"\n\"bab\""},
		{`{"type": "string", "pattern": "^a|b$"}`, "\"a\"\n\"ax\"\n\"xb\"\n\"b\"", "\"x\"\n\"xa\"\n\"bx\""},
		{`{"type": "string", "pattern": "^[^a]$"}`, "\"b\"\n\"\\\"\"\n\"\\\\\"\n\"\\n\"\n\"\\u0001\"\n\"\\u001f\"\n\"é\"\n\"😀\"", "\"a\"\n\"\"\n\"bb\"\n\"\\u0061\""},
		{`{"type": "string", "pattern": "^\\d{3}-\\w\\s\\S.\\.\\/\\u00e9$"}`, "\"123-a\\tbc./é\"\n\"123-_ xx./é\"", "\"123-a bcx/é\""},
		{`{"type": "string", "pattern": ""}`, "\"\"\n\"x\"", "x"},
		{`{"type": "string", "pattern": "^$"}`, "\"\"", "\"x\""},
		{`{"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 4}`, "\"ab\"\n\"abcd\"", "\"a\"\n\"abcde\"\n\"AB\""},
		{`{"allOf": [{"type": "string", "pattern": "^a"}, {"pattern": "z$"}]}`, "\"az\"\n\"a z\"", "\"a\"\n\"z\""},
		{`{"type": "string", "format": "date"}`, "\"2024-02-29\"\n\"2023-12-31\"\n\"2000-02-29\"", "\"2023-02-29\"\n\"2024-13-01\"\n\"1900-02-29\"\n\"2024-04-31\""},
		{`{"type": "string", "format": "time"}`, "\"12:00:59Z\"\n\"23:59:00.123+02:00\"", "\"24:00:00Z\"\n\"12:00\""},
		{`{"type": "string", "format": "date-time"}`, "\"2024-02-29T12:00:59Z\"", "\"2024-02-29 12:00:59Z\"\n\"2024-02-29\""},
		{`{"type": "string", "format": "uuid"}`, "\"123e4567-e89b-12d3-a456-426614174000\"", "\"123e4567-e89b-12d3-a456-42661417400\""},
		{`{"type": "string", "format": "time", "maxLength": 7000}`, "\"12:00:59Z\"", "\"12\""},
		{`{"type": "string", "format": "time", "maxLength": 5}`, "\"12:00\"\n\"x\"", "\"12:00:59Z\""},
		{`{"type": "string", "format": "uuid", "minLength": 70}`, "\"" + strings.Repeat("x", 70) + "\"", "\"x\""},
		{`{"type": "string", "format": "time", "pattern": "Z$"}`, "\"12:00:59Z\"", "\"12:00:59+01:00\"\n\"Z\""},
		{`{"type": "string", "format": "time", "pattern": "^x"}`, "\"x\"", "\"12:00:59Z\""},
		{`{"type": "string", "format": "email"}`, "\"no\"", "1"},
		{`{"type": "array"}`, "[]\n[1,\"a\", []]", "{}\n[,]"},
		{`{"type": "array", "items": {"type": "integer"}}`, "[]\n[1,2]\n[1, 2, 3]\n[\n  1,\n  2\n]", "[\"a\"]\n[1 ,2]\n[1,  2]\n[\n]"},
		{`{"type": "array", "items": {"const": 1}, "minItems": 2, "maxItems": 3}`, "[1,1]\n[1,1,1]", "[]\n[1]\n[1,1,1,1]"},
		{`{"type": "array", "items": {"const": 1}, "maxItems": 1}`, "[]\n[1]", "[1,1]"},
		{`{"type": "array", "items": false}`, "[]", "[1]"},
		{`{"type": "array", "items": {"const": 1}, "maxItems": 0}`, "[]", "[1]"},
		{`{"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": false}`, "[]\n[1]\n[1,2]", "[2]\n[1,2,3]"},
		{`{"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "minItems": 2}`, "[1,2]\n[1,2,\"x\"]", "[]\n[1]\n[1,3]"},
		{`{"type": "array", "items": [{"const": 1}], "additionalItems": {"const": 3}, "minItems": 2, "maxItems": 4}`, "[1,3]\n[1,3,3,3]", "[1]\n[1,3,3,3,3]\n[3,3]"},
		{`{"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}, "required": ["b"], "additionalProperties": false}`,
			"{\"b\":2}\n{\"a\":1,\"b\":2}\n{\"a\": 1, \"b\": 2, \"c\": 3}\n{\n  \"b\": 2\n}", "{}\n{\"a\":1}\n{\"b\":2,\"a\":1}\n{\"b\":2,}\n{\"b\":2,\"d\":1}\n{,\"b\":2}"},
		{`{"type": "object", "properties": {"ab": {"const": 1}}, "additionalProperties": {"const": 2}}`,
			"{}\n{\"ab\":1}\n{\"a\":2}\n{\"abc\":2}\n{\"b\":2,\"\":2}\n{\"ab\":1,\"\\u0001\\n\\\"\":2}", "{\"ab\":2}\n{\"\\u0061b\":2}\n{\"a\":1}\n{\"a\":2,\"ab\":1}"},
		{`{"type": "object", "properties": {"a": {"const": 1}}}`, "{}\n{\"a\":1,\"x\":[]}\n{\"x\":{}}", "{\"a\":2}"},
		{`{"type": "object", "properties": {"a\"": {"const": 1}, "a\\": {"const": 1}, "\u0001": {"const": 1}}}`,
			"{\"a\\\"\":1,\"a\\\\\":1}\n{\"a\\n\":2}", "{\"a\\\"\":2}\n{\"a\\\\\":2}\n{\"\\u0001\":2}"},
		{`{"type": "object", "properties": {"a": false}}`, "{}\n{\"b\":1}", "{\"a\":1}"},
		{`{"type": "object", "required": ["x"], "additionalProperties": {"type": "integer"}}`, "{\"x\":1}\n{\"x\":1,\"y\":2}", "{}\n{\"y\":2}\n{\"x\":null}"},
		{`{"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 2}`, "{\"x\":1}\n{\"x\":1,\"y\":2}", "{}\n{\"x\":1,\"y\":2,\"z\":3}"},
		{`{"properties": {"a": true, "b": true, "c": true}, "additionalProperties": false, "type": "object", "minProperties": 2, "maxProperties": 2}`,
			"{\"a\":1,\"b\":1}\n{\"a\":1,\"c\":1}\n{\"b\":1,\"c\":1}", "{}\n{\"a\":1}\n{\"a\":1,\"b\":1,\"c\":1}"},
		{`{"type": "object", "additionalProperties": {"not": {}}}`, "{}", "{\"a\":1}"},
		{`{"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {}}`, "{\"a\":1}", "1"},
		{`{"type": "object", "properties": {"a": {"const": 1}}, "unevaluatedProperties": false}`, "{}\n{\"a\":1}", "{\"b\":1}"},
		{`{"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}`, "1\n[1]", "\"a\"\n[\"a\"]"},
		{`{"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}, "additionalProperties": false}`,
			"{\"a\":1}\n{\"b\":2}\n{\"a\":1,\"b\":2}", "{}"},
		{`{"oneOf": [{"type": "string"}, {"type": "integer"}]}`, "1\n\"a\"", "null"},
		{`{"oneOf": [{"const": 1}, {"const": 2}]}`, "1\n2", "3"},
		{`{"oneOf": [{"const": "a", "title": "A"}, {"type": "string", "enum": ["b"]}, {"const": "c"}, {"type": "null"}]}`, "\"a\"\n\"b\"\n\"c\"\nnull", "\"d\""},
		{`{"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"], "additionalProperties": false},
		             {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"], "additionalProperties": false}]}`,
			"{\"kind\":\"a\",\"x\":1}\n{\"kind\":\"b\"}", "{\"kind\":\"b\",\"x\":1}\n{\"kind\":\"a\"}"},
		{`{"allOf": [{"properties": {"a": {"type": "integer", "minimum": 3}}}, {"properties": {"a": {"maximum": 5}}, "required": ["a"]}], "type": "object"}`,
			"{\"a\":3}\n{\"a\":5,\"b\":1}", "{}\n{\"a\":2}\n{\"a\":6}\n{\"a\":null}"},
		{`{"allOf": [{"type": ["integer", "string"]}, {"enum": [1, "x", null]}], "enum": ["x", null, 1.0]}`, "\"x\"\n1.0", "null\n2"},
		{`{"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer", "minimum": 5}}, "maximum": 6}`, "5\n6", "4\n7"},
		{`{"$defs": {"tree": {"type": "object", "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "required": ["v"], "additionalProperties": false}}, "$ref": "#/$defs/tree"}`,
			"{\"v\":1}\n{\"v\":1,\"kids\":[{\"v\":2},{\"v\":3,\"kids\":[]}]}", "{\"v\":1,\"kids\":[{}]}\n{\"kids\":[]}"},
		{`{"$ref": "#/definitions/a~1b%20c", "definitions": {"a/b c": {"$anchor": "x", "type": "null"}}}`, "null", "1"},
		{`{"type": "array", "items": {"$ref": "#x"}, "$defs": {"y": {"$anchor": "x", "type": "null"}}}`, "[null]", "[1]"},
		{`{"type": "array", "items": {"$ref": "#"}}`, "[]\n[[],[[]]]", "[1]"},
	} {
		g, loosened := compile(t, tt.schema, true)
		if len(loosened) > 0 {
			t.Errorf("%s: loosened %v", tt.schema, loosened)
		}
		for _, text := range lines(tt.in) {
			if !accepts(g, text) {
				t.Errorf("%s refuses %s", tt.schema, text)
			}
		}
		for _, text := range lines(tt.out) {
			if accepts(g, text) {
				t.Errorf("%s accepts %s", tt.schema, text)
			}
		}
	}
}

// TestNumbersAtLimits goes through integers and tenths near limits.
func TestNumbersAtLimits(t *testing.T) {
	limits := []int{-1300, -121, -100, -99, -5, 0, 1, 7, 10, 99, 123, 1204}
	var near []int
	for _, limit := range limits {
		for _, d := range []int{0, 1, 2, 3, 9, 10, 100} {
			near = append(near, limit-d, limit+d)
		}
	}
	for _, low := range limits {
		for _, high := range limits {
			if high < low {
				continue
			}
			between, _ := compile(t, fmt.Sprintf(`{"type":"integer","minimum":%d,"maximum":%d}`, low, high), true)
			above, _ := compile(t, fmt.Sprintf(`{"type":"integer","exclusiveMinimum":%d}`, low-1), true)
			tenths, _ := compile(t, fmt.Sprintf(`{"type":"number","minimum":%d.%d,"exclusiveMaximum":%d.5}`, max(low, 0)/10, max(low, 0)%10, max(high, 0)/10+1), true)
			for _, n := range near {
				if got := accepts(between, fmt.Sprint(n)); got != (low <= n && n <= high) {
					t.Fatalf("%d between %d and %d: %v", n, low, high, got)
				}
				if got := accepts(above, fmt.Sprint(n)); got != (low <= n) {
					t.Fatalf("%d from %d on: %v", n, low, got)
				}
				if got := accepts(tenths, fmt.Sprintf("%d.%d", n/10, n%10)); n >= 0 && got != (max(low, 0) <= n && n < max(high, 0)/10*10+15) {
					t.Fatalf("%d tenths from %d tenths to %d.5: %v", n, max(low, 0), max(high, 0)/10+1, got)
				}
			}
		}
	}
}

// lines splits a list of texts; a line that begins with a blank or a bracket that
// closes goes on with the text before.
func lines(list string) (texts []string) {
	for line := range strings.SplitSeq(list, "\n") {
		if n := len(texts); n > 0 && (strings.HasPrefix(line, "  ") || strings.HasPrefix(texts[n-1], "[\n") || texts[n-1] == "{" || texts[n-1] == "[" || n > 0 && (line == "}" || line == "]")) {
			texts[n-1] += "\n" + line
			continue
		}
		texts = append(texts, line)
	}
	return texts
}

// TestLoosened is of schemas that ask for what is not held.
func TestLoosened(t *testing.T) {
	for _, tt := range []struct{ schema, loosened, in string }{
		{`{"type": "integer", "multipleOf": 5}`, "#/multipleOf", "7"},
		{`{"type": "array", "uniqueItems": true}`, "#/uniqueItems", "[1,1]"},
		{`{"type": "string", "pattern": "(?=a)b"}`, "#/pattern", `"x"`},
		{`{"type": "string", "pattern": "\\bx"}`, "#/pattern", `"y"`},
		{`{"type": "string", "pattern": "(a)\\1"}`, "#/pattern", `"y"`},
		{`{"type": "string", "pattern": "^a+$", "maxLength": 5000}`, "#/maxLength", `"aaa"`},
		{`{"properties": {"a/b": {"not": {"type": "null"}}}}`, "#/properties/a~1b/not", `{"a/b":null}`},
		{`{"if": {"type": "integer"}, "then": {"minimum": 1}}`, "#/if", "0"},
		{`{"type": "object", "dependentRequired": {"a": ["b"]}}`, "#/dependentRequired", `{"a":1}`},
		{`{"type": "object", "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": false}`, "#/patternProperties", `{"xa":1}`},
		{`{"type": "object", "propertyNames": {"pattern": "^x"}}`, "#/propertyNames", `{"y":1}`},
		{`{"type": "object", "minProperties": 2}`, "#/minProperties", `{"y":1,"y":2}`},
		{`{"oneOf": [{"type": "integer"}, {"minimum": 5}]}`, "#/oneOf", `7`},
		{`{"$ref": "https://example.com/schema"}`, "#/$ref", `7`},
		{`{"type": "number", "minimum": 1e40}`, "#/minimum", "1"},
		{`{"type": "number", "minimum": 1e-40}`, "#/minimum", "1"},
	} {
		g, loosened := compile(t, tt.schema, false)
		if got := strings.Join(loosened, " "); got != tt.loosened {
			t.Errorf("%s: loosened %q, want %q", tt.schema, got, tt.loosened)
		}
		if !accepts(g, tt.in) {
			t.Errorf("%s refuses %s", tt.schema, tt.in)
		}
		_, _, err := grammar.New().Schema([]byte(tt.schema), true)
		if !errors.Is(err, grammar.ErrSchema) || !strings.Contains(err.Error(), tt.loosened+":") {
			t.Errorf("%s, strictly: %v", tt.schema, err)
		}
	}
}

// TestRefused is of schemas that are no schemas, or that no value fits.
func TestRefused(t *testing.T) {
	for schema, say := range map[string]string{
		``:                             "EOF",
		`{`:                            "EOF",
		`{} {}`:                        "more than one",
		`[]`:                           "expected a schema",
		`{"a": }`:                      "invalid character",
		"\"\xff\"":                     "UTF-8",
		`{"type": 5}`:                  "#/type: expected the name of a type",
		`{"type": ["string", "text"]}`: "#/type/1",
		`{"enum": 1}`:                  "#/enum",
		`{"minimum": "1"}`:             "#/minimum",
		`{"minLength": -1}`:            "#/minLength",
		`{"maxItems": 1.5}`:            "#/maxItems",
		`{"pattern": 1}`:               "#/pattern",
		`{"properties": {"a": 1}}`:     "#/properties/a: expected a schema",
		`{"properties": []}`:           "#/properties",
		`{"items": 1}`:                 "#/items",
		`{"anyOf": {}}`:                "#/anyOf",
		`{"allOf": [1]}`:               "#/allOf/0",
		`{"required": "a"}`:            "#/required",
		`{"required": [1]}`:            "#/required/0",
		`{"$ref": 1}`:                  "#/$ref",
		`{"$ref": "#/a"}`:              "there is no",
		`{"$ref": "#"}`:                "defined by itself",
		`{"anyOf": [{"type": "null"}, {"$ref": "#"}]}`:                              "defined by itself",
		`{"multipleOf": 0}`:                                                         "above 0",
		`{"minimum": 1e9999}`:                                                       "digits",
		`false`:                                                                     "no value is valid",
		`{"enum": []}`:                                                              "no value is valid",
		`{"type": "string", "enum": [1]}`:                                           "no value is valid",
		`{"type": "integer", "minimum": 2, "maximum": 1}`:                           "no value is valid",
		`{"type": "string", "minLength": 2, "maxLength": 1}`:                        "no value is valid",
		`{"type": "string", "pattern": "^a$", "minLength": 2}`:                      "no value is valid",
		`{"type": "array", "minItems": 2, "maxItems": 1}`:                           "no value is valid",
		`{"type": "object", "required": ["a"], "properties": {"a": false}}`:         "no value is valid",
		`{"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}}`: "no value is valid",
		`{"type": "object", "required": ["a"], "additionalProperties": false}`:      "no value is valid",
		strings.Repeat(`{"items":`, 200) + `{}` + strings.Repeat(`}`, 200):          "within one another",
		`{"description": "` + strings.Repeat("a", 300_000) + `"}`:                   "bytes",
	} {
		for _, strict := range []bool{true, false} {
			_, _, err := grammar.New().Schema([]byte(schema), strict)
			if !errors.Is(err, grammar.ErrSchema) || !strings.Contains(err.Error(), say) {
				t.Errorf("%.200s: %v, want an error that says %q", schema, err, say)
			}
		}
	}
}

func TestClosed(t *testing.T) {
	for schema, c := range map[string]struct{ accepted, refused string }{
		`{"type": "object", "properties": {"a": {"const": 1}}}`:                                                   {`{"a":1}`, `{"a":1,"b":2}`},
		`{"type": "object", "properties": {}}`:                                                                    {`{}`, `{"b":2}`},
		`{"type": "object"}`:                                                                                      {`{"b":2}`, `1`},
		`{"type": "object", "properties": {"a": {"const": 1}}, "additionalProperties": true}`:                     {`{"a":1,"b":2}`, `1`},
		`{"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}], "type": "object"}`: {`{"a":1,"b":2}`, `{"a":1,"b":2,"c":3}`},
	} {
		b := grammar.New()
		b.Closed = true
		rule, _, err := b.Schema([]byte(schema), true)
		if err != nil {
			t.Fatal(err)
		}
		g, err := gbnf.Compile(b.Grammar(rule))
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]bool{c.accepted: true, c.refused: false} {
			m := g.Matcher()
			if got := m.Accept([]byte(text)) && m.Done(); got != want {
				t.Errorf("%s accepts %s: %t", schema, text, got)
			}
		}
	}
}
