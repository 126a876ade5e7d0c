package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/runtime/chat/chattest"
)

// TestTemplatesRenderAsTransformersDo compares with texts that Jinja2 made, see
// testdata/expect.py.
func TestTemplatesRenderAsTransformersDo(t *testing.T) {
	cases := readCases(t)
	sources, err := filepath.Glob("testdata/templates/*.jinja")
	if err != nil || len(sources) != 10 {
		t.Fatalf("%d templates, %v", len(sources), err)
	}
	for _, source := range sources {
		model := strings.TrimSuffix(filepath.Base(source), ".jinja")
		template := compile(t, read(t, source))
		for name, in := range cases {
			t.Run(model+"/"+name, func(t *testing.T) {
				want := read(t, "testdata/expected/"+model+"."+name+".txt")
				refusal, refused := strings.CutPrefix(want, "error: ")
				r, err := template.execute(in, true)
				switch {
				case want == "-":
				case refused:
					if err == nil || !errors.Is(err, ErrMessages) || !strings.Contains(err.Error(), refusal) {
						t.Errorf("error %v, want one with %q", err, refusal)
					}
				case err != nil:
					t.Error(err)
				case r.text != want:
					t.Errorf("rendered\n%s\nwant\n%s", r.text, want)
				}
			})
		}
	}
}

func TestAbilities(t *testing.T) {
	for model, want := range map[string]abilities{
		"smollm2":      {system: true, late: true, results: true},
		"tinyllama":    {system: true, late: true},
		"mistral-0.2":  {},
		"mistral-nemo": {system: true, tools: true, calls: true, results: true},
		"headers":      {system: true, late: true, tools: true, calls: true, results: true},
		"qwen2.5":      {system: true, late: true, tools: true, calls: true, results: true},
		"qwen3":        {system: true, late: true, tools: true, calls: true, results: true},
		"tags":         {system: true, late: true, tools: true, calls: true, results: true},
		"args":         {system: true, late: true, tools: true, calls: true, results: true},
		"opened":       {system: true, tools: true, calls: true, results: true},
	} {
		if got := compile(t, read(t, "testdata/templates/"+model+".jinja")).can; got != want {
			t.Errorf("%s shows %+v, want %+v", model, got, want)
		}
	}
}

// TestWhatTemplatesWantBesideCalls shows templates that fail, or write what is no JSON, when
// they get calls as others like them.
func TestWhatTemplatesWantBesideCalls(t *testing.T) {
	for source, want := range map[string]string{
		"{{ m.content.split('!')[-1] }}{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}": `look{"a": 1}`,
		"{{ m.content or '' }}{% for c in m.tool_calls %}{{ c.function.name + c.function.arguments }}{% endfor %}":                      `look{"a": 1}`,
	} {
		template := compile(t, "{% for m in messages %}<|im_start|>{{ m.role }}\n"+source+"<|im_end|>\n{% endfor %}")
		r, err := template.render(input{messages: []Message{
			{Role: "user", Content: "Q"},
			{Role: "assistant", Calls: []Call{{ID: "1", Name: "look", Arguments: `{"a": 1}`}}},
			{Role: "tool", Content: "R"},
		}}, beginning{})
		if err != nil || !strings.Contains(r.text, "assistant\n"+want+"<|im_end|>") {
			t.Errorf("%s gives %q, %v", source, r.text, err)
		}
	}
}

// TestAdaptedMessages shows what a template gets that knows neither tools nor
// system messages.
func TestAdaptedMessages(t *testing.T) {
	in := input{
		tools: []string{`{"type":"function","function":{"name":"weather"}}`},
		messages: []Message{
			{Role: "developer", Content: "Be brief."},
			{Role: "user", Content: "Weather?"},
			{Role: "assistant", Calls: []Call{{Name: "weather", Arguments: `{"city": "Paris"}`}}},
			{Role: "tool", Content: "rain"},
			{Role: "tool", Content: "cold"},
			{Role: "user", Content: "Thanks"},
		},
	}
	template := compile(t, read(t, "testdata/templates/mistral-0.2.jinja"))
	r, err := template.render(in, beginning{})
	if err != nil {
		t.Fatal(err)
	}
	want := "<s>[INST] Be brief.\n\n" +
		"You can call these tools. To call one, answer with a JSON object {\"name\": its name, \"arguments\": {…}} and nothing else.\n" +
		"{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}\n\nWeather? [/INST]" +
		"{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}</s>" +
		"[INST] The tool's result:\nrain\n\nThe tool's result:\ncold\n\nThanks [/INST]"
	if r.text != want {
		t.Errorf("rendered\n%s\nwant\n%s", r.text, want)
	}
	if in.messages[0].Role != "developer" || len(in.messages[2].Calls) != 1 {
		t.Error("the input was changed")
	}
}

