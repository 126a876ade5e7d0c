package chat

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/gbnf"
	"github.com/interlude-run/interlude/runtime/grammar"
)

// grammarTools are functions with arguments of all kinds.
var grammarTools = []Tool{
	{Name: "weather", Parameters: []byte(`{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}`), Strict: true},
	{Name: "write-file", Parameters: []byte(`{"properties": {"text": {"type": "string"}, "mode": {"type": "string", "enum": ["new", "old"]}, "at": {"$ref": "#/$defs/at"}}, "required": ["text", "mode", "at"], "$defs": {"at": {"type": "array", "items": {"type": "boolean"}}}}`)},
	{Name: "now"},
}

// grammarCalls are calls of these.
var grammarCalls = []Call{
	{ID: "a1b2c3d4e", Name: "weather", Arguments: `{"city": "Pa \"ris\" 日", "days": 3}`},
	{ID: "a1b2c3d4f", Name: "write-file", Arguments: `{"text": "<a></a>x", "mode": "old", "at": [true, false]}`},
	{ID: "a1b2c3d4g", Name: "weather", Arguments: `{"city": "P"}`},
}

func grammarTemplates(t *testing.T) map[string]*Template {
	templates := map[string]*Template{"channels": compileMarked(t, channelsTemplate)}
	for _, family := range []string{"qwen2.5", "qwen3", "headers", "mistral-nemo", "args", "opened", "tags", "smollm2"} {
		templates[family] = compileMarked(t, read(t, "testdata/templates/"+family+".jinja"))
	}
	for manner := range manners {
		templates[manner] = compileMarked(t, mannerTemplate(manner))
	}
	return templates
}

func compileCalls(t rapid.TB, f *Format, tools []Tool, one bool) *gbnf.Grammar {
	b := grammar.New()
	rule, err := f.CallGrammar(b, tools, one)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gbnf.Compile(b.Grammar(rule))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.Grammar(rule))
	}
	return g
}

func accepts(g *gbnf.Grammar, text string) bool {
	m := g.Matcher()
	return m.Accept([]byte(text)) && m.Done()
}

// TestCallGrammarAcceptsWhatTemplatesWrite holds rendered answers to the grammar.
func TestCallGrammarAcceptsWhatTemplatesWrite(t *testing.T) {
	for name, template := range grammarTemplates(t) {
		if name == "smollm2" || name == "channels" { // which do not write calls, or in another way
			continue
		}
		f := template.Format()
		one, many := compileCalls(t, f, grammarTools, true), compileCalls(t, f, grammarTools, false)
		d := deriver{template: template}
		d.prompt, _ = d.render(true, nil, Message{Role: "user", Content: "question"})
		write := func(calls ...Call) string {
			text, ok := d.withCalls(f.reasoning, calls...)
			if !ok {
				t.Fatalf("%s does not write %v", name, calls)
			}
			if f.inside {
				text = "They ask.\n" + f.reasoning.close + "\n\n" + text
			}
			return text
		}
		for i, call := range grammarCalls {
			if text := write(call); !accepts(one, text) || !accepts(many, text) {
				t.Errorf("%s: call %d is refused: %q", name, i, text)
			}
		}
		for _, wrong := range []Call{
			{ID: "a1b2c3d4e", Name: "sky", Arguments: `{"city": "P"}`},
			{ID: "a1b2c3d4e", Name: "weather", Arguments: `{"city": "P", "days": "soon"}`},
			{ID: "a1b2c3d4e", Name: "weather", Arguments: `{"days": 1}`},
		} {
			if text := write(wrong); accepts(one, text) || accepts(many, text) {
				t.Errorf("%s: accepted: %q", name, text)
			}
		}
		if name == "headers" { // makes one call at a time
			continue
		}
		if text := write(grammarCalls...); accepts(one, text) || !accepts(many, text) {
			t.Errorf("%s: three calls, accepted where one is wanted: %v, where more may be: %v: %q", name, accepts(one, text), accepts(many, text), text)
		}
	}
}

