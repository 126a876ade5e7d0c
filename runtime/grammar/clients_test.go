package grammar_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/gbnf"
	"github.com/interlude-run/interlude/runtime/grammar"
)

// clients are schemas as agents and frameworks send them.
var clients = []struct {
	name, schema string
	loosened     string
	in, out      []string
}{
	{
		name: "a coding agent's shell, by zod",
		schema: `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{
			"command":{"description":"The command to execute","type":"string"},
			"timeout":{"description":"Optional timeout in milliseconds","type":"number"},
			"description":{"type":"string"},
			"run_in_background":{"type":"boolean"}},"required":["command"],"additionalProperties":false}`,
		in: []string{`{"command":"ls -la","timeout":1000}`, `{"command": "echo \"x\" && cat <<E\nE", "description": "d", "run_in_background": true}`,
			"{\n  \"command\": \"ls\"\n}"},
		out: []string{`{}`, `{"timeout":1}`, `{"command":1}`, `{"command":"ls","cwd":"/"}`, `{"command":"ls"`},
	},
	{
		name: "a coding agent's reader, with the limits of safe integers",
		schema: `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"filePath":{"type":"string"},
			"offset":{"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991,"exclusiveMinimum":0},
			"limit":{"type":"integer","exclusiveMinimum":0,"maximum":9007199254740991}},"required":["filePath"],"additionalProperties":false}`,
		in:  []string{`{"filePath":"/a","offset":1,"limit":2000}`, `{"filePath":"/a"}`},
		out: []string{`{"filePath":"/a","offset":0}`, `{"filePath":"/a","offset":-3}`, `{"filePath":"/a","limit":1.5}`},
	},
	{
		name: "a list of things to do",
		schema: `{"type":"object","properties":{"todos":{"type":"array","minItems":1,"items":{"type":"object","properties":{
			"content":{"type":"string","minLength":1},"status":{"type":"string","enum":["pending","in_progress","completed"]}},
			"required":["content","status"],"additionalProperties":false}}},"required":["todos"],"additionalProperties":false,"$schema":"http://json-schema.org/draft-07/schema#"}`,
		in:  []string{`{"todos":[{"content":"x","status":"pending"},{"content":"y","status":"in_progress"}]}`},
		out: []string{`{"todos":[]}`, `{"todos":[{"content":"","status":"pending"}]}`, `{"todos":[{"content":"x","status":"done"}]}`},
	},
	{
		name:     "a questionnaire with a record",
		schema:   `{"type":"object","properties":{"questions":{"type":"array","maxItems":4,"uniqueItems":true,"items":{"type":"string"}},"answers":{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"type":"string"}}},"required":["questions"]}`,
		loosened: "#/properties/questions/uniqueItems",
		in:       []string{`{"questions":["a","b"],"answers":{"a":"1"}}`},
		out:      []string{`{"questions":["1","2","3","4","5"]}`, `{"questions":[],"answers":{"a":1}}`},
	},
	{
		name: "a shell of strings, with all members required and null for none",
		schema: `{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"}},"workdir":{"type":["string","null"]},
			"timeout_ms":{"anyOf":[{"type":"number"},{"type":"null"}]}},"required":["command","workdir","timeout_ms"],"additionalProperties":false}`,
		in:  []string{`{"command":["bash","-lc","ls"],"workdir":null,"timeout_ms":1e4}`},
		out: []string{`{"command":["bash"]}`, `{"command":"ls","workdir":null,"timeout_ms":null}`},
	},
	{
		name: "an answer's schema, by pydantic",
		schema: `{"$defs":{"Step":{"properties":{"explanation":{"title":"Explanation","type":"string"},"output":{"title":"Output","type":"string"},
			"next":{"anyOf":[{"$ref":"#/$defs/Step"},{"type":"null"}],"default":null}},"required":["explanation","output"],"title":"Step","type":"object","additionalProperties":false}},
			"properties":{"steps":{"items":{"$ref":"#/$defs/Step"},"title":"Steps","type":"array"},"confidence":{"maximum":1,"minimum":0,"title":"Confidence","type":"number"}},
			"required":["steps","confidence"],"title":"MathReasoning","type":"object","additionalProperties":false}`,
		in: []string{`{"steps":[{"explanation":"a","output":"b","next":{"explanation":"c","output":"d","next":null}}],"confidence":0.95}`},
		out: []string{`{"steps":[{"explanation":"a"}],"confidence":0.95}`, `{"steps":[],"confidence":1.2}`,
			`{"steps":[{"explanation":"a","output":"b","next":{}}],"confidence":1}`},
	},
	{
		name: "a union by a constant",
		schema: `{"type":"object","properties":{"action":{"oneOf":[{"type":"object","properties":{"type":{"type":"string","const":"click"},"x":{"type":"integer","minimum":0},"y":{"type":"integer","minimum":0}},"required":["type","x","y"]},
			{"type":"object","properties":{"type":{"type":"string","const":"type"},"text":{"type":"string"}},"required":["type","text"]}]}},"required":["action"]}`,
		in:  []string{`{"action":{"type":"click","x":1,"y":20}}`, `{"action":{"type":"type","text":"x"}}`},
		out: []string{`{"action":{"type":"type","x":1,"y":20}}`, `{"action":{"type":"click","x":-1,"y":20}}`},
	},
	{
		name: "long strings and nested patterns",
		schema: `{"type":"object","properties":{"slug":{"type":"string","pattern":"^[a-z0-9]+(?:-[a-z0-9]+)*$","maxLength":64},
			"tags":{"type":"array","items":{"type":"string","pattern":"^#\\w{1,20}$"}},"title":{"type":"string","maxLength":2000},"body":{"type":"string","maxLength":65536},
			"mail":{"type":"string","format":"email"},"at":{"type":"string","format":"date-time"}},"required":["slug"]}`,
		in:  []string{`{"slug":"a-b","tags":["#x"],"title":"` + strings.Repeat("t", 2000) + `","body":"` + strings.Repeat("b", 65536) + `","at":"2026-01-01T00:00:00Z"}`},
		out: []string{`{"slug":"a--b"}`, `{"slug":"a","tags":["x"]}`, `{"slug":"a","title":"` + strings.Repeat("t", 2001) + `"}`, `{"slug":"` + strings.Repeat("a", 65) + `"}`},
	},
	{
		name:   "no parameters",
		schema: `{"type":"object","properties":{},"additionalProperties":false}`,
		in:     []string{`{}`},
		out:    []string{`{"a":1}`, `null`},
	},
	{
		name:   "parameters that nobody described",
		schema: `{"type":"object"}`,
		in:     []string{`{}`, `{"a":{"b":[1,2]}}`},
		out:    []string{`[]`, `"a"`},
	},
}

