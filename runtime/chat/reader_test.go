package chat

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat/chattest"
)

// vector is an answer and what it is made of.
type vector struct {
	family string // of formats below
	name   string
	answer string
	pieces []Piece // joined
}

func text(s string) Piece    { return Piece{Text: s} }
func thought(s string) Piece { return Piece{Kind: PieceReasoning, Text: s} }
func called(index int, name, arguments string) Piece {
	return Piece{Kind: PieceCall, Index: index, Name: name, Text: arguments, Done: true}
}
func cutOff(index int, name, arguments string) Piece {
	return Piece{Kind: PieceCall, Index: index, Name: name, Text: arguments}
}

// vectorTools are the functions that the answers may call.
var vectorTools = []Tool{
	{Name: "weather", Parameters: []byte(`{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}`)},
	{Name: "write_file", Parameters: []byte(`{"type": "object", "properties": {"path": {"type": "string"}, "text": {"type": "string"}, "mode": {"type": ["string", "null"]}}}`)},
}

const paris = `{"city": "Paris"}`

var vectors = []vector{
	{"qwen3", "text", "Hello there.\n\nBye.\n", []Piece{text("Hello there.\n\nBye.\n")}},
	{"qwen3", "nothing", "", nil},
	{"qwen3", "white space alone", " \n", []Piece{text(" \n")}},
	{"qwen3", "white space before text", "\n Hi", []Piece{text("\n Hi")}},
	{"qwen3", "a call", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>", []Piece{called(0, "weather", paris)}},
	{"qwen3", "a call without white space", `<tool_call>{"name":"weather","arguments":{"city":"Paris"}}</tool_call>`, []Piece{called(0, "weather", `{"city":"Paris"}`)}},
	{"qwen3", "text, then a call", "I look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>\n",
		[]Piece{text("I look."), called(0, "weather", paris)}},
	{"qwen3", "two calls", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"write_file\", \"arguments\": {}}\n</tool_call>",
		[]Piece{called(0, "weather", paris), called(1, "write_file", "{}")}},
	{"qwen3", "a call, then text", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>\n\nThat is it. ",
		[]Piece{called(0, "weather", paris), text("That is it. ")}},
	{"qwen3", "nested braces, and braces in strings", `<tool_call>{"name": "write_file", "arguments": {"text": "}{ \"</tool_call>\" \\", "a": {"b": [{}, [1, -2.5e+3, true, null]]}}}</tool_call>`,
		[]Piece{called(0, "write_file", `{"text": "}{ \"</tool_call>\" \\", "a": {"b": [{}, [1, -2.5e+3, true, null]]}}`)}},
	{"qwen3", "other alphabets", `<tool_call>{"name": "weather", "arguments": {"city": "日本 🙂 \u00e9"}}</tool_call>はい`,
		[]Piece{called(0, "weather", `{"city": "日本 🙂 \u00e9"}`), text("はい")}},
	{"qwen3", "arguments before the name", `<tool_call>{"arguments": {"city": "Paris"}, "name": "weather"}</tool_call>`, []Piece{called(0, "weather", paris)}},
	{"qwen3", "more keys", `<tool_call>{"id": 7, "name": "weather", "arguments": {"city": "Paris"}, "why": [1]}</tool_call>`, []Piece{called(0, "weather", paris)}},
	{"qwen3", "arguments in a string", `<tool_call>{"name": "weather", "arguments": "{\"city\": \"Paris\"}"}</tool_call>`, []Piece{called(0, "weather", paris)}},
	{"qwen3", "no arguments", `<tool_call>{"name": "weather"}</tool_call>`, []Piece{called(0, "weather", "{}")}},
	{"qwen3", "null for arguments", `<tool_call>{"name": "weather", "arguments": null}</tool_call>`, []Piece{called(0, "weather", "{}")}},
	{"qwen3", "an unknown function", "<tool_call>\n{\"name\": \"sky\", \"arguments\": {}}\n</tool_call>", []Piece{text("<tool_call>\n{\"name\": \"sky\", \"arguments\": {}}\n</tool_call>")}},
	{"qwen3", "an unknown function, then a known one", "<tool_call>{\"name\": \"sky\", \"arguments\": {}}</tool_call>\n<tool_call>{\"name\": \"weather\", \"arguments\": {}}</tool_call>",
		[]Piece{text("<tool_call>{\"name\": \"sky\", \"arguments\": {}}</tool_call>"), called(0, "weather", "{}")}},
	{"qwen3", "broken before the arguments", "So: <tool_call>{\"name\" \"weather\"}</tool_call>", []Piece{text("So: <tool_call>{\"name\" \"weather\"}</tool_call>")}},
	{"qwen3", "broken inside the arguments", `<tool_call>{"name": "weather", "arguments": {"city": Paris}}</tool_call>`,
		[]Piece{cutOff(0, "weather", `{"city": `), text(`<tool_call>{"name": "weather", "arguments": {"city": Paris}}</tool_call>`)}},
	{"qwen3", "a call behind a broken one", `<tool_call>{"name": "weather", "arguments": {"city": Paris}}</tool_call> <tool_call>{"name": "weather", "arguments": {}}</tool_call>`,
		[]Piece{cutOff(0, "weather", `{"city": `), text(`<tool_call>{"name": "weather", "arguments": {"city": Paris}}</tool_call>`), called(1, "weather", "{}")}},
	{"qwen3", "a brace too few", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}\n</tool_call>", []Piece{called(0, "weather", paris)}},
	{"qwen3", "the opening twice", `<tool_call><tool_call>{"name": "weather", "arguments": {}}</tool_call>`, []Piece{text("<tool_call>"), called(0, "weather", "{}")}},
	{"qwen3", "an opening in text", "Write <tool_call> and <tool and a < b", []Piece{text("Write <tool_call> and <tool and a < b")}},
	{"qwen3", "cut off in the opening", "Yes <tool_ca", []Piece{text("Yes <tool_ca")}},
	{"qwen3", "cut off before the arguments", `<tool_call>{"name": "weather", "argu`, []Piece{text(`<tool_call>{"name": "weather", "argu`)}},
	{"qwen3", "cut off in the arguments", `<tool_call>{"name": "weather", "arguments": {"city": "Pa`, []Piece{cutOff(0, "weather", `{"city": "Pa`)}},
	{"qwen3", "cut off behind the arguments", `<tool_call>{"name": "weather", "arguments": {"city": "Paris"}`, []Piece{called(0, "weather", paris)}},
	{"qwen3", "cut off in the closing", "<tool_call>{\"name\": \"weather\", \"arguments\": {}}\n</tool_", []Piece{called(0, "weather", "{}"), text("</tool_")}},
	{"qwen3", "reasoning", "<think>\nThey greet me.\n\nHow?\n</think>\n\nHello!", []Piece{thought("They greet me.\n\nHow?"), text("Hello!")}},
	{"qwen3", "empty reasoning", "<think>\n\n</think>\n\nHello!", []Piece{text("Hello!")}},
	{"qwen3", "reasoning, then a call", "<think>\nI <tool_call> it.\n</think>\n\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {}}\n</tool_call>",
		[]Piece{thought("I <tool_call> it."), called(0, "weather", "{}")}},
	{"qwen3", "reasoning cut off", "<think>\nThey gr</thi", []Piece{thought("They gr</thi")}},
	{"qwen3", "reasoning's marker in text", "Use <think> and </think>.", []Piece{text("Use <think> and </think>.")}},
	{"qwen3", "a json object is text", `{"name": "weather", "arguments": {}}`, []Piece{text(`{"name": "weather", "arguments": {}}`)}},
	{"qwen2.5", "no reasoning", "<think>x</think>y", []Piece{text("<think>x</think>y")}},
	{"qwen2.5", "a call", "Well.\n\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>", []Piece{text("Well."), called(0, "weather", paris)}},

	{"headers", "a call", `{"name": "weather", "parameters": {"city": "Paris"}}`, []Piece{called(0, "weather", paris)}},
	{"headers", "a call behind the tag", `<|python_tag|>{"name": "weather", "parameters": {"city": "Paris"}}`, []Piece{called(0, "weather", paris)}},
	{"headers", "a typed call", `{"type": "function", "name": "weather", "parameters": {"city": "Paris"}}`, []Piece{called(0, "weather", paris)}},
	{"headers", "two calls", `{"name": "weather", "parameters": {"city": "Paris"}}; {"name": "weather", "parameters": {"city": "Rome"}}`,
		[]Piece{called(0, "weather", paris), called(1, "weather", `{"city": "Rome"}`)}},
	{"headers", "code behind the tag", `<|python_tag|>print("x")`, []Piece{text(`<|python_tag|>print("x")`)}},
	{"headers", "an object that is no call", ` {"answer": {"name": "weather"}}`, []Piece{text(` {"answer": {"name": "weather"}}`)}},
	{"headers", "a call inside text", `Use {"name": "weather", "parameters": {}}`, []Piece{text(`Use {"name": "weather", "parameters": {}}`)}},

	{"mistral-nemo", "a call", `[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Paris"}, "id": "a1b2c3d4e"}]`, []Piece{called(0, "weather", paris)}},
	{"mistral-nemo", "two calls", `[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Paris"}}, {"name": "write_file", "arguments": {"text": "]"}}] `,
		[]Piece{called(0, "weather", paris), called(1, "write_file", `{"text": "]"}`)}},
	{"mistral-nemo", "text around", `Let me see.[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Paris"}}]Good. [1] [`, []Piece{text("Let me see."), called(0, "weather", paris), text("Good. [1] [")}},
	{"mistral-nemo", "an unknown function second", `[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Paris"}}, {"name": "sky", "arguments": {}}]`,
		[]Piece{called(0, "weather", paris), text(`, {"name": "sky", "arguments": {}}]`)}},
	{"mistral-nemo", "no list", `[TOOL_CALLS]{"name": "weather", "arguments": {"city": "Paris"}}`, []Piece{called(0, "weather", paris)}},
	{"mistral-nemo", "a bracket that closes nothing", `[TOOL_CALLS]{"name": "weather", "arguments": {}}]`, []Piece{called(0, "weather", "{}"), text("]")}},
	{"mistral-nemo", "cut off", `[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Paris"}}, {"na`, []Piece{called(0, "weather", paris), text(`, {"na`)}},

	{"args", "a call", `[TOOL_CALLS]weather[ARGS]{"city": "Paris"}`, []Piece{called(0, "weather", paris)}},
	{"args", "a call with an id", `[TOOL_CALLS]weather[CALL_ID]a1b2c3d4e[ARGS]{"city": "Paris"}`, []Piece{called(0, "weather", paris)}},
	{"args", "two calls", `Now.[TOOL_CALLS]weather[ARGS]{"city": "Paris"}[TOOL_CALLS]write_file[ARGS]{}`, []Piece{text("Now."), called(0, "weather", paris), called(1, "write_file", "{}")}},
	{"args", "reasoning", `[THINK]Hm. [x]. [/THINK]Yes [THINK]`, []Piece{thought("Hm. [x]."), text("Yes [THINK]")}},
	{"args", "an unknown function", `[TOOL_CALLS]sky[ARGS]{}`, []Piece{text(`[TOOL_CALLS]sky[ARGS]{}`)}},
	{"args", "a longer name", `[TOOL_CALLS]weather2[ARGS]{}`, []Piece{text(`[TOOL_CALLS]weather2[ARGS]{}`)}},
	{"args", "broken arguments", `[TOOL_CALLS]weather[ARGS]{"a": }`, []Piece{cutOff(0, "weather", `{"a": `), text(`[TOOL_CALLS]weather[ARGS]{"a": }`)}},
	{"args", "cut off", `[TOOL_CALLS]weather[ARGS]{"a"`, []Piece{cutOff(0, "weather", `{"a"`)}},
	{"args", "cut off in the name", `[TOOL_CALLS]weath`, []Piece{text(`[TOOL_CALLS]weath`)}},

	{"opened", "reasoning that the prompt has opened", "They greet.\n</think>\n\nHello!", []Piece{thought("They greet."), text("Hello!")}},
	{"opened", "and the answer opens again", "<think>\nThey greet.</think>Hello!", []Piece{thought("They greet."), text("Hello!")}},
	{"opened", "nothing thought", "\n</think>\n\nHello!", []Piece{text("Hello!")}},
	{"opened", "two calls", "Hm.</think>So.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{\"city\": \"Paris\"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>write_file<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
		[]Piece{thought("Hm."), text("So."), called(0, "weather", paris), called(1, "write_file", "{}")}},
	{"closed", "reasoning that the prompt has closed", "Hello!", []Piece{text("Hello!")}},

	{"tags", "a call", "<tool_call>\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>", []Piece{called(0, "weather", paris)}},
	{"tags", "a call on one line", "<tool_call><function=weather><parameter=city>Paris</parameter></function></tool_call>", []Piece{called(0, "weather", paris)}},
	{"tags", "a call without its opening", "Yes.\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>", []Piece{text("Yes."), called(0, "weather", paris)}},
	{"tags", "values of all kinds", "<tool_call>\n<function=write_file>\n<parameter=path>\n42\n</parameter>\n<parameter=n>\n42\n</parameter>\n<parameter=list>\n[1, {\"a\": \"b\"}]\n</parameter>\n<parameter=mode>\nappend\n</parameter>\n<parameter=yes>true</parameter></function></tool_call>",
		[]Piece{called(0, "write_file", `{"path": "42", "n": 42, "list": [1, {"a": "b"}], "mode": "append", "yes": true}`)}},
	{"tags", "a value of many lines", "<tool_call>\n<function=write_file>\n<parameter=text>\n\n<p>\n\t\"é\" \\ 日\n</p>\n</param>\n\n</parameter>\n</function>\n</tool_call>",
		[]Piece{called(0, "write_file", `{"text": "\n<p>\n\t\"é\" \\ 日\n</p>\n</param>\n"}`)}},
	{"tags", "two calls", "<tool_call>\n<function=weather>\n</function>\n</tool_call>\n<tool_call>\n<function=write_file>\n<parameter=text>\n\n</parameter>\n</function>\n</tool_call>\nDone.",
		[]Piece{called(0, "weather", "{}"), called(1, "write_file", `{"text": ""}`), text("Done.")}},
	{"tags", "an unknown function", "<tool_call>\n<function=sky>\n</function>\n</tool_call>", []Piece{text("<tool_call>\n<function=sky>\n</function>\n</tool_call>")}},
	{"tags", "broken", "<tool_call>\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n</tool_call>",
		[]Piece{cutOff(0, "weather", `{"city": "Paris"`), text("<tool_call>\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n</tool_call>")}},
	{"tags", "cut off", "<tool_call>\n<function=weather>\n<parameter=city>\nPar\n</", []Piece{cutOff(0, "weather", `{"city": "Par`)}},

	{"smollm2", "a call", `{"name": "weather", "arguments": {"city": "Paris"}}`, []Piece{called(0, "weather", paris)}},
	{"smollm2", "parameters for arguments", `{"name": "weather", "parameters": {"city": "Paris"}}`, []Piece{called(0, "weather", paris)}},
	{"smollm2", "a call in a code block", "```json\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n```\n", []Piece{called(0, "weather", paris)}},
	{"smollm2", "code", "```json\n{\"a\": 1}\n```\n", []Piece{text("```json\n{\"a\": 1}\n```\n")}},
	{"smollm2", "other code", "```go\nfunc f() {}\n```", []Piece{text("```go\nfunc f() {}\n```")}},
	{"smollm2", "two calls in lines", "{\"name\": \"weather\", \"arguments\": {}}\n{\"name\": \"write_file\", \"arguments\": {}}", []Piece{called(0, "weather", "{}"), called(1, "write_file", "{}")}},
	{"smollm2", "two calls in a list", `[{"name": "weather", "arguments": {}}, {"name": "write_file", "arguments": {}}]`, []Piece{called(0, "weather", "{}"), called(1, "write_file", "{}")}},
	{"smollm2", "a list", `[1, 2]`, []Piece{text(`[1, 2]`)}},
	{"smollm2", "an unknown function", `{"name": "sky", "arguments": {}}`, []Piece{text(`{"name": "sky", "arguments": {}}`)}},
	{"smollm2", "a call, then text", "{\"name\": \"weather\", \"arguments\": {}}\nI wait; you too.", []Piece{called(0, "weather", "{}"), text("I wait; you too.")}},
	{"smollm2", "a sign behind a call", `{"name": "weather", "arguments": {}}; and so on`, []Piece{called(0, "weather", "{}"), text("; and so on")}},
	{"channels", "all channels", "<|channel|>analysis<|message|>They ask. <|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{\"city\": \"Paris\"}<|call|>",
		[]Piece{thought("They ask."), text("I look."), called(0, "weather", paris)}},
	{"channels", "an answer", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello to=functions.nobody", []Piece{thought("Hm."), text("Hello to=functions.nobody")}},
	{"channels", "as the template has it", " to=functions.weather<|channel|>commentary json<|message|>{\"city\": \"Paris\"}<|call|>", []Piece{called(0, "weather", paris)}},
	{"tinyllama", "a call", `{"name": "weather", "arguments": {"city": "Paris"}}`, []Piece{called(0, "weather", paris)}},
	{"mistral-0.2", "a call", " {\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}", []Piece{called(0, "weather", paris)}},
}

func TestReader(t *testing.T) {
	formats := vectorFormats(t)
	for _, v := range vectors {
		t.Run(v.family+"/"+v.name, func(t *testing.T) {
			f := formats[v.family]
			wantPieces(t, v.pieces, readIn(f.ReaderOf(vectorTools), v.answer))
			for cut := range len(v.answer) {
				wantPieces(t, v.pieces, readIn(f.ReaderOf(vectorTools), v.answer[:cut], v.answer[cut:]))
			}
			wantPieces(t, v.pieces, readIn(f.ReaderOf(vectorTools), strings.Split(v.answer, "")...))
		})
	}
}

// TestReaderWithoutTools shows that calls are text then, and nothing is lost or held back.
func TestReaderWithoutTools(t *testing.T) {
	formats := vectorFormats(t)
	for _, v := range vectors {
		f := *formats[v.family]
		f.reasoning, f.inside = markers{}, false
		r := f.Reader(nil)
		for _, character := range strings.Split(v.answer, "") {
			if out := r.Write(character); len(out) != 1 || out[0] != text(character) {
				t.Fatalf("%s/%s: %q gave %+v", v.family, v.name, character, out)
			}
		}
		if out := r.Close(); out != nil {
			t.Errorf("%s/%s: the end gave %+v", v.family, v.name, out)
		}
	}
}

// TestReaderHoldsBackLittle gives what each write gives.
func TestReaderHoldsBackLittle(t *testing.T) {
	formats := vectorFormats(t)
	for _, c := range []struct {
		family string
		writes []string
		want   []string // the pieces of each write, and of the end
	}{
		{"qwen3", []string{"Hel", "lo <", "b> <tool_", "box>\n", "x"}, []string{"Hel", "lo", " <b>", " <tool_box>", "\nx", ""}},
		{"qwen3", []string{`<tool_call>{"name": "weather"`, `, "arguments": {`, `"city": "Par`, `is"`, `}`, "}\n</tool_call>"},
			[]string{"", "0 weather {", `0 "city": "Par`, `0 is"`, "0 } done", "", ""}},
		{"qwen3", []string{"<thi", "nk>Now", " I", " ", "</th", "ink>", "x"}, []string{"", "think Now", "think  I", "", "", "", "x", ""}},
		{"tags", []string{"<function=write_file>", "<parameter=text>", "\n", "ab", "\n", "c", "\n</par", "ameter>", "</function>"},
			[]string{"", `0 write_file {"text": "`, "", "0 ab", "", `0 \nc`, "", `0 "`, "0 } done", ""}},
		{"smollm2", []string{"{", `"answer": `, "1}"}, []string{"", `{"answer":`, " 1}", ""}},
		{"smollm2", []string{"Hi {", "x", "}"}, []string{"Hi {", "x", "}", ""}},
		{"args", []string{"[TOOL_CALLS]", "weather", "[ARGS]", "{", "}"}, []string{"", "", "", "0 weather {", "0 } done", ""}},
	} {
		r := formats[c.family].ReaderOf(vectorTools)
		for i, want := range c.want {
			var pieces []Piece
			if i < len(c.writes) {
				pieces = r.Write(c.writes[i])
			} else {
				pieces = r.Close()
			}
			if got := sketch(pieces); got != want {
				t.Errorf("%s %q: write %d gave %q, want %q", c.family, c.writes, i, got, want)
			}
		}
	}
}

// sketch writes pieces in short.
func sketch(pieces []Piece) string {
	var parts []string
	for _, p := range pieces {
		switch s := p.Text; p.Kind {
		case PieceReasoning:
			parts = append(parts, "think "+s)
		case PieceCall:
			if p.Name != "" {
				s = p.Name + " " + s
			}
			if p.Done {
				s += " done"
			}
			parts = append(parts, fmt.Sprint(p.Index, " ", s))
		default:
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "|")
}

// TestReaderOfAnything puts parts of answers together as no model would, and cuts them
// anywhere: the pieces are the same, calls that are done are calls of known functions with
// an object for arguments, and none is done twice.
func TestReaderOfAnything(t *testing.T) {
	formats := vectorFormats(t)
	rapid.Check(t, func(t *rapid.T) {
		family := rapid.SampledFrom([]string{"qwen3", "headers", "mistral-nemo", "args", "opened", "tags", "smollm2", "channels"}).Draw(t, "family")
		f := formats[family]
		fragment := rapid.Custom(func(t *rapid.T) string {
			s := rapid.SampledFrom(vectors).Draw(t, "vector").answer
			from := rapid.IntRange(0, len(s)).Draw(t, "from")
			return s[from:rapid.IntRange(from, len(s)).Draw(t, "to")]
		})
		mark := rapid.SampledFrom(append(append([]string{"{", "}", "[", "]", ",", " ", "\n", `"`, "a", "weather"}, f.calls.openings...), f.calls.closings...))
		answer := strings.Join(rapid.SliceOfN(rapid.OneOf(fragment, mark), 0, 8).Draw(t, "answer"), "")
		whole := readIn(f.ReaderOf(vectorTools), answer)
		pieces := rapid.SliceOfN(rapid.IntRange(1, 9), 0, 50).Draw(t, "cuts")
		var writes []string
		rest := answer
		for _, n := range pieces {
			n = min(n, len(rest))
			writes, rest = append(writes, rest[:n]), rest[n:]
		}
		cut := readIn(f.ReaderOf(vectorTools), append(writes, rest)...)
		if !slices.Equal(cut, whole) {
			t.Fatalf("%s: %q in pieces %q gives %+v, want %+v", family, answer, writes, cut, whole)
		}
		calls := map[int]bool{}
		for _, p := range whole {
			if p.Kind == PieceCall && (calls[p.Index] || p.Name == "" || p.Index != len(calls)) {
				t.Fatalf("%s: %q has call %d twice or out of turn: %+v", family, answer, p.Index, whole)
			}
			if p.Kind == PieceCall {
				calls[p.Index] = true
			}
			if p.Done && !isObject(p.Text) {
				t.Fatalf("%s: %q is done with arguments %s", family, answer, p.Text)
			}
		}
		// What is not white space comes out, or is a marker or a call's.
		if len(whole) == 0 && strings.Trim(answer, whiteSpace) != "" && !f.Reasons() {
			t.Fatalf("%s: %q gives nothing", family, answer)
		}
	})
}

func isObject(text string) bool {
	var object map[string]any
	return json.Unmarshal([]byte(text), &object) == nil
}

// TestScannerIsJSON compares with the library.
func TestScannerIsJSON(t *testing.T) {
	token := rapid.SampledFrom([]string{"{", "}", "[", "]", ",", ":", " ", "\n", `"`, `"a"`, `\`, `\"`, `\u00e9`, `\u12`, "0", "-", "1", ".", "e", "+", "true", "nul", "null", "false", `{"a":`, "日", "\x01"})
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(token, 1, 12).Draw(t, "text"), "")
		if isSpace(s[0]) {
			return
		}
		var scan scanner
		end := -1
		for i := 0; i < len(s) && end < 0; i++ {
			switch scan.next(s[i]) {
			case scanEnd:
				end = i + 1
			case scanBehind:
				end = i
			case scanBad:
				for j := i + 1; j <= len(s); j++ {
					if json.Valid([]byte(s[:j])) {
						t.Fatalf("%q is refused at %d, and %q is valid", s, i, s[:j])
					}
				}
				return
			}
		}
		if end >= 0 && !json.Valid([]byte(s[:end])) {
			t.Fatalf("%q ends at %d, and is not valid there", s, end)
		}
		if end < 0 && json.Valid([]byte(s)) && scan.next(' ') != scanBehind {
			t.Fatalf("%q is valid and does not end", s)
		}
	})
}

// readIn reads an answer that comes in these writes, and joins what belongs together.
func readIn(r *Reader, writes ...string) (joined []Piece) {
	var pieces []Piece
	for _, w := range writes {
		pieces = append(pieces, r.Write(w)...)
	}
	pieces = append(pieces, r.Close()...)
	for _, p := range pieces {
		if n := len(joined); n > 0 && joined[n-1].Kind == p.Kind && joined[n-1].Index == p.Index && p.Name == "" && !joined[n-1].Done {
			joined[n-1].Text += p.Text
			joined[n-1].Done = p.Done
		} else {
			joined = append(joined, p)
		}
	}
	return joined
}

func wantPieces(t *testing.T, want, got []Piece) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// closedTemplate is one whose prompt says that there is no reasoning.
const closedTemplate = chattest.ChatML + "{% if add_generation_prompt %}<think>\n\n</think>\n\n{% endif %}"

// channelsTemplate is in the manner of gpt-oss.
const channelsTemplate = `{% for m in messages %}{% if m.role == 'assistant' %}{% if m.tool_calls %}{% for c in m.tool_calls %}<|start|>assistant to=functions.{{ c.function.name }}<|channel|>commentary json<|message|>{{ c.function.arguments | tojson }}<|call|>{% endfor %}` +
	`{% else %}{% if m.thinking %}<|start|>assistant<|channel|>analysis<|message|>{{ m.thinking }}<|end|>{% endif %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|end|>{% endif %}` +
	`{% else %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}`

// vectorFormats compiles the templates, in a vocabulary where some of the markers are
// control tokens.
func vectorFormats(t *testing.T) map[string]*Format {
	t.Helper()
	formats := map[string]*Format{}
	for _, family := range []string{"qwen2.5", "qwen3", "headers", "mistral-nemo", "args", "opened", "tags", "smollm2", "tinyllama", "mistral-0.2"} {
		formats[family] = compileMarked(t, read(t, "testdata/templates/"+family+".jinja")).Format()
	}
	formats["channels"] = compileMarked(t, channelsTemplate).Format()
	formats["closed"] = compileMarked(t, closedTemplate).Format()
	return formats
}

func compileMarked(t *testing.T, source string) *Template {
	t.Helper()
	template, err := Compile(source, markedTokenizer{})
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// markedTokenizer has markers of calls for control tokens, as some models do.
type markedTokenizer struct{ chattest.Tokenizer }

var markedControls = map[string]engine.Token{
	"[TOOL_CALLS]": 304, "[ARGS]": 305, "[CALL_ID]": 306, "[THINK]": 307, "[/THINK]": 308, "[INST]": 309,
	"<|python_tag|>": 310, "<|eot_id|>": 311, "<｜tool▁call▁begin｜>": 312, "<｜tool▁sep｜>": 313,
}

func (t markedTokenizer) Controls() map[string]engine.Token {
	all := maps.Clone(t.Tokenizer.Controls())
	maps.Copy(all, markedControls)
	return all
}

func (t markedTokenizer) IsEnd(token engine.Token) bool {
	return token == markedControls["<|eot_id|>"] || t.Tokenizer.IsEnd(token)
}
