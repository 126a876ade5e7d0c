package chat

import (
	"slices"
	"strings"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Format is how a model's answers are written: where reasoning and tool calls begin and
// end. It is derived once from the template, see derive.go. It is immutable and may be used
// by several goroutines at once.
type Format struct {
	reasoning markers  // zero where the template knows no reasoning
	said      []string // what else may stand between reasoning and text
	channels  bool     // and between any two parts: an answer is several messages
	inside    bool     // answers begin inside reasoning: the prompt has opened it
	calls     callForm
	spelling  map[engine.Token]string // of the control tokens that are markers, or part of one
}

// markers are what stands around a part of an answer, without white space at their ends.
type markers struct{ open, close string }

// callForm is how calls are written:
//
//	openings  core  closings | between | openings  core  closings
//
// where the core has the function's name and the arguments. Openings and closings are cut
// into parts, between which white space may differ from the template's.
type callForm struct {
	shape    shape
	openings []string // in their order; an answer may leave out some, but not all if there are any
	closings []string // in any order, and an answer may leave out all
	list     bool     // of the object form: the objects may be in a list
	row      bool     // of the object form: they may follow each other as they are

	nameKey, argumentsKey string // of the object form

	middles  []string // of the other forms: the parts behind the name
	middleID bool     // and an id may be among these

	key        markers // of the tagged form: around the name of an argument
	jsonClose  string  // instead of key.close before a value that is no text, if the form tells these apart
	valueStart string  // before its value, if that has a marker of its own
	valueEnd   string  // and behind it
	lines      bool    // the value stands on lines of its own
	end        string  // behind the last value

	exact exactForm
}

// shape is the way in which a core is written.
type shape uint8

const (
	objectShape shape = iota // {"name": "f", "arguments": {…}}
	namedShape               // f[ARGS]{…}
	taggedShape              // f><parameter=k>v</parameter></function>
)

// bare tells whether calls are JSON objects with nothing around them.
func (c callForm) bare() bool { return c.exact.before == "" && c.shape == objectShape }

// exactForm is how the template itself writes calls, to the byte: a model told to call a
// function is to write just that. Where a call has an id, a telltale's stands in its place.
type exactForm struct {
	before  string // from the beginning of the answer to the first core
	between string // from one core to the next; "" where the template makes one call at a time
	after   string // behind the last core, to the end of the answer
	head    string // a core up to the name, of the object form
	middle  string // from the name to the arguments
	tail    string // behind the arguments; of the tagged form: behind each value, up to its marker

	// Of the tagged form:
	keyOpen   string // before the name of an argument
	keyClose  string // from there to a value that is text
	jsonClose string // and to any other
	gap       string // from one argument to the next
}

// example tells a model how to write a call.
func (c *callForm) example() string {
	e := &c.exact
	switch {
	case c.bare():
		return `a JSON object {"` + c.nameKey + `": its name, "` + c.argumentsKey + `": {…}}`
	case c.shape == taggedShape:
		return e.before + "name" + e.middle + e.keyOpen + "argument" + e.keyClose + "value" + e.after
	}
	example := e.before + e.head + "name" + e.middle + "{…}" + e.tail + e.after
	for _, w := range telltales {
		example = strings.ReplaceAll(example, w.id, "9 letters")
	}
	return example
}

// Format tells how answers to the template's prompts are written.
func (t *Template) Format() *Format { return t.format }

// Spell gives the spelling of a control token that is a marker of the format, or a part of
// one, and "" for any other token.
//
// Control tokens have no text, so the text of an answer does not show them: Mistral's
// [TOOL_CALLS] is one, Qwen's <tool_call> is not. Who feeds a Reader writes what Spell gives
// into it, and not into the answer's text:
//
//	if marker := format.Spell(token); marker != "" {
//		text := output.Cut()
//		reader.Write(text + marker)  // and text to the answer
//	} else {
//		text, stopped := output.Write(vocabulary.Piece(token))
//		reader.Write(text)           // and text to the answer
//	}
func (f *Format) Spell(token engine.Token) string { return f.spelling[token] }

// Reasons tells whether an answer may have reasoning in it.
func (f *Format) Reasons() bool { return f.reasoning.close != "" }

// spell finds the control tokens that the format's markers are made of.
func (f *Format) spell(tokenizer Tokenizer) {
	f.spelling = map[engine.Token]string{}
	c := &f.calls
	single := []string{f.reasoning.open, f.reasoning.close, c.key.open, c.key.close, c.jsonClose, c.valueStart, c.valueEnd, c.end}
	text := strings.Join(slices.Concat(single, f.said, c.openings, c.closings, c.middles), "\n")
	for spelling, token := range tokenizer.Controls() {
		if spelling != "" && !tokenizer.IsEnd(token) && strings.Contains(text, spelling) {
			f.spelling[token] = spelling
		}
	}
}

// ownForm is the form that adapt.go tells a model of: an object, alone or in a code block.
func ownForm() callForm {
	return callForm{
		nameKey: "name", argumentsKey: "arguments",
		openings: []string{"```json", "```"}, closings: []string{"```"}, list: true,
		exact: exactForm{head: `{"name": "`, middle: `", "arguments": `, tail: "}", between: "\n"},
	}
}
