package chat

import (
	"encoding/json"
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

// Reasoning

// mirrors are the markers of reasoning by the families that have some.
var mirrors = []markers{
	{"<think>", "</think>"},
	{"[THINK]", "[/THINK]"},
	{"<|START_THINKING|>", "<|END_THINKING|>"},
	{"<seed:think>", "</seed:think>"},
}

// reasoning finds the markers of reasoning, and whether prompts end inside it.
func (d *deriver) reasoning() (m markers, inside bool) {
	m, ok := d.shownReasoning()
	if !ok {
		i := slices.IndexFunc(mirrors, func(m markers) bool {
			return d.drops(m) || strings.Contains(d.source, m.close) && strings.Contains(d.source, m.open) || d.opened(m)
		})
		if i < 0 {
			return markers{}, false
		}
		m = mirrors[i]
	}
	return m, d.opened(m)
}

// opened tells whether a prompt ends with the opening marker.
func (d *deriver) opened(m markers) bool {
	return m.open != "" && strings.HasSuffix(strings.TrimRight(d.prompt, whiteSpace), m.open)
}

// shownReasoning finds the markers by giving the template the reasoning of its last answer,
// under the names that templates read it by.
func (d *deriver) shownReasoning() (m markers, ok bool) {
	const thought, said = "thoughtalpha", "saidalpha"
	prompt := strings.TrimRight(d.prompt, whiteSpace)
	for _, field := range []string{"reasoning_content", "reasoning", "thinking"} {
		text, ok := d.answer(map[string]string{field: thought}, Message{Role: "assistant", Content: said})
		if !ok {
			continue
		}
		before, behind, ok := strings.Cut(text, thought)
		between, _, okSaid := strings.Cut(behind, said)
		m = markers{strings.Trim(before, whiteSpace), strings.Trim(between, whiteSpace)}
		if !ok || !okSaid || m.close == "" {
			continue
		}
		if m.open == "" { // the prompt has it already
			m.open = prompt[max(strings.LastIndexByte(prompt, '<'), strings.LastIndexByte(prompt, '['), 0):]
		}
		if m.open == prompt || m.open == m.close {
			continue
		}
		return m, true
	}
	return markers{}, false
}

// drops tells whether the template leaves out of a past answer what stands between the
// markers.
func (d *deriver) drops(m markers) bool {
	const thought, said = "thoughtalpha", "saidalpha"
	text, ok := d.render(true, nil, Message{Role: "user", Content: "question"},
		Message{Role: "assistant", Content: m.open + "\n" + thought + "\n" + m.close + "\n\n" + said},
		Message{Role: "user", Content: "another"})
	return ok && strings.Contains(text, said) && !strings.Contains(text, thought)
}

// Calls

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

// core is the part of a text that has a call's name and arguments.
type core struct {
	from, to int
	form     callForm // as far as the core tells it
}

// findCore finds the first call, which is that of the telltale.
func findCore(text string, w telltale) (core, bool) {
	name := strings.Index(text, w.name)
	if name < 0 {
		return core{}, false
	}
	for at := 0; at < name; at++ {
		if c, ok := objectCore(text, at, w); ok {
			return c, true
		}
	}
	behind := name + len(w.name)
	for at := behind; at < len(text); at++ {
		if n, ok := argumentsAt(text[at:], w); ok {
			middle := text[behind:at]
			c := core{from: name, to: at + n, form: callForm{shape: namedShape}}
			c.form.exact = exactForm{middle: middle}
			c.form.middles, c.form.middleID = parts(strings.ReplaceAll(middle, w.id, "\n")), strings.Contains(middle, w.id)
			return c, true
		}
	}
	return taggedCore(text, name, w)
}

// objectCore reads a call that is a JSON object at that place.
func objectCore(text string, at int, w telltale) (core, bool) {
	n, fields := objectAt(text[at:])
	c := core{from: at, to: at + n}
	for key, value := range fields {
		if string(value) == `"`+w.name+`"` {
			c.form.nameKey = key
		}
		if _, ok := argumentsAt(string(value), w); ok {
			c.form.argumentsKey = key
		}
	}
	if c.form.nameKey == "" || c.form.argumentsKey == "" {
		return core{}, false
	}
	object := text[at : at+n]
	name, arguments := strings.Index(object, w.name), strings.Index(object, string(fields[c.form.argumentsKey]))
	if behind := name + len(w.name); name < arguments {
		c.form.exact = exactForm{head: object[:name], middle: object[behind:arguments], tail: object[arguments+len(fields[c.form.argumentsKey]):]}
	} else {
		c.form.exact = exactForm{head: `{"` + c.form.nameKey + `": "`, middle: `", "` + c.form.argumentsKey + `": `, tail: "}"}
	}
	return c, true
}

// objectAt reads the JSON object that the text begins with.
func objectAt(text string) (length int, fields map[string]json.RawMessage) {
	if !strings.HasPrefix(text, "{") {
		return 0, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	if d.Decode(&fields) != nil {
		return 0, nil
	}
	return int(d.InputOffset()), fields
}

// argumentsAt reads the telltale's arguments that the text begins with.
func argumentsAt(text string, w telltale) (length int, ok bool) {
	n, fields := objectAt(text)
	for i, key := range w.keys {
		if string(fields[key]) != `"`+w.values[i]+`"` {
			return 0, false
		}
	}
	return n, true
}

// taggedCore reads a call with a marker around each of its arguments:
//
//	name >\n<parameter= key >\n value \n</parameter>\n<parameter= key >\n value \n</parameter>\n</function>\n…
func taggedCore(text string, name int, w telltale) (core, bool) {
	var gaps [4]string // before the words that follow the name
	at := name + len(w.name)
	for i, word := range []string{w.keys[0], w.values[0], w.keys[1], w.values[1]} {
		n := strings.Index(text[at:], word)
		if n < 0 {
			return core{}, false
		}
		gaps[i] = text[at : at+n]
		at += n + len(word)
	}
	c := core{from: name, to: at, form: callForm{shape: taggedShape}}
	f, e := &c.form, &c.form.exact
	e.keyOpen = gaps[0][afterTag(gaps[0], commonEnd(gaps[0], gaps[2])):]
	e.middle, e.keyClose, e.jsonClose = strings.TrimSuffix(gaps[0], e.keyOpen), gaps[1], gaps[1]
	ending := strings.TrimSuffix(gaps[2], e.keyOpen)
	e.tail = strings.TrimRight(ending, whiteSpace)
	e.gap = ending[len(e.tail):]
	keyClose := append(parts(gaps[1]), "")
	f.key, f.valueStart = markers{strings.Trim(e.keyOpen, whiteSpace), keyClose[0]}, strings.Join(keyClose[1:], "")
	f.middles = parts(e.middle)
	f.valueEnd = strings.Trim(ending, whiteSpace)
	f.lines = strings.HasSuffix(gaps[1], "\n")
	return c, f.key.open != "" && f.key.close != "" && f.valueEnd != ""
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

// parts cuts markers that follow each other: at line ends, and where a bracket opens a tag.
func parts(text string) (parts []string) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Trim(line, whiteSpace)
		from := 0
		for at := 1; at <= len(line); at++ {
			if at == len(line) || line[at] == '<' || line[at] == '[' {
				if part := strings.Trim(line[from:at], whiteSpace); part != "" {
					parts = append(parts, part)
				}
				from = at
			}
		}
	}
	return parts
}

// beforeTag moves a place inside a tag to where the tag begins.
func beforeTag(text string, at int) int {
	open := strings.LastIndexAny(text[:at], "<[")
	if open >= 0 && !strings.ContainsAny(text[open:at], ">]") {
		return open
	}
	return at
}

// behindTag moves a place inside a tag to where the tag has ended.
func behindTag(text string, at int) int {
	if beforeTag(text, at) < at {
		return at + strings.IndexAny(text[at:], ">]") + 1
	}
	return at
}

// afterTag moves a place to where the next tag begins, if one does.
func afterTag(text string, at int) int {
	if n := strings.LastIndexAny(text[at:], "<["); n >= 0 {
		return at + n
	}
	return at
}

// commonEnd is where in a the end begins that it has in common with b.
func commonEnd(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return len(a) - n
}