// TestReaderReadsWhatCallGrammarAllows lets the grammar write answers at random.
func TestReaderReadsWhatCallGrammarAllows(t *testing.T) {
	templates := grammarTemplates(t)
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		f := templates[name].Format()
		one, many := compileCalls(t, f, grammarTools, true), compileCalls(t, f, grammarTools, false)
		written := 0
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			isOne := rapid.Bool().Draw(t, "one")
			g := many
			if isOne {
				g = one
			}
			text, ok := wander(t, g, f)
			if !ok {
				return
			}
			written++
			calls := 0
			for _, p := range readIn(f.ReaderOf(grammarTools), text) {
				switch {
				case p.Kind == PieceText:
					t.Fatalf("%q has text %q", text, p.Text)
				case p.Kind == PieceCall && (!p.Done || !json.Valid([]byte(p.Text))):
					t.Fatalf("%q has a broken call %+v", text, p)
				case p.Kind == PieceCall:
					calls++
				}
			}
			if calls == 0 || isOne && calls > 1 {
				t.Fatalf("%q has %d calls", text, calls)
			}
		}))
		least := 20
		if testing.Short() { // which has a fifth of the checks
			least = 4
		}
		if written < least {
			t.Errorf("%s: %d answers came to an end", name, written)
		}
	}
}

// wander writes a text that the grammar allows, byte by byte, and now and then a marker.
func wander(t *rapid.T, g *gbnf.Grammar, f *Format) (text string, ok bool) {
	m := g.Matcher()
	markers := []string{`"`, `"`, "}", "\n", f.calls.valueEnd, f.calls.valueEnd, f.reasoning.close}
	choose := rapid.IntRange(0, 1<<20)
	var written strings.Builder
	target := ""
	for written.Len() < 1000 {
		if m.Done() && choose.Draw(t, "end")%2 == 0 {
			return written.String(), true
		}
		if target == "" && choose.Draw(t, "mark")%3 == 0 {
			target = markers[choose.Draw(t, "which")%len(markers)]
		}
		if target != "" {
			if _, can := m.Step(m.Here(), target[0]); can {
				m.Accept([]byte(target[:1]))
				written.WriteByte(target[0])
				target = target[1:]
				continue
			}
			target = ""
		}
		b := byte(choose.Draw(t, "byte"))
		tried := 0
		for ; tried < 256; tried++ {
			if _, ok := m.Step(m.Here(), b); ok {
				break
			}
			b++
		}
		if tried == 256 {
			return written.String(), m.Done()
		}
		m.Accept([]byte{b})
		written.WriteByte(b)
	}
	return "", false
}

// TestCallGrammarLetsThink accepts reasoning before a call where the model knows some, and
// no text.
func TestCallGrammarLetsThink(t *testing.T) {
	templates := grammarTemplates(t)
	const call = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"
	for _, c := range []struct {
		family, answer string
		want           bool
	}{
		{"qwen3", call, true},
		{"qwen3", "<think>\n<b> </ </think\n</think>\n\n" + call, true},
		{"qwen3", "</think>" + call, false},
		{"qwen3", "Well. " + call, false},
		{"qwen3", "<think>\na</think>b</think>\n" + call, false},
		{"qwen2.5", call, true},
		{"qwen2.5", "<think>\n</think>\n\n" + call, false},
		{"opened", "a</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", true},
		{"opened", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", false},
		{"channels", "<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}", true},
		{"channels", "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}", true},
		{"channels", "<|channel|>analysis<|message|>a<|end|><|channel|>commentary to=functions.now <|constrain|>json<|message|>{}", false},
	} {
		if accepts(compileCalls(t, templates[c.family].Format(), grammarTools, true), c.answer) != c.want {
			t.Errorf("%s: accepted %v: %q", c.family, !c.want, c.answer)
		}
	}
}

func TestCallGrammarRefuses(t *testing.T) {
	f := compileMarked(t, read(t, "testdata/templates/tags.jinja")).Format()
	object := compileMarked(t, read(t, "testdata/templates/qwen3.jinja")).Format()
	for _, tools := range [][]Tool{
		nil,
		{{Name: "a", Parameters: []byte(`[`)}},
		{{Name: "a", Parameters: []byte(`"x"`)}},
		{{Name: "a", Parameters: []byte(`{"properties": 3}`)}},
	} {
		for name, f := range map[string]*Format{"tags": f, "qwen3": object} {
			if _, err := f.CallGrammar(grammar.New(), tools, true); err == nil || !errors.Is(err, ErrTools) && !errors.Is(err, grammar.ErrSchema) {
				t.Errorf("%s: tools %+v: %v", name, tools, err)
			}
		}
	}
	strict := []Tool{{Name: "a", Parameters: []byte(`{"type": "object", "properties": {"b": {"not": {"type": "string"}, "pattern": "(?=x)"}}, "unevaluatedProperties": false}`), Strict: true}}
	if _, err := object.CallGrammar(grammar.New(), strict, true); !errors.Is(err, grammar.ErrSchema) {
		t.Errorf("a strict schema that no grammar holds: %v", err)
	}
}
