package chat

import (
	"slices"
	"strings"
)

// Most templates are one loop over the messages:
//
//	beginning      {% if messages[0].role == 'system' %} … {% for tool in tools %} …
//	loop           {% for message in messages %}
//	body               <|im_start|>{{ message.role }} … {% if loop.last %} …
//	               {% endfor %}
//	ending         {% if add_generation_prompt %}<|im_start|>assistant{% endif %}
//
// Where the body writes each message from itself, its neighbours and what never changes,
// what such a template has written of a message stays for good once the next one stands
// behind it. Then only the messages from there on are rendered, by a template of the loop
// alone:
//
//	{{ cut }}{% for message in messages[tail:] %}{{ seam if loop.last }} body {% endfor %} ending
//
// seam shows where the last message begins, which is where the next rendering goes on. That
// a template is such a loop is read from its source, and tried out when it is compiled. One
// that looks further, as Qwen3's does for the last question, is rendered in full each turn.

// The names that the rewritten templates know besides their own.
const (
	seamName = "interlude_seam" // what to write before the last message
	cutName  = "interlude_cut"  // what to write before the first message of a tail
	tailName = "interlude_tail" // where the tail begins, counted from the end: −2 for two messages
)

// beginners is how many messages at the beginning of a conversation a loop may look at from
// everywhere: the system message, a question that tools are put into, and the one behind.
// Beside these it sees a message and its neighbours.
const beginners = 3

// loopSources rewrites a template's source: whole renders everything, with the seam, and
// tail only the last messages. ok is false when the template is no loop.
func loopSources(source string) (whole, tail string, ok bool) {
	tags, ok := readTags(source)
	if !ok {
		return "", "", false
	}
	r := loopReader{source: source, tags: tags, messages: map[string]bool{"messages": true}, early: map[string]bool{}}
	if !r.read() {
		return "", "", false
	}
	loop, first := tags[r.loop], tags[r.loop].to
	seam := "{{ " + seamName + " if loop.last else '' }}"
	whole = source[:first] + seam + source[first:]

	// White space control treats the first text of a source in a way of its own.
	beginning := ""
	if r.linked {
		beginning = source[:loop.from]
	} else if hasText(source[:loop.from], tags[:r.loop]) {
		beginning = "text"
	}
	var b strings.Builder
	b.WriteString(beginning + "{{ " + cutName + " }}")
	at := loop.from
	for _, e := range r.edits {
		b.WriteString(source[at:e.from] + e.text)
		at = e.to
	}
	b.WriteString(source[at:])
	return whole, b.String(), true
}

// hasText tells whether there is anything between the tags.
func hasText(source string, tags []tag) bool {
	n := len(source)
	for _, t := range tags {
		n -= t.to - t.from
	}
	return n > 0
}

// loopReader reads a template and makes sure that it is a loop.
type loopReader struct {
	source   string
	tags     []tag
	messages map[string]bool // names of the messages, or of all but the first ones
	early    map[string]bool // names that the beginning sets
	late     bool            // the beginning has been read
	linked   bool            // what is behind the beginning uses its names
	loop     int             // the tag that begins the loop
	edits    []edit          // from that tag on, ascending
	open     []block         // inside the loop, itself first
	set      map[string]bool // names that the body sets, outside of inner loops
}

// edit puts text in the place of a part of the source.
type edit struct {
	from, to int
	text     string
}

// block is an open statement inside the loop, with the names that are certainly set there.
type block struct {
	inner bool // an inner loop, whose names end with it
	names map[string]bool
}

func (r *loopReader) read() bool {
	for r.loop = 0; r.loop < len(r.tags) && !r.isLoop(r.tags[r.loop]); r.loop++ {
	}
	if r.loop == len(r.tags) {
		return false
	}
	end := r.endOf(r.loop)
	return end > 0 && r.readBeginning(r.tags[:r.loop]) && r.readBody(r.tags[r.loop], r.tags[r.loop+1:end]) && r.readEnding(r.tags[end+1:])
}

