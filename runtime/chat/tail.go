package chat

import (
	"slices"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// beginning is what a template that is a loop has written for good of a conversation: all
// messages but the last, since it can look at the next one. The zero beginning is nothing.
type beginning struct {
	messages int // as adapted
	text     string
	guards   []int
}

// beginning is what stands of a rendered text when messages are added.
func (r rendered) beginning() beginning {
	if r.seam == 0 {
		return beginning{}
	}
	b := beginning{messages: r.messages - 1, text: r.text[:r.seam]}
	for _, at := range r.guards {
		if at <= r.seam { // one in the seam may belong to either side
			b.guards = append(b.guards, at)
		}
	}
	return b
}

// executeTail renders what comes behind a known beginning. It takes the time of the new
// messages alone.
func (t *Template) executeTail(in input, known beginning) (rendered, error) {
	shown := func(i int) bool { return i < beginners || i >= known.messages-1 }
	visible := input{now: in.now}
	if t.tailTools {
		visible.tools = in.tools
	}
	for i, m := range in.messages {
		if shown(i) {
			visible.messages = append(visible.messages, m)
		}
	}
	g, ok := t.controls.newGuard(visible.texts())
	if !ok {
		return rendered{}, errMarks
	}
	messages := make([]jinja.Value, len(in.messages))
	for i, m := range in.messages {
		if shown(i) {
			messages[i] = m.value(g.protect)
		}
	}
	data, err := t.data(visible, messages, g)
	if err != nil {
		return rendered{}, err
	}
	data[cutName] = jinja.NewString(g.seam)
	data[tailName] = jinja.NewInt(int64(known.messages - len(messages)))
	marked, err := run(t.tail, data)
	if err != nil {
		return rendered{}, err
	}
	_, marked, _ = strings.Cut(marked, g.seam) // behind what the template sets before its loop
	r := g.unmark(marked)
	r.messages = len(messages)
	return r.behind(known), nil
}

// behind puts the known beginning before the text.
func (r rendered) behind(known beginning) rendered {
	n := len(known.text)
	r.text = known.text + r.text
	r.seam += n
	guards := slices.Clip(known.guards)
	for _, at := range r.guards {
		guards = append(guards, n+at)
	}
	r.guards = guards
	return r
}

// compileLoop finds out whether the template is a loop, and tries it out.
func (t *Template) compileLoop(source string) {
	wholeSource, tailSource, ok := loopSources(source)
	if !ok {
		return
	}
	whole, err := jinja.Compile(wholeSource)
	if err != nil {
		return
	}
	tail, err := jinja.Compile(tailSource)
	if err != nil {
		return
	}
	loop := *t
	loop.whole, loop.tail, loop.tailTools = whole, tail, strings.Contains(tailSource, "tools")
	if loop.growsAs(t) {
		*t = loop
	}
}

// growsAs tells whether a conversation comes out of the loop, turn by turn, as the template
// renders it in full.
func (t *Template) growsAs(full *Template) bool {
	now := time.Unix(0, 0).UTC()
	call := Message{Role: "assistant", Calls: []Call{{ID: "telltale1", Name: "look", Arguments: `{"a": [1, "b"]}`}}}
	turns := [][]Message{
		{{Role: "system", Content: " Rules. "}, {Role: "user", Content: "One? "}},
		{call, {Role: "tool", Content: "result ", Name: "look", ToolCallID: "telltale1"}},
		{{Role: "assistant", Content: " Yes. "}, {Role: "user", Content: " Two?"}},
		{{Role: "assistant", Content: "<b>Then</b> the rest. "}, {Role: "user", Content: "Three?"}},
		{call, {Role: "tool", Content: " another", Name: "look", ToolCallID: "telltale1"}},
		{{Role: "assistant", Content: ""}, {Role: "user", Content: ""}},
		{{Role: "assistant", Content: "No."}, {Role: "user", Content: "Five?"}},
	}
	tool := `{"type": "function", "function": {"name": "look", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "integer", "description": "d"}}, "required": ["a"]}}}`
	for _, tools := range [][]string{nil, {tool}} {
		for first := range 2 { // with and without a system message
			for _, calls := range []bool{true, false} {
				in := input{tools: tools, now: now}
				var known beginning
				for i, turn := range turns {
					if i == 0 {
						turn = turn[first:]
					}
					if !calls && (turn[0].Calls != nil) {
						continue
					}
					in.messages = append(in.messages, turn...)
					r, err := t.render(in, known)
					want, fullErr := full.render(in, beginning{})
					if (err != nil) != (fullErr != nil) || r.text != want.text {
						return false
					}
					if err != nil {
						break
					}
					known = r.beginning()
				}
			}
		}
	}
	return true
}
