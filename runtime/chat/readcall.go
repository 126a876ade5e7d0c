package chat

import (
	"encoding/json"
	"strings"
)

// This file reads a call's core: the function's name and the arguments, in each of the
// shapes.

// What names may take, in bytes.
const (
	maxName = 256
	maxKey  = 1024
)

// object is a call that is written as a JSON object, as far as it has been read.
type object struct {
	place     objectPlace
	scan      scanner
	text      []byte // of the key or the value that is being read, but for arguments
	key       string
	name      string
	arguments []byte // that are not out yet
	argued    bool   // the arguments are complete
}

// objectPlace is what may come next in an object.
type objectPlace uint8

const (
	atBrace objectPlace = iota
	atFirstKey
	atKey
	atKeyText // the rest of a key
	atColon
	atValue
	atValueText // the rest of a value
	atArguments // the rest of arguments that are an object
	atComma
)

// readObject reads on in a call's object, up to its end or to where it breaks.
func (r *Reader) readObject() bool {
	for at := range len(r.rest) {
		b, done := r.rest[at], r.call.done
		result := r.objectByte(b)
		if result == scanBad {
			r.rest = r.rest[at:]
			r.breakObject()
			return true
		}
		if r.call.done == done { // else it was the last byte of a call: what follows is no more than syntax
			r.source = append(r.source, b)
		}
		if result == scanEnd {
			r.rest = r.rest[at+1:]
			r.endObject()
			return true
		}
	}
	r.rest = ""
	r.flushArguments()
	return r.unlessFinal()
}

// objectByte takes the next byte of an object.
func (r *Reader) objectByte(b byte) scanResult {
	o := &r.object
	switch o.place {
	case atKeyText, atValueText, atArguments:
		return r.objectText(b)
	}
	if isSpace(b) {
		return scanMore
	}
	switch {
	case o.place == atBrace && b == '{':
		o.place = atFirstKey
	case (o.place == atFirstKey || o.place == atKey) && b == '"':
		o.place, o.scan, o.text = atKeyText, scanner{}, o.text[:0]
		return r.objectText(b)
	case o.place == atColon && b == ':':
		o.place = atValue
	case o.place == atValue:
		o.place, o.scan, o.text = atValueText, scanner{}, o.text[:0]
		if b == '{' && r.isArguments() {
			o.place = atArguments
		}
		return r.objectText(b)
	case o.place == atComma && b == ',':
		o.place = atKey
	case (o.place == atComma || o.place == atFirstKey) && b == '}':
		return scanEnd
	default:
		return scanBad
	}
	return scanMore
}

// objectText takes the next byte of a key or a value.
func (r *Reader) objectText(b byte) scanResult {
	o := &r.object
	result := o.scan.next(b)
	switch {
	case result == scanBad:
		return scanBad
	case result == scanBehind:
	case o.place == atArguments:
		o.arguments = append(o.arguments, b)
	default:
		o.text = append(o.text, b)
	}
	if result == scanMore {
		return scanMore
	}
	ok := true
	if o.place == atKeyText {
		ok = r.objectKey()
	} else {
		ok = r.objectValue()
	}
	switch {
	case !ok:
		return scanBad
	case result == scanBehind:
		return r.objectByte(b)
	}
	return scanMore
}

// objectKey takes a key. An object with nothing around it is no call when a key says so.
func (r *Reader) objectKey() bool {
	o, f := &r.object, &r.format.calls
	o.place = atColon
	if json.Unmarshal(o.text, &o.key) != nil {
		return false
	}
	return !f.bare() || r.call.done || o.key == f.nameKey || r.argumentsName() || o.key == "type" || o.key == "id"
}

// isArguments tells whether the value is the call's arguments.
func (r *Reader) isArguments() bool {
	return !r.object.argued && !r.call.done && r.argumentsName()
}

// argumentsName tells whether the key is one that arguments go by.
func (r *Reader) argumentsName() bool {
	key := r.object.key
	return key == r.format.calls.argumentsKey || key == "arguments" || key == "parameters"
}