// isLoop tells whether a tag is {% for … in messages %}; readBeginning finds other names of
// the messages.
func (r *loopReader) isLoop(t tag) bool {
	if t.kind == '%' && len(t.words) >= 4 && t.words[0].text == "set" {
		switch spell(t.words[2:]) {
		case "= messages", "= messages [ 1 : ]":
			r.messages[t.words[1].text] = true
		}
	}
	return t.kind == '%' && len(t.words) == 4 && t.words[0].text == "for" && t.words[2].text == "in" && r.messages[t.words[3].text]
}

// endOf is the tag that ends the loop; 0 when there is none, or the loop stands inside
// another statement, or has an else.
func (r *loopReader) endOf(loop int) int {
	depth := 0
	for i, t := range r.tags {
		if t.kind != '%' || len(t.words) == 0 {
			continue
		}
		switch t.words[0].text {
		case "if", "for":
			if i == loop && depth > 0 {
				return 0
			}
			depth++
		case "else", "elif":
			if i > loop && depth == 1 {
				return 0
			}
		case "endif", "endfor":
			if depth--; i > loop && depth == 0 {
				return i
			}
		}
	}
	return 0
}

// readBeginning allows what depends on the first messages alone.
func (r *loopReader) readBeginning(tags []tag) bool {
	inner, dropped := 0, 0 // open loops over something else; first messages that are left out
	for _, t := range tags {
		words := t.words
		if t.kind == '%' {
			switch statement(t) {
			case "set":
				if len(words) < 4 || words[2].text != "=" {
					return false
				}
				name, value := words[1].text, spell(words[3:])
				r.early[name] = true
				if value == "messages [ 1 : ]" {
					dropped++
				}
				if r.messages[name] {
					if value != "messages" && value != "messages [ 1 : ]" || inner > 0 || dropped == beginners {
						return false
					}
					continue
				}
				words = words[3:]
			case "if", "elif":
				words = words[1:]
			case "for":
				inner, words = inner+1, words[1:]
			case "endfor":
				inner--
			case "else", "endif":
			default:
				return false
			}
		}
		ok := r.allow(words, func(i int) bool {
			return follows(words, i, "[ 0 ]") || follows(words, i, "| length != 0") || follows(words, i, "| length > 0")
		}, func(int) bool { return true }) // of a loop over something else
		if !ok {
			return false
		}
	}
	r.late = true
	return true
}

// readEnding allows what depends on the first and the last message.
func (r *loopReader) readEnding(tags []tag) bool {
	r.open = nil
	for _, t := range tags {
		words := t.words
		if t.kind == '%' {
			switch statement(t) {
			case "if", "elif":
				words = words[1:]
			case "else", "endif":
			default:
				return false
			}
		}
		ok := r.allow(words, func(i int) bool {
			return follows(words, i, "[ 0 ]") || follows(words, i, "[ - 1 ]")
		}, func(int) bool { return false })
		if !ok {
			return false
		}
	}
	return true
}

// readBody allows what depends on a message and its neighbours, and rewrites what counts
// from the first message.
func (r *loopReader) readBody(loop tag, tags []tag) bool {
	list := loop.words[3]
	r.edits = append(r.edits,
		edit{list.to, list.to, "[" + tailName + ":]"},
		edit{loop.to, loop.to, "{{ " + seamName + " if loop.last else '' }}"})
	r.linked = r.linked || r.early[list.text]
	before := " + " + list.text + "|length + " + tailName // how many messages the tail leaves out
	r.set = bodySets(tags)
	r.open = []block{{names: map[string]bool{loop.words[1].text: true}}}
	for _, t := range tags {
		words := t.words
		opens, closes, sets := false, false, ""
		inner := r.inner()
		if t.kind == '%' {
			switch statement(t) {
			case "if":
				opens, words = true, words[1:]
			case "elif":
				closes, opens, words = true, true, words[1:]
			case "else":
				closes, opens = true, true
			case "for":
				in := slices.IndexFunc(words, func(w word) bool { return w.text == "in" })
				if in < 0 {
					return false
				}
				r.open = append(r.open, block{inner: true, names: names(words[1:in])})
				words = words[in+1:]
			case "set":
				if len(words) < 4 || words[2].text != "=" || r.messages[words[1].text] {
					return false
				}
				sets, words = words[1].text, words[3:]
			case "endif", "endfor":
				closes = true
			default:
				return false
			}
		}
		if closes {
			r.open = r.open[:len(r.open)-1]
		}
		ok := r.allow(words, func(i int) bool {
			return follows(words, i, "[ 0 ]") || words[i].text == list.text && !inner &&
				(follows(words, i, "[ loop . index0 - 1 ]") || follows(words, i, "[ loop . index0 + 1 ]"))
		}, func(i int) bool {
			if inner {
				return true // of the inner loop
			}
			if i+2 >= len(words) || words[i+1].text != "." {
				return false
			}
			e := edit{from: words[i].from, to: words[i+2].to}
			switch words[i+2].text {
			case "last":
				return true
			case "first":
				e.text = "false"
			case "index0":
				e.text = "(loop.index0" + before + ")"
			case "index":
				e.text = "(loop.index" + before + ")"
			default:
				return false
			}
			r.edits = append(r.edits, e)
			return true
		})
		if !ok {
			return false
		}
		if opens {
			r.open = append(r.open, block{names: map[string]bool{}})
		}
		if sets != "" {
			r.open[len(r.open)-1].names[sets] = true
		}
	}
	return true
}

