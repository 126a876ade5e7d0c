package chat

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// manners are how the calls of more families look in their templates: before all, each call
// (name is c.name, arguments are c.arguments), between two, and behind all.
var manners = map[string]struct{ before, call, between, after string }{
	"a list in tags":     {"<TOOLCALL>[", `{"name": "{{ c.name }}", "arguments": {{ c.arguments | tojson }}}`, ", ", "]</TOOLCALL>"},
	"other keys":         {"<|START_ACTION|>[\n", `    {"tool_call_id": "{{ call.id }}", "tool_name": "{{ c.name }}", "parameters": {{ c.arguments | tojson }}}`, ",\n", "\n]<|END_ACTION|>"},
	"a row in tags":      {"<tool_calls>\n", "{\"name\": \"{{ c.name }}\", \"arguments\": {{ c.arguments | tojson }}}\n", "", "</tool_calls>"},
	"a code block":       {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{{ c.name }}\n```json\n{{ c.arguments | tojson }}\n```<｜tool▁call▁end｜>", "\n", "<｜tool▁calls▁end｜>"},
	"names in tags":      {"", `<function={{ c.name }}>{{ c.arguments | tojson }}</function>`, "\n", ""},
	"tags in tags":       {"<seed:tool_call>\n", "<tool_name>{{ c.name }}</tool_name>\n<parameters>{{ c.arguments | tojson }}</parameters>\n", "", "</seed:tool_call>"},
	"names without ends": {"", "<tool_call>{{ c.name }}\n{% for k, v in c.arguments.items() %}<arg_key>{{ k }}</arg_key>\n<arg_value>{{ v if v is string else v | tojson }}</arg_value>\n{% endfor %}</tool_call>", "\n", ""},
	"attributes":         {"<minimax:tool_call>\n", "<invoke name=\"{{ c.name }}\">\n{% for k, v in c.arguments.items() %}<parameter name=\"{{ k }}\">{{ v if v is string else v | tojson }}</parameter>\n{% endfor %}</invoke>\n", "", "</minimax:tool_call>"},
	"kinds of values":    {"<｜DSML｜calls>\n", "<｜DSML｜invoke name=\"{{ c.name }}\">\n{% for k, v in c.arguments.items() %}<｜DSML｜parameter name=\"{{ k }}\" string=\"{{ 'true' if v is string else 'false' }}\">{{ v if v is string else v | tojson }}</｜DSML｜parameter>\n{% endfor %}</｜DSML｜invoke>\n", "", "</｜DSML｜calls>"},
	"an object alone":    {"", `{"function": "{{ c.name }}", "parameters": {{ c.arguments | tojson }}}`, "; ", ""},
}

func mannerTemplate(manner string) string {
	m := manners[manner]
	return "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content %}{{ m.content }}{% endif %}{% if m.tool_calls %}" +
		m.before + "{% for call in m.tool_calls %}{% set c = call.function %}" + m.call + "{% if not loop.last %}" + m.between + "{% endif %}{% endfor %}" + m.after +
		"{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
}

// TestReaderReadsWhatTemplatesWrite renders answers with calls by the template, and reads
// them by the format derived from it.
func TestReaderReadsWhatTemplatesWrite(t *testing.T) {
	templates := map[string]*Template{}
	for _, family := range []string{"qwen2.5", "qwen3", "headers", "mistral-nemo", "args", "opened", "tags"} {
		templates[family] = compileMarked(t, read(t, "testdata/templates/"+family+".jinja"))
	}
	for manner := range manners {
		templates[manner] = compileMarked(t, mannerTemplate(manner))
	}
	word := rapid.StringMatching(`[a-z_]{1,8}`)
	value := rapid.OneOf(
		rapid.Map(rapid.StringMatching(`[a-zé日"\\\n{}\[\]<>/=,: ]{0,20}`), func(s string) any { return "x" + s + "x" }),
		rapid.Map(rapid.IntRange(-1000, 1000), func(n int) any { return float64(n) }),
		rapid.SampledFrom([]any{true, nil, []any{"a", 1.5}, map[string]any{"k": "}"}, "", "{"}),
	)
	for name, template := range templates {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			f := template.Format()
			message := Message{Role: "assistant"}
			if name != "headers" && name != "mistral-nemo" && name != "an object alone" { // which write either text or calls
				message.Content = rapid.SampledFrom([]string{"", "I look.", "é"}).Draw(t, "text")
			}
			n := 1
			if name != "headers" { // makes one call at a time
				n = rapid.IntRange(1, 3).Draw(t, "calls")
			}
			var tools []Tool
			for i := range n {
				arguments := rapid.MapOfN(word, value, 0, 3).Draw(t, "arguments")
				if name == "qwen3" && message.Content == "" {
					message.Content = "Then:" // this one fails without
				}
				encoded, err := json.Marshal(arguments)
				if err != nil {
					t.Fatal(err)
				}
				call := Call{ID: "a1b2c3d4e", Name: rapid.StringMatching(`[a-z][a-z0-9_.-]{0,12}`).Draw(t, "name") + strconv.Itoa(i), Arguments: string(encoded)}
				message.Calls = append(message.Calls, call)
				tools = append(tools, toolFor(call.Name, arguments))
			}
			d := deriver{template: template}
			d.prompt, _ = d.render(true, nil, Message{Role: "user", Content: "question"})
			answer, ok := d.answer(nil, message)
			if !ok {
				t.Fatal("the template does not write it")
			}
			if f.inside {
				answer = strings.TrimPrefix(answer, f.reasoning.close)
				f = &Format{calls: f.calls}
			}
			pieces := readIn(f.ReaderOf(tools), answer)
			if len(pieces) > 0 && pieces[0].Kind == PieceText && message.Content != "" {
				if pieces[0].Text != message.Content {
					t.Fatalf("text %q of %q", pieces[0].Text, answer)
				}
				pieces = pieces[1:]
			}
			if len(pieces) != n {
				t.Fatalf("%q gives %+v", answer, pieces)
			}
			for i, p := range pieces {
				call := message.Calls[i]
				if p.Kind != PieceCall || p.Index != i || p.Name != call.Name || !p.Done || !sameJSON(p.Text, call.Arguments) {
					t.Fatalf("%q gives %+v for %+v", answer, p, call)
				}
			}
		}))
	}
}