// objectValue takes a value.
func (r *Reader) objectValue() bool {
	o := &r.object
	wasArguments := o.place == atArguments
	o.place = atComma
	switch {
	case r.call.done:
		return true
	case o.key == r.format.calls.nameKey:
		var name string
		if o.name != "" || json.Unmarshal(o.text, &name) != nil {
			return false
		}
		if _, known := r.tools[name]; !known {
			return false
		}
		o.name, r.call.name = name, name
	case wasArguments:
		o.argued = true
	case r.isArguments():
		if !r.spelledArguments() {
			return false
		}
		o.argued = true
	}
	if o.argued && o.name != "" {
		r.flushArguments()
		r.done()
	}
	return true
}

// spelledArguments takes arguments that are not an object: a string that spells one, as some
// models write, or null.
func (r *Reader) spelledArguments() bool {
	o := &r.object
	var text *string
	if json.Unmarshal(o.text, &text) != nil {
		return false
	}
	if o.arguments = []byte("{}"); text != nil {
		o.arguments = []byte(strings.Trim(*text, whiteSpace))
	}
	return json.Valid(o.arguments) && o.arguments[0] == '{'
}

// flushArguments gives out the arguments as far as they are known, once the name is.
func (r *Reader) flushArguments() {
	o := &r.object
	if o.name == "" || len(o.arguments) == 0 {
		return
	}
	if r.call.begun {
		r.more(string(o.arguments))
	} else {
		r.begin(string(o.arguments))
	}
	o.arguments = o.arguments[:0]
}

// endObject is behind the object's closing brace.
func (r *Reader) endObject() {
	if !r.call.done && r.object.name != "" { // a call without arguments
		r.begin("{}")
		r.done()
	}
	if !r.call.done {
		r.fail()
		return
	}
	r.source, r.place = r.source[:0], behindCall
}

// breakObject is where an object breaks. Behind the arguments, that is none of the call's.
func (r *Reader) breakObject() {
	if !r.call.done {
		r.flushArguments()
		r.fail()
		return
	}
	if len(strings.Trim(string(r.source), whiteSpace)) == 0 {
		r.source = r.source[:0]
	}
	r.place = behindCall
}

// name reads a function's name.
func (r *Reader) name() bool {
	n := 0
	for n < len(r.rest) && n <= maxName && isFunctionByte(r.rest[n]) {
		n++
	}
	if n == len(r.rest) && n <= maxName {
		return r.unlessFinal()
	}
	name := r.rest[:n]
	if _, known := r.tools[name]; !known {
		r.fail()
		return true
	}
	r.take(n)
	r.call.name, r.opened, r.place = name, 0, inMiddle
	return true
}

// isFunctionByte tells what names of functions and ids are made of.
func isFunctionByte(b byte) bool {
	return b < 0x80 && (isNameByte(b) || b == '-' || b == '.' || b == ':' || b == '/')
}

// middle reads what comes between the name and the arguments.
func (r *Reader) middle() bool {
	f := &r.format.calls
	if r.takeSpace(); r.rest == "" {
		return r.unlessFinal()
	}
	if i, wait := r.matchAny(f.middles[r.opened:]); wait {
		return false
	} else if i >= 0 {
		r.take(len(f.middles[r.opened+i]))
		r.opened += i + 1
		return true
	}
	switch {
	case f.shape == taggedShape && r.opened == len(f.middles):
		r.begin("{")
		r.argument = argument{}
		r.place = inTags
	case f.shape == namedShape && r.rest[0] == '{':
		r.object.scan, r.place = scanner{}, inArguments
	case f.middleID && r.opened < len(f.middles) && isFunctionByte(r.rest[0]):
		r.take(1)
	default:
		r.fail()
	}
	return true
}

// arguments reads arguments that are JSON, up to their end or to where they break.
func (r *Reader) arguments() bool {
	for at := range len(r.rest) {
		switch r.object.scan.next(r.rest[at]) {
		case scanBad:
			r.takeArguments(at)
			r.fail()
			return true
		case scanEnd:
			r.takeArguments(at + 1)
			r.done()
			r.place = behindCall
			return true
		}
	}
	r.takeArguments(len(r.rest))
	return r.unlessFinal()
}

// takeArguments gives out n bytes of arguments.
func (r *Reader) takeArguments(n int) {
	text := r.rest[:n]
	r.take(n)
	if r.call.begun {
		r.more(text)
	} else if n > 0 {
		r.begin(text)
	}
}