func (r *loopReader) inner() bool {
	return slices.ContainsFunc(r.open, func(b block) bool { return b.inner })
}

// bodySets are the names that a body sets outside of its inner loops. The library keeps
// them for the next message.
func bodySets(tags []tag) map[string]bool {
	set := map[string]bool{}
	inner := 0
	for _, t := range tags {
		if t.kind != '%' || len(t.words) < 2 {
			if t.kind == '%' && statement(t) == "endfor" {
				inner--
			}
			continue
		}
		switch {
		case statement(t) == "for":
			inner++
		case statement(t) == "set" && inner == 0:
			set[t.words[1].text] = true
		}
	}
	return set
}

// allow goes through the names of an expression. messages and loop say whether the place of
// those names is allowed.
func (r *loopReader) allow(words []word, messages, loop func(i int) bool) bool {
	for i, w := range words {
		if !w.isName() || i+1 < len(words) && words[i+1].text == "=" { // of an argument
			continue
		}
		if i > 0 {
			switch words[i-1].text {
			case ".":
				if changes[w.text] {
					return false
				}
				continue
			case "|", "is":
				continue
			case "not":
				if i > 1 && words[i-2].text == "is" {
					continue
				}
			}
		}
		switch {
		case r.messages[w.text]:
			if !messages(i) {
				return false
			}
		case w.text == "loop":
			if !loop(i) {
				return false
			}
		case remembers[w.text]:
			return false
		case len(r.open) > 0 && r.set[w.text] && !r.certain(w.text):
			return false // it can be the message's before
		}
		r.linked = r.linked || r.late && r.early[w.text]
	}
	return true
}

// remembers are the functions that make what can differ from message to message.
var remembers = map[string]bool{"namespace": true, "joiner": true, "cycler": true, "lipsum": true}

// changes are the methods that change what they are called on.
var changes = map[string]bool{
	"append": true, "clear": true, "extend": true, "insert": true, "pop": true, "popitem": true,
	"remove": true, "reverse": true, "setdefault": true, "sort": true, "update": true,
}

// certain tells whether a name is set for this message wherever the template comes to here.
func (r *loopReader) certain(name string) bool {
	return slices.ContainsFunc(r.open, func(b block) bool { return b.names[name] })
}

// statement is the first word of a statement.
func statement(t tag) string {
	if len(t.words) == 0 {
		return ""
	}
	return t.words[0].text
}

// follows tells whether these words stand behind the one at i.
func follows(words []word, i int, pattern string) bool {
	want := strings.Fields(pattern)
	if len(words) < i+1+len(want) {
		return false
	}
	for j, w := range want {
		if words[i+1+j].text != w {
			return false
		}
	}
	return true
}

func names(words []word) map[string]bool {
	set := map[string]bool{}
	for _, w := range words {
		if w.isName() {
			set[w.text] = true
		}
	}
	return set
}
