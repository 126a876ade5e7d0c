package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Template is a model's chat template and its vocabulary. It is immutable and
// may be used by several goroutines at once.
type Template struct {
	whole     *jinja.Template
	tail      *jinja.Template // of the last messages; nil for a template that is no loop, see loop.go
	tailTools bool            // it shows the tools
	tokenizer Tokenizer
	controls  *controls
	sections  *sections
	bos, eos  string
	bosToken  engine.Token // to be put before a context that does not begin with it; −1 for none
	spelling  map[engine.Token]string
	can       abilities
	format    *Format
}

// ErrTemplate says that a model's template cannot be used. It comes wrapped with
// the reason.
var ErrTemplate = errors.New("the model's chat template cannot be used")

// tojsonFilter is where a template's source names the filter tojson.
var tojsonFilter = regexp.MustCompile(`\|\s*tojson\b`)

// Compile reads a template's source, as the model's file has it. A model without
// one has the empty source, which is ErrTemplate.
func Compile(source string, tokenizer Tokenizer) (*Template, error) {
	if strings.TrimSpace(source) == "" {
		return nil, fmt.Errorf("%w: the model has none; choose an instruct model", ErrTemplate)
	}
	// The library's own tojson sorts keys when it indents, and its escapes and
	// numbers are Go's.
	source = tojsonFilter.ReplaceAllString(source, "| python_tojson")
	source = strings.TrimSuffix(source, "\n") // as Jinja does
	whole, err := jinja.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	t := &Template{
		whole:     whole,
		tokenizer: tokenizer,
		controls:  newControls(tokenizer.Controls()),
		sections:  newSections(tokenizer),
		bosToken:  -1,
		spelling:  map[engine.Token]string{},
	}
	for spelling, token := range tokenizer.Controls() {
		t.spelling[token] = spelling
	}
	bos, add := tokenizer.BOS()
	if add {
		t.bosToken = bos
	}
	t.bos, t.eos = t.spelling[bos], t.spelling[tokenizer.EOS()]
	if t.can, err = t.probe(); err != nil {
		return nil, err
	}
	t.format = t.deriveFormat(source)
	t.compileLoop(source)
	return t, nil
}

// input is what is put before a template.
type input struct {
	messages []Message
	tools    []string // JSON objects
	now      time.Time
}

// render gives the text of a conversation up to where the assistant is to speak. What it
// begins with may be known.
func (t *Template) render(in input, known beginning) (rendered, error) {
	for _, m := range in.messages {
		if err := m.validate(); err != nil {
			return rendered{}, err
		}
	}
	if known.messages == 0 { // else the tools are those that it was rendered with
		for _, tool := range in.tools {
			if !json.Valid([]byte(tool)) || !strings.HasPrefix(strings.TrimSpace(tool), "{") {
				return rendered{}, fmt.Errorf("%w: a tool is no JSON object: %q", ErrMessages, tool)
			}
		}
	}
	in = t.can.adapt(in, &t.format.calls)
	if t.tail != nil && known.messages >= beginners {
		return t.executeTail(in, known)
	}
	return t.execute(in, true)
}

// execute renders what the template can deal with.
func (t *Template) execute(in input, generation bool) (rendered, error) {
	g, ok := t.controls.newGuard(in.texts())
	if !ok {
		return rendered{}, errMarks
	}
	messages := make([]jinja.Value, len(in.messages))
	for i, m := range in.messages {
		messages[i] = m.value(g.protect)
	}
	data, err := t.data(in, messages, g)
	if err != nil {
		return rendered{}, err
	}
	data["add_generation_prompt"] = jinja.NewBool(generation)
	marked, err := run(t.whole, data)
	if err != nil {
		return rendered{}, err
	}
	r := g.unmark(marked)
	r.messages = len(messages)
	return r, nil
}

var errMarks = fmt.Errorf("%w: they have every noncharacter from U+FDD0 to U+FDEF", ErrMessages)

// data is what a template is given.
func (t *Template) data(in input, messages []jinja.Value, g guard) (map[string]jinja.Value, error) {
	tools := jinja.None()
	if len(in.tools) > 0 {
		tools = jinja.NewList(nil)
		for _, tool := range in.tools {
			v, err := decode(tool, g.protect)
			if err != nil {
				return nil, fmt.Errorf("%w: tool %q: %w", ErrMessages, tool, err)
			}
			tools.AsList().Append(v)
		}
	}
	return map[string]jinja.Value{
		"messages":              jinja.NewList(messages),
		"tools":                 tools,
		"documents":             jinja.None(),
		"add_generation_prompt": jinja.NewBool(true),
		"bos_token":             jinja.NewString(t.bos),
		"eos_token":             jinja.NewString(t.eos),
		"python_tojson":         jinja.NewCallable("tojson", tojson),
		"strftime_now":          jinja.NewCallable("strftime_now", strftime(in.now)),
		seamName:                jinja.NewString(g.seam),
	}, nil
}

// run executes a template. The library panics on some calls with missing
// arguments, which a template makes of its messages: that is an error of theirs.
func run(t *jinja.Template, data map[string]jinja.Value) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the template failed: %v", ErrMessages, p)
		}
	}()
	if text, err = t.RenderValues(data); err != nil {
		return "", fmt.Errorf("%w: %w", ErrMessages, err)
	}
	return text, nil
}

// texts lists every text that comes from outside.
func (in input) texts() []string {
	texts := append([]string(nil), in.tools...)
	for _, m := range in.messages {
		texts = append(texts, m.Content, m.Name, m.ToolCallID)
		for _, c := range m.Calls {
			texts = append(texts, c.ID, c.Name, c.Arguments)
		}
	}
	return texts
}

// begin is what a context begins with whose text begins with that.
func (t *Template) begin(text string) []engine.Token {
	if t.bosToken < 0 || t.bos != "" && strings.HasPrefix(text, t.bos) {
		return nil
	}
	return []engine.Token{t.bosToken}
}

// strftime tells templates the time, in English and in Python's notation.
func strftime(now time.Time) func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
	layout := strings.NewReplacer(
		"%Y", "2006", "%y", "06", "%m", "01", "%B", "January", "%b", "Jan", "%d", "02", "%-d", "2", "%j", "002",
		"%A", "Monday", "%a", "Mon", "%H", "15", "%I", "03", "%p", "PM", "%M", "04", "%S", "05", "%Z", "MST", "%z", "-0700",
		"%F", "2006-01-02", "%T", "15:04:05", "%%", "%",
	)
	return func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
		if len(args) != 1 || !args[0].IsString() {
			return jinja.Undefined(), errors.New("strftime_now takes one format")
		}
		return jinja.NewString(now.Format(layout.Replace(args[0].AsString()))), nil
	}
}