func TestClients(t *testing.T) {
	for _, tt := range clients {
		g, loosened := compile(t, tt.schema, tt.loosened == "")
		if got := strings.Join(loosened, " "); got != tt.loosened {
			t.Errorf("%s: loosened %q, want %q", tt.name, got, tt.loosened)
		}
		for _, text := range tt.in {
			if err := valid(judge(t, tt.schema), text); err != nil {
				t.Errorf("%s: the table is wrong: %.200s: %v", tt.name, text, err)
			}
			if !accepts(g, text) {
				t.Errorf("%s: %.200s is refused", tt.name, text)
			}
		}
		for _, text := range tt.out {
			if accepts(g, text) {
				t.Errorf("%s: %.200s is accepted", tt.name, text)
			}
		}
	}
}

// TestManyTools puts all schemas into one grammar, a call of any of them.
func TestManyTools(t *testing.T) {
	b := grammar.New()
	var calls []string
	for i, tt := range clients {
		rule, _, err := b.Schema([]byte(tt.schema), false)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		name := fmt.Sprintf("tool%d", i)
		calls = append(calls, b.Rule("call", grammar.Literal(`{"name": "`+name+`", "arguments": `)+" "+rule+` "}"`))
	}
	g := compileText(t, b.Grammar(b.Rule("calls", strings.Join(calls, " | "))))
	for i, tt := range clients {
		for j, text := range tt.in {
			if got := accepts(g, fmt.Sprintf(`{"name": "tool%d", "arguments": %s}`, i, text)); !got {
				t.Errorf("%s: text %d is refused", tt.name, j)
			}
			other := (i + 3) % len(clients)
			if accepts(g, fmt.Sprintf(`{"name": "tool%d", "arguments": %s}`, other, text)) != accepts(ofClient(t, other), text) {
				t.Errorf("%s: text %d is not judged by the tool that it names", tt.name, j)
			}
		}
	}
}

func ofClient(t *testing.T, i int) *gbnf.Grammar {
	g, _ := compile(t, clients[i].schema, false)
	return g
}