// toolFor has a schema that says which arguments are texts.
func toolFor(name string, arguments map[string]any) Tool {
	properties := map[string]any{}
	for key, value := range arguments {
		if _, ok := value.(string); ok {
			properties[key] = map[string]any{"type": "string"}
		}
	}
	schema, err := json.Marshal(map[string]any{"type": "object", "properties": properties})
	if err != nil {
		panic(err)
	}
	return Tool{Name: name, Parameters: schema}
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// TestDerivedMarkers shows what is derived.
func TestDerivedMarkers(t *testing.T) {
	formats := vectorFormats(t)
	for manner := range manners {
		formats[manner] = compileMarked(t, mannerTemplate(manner)).Format()
	}
	for name, want := range map[string]struct {
		reasoning          markers
		inside             bool
		openings, closings string
	}{
		"qwen2.5":            {markers{}, false, "<tool_call>", "</tool_call>"},
		"qwen3":              {markers{"<think>", "</think>"}, false, "<tool_call>", "</tool_call>"},
		"headers":            {markers{}, false, "<|python_tag|> ```json ```", "```"},
		"mistral-nemo":       {markers{}, false, "[TOOL_CALLS]", ""},
		"args":               {markers{"[THINK]", "[/THINK]"}, false, "[TOOL_CALLS]", ""},
		"opened":             {markers{"<think>", "</think>"}, true, "<｜tool▁calls▁begin｜> <｜tool▁call▁begin｜>", "<｜tool▁call▁end｜> <｜tool▁calls▁end｜>"},
		"closed":             {markers{"<think>", "</think>"}, false, "<|python_tag|> ```json ```", "```"},
		"tags":               {markers{}, false, "<tool_call> <function=", "</tool_call>"},
		"channels":           {markers{"<|channel|>analysis<|message|>", "<|end|>"}, false, "to=functions.", "<|call|>"},
		"smollm2":            {markers{}, false, "<|python_tag|> ```json ```", "```"},
		"a list in tags":     {markers{}, false, "<TOOLCALL>", "</TOOLCALL>"},
		"a row in tags":      {markers{}, false, "<tool_calls>", "</tool_calls>"},
		"other keys":         {markers{}, false, "<|START_ACTION|>", "<|END_ACTION|>"},
		"a code block":       {markers{}, false, "<｜tool▁calls▁begin｜> <｜tool▁call▁begin｜>function <｜tool▁sep｜>", "``` <｜tool▁call▁end｜> <｜tool▁calls▁end｜>"},
		"names in tags":      {markers{}, false, "<function=", "</function>"},
		"tags in tags":       {markers{}, false, "<seed:tool_call> <tool_name>", "</parameters> </seed:tool_call>"},
		"names without ends": {markers{}, false, "<tool_call>", ""},
		"kinds of values":    {markers{}, false, `<｜DSML｜calls> <｜DSML｜invoke name="`, "</｜DSML｜calls>"},
		"attributes":         {markers{}, false, `<minimax:tool_call> <invoke name="`, "</minimax:tool_call>"},
	} {
		f := formats[name]
		if f.reasoning != want.reasoning || f.inside != want.inside || strings.Join(f.calls.openings, " ") != want.openings || strings.Join(f.calls.closings, " ") != want.closings {
			t.Errorf("%s: reasoning %v, inside %v, openings %q, closings %q", name, f.reasoning, f.inside, f.calls.openings, f.calls.closings)
		}
	}
}

// TestWhatCannotBeDerived falls back to an object alone.
func TestWhatCannotBeDerived(t *testing.T) {
	for name, part := range map[string]string{
		"python":         "[{% for c in m.tool_calls %}{{ c.function.name }}({% for k, v in c.function.arguments.items() %}{{ k }}={{ v }}{% endfor %}){% endfor %}]",
		"names not told": "{% for c in m.tool_calls %}<call>{{ c.id }}<args>{{ c.function.arguments | tojson }}</call>{% endfor %}",
	} {
		f := compileMarked(t, "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}{% if m.tool_calls %}"+part+"{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}").Format()
		wantPieces(t, []Piece{called(0, "weather", "{}")}, readIn(f.Reader([]string{"weather"}), `{"name": "weather", "arguments": {}}`))
		if !f.calls.bare() {
			t.Errorf("%s: %+v", name, f.calls)
		}
	}
}

// TestKindsOfValues reads values that the answer itself tells to be texts or not.
func TestKindsOfValues(t *testing.T) {
	f := compileMarked(t, mannerTemplate("kinds of values")).Format()
	const answer = "<｜DSML｜calls>\n<｜DSML｜invoke name=\"weather\">\n<｜DSML｜parameter name=\"a\" string=\"true\">42</｜DSML｜parameter>\n<｜DSML｜parameter name=\"b\" string=\"false\">42</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜calls>"
	want := []Piece{called(0, "weather", `{"a": "42", "b": 42}`)}
	wantPieces(t, want, readIn(f.Reader([]string{"weather"}), answer))
	wantPieces(t, want, readIn(f.Reader([]string{"weather"}), strings.Split(answer, "")...))
}

// TestReasoningThatIsShown derives markers that no list has.
func TestReasoningThatIsShown(t *testing.T) {
	const source = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content %}<muse>\n{{ m.reasoning_content }}\n</muse>\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
	for ending, want := range map[string][]Piece{
		"{% endif %}":         {text("a</muse>b")},
		"<muse>\n{% endif %}": {thought("a"), text("b")},
	} {
		f := compileMarked(t, source+ending).Format()
		wantPieces(t, want, readIn(f.Reader(nil), "a</muse>b"))
		wantPieces(t, []Piece{thought("a"), text("b")}, readIn(f.Reader(nil), "<muse>\na\n</muse>\nb"))
		if !f.Reasons() {
			t.Error("no reasoning is known")
		}
	}
	if compileMarked(t, read(t, "testdata/templates/qwen2.5.jinja")).Format().Reasons() {
		t.Error("this template knows no reasoning")
	}
}

// TestSpell shows which control tokens reach a reader.
func TestSpell(t *testing.T) {
	formats := vectorFormats(t)
	for family, want := range map[string][]string{
		"mistral-nemo": {"[TOOL_CALLS]"},
		"args":         {"[/THINK]", "[ARGS]", "[CALL_ID]", "[THINK]", "[TOOL_CALLS]"},
		"headers":      {"<|python_tag|>"},
		"opened":       {"<｜tool▁call▁begin｜>", "<｜tool▁sep｜>"},
		"qwen3":        nil,
	} {
		var got []string
		for _, token := range (markedTokenizer{}).Controls() {
			if s := formats[family].Spell(token); s != "" {
				got = append(got, s)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s spells %q, want %q", family, got, want)
		}
	}
	if s := formats["args"].Spell('a'); s != "" {
		t.Errorf("a letter is spelled %q", s)
	}
}
