package chat

import (
	"encoding/json"
	"strings"
)

// This file finds a telltale call in a text that a template has made, in each of the shapes.

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
