package chat

import (
	"slices"
	"strings"

	"github.com/ardanlabs/jinja"
)

// A template shows how its model writes calls when it renders a conversation that has some.
// So the form is found by rendering telltale words as names, arguments, values and ids, with
// one call and with two, and taking what stands between the words:
//
//	<|im_start|>assistant\n <tool_call>\n{"name": " findalpha ", "arguments": {…} }\n</tool_call> <|im_end|>\n
//	└ as in the prompt ───┘ └ before ─┘                                        └ after ────────┘ └ as in any answer
//
// What is found is tried out: the calls that the template has written must be read from its
// text. Where that fails, and where a template shows no calls, the form is a JSON object
// alone.

// The telltale words of a first and of a second call. Mistral's ids have 9 letters or digits.
var telltales = [2]telltale{
	{name: "findalpha", id: "ida000001", keys: [2]string{"argalpha", "argbeta"}, values: [2]string{"valalpha", "valbeta"}},
	{name: "findgamma", id: "idb000002", keys: [2]string{"arggamma", "argdelta"}, values: [2]string{"valgamma", "valdelta"}},
}

type telltale struct {
	name, id     string
	keys, values [2]string
}

func (w telltale) call() Call {
	return Call{ID: w.id, Name: w.name, Arguments: `{"` + w.keys[0] + `": "` + w.values[0] + `", "` + w.keys[1] + `": "` + w.values[1] + `"}`}
}

func (w telltale) tool() string {
	properties := make([]string, len(w.keys))
	for i, key := range w.keys {
		properties[i] = `"` + key + `": {"type": "string", "description": "d"}`
	}
	return `{"type": "function", "function": {"name": "` + w.name + `", "description": "d", "parameters": {"type": "object", "properties": {` +
		strings.Join(properties, ", ") + `}, "required": ["` + w.keys[0] + `", "` + w.keys[1] + `"]}}}`
}

// deriveFormat finds out how answers are written.
func (t *Template) deriveFormat(source string) *Format {
	d := deriver{template: t, source: source}
	f := &Format{calls: ownForm()}
	if d.prompt, _ = d.render(true, nil, Message{Role: "user", Content: "question"}); d.prompt == "" {
		f.spell(t.tokenizer)
		return f
	}
	f.reasoning, f.inside = d.reasoning()
	if closing := parts(f.reasoning.close); len(closing) > 1 { // what follows it begins the text, or a call does
		f.reasoning.close, f.said = closing[0], closing[1:]
	}
	if form, ok := d.calls(f.reasoning); ok {
		f.calls = form
	}
	if strings.HasPrefix(f.reasoning.open, "<|channel|>") {
		f.harmony()
	}
	const pythonTag = "<|python_tag|>" // Llama's mark of a call, which its template does not write
	if _, ok := t.tokenizer.Controls()[pythonTag]; ok && f.calls.bare() {
		f.calls.openings = append([]string{pythonTag}, f.calls.openings...)
	}
	f.spell(t.tokenizer)
	return f
}

// deriver renders conversations with telltale words.
type deriver struct {
	template *Template
	source   string
	prompt   string // of a conversation with one question
}

// render gives the text of messages. fields are added to the last one.
func (d *deriver) render(generation bool, fields map[string]string, messages ...Message) (string, bool) {
	t := d.template
	in := input{messages: messages}
	if t.can.tools {
		in.tools = []string{telltales[0].tool(), telltales[1].tool()}
	}
	g, ok := t.controls.newGuard(in.texts())
	if !ok {
		return "", false
	}
	values := make([]jinja.Value, len(messages))
	for i, m := range t.can.give(messages) {
		values[i] = m.value(g.protect)
	}
	for name, text := range fields {
		values[len(values)-1].AsDict().Set(name, jinja.NewString(text))
	}
	data, err := t.data(in, values, g)
	if err != nil {
		return "", false
	}
	data["add_generation_prompt"] = jinja.NewBool(generation)
	marked, err := run(t.whole, data)
	if err != nil {
		return "", false
	}
	return g.unmark(marked).text, true
}

// answer is what stands in a rendered conversation for the assistant's last message: behind
// what it has in common with a prompt, and before what ends any answer.
func (d *deriver) answer(fields map[string]string, message Message) (string, bool) {
	const plain = "plainanswer"
	question := Message{Role: "user", Content: "question"}
	text, ok := d.render(false, fields, question, message)
	other, okOther := d.render(false, nil, question, Message{Role: "assistant", Content: plain})
	at := strings.LastIndex(other, plain)
	if !ok || !okOther || at < 0 {
		return "", false
	}
	text = text[beforeTag(text, commonText(text, d.prompt)):]
	ending := other[at+len(plain):]
	for !strings.HasSuffix(text, ending) { // the common end
		ending = ending[1:]
	}
	text = text[:behindTag(text, len(text)-len(ending))]
	for at := 0; ; at++ { // and a control token that ends an answer
		from, to := d.template.controls.find(text, at)
		if from < 0 {
			break
		}
		if d.template.tokenizer.IsEnd(d.template.controls.tokens[text[from:to]]) {
			return text[:from], true
		}
		at = from
	}
	return text, true
}

