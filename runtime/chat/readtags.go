package chat

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// This file reads arguments that stand in tags of their own, and writes them as JSON:
//
//	<parameter=city>Paris</parameter><parameter=days>3</parameter></function>
//	{"city": "Paris", "days": 3}

// argument is a tagged argument, as far as it has been read.
type argument struct {
	count int // of the arguments before it
	text  bool
	begun bool   // of a text: some of it is there
	held  bool   // a line end that may be the last
	value []byte // of any other
}

// ReaderOf is Reader for tools with schemas. A model that writes arguments without quotes
// leaves it to the schema which of them are texts.
func (f *Format) ReaderOf(tools []Tool) *Reader {
	r := f.begin()
	for _, tool := range tools {
		r.tools[tool.Name] = typesOf(tool.Parameters)
	}
	return r
}

// parameterTypes tells which parameters of a function are texts for certain. Any other is
// JSON where it reads as JSON, and else text.
type parameterTypes map[string]bool

// typesOf finds the parameters that a schema has as texts and nothing else.
func typesOf(schema []byte) parameterTypes {
	var s struct {
		Properties map[string]struct{ Type any }
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	types := parameterTypes{}
	for name, p := range s.Properties {
		if p.Type == "string" {
			types[name] = true
		}
	}
	return types
}

// tags reads what comes between arguments.
func (r *Reader) tags() bool {
	f := &r.format.calls
	if r.takeSpace(); r.rest == "" {
		return r.unlessFinal()
	}
	i, wait := r.matchAny([]string{f.key.open, f.end})
	switch {
	case wait:
		return false
	case i == 0:
		r.take(len(f.key.open))
		r.place = inKey
	case i == 1:
		r.take(len(f.end))
		r.more("}")
		r.done()
		r.place = behindCall
	default:
		r.fail()
	}
	return true
}

// key reads the name of an argument.
func (r *Reader) key() bool {
	f := &r.format.calls
	end := f.key.close
	n := strings.Index(r.rest, end)
	isJSON := false
	if f.jsonClose != "" {
		if i := strings.Index(r.rest, f.jsonClose); i >= 0 && (n < 0 || i < n) {
			n, end, isJSON = i, f.jsonClose, true
		}
	}
	if n < 0 && len(r.rest) < maxKey+max(len(f.key.close), len(f.jsonClose)) {
		return r.unlessFinal()
	}
	if n < 0 || n > maxKey {
		r.fail()
		return true
	}
	key := strings.Trim(r.rest[:n], whiteSpace)
	r.take(n + len(end))
	isText := r.tools[r.call.name][key] || f.jsonClose != "" && !isJSON
	r.argument = argument{count: r.argument.count, text: isText}
	var w jsonWriter
	if r.argument.count > 0 {
		w.WriteString(", ")
	}
	w.quote(key)
	w.WriteString(": ")
	if isText {
		w.WriteByte('"')
	}
	r.more(w.String())
	r.place = beforeValue
	return true
}

// valueStart reads the marker before the value of an argument.
func (r *Reader) valueStart() bool {
	start := r.format.calls.valueStart
	if start == "" {
		r.place = inValue
		return true
	}
	if r.takeSpace(); r.rest == "" {
		return r.unlessFinal()
	}
	found, wait := r.match(start)
	switch {
	case wait:
		return false
	case found:
		r.take(len(start))
		r.place = inValue
	default:
		r.fail()
	}
	return true
}

// value reads the value of an argument. A text is given out as it comes.
func (r *Reader) value() bool {
	end := r.format.calls.valueEnd
	n := strings.Index(r.rest, end)
	found := n >= 0
	if !found {
		n = wholeRunes(r.rest[:len(r.rest)-begun(r.rest, end)])
	}
	text := r.rest[:n]
	r.take(n)
	r.more(r.argument.add(text, r.format.calls.lines))
	if !found {
		return r.unlessFinal()
	}
	r.take(len(end))
	r.more(r.argument.close(r.format.calls.lines))
	r.argument.count++
	r.place = inTags
	return true
}

// wholeRunes is the length of the text without an incomplete rune at its end.
func wholeRunes(text string) int {
	for n := len(text) - 1; n >= max(0, len(text)-utf8.UTFMax); n-- {
		if utf8.RuneStart(text[n]) {
			if !utf8.FullRuneInString(text[n:]) {
				return n
			}
			break
		}
	}
	return len(text)
}

// begun is the length of the longest end of the text that the marker begins with.
func begun(text, marker string) int {
	n := min(len(text), len(marker)-1)
	for !strings.HasPrefix(marker, text[len(text)-n:]) {
		n--
	}
	return n
}

// add takes more of a value, and gives what of it is certain, in JSON. With lines, a line
// end at either end of the value belongs to the tags.
func (a *argument) add(text string, lines bool) string {
	if !a.text {
		a.value = append(a.value, text...)
		return ""
	}
	if text == "" {
		return ""
	}
	if lines && !a.begun {
		text = strings.TrimPrefix(text, "\n")
	}
	a.begun = true
	if a.held && text != "" {
		text, a.held = "\n"+text, false
	}
	if lines && strings.HasSuffix(text, "\n") {
		text, a.held = text[:len(text)-1], true
	}
	var w jsonWriter
	w.quote(text)
	return w.String()[1 : w.Len()-1]
}

// close gives the rest of a value, in JSON.
func (a *argument) close(lines bool) string {
	if a.text {
		return `"`
	}
	value := string(a.value)
	if lines {
		value = strings.TrimSuffix(strings.TrimPrefix(value, "\n"), "\n")
	}
	if v := strings.Trim(value, whiteSpace); v != "" && v[0] != '"' && json.Valid([]byte(v)) {
		return v
	}
	var w jsonWriter
	w.quote(value)
	return w.String()
}