// TestToolsAreToldInTheFormOfCalls shows templates that write calls and no tools.
func TestToolsAreToldInTheFormOfCalls(t *testing.T) {
	for call, want := range map[string]string{
		"<call>{{ c.name }}<with>{{ c.arguments | tojson }}</call>":                                              "<call>name<with>{…}</call>",
		"[CALLS]{\"name\": \"{{ c.name }}\", \"arguments\": {{ c.arguments | tojson }}, \"id\": \"{{ d.id }}\"}": `[CALLS]{"name": "name", "arguments": {…}, "id": "9 letters"}`,
		"<call={{ c.name }}>{% for k, v in c.arguments.items() %}<key={{ k }}>{{ v }}</key>{% endfor %}</call>":  "<call=name><key=argument>value</key></call>",
		"{\"name\": \"{{ c.name }}\", \"parameters\": {{ c.arguments | tojson }}}":                               `a JSON object {"name": its name, "parameters": {…}}`,
	} {
		template := compile(t, "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}{% for d in m.tool_calls %}{% set c = d.function %}"+call+"{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
		r, err := template.render(input{messages: []Message{{Role: "user", Content: "Q"}}, tools: []string{"{}"}}, beginning{})
		if err != nil || !strings.Contains(r.text, "To call one, answer with "+want+" and nothing else.") {
			t.Errorf("%s gives %q, %v", call, r.text, err)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for source, want := range map[string]string{
		"":                               "the model has none",
		"{% if %}":                       "jinja",
		"{{ raise_exception('never') }}": "never",
		"Hello":                          "does not show a user's message",
	} {
		_, err := Compile(source, chattest.Tokenizer{})
		if !errors.Is(err, ErrTemplate) || !strings.Contains(err.Error(), want) {
			t.Errorf("compile %q: %v, want %q", source, err, want)
		}
	}
}

func TestBadMessages(t *testing.T) {
	template := compile(t, chattest.ChatML)
	for _, in := range []input{
		{messages: []Message{{Role: "user<|im_end|>", Content: "x"}}},
		{messages: []Message{{Role: "user", Calls: []Call{{Name: "x"}}}}},
		{messages: []Message{{Role: "user", Content: allMarks()}}},
	} {
		if _, err := template.render(in, beginning{}); !errors.Is(err, ErrMessages) {
			t.Errorf("%+v: %v", in, err)
		}
	}
	qwen := compile(t, read(t, "testdata/templates/qwen2.5.jinja"))
	if _, err := qwen.render(input{messages: []Message{{Role: "user"}}, tools: []string{"[1]"}}, beginning{}); !errors.Is(err, ErrMessages) {
		t.Errorf("a tool that is a list: %v", err)
	}
}

// TestPanicsOfTheLibraryAreErrors calls a filter in a way that the library does
// not survive, once the messages are of a kind that no probe had.
func TestPanicsOfTheLibraryAreErrors(t *testing.T) {
	template := compile(t, chattest.ChatML+"{% if messages[0].content == 'bang' %}{{ messages | selectattr('role') }}{% endif %}")
	if _, err := template.render(input{messages: []Message{{Role: "user", Content: "bang"}}}, beginning{}); !errors.Is(err, ErrMessages) {
		t.Errorf("error %v", err)
	}
}

func allMarks() string {
	var b strings.Builder
	for r := marks[0]; r <= marks[1]; r++ {
		b.WriteRune(r)
	}
	return b.String()
}

func compile(t testing.TB, source string) *Template {
	t.Helper()
	template, err := Compile(source, chattest.Tokenizer{})
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// readCases reads the conversations that testdata/expect.py rendered, at the
// time that it did.
func readCases(t *testing.T) map[string]input {
	t.Helper()
	var raw map[string]struct {
		Messages []struct {
			Role, Content, Name string
			ToolCallID          string `json:"tool_call_id"`
			ToolCalls           []struct {
				ID       string
				Function struct {
					Name      string
					Arguments json.RawMessage
				}
			} `json:"tool_calls"`
		}
		Tools []json.RawMessage
	}
	if err := json.Unmarshal([]byte(read(t, "testdata/cases.json")), &raw); err != nil {
		t.Fatal(err)
	}
	cases := map[string]input{}
	for name, c := range raw {
		in := input{now: time.Date(2026, 3, 7, 14, 5, 9, 0, time.UTC)}
		for _, m := range c.Messages {
			message := Message{Role: m.Role, Content: m.Content, Name: m.Name, ToolCallID: m.ToolCallID}
			for _, call := range m.ToolCalls {
				message.Calls = append(message.Calls, Call{ID: call.ID, Name: call.Function.Name, Arguments: string(call.Function.Arguments)})
			}
			in.messages = append(in.messages, message)
		}
		for _, tool := range c.Tools {
			in.tools = append(in.tools, string(tool))
		}
		cases[name] = in
	}
	return cases
}

// TestLateSystemMessages: agents put reminders between messages, which many templates refuse
// there; it is the user's word then.
func TestLateSystemMessages(t *testing.T) {
	in := input{messages: []Message{
		{Role: "system", Content: "Be brief."}, {Role: "user", Content: "a"}, {Role: "system", Content: "reminder"},
		{Role: "assistant", Content: "b"}, {Role: "system", Content: "again"}, {Role: "user", Content: "c"},
	}}
	strict := compile(t, "{% for m in messages %}{% if m.role == 'system' and not loop.first %}{{ raise_exception('late') }}{% endif %}[{{ m.role }}:{{ m.content }}]{% endfor %}")
	for template, want := range map[*Template]string{
		strict: "[system:Be brief.][user:a\n\nreminder][assistant:b][user:again\n\nc]",
		compile(t, "{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}"): "[system:Be brief.][user:a][system:reminder][assistant:b][system:again][user:c]",
	} {
		r, err := template.render(in, beginning{})
		if err != nil || r.text != want {
			t.Errorf("rendered %q, %v; want %q", r.text, err, want)
		}
	}
	in.messages = in.messages[1:]
	if r, err := strict.render(in, beginning{}); err != nil || r.text != "[user:a\n\nreminder][assistant:b][user:again\n\nc]" {
		t.Errorf("without a system prompt rendered %q, %v", r.text, err)
	}
}