// calls finds the form of calls, and tries it out.
func (d *deriver) calls(reasoning markers) (form callForm, ok bool) {
	if !d.template.can.calls {
		return callForm{}, false
	}
	one, ok := d.withCalls(reasoning, telltales[0].call())
	if !ok {
		return callForm{}, false
	}
	first, ok := findCore(one, telltales[0])
	if !ok {
		return callForm{}, false
	}
	form = first.form
	form.exact.before, form.exact.after = one[:first.from], one[first.to:]
	two, ok := d.withCalls(reasoning, telltales[0].call(), telltales[1].call())
	afterTwo := ""
	if ok {
		if a, okA := findCore(two, telltales[0]); okA {
			if b, okB := findCore(two[a.to:], telltales[1]); okB {
				form.exact.between = two[a.to : a.to+b.from]
				afterTwo = two[a.to+b.to:]
			}
		}
	}
	if form.shape == taggedShape {
		d.jsonClose(&form, reasoning)
	}
	form.cutParts(afterTwo)
	if !form.sound() || !form.reads(one, 1) || form.exact.between != "" && !form.reads(two, 2) {
		return callForm{}, false
	}
	return form, true
}

// withCalls is an answer that is these calls. Some templates want text before them.
func (d *deriver) withCalls(reasoning markers, calls ...Call) (text string, ok bool) {
	if text, ok = d.answer(nil, Message{Role: "assistant", Calls: calls}); ok {
		return withoutReasoning(text, reasoning), true
	}
	const said = "saidalpha"
	if text, ok = d.answer(nil, Message{Role: "assistant", Content: said, Calls: calls}); !ok {
		return "", false
	}
	_, text, ok = strings.Cut(text, said)
	return strings.TrimLeft(text, whiteSpace), ok
}

// withoutReasoning drops an empty pair of markers, which some templates put before calls.
func withoutReasoning(text string, m markers) string {
	if m.close == "" {
		return text
	}
	if before, behind, ok := strings.Cut(text, m.close); ok && strings.Trim(strings.Replace(before, m.open, "", 1), whiteSpace) == "" {
		return strings.TrimLeft(behind, whiteSpace)
	}
	return text
}

// jsonClose finds out whether the form tells values that are no text, as DeepSeek V3.2 does.
func (d *deriver) jsonClose(form *callForm, reasoning markers) {
	w := telltales[0]
	const number = "70707"
	text, ok := d.withCalls(reasoning, Call{ID: w.id, Name: w.name, Arguments: `{"` + w.keys[0] + `": ` + number + `}`})
	_, text, okKey := strings.Cut(text, w.keys[0])
	between, _, okValue := strings.Cut(text, number)
	if marker := parts(between); ok && okKey && okValue && len(marker) > 0 && marker[0] != form.key.close {
		form.jsonClose, form.exact.jsonClose = marker[0], between
	}
}

// cutParts takes the markers from the exact texts, and from what stands behind two calls:
// DeepSeek R1's template closes a row of calls only there.
func (f *callForm) cutParts(afterTwo string) {
	e := &f.exact
	before, after := e.before, e.after
	for _, w := range telltales {
		after = strings.ReplaceAll(after, w.id, "")
	}
	if f.shape == objectShape {
		opened := strings.TrimRight(before, whiteSpace)
		closed := strings.TrimLeft(after, whiteSpace)
		if strings.HasSuffix(opened, "[") && strings.HasPrefix(closed, "]") {
			f.list, before, after = true, strings.TrimSuffix(opened, "["), closed[1:]
		}
	}
	f.openings, f.closings = parts(before), parts(after)
	if f.shape == taggedShape && len(f.closings) > 0 { // behind the last value comes its own marker
		if rest, ok := strings.CutPrefix(strings.TrimLeft(after, whiteSpace), f.valueEnd); ok {
			if f.closings = parts(rest); len(f.closings) > 0 {
				f.end, f.closings = f.closings[0], f.closings[1:]
			}
		}
	}
	for _, part := range parts(strings.TrimPrefix(afterTwo, e.after)) {
		if !slices.Contains(f.closings, part) && part != "]" {
			f.closings = append(f.closings, part)
		}
	}
	if strings.Trim(e.before, whiteSpace) == "" && f.shape == objectShape {
		e.before = ""
		own := ownForm()
		f.openings, f.closings, f.list = own.openings, append(f.closings, own.closings...), true
	}
	f.row = f.shape == objectShape && !f.list && e.between != "" && strings.Trim(e.between, whiteSpace+",;") == ""
}

// sound refuses forms with markers that could be any text.
func (f *callForm) sound() bool {
	const short = 3
	for _, opening := range f.openings {
		if len(opening) < short {
			return false
		}
	}
	return (len(f.openings) > 0 || f.bare()) && (f.shape != taggedShape || f.end != "")
}

// reads tells whether the telltale calls are read from the text that a template has made of
// them.
func (f *callForm) reads(text string, calls int) bool {
	r := (&Format{calls: *f}).Reader([]string{telltales[0].name, telltales[1].name})
	var arguments [2]strings.Builder
	done := 0
	for _, p := range append(r.Write(text), r.Close()...) {
		if p.Kind != PieceCall || p.Index >= calls || p.Name != "" && p.Name != telltales[p.Index].name {
			return false
		}
		arguments[p.Index].WriteString(p.Text)
		if p.Done {
			done++
		}
	}
	for i := range calls {
		if _, ok := argumentsAt(arguments[i].String(), telltales[i]); !ok {
			return false
		}
	}
	return done == calls
}