// TestLarge is of schemas that would make too many ways to read a text if they were
// written down naively.
func TestLarge(t *testing.T) {
	many := func(n int, format string) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(format, i, i))
		}
		return strings.Join(out, ",")
	}
	for _, tt := range []struct{ name, schema, in, out string }{
		{"a thousand constants", `{"enum":[` + many(1000, `"value %d of %d"`) + `]}`, `"value 999 of 999"`, `"value 999 of 99"`},
		{"200 constants with titles", `{"oneOf":[` + many(200, `{"const":"c%d","title":"C%d"}`) + `]}`, `"c199"`, `"c200"`},
		{"300 members that may be there", `{"type":"object","properties":{` + many(300, `"member%d":{"const":%d}`) + `},"additionalProperties":false}`,
			`{"member0":0,"member150":150,"member299":299}`, `{"member0":1}`},
		{"300 members, one must", `{"type":"object","properties":{` + many(300, `"member%d":{"const":%d}`) + `},"required":["member149"]}`,
			`{"member3":3,"member149":149,"member299":299,"other":1}`, `{"member3":3,"member299":299}`},
		{"300 members that must", `{"type":"object","properties":{` + many(300, `"m%d":{"const":%d}`) + `},"required":[` + many(300, `"m%[1]d"`) + `]}`,
			`{` + many(300, `"m%d":%d`) + `}`, `{` + many(299, `"m%d":%d`) + `}`},
		{"60 alternatives by a constant", `{"anyOf":[` + many(60, `{"type":"object","properties":{"kind":{"const":"k%d"},"v":{"const":%d}},"required":["kind","v"]}`) + `]}`,
			`{"kind":"k59","v":59}`, `{"kind":"k59","v":58}`},
		{"deep", strings.Repeat(`{"type":"array","items":`, 40) + `{"type":"null"}` + strings.Repeat("}", 40),
			strings.Repeat("[", 40) + "null" + strings.Repeat("]", 40), strings.Repeat("[", 41) + "null" + strings.Repeat("]", 41)},
		{"a repetition of a repetition", `{"type":"array","maxItems":1000,"items":{"type":"array","maxItems":1000,"items":{"type":"string","maxLength":1000}}}`,
			`[["a","b"],[]]`, `[["` + strings.Repeat("a", 1001) + `"]]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, loosened := compile(t, tt.schema, true)
			if len(loosened) > 0 {
				t.Error(loosened)
			}
			if !accepts(g, tt.in) {
				t.Errorf("%.200s is refused", tt.in)
			}
			if accepts(g, tt.out) {
				t.Errorf("%.200s is accepted", tt.out)
			}
		})
	}
	alike := func(k int) string {
		return `{"type":"object","properties":{` + many(40, `"m%d":{"const":`+strconv.Itoa(k)+`%d}`) + `}}`
	}
	for _, tt := range []struct{ name, schema, loosened, in string }{
		{"100 alternatives", `{"anyOf":[` + many(100, `{"type":"object","properties":{"kind":{"const":"k%d"},"v":{"const":%d}}}`) + `]}`, "#/anyOf", `{"v":101}`},
		{"2⁴⁰ alternatives", `{"allOf":[` + many(40, `{"anyOf":[{"required":["a%d"]},{"required":["b%d"]}]}`) + `]}`, "#/allOf", `{` + many(40, `"a%d":%d`) + `}`},
		{"constants that all begin otherwise", `{"enum":[` + letters(300) + `]}`, "#/enum", `"any"`},
		{"alternatives that begin alike", `{"anyOf":[` + alike(1) + "," + alike(2) + "," + alike(3) + "," + alike(4) + `]}`, "#/anyOf", `{"m0":7}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, loosened := compile(t, tt.schema, false)
			if !slices.Equal(loosened, []string{tt.loosened}) {
				t.Error("loosened", loosened)
			}
			if !accepts(g, tt.in) {
				t.Errorf("%s is refused", tt.in)
			}
		})
	}
}

// letters is as many constants of a letter.
func letters(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`"%c"`, 'ぁ'+i))
	}
	return strings.Join(out, ",")
}

func TestBuilder(t *testing.T) {
	b := grammar.New()
	one, two := b.Rule("string", `"1"`), b.Rule("string", `"2"`)
	root := b.Rule("root", `"3"`)
	odd := b.Rule("«ü»", `"4"`)
	if _, _, err := b.Schema([]byte(`{"properties":{"a":{"type":"integer"},"b":{"type":1}}}`), false); err == nil {
		t.Error("no error")
	}
	if name := b.Rule("schema", `"5"`); name != "schema" {
		t.Errorf("a schema that failed leaves %s", name)
	}
	all := b.Rule("all", strings.Join([]string{one, two, root, odd, b.Value(), b.Object(), grammar.Literal("\"\\\n\x00é\t")}, " "))
	g := compileText(t, b.Grammar(all))
	if !accepts(g, "1234[1]{\"a\":[]}\"\\\n\x00é\t") || accepts(g, "1234[1][]\"\\\n\x00é\t") {
		t.Errorf("other texts than should be:\n%s", b.Grammar(all))
	}
}
