package chat

import "strings"

// PieceKind says what a piece of an answer belongs to.
type PieceKind uint8

// The kinds.
const (
	PieceText PieceKind = iota
	PieceReasoning
	PieceCall
)

// Piece is what a piece of an answer adds.
type Piece struct {
	Kind  PieceKind
	Index int    // of a call: which of the answer's, from 0
	Name  string // of a call: with its first piece
	Text  string // what is new: of the text, the reasoning, or the call's arguments (JSON)
	Done  bool   // of a call: its arguments are complete
}

// Reader splits one answer into text, reasoning and calls, while it comes.
//
// Where the answer is cut makes no difference to the pieces once they are joined. Held back
// is only what could still become a marker, white space that may belong to one, and a call
// until its function is known; arguments come as they are written. White space between the
// parts of an answer belongs to none.
//
// A call of a function that the answer may not call, or one that breaks before its
// arguments begin, is text. Where it breaks later, its pieces stay, it is never Done, and
// all of it is text too. A call that the end of the answer cuts off is never Done. What
// follows the arguments may be missing.
type Reader struct {
	format *Format
	tools  map[string]parameterTypes

	rest  string // what has not been read
	final bool   // nothing follows the rest
	place place
	last  part   // what the answer's last piece belongs to
	fresh bool   // what comes next is the first of its part
	space string // white space before what comes next
	index int    // of the next call
	out   []Piece

	// Of a call that is being read:
	source   []byte // what it is written as so far, from its opening on
	opened   int    // openings, then middles, that have been read
	inList   bool   // more calls may follow without an opening
	call     openCall
	object   object
	argument argument
}

// place is where in an answer the reader stands.
type place uint8

const (
	inText place = iota
	inReasoning
	inOpening   // behind an opening of a call
	inObject    // in a call's object
	inName      // where the name begins
	inMiddle    // behind the name
	inArguments // in arguments that are JSON
	inTags      // between tagged arguments
	inKey       // in the name of one
	beforeValue // before its value
	inValue     // in its value
	behindCall
)

// part is a part of an answer.
type part uint8

const (
	noPart part = iota
	textPart
	reasoningPart
	callPart
)

// openCall is the call that is being read.
type openCall struct {
	name  string
	begun bool // its first piece is out
	done  bool // and its last
}

// Reader splits one answer. tools are the names of the functions that it may call; where
// there are none, calls are text.
func (f *Format) Reader(tools []string) *Reader {
	r := f.begin()
	for _, name := range tools {
		r.tools[name] = nil
	}
	return r
}

func (f *Format) begin() *Reader {
	r := &Reader{format: f, tools: map[string]parameterTypes{}}
	if f.inside {
		r.place, r.fresh = inReasoning, true
	}
	return r
}

// Write takes the next text, whole characters as Output gives them, and gives the pieces
// that are certain now.
func (r *Reader) Write(text string) []Piece {
	r.rest += text
	return r.read()
}

// Close gives what is left: the answer ends.
func (r *Reader) Close() []Piece {
	r.final = true
	return r.read()
}

// read takes step after step until one needs more text.
func (r *Reader) read() []Piece {
	for r.step() {
	}
	if r.final && r.place == inText && !r.fresh {
		r.put(PieceText, "") // the white space at its end
	}
	out := r.out
	r.out = nil
	return out
}

// step reads on, and tells whether another step can.
func (r *Reader) step() bool {
	switch r.place {
	case inText:
		return r.text()
	case inReasoning:
		return r.reasoning()
	case inOpening:
		return r.opening()
	case inObject:
		return r.readObject()
	case inName:
		return r.name()
	case inMiddle:
		return r.middle()
	case inArguments:
		return r.arguments()
	case inTags:
		return r.tags()
	case inKey:
		return r.key()
	case beforeValue:
		return r.valueStart()
	case inValue:
		return r.value()
	}
	return r.behind()
}

// text reads text up to a marker.
func (r *Reader) text() bool {
	f := r.format
	callable := len(r.tools) > 0
	reasonable := f.reasoning.open != "" && (r.last != textPart || f.channels)
	if !callable && !reasonable {
		return r.plain(len(r.rest))
	}
	if r.skipSpace(); r.rest == "" {
		return false
	}
	alone := callable && f.calls.bare() && r.last != textPart
	var openings []string
	if callable && (!f.calls.bare() || alone) {
		openings = f.calls.openings
	}
	if alone && (r.rest[0] == '{' || r.rest[0] == '[') {
		r.open(-1)
		return true
	}
	if reasonable {
		if found, wait := r.match(f.reasoning.open); wait {
			return false
		} else if found {
			r.rest = r.rest[len(f.reasoning.open):]
			r.enter(reasoningPart)
			r.place = inReasoning
			return true
		}
	}
	if i, wait := r.matchAny(openings); wait {
		return false
	} else if i >= 0 {
		r.take(len(openings[i]))
		r.open(i)
		return true
	}
	if f.channels || r.last == reasoningPart && r.fresh {
		if i, wait := r.matchAny(f.said); wait {
			return false
		} else if i >= 0 {
			r.rest = r.rest[len(f.said[i]):]
			r.enter(reasoningPart)
			return true
		}
	}
	// What follows is text up to the next white space, or where a marker may begin.
	n := 1
	for n < len(r.rest) && !isSpace(r.rest[n]) && !beginsAny(r.rest[n], openings) && !(f.channels && r.rest[n] == '<') {
		n++
	}
	return r.plain(n)
}

// plain gives out n bytes of text.
func (r *Reader) plain(n int) bool {
	if n == 0 {
		return false
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	r.put(PieceText, text)
	return true
}

// reasoning reads reasoning up to its closing marker. A prompt may have opened it, and the
// model open it once more.
func (r *Reader) reasoning() bool {
	m := r.format.reasoning
	if r.skipSpace(); r.rest == "" {
		return false
	}
	if r.last == noPart {
		if found, wait := r.match(m.open); wait {
			return false
		} else if found {
			r.rest = r.rest[len(m.open):]
			r.enter(reasoningPart)
			return true
		}
	}
	if found, wait := r.match(m.close); wait {
		return false
	} else if found {
		r.rest = r.rest[len(m.close):]
		r.enter(reasoningPart)
		r.place = inText
		return true
	}
	n := 1
	for n < len(r.rest) && !isSpace(r.rest[n]) && r.rest[n] != m.close[0] {
		n++
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	r.put(PieceReasoning, text)
	return true
}

// open begins to look for a call behind an opening; −1 is none.
func (r *Reader) open(opening int) {
	r.opened, r.place, r.call = opening+1, inOpening, openCall{}
}

// opening reads what comes before a call's core.
func (r *Reader) opening() bool {
	f := &r.format.calls
	if r.takeSpace(); r.rest == "" {
		return r.unlessFinal()
	}
	if i, wait := r.matchAny(f.openings[r.opened:]); wait {
		return false
	} else if i >= 0 && !r.inList {
		r.take(len(f.openings[r.opened+i]))
		r.opened += i + 1
		return true
	}
	switch {
	case f.shape == objectShape && r.rest[0] == '{':
		r.object, r.place = object{}, inObject
		r.inList = r.inList || f.row
	case f.shape == objectShape && f.list && !r.inList && r.rest[0] == '[':
		r.take(1)
		r.inList = true
	case f.shape != objectShape && r.opened == len(f.openings) && isNameByte(r.rest[0]):
		r.place = inName
	default:
		r.fail()
	}
	return true
}

// begin announces the call, with the first of its arguments.
func (r *Reader) begin(arguments string) {
	r.call.begun = true
	r.enter(callPart)
	r.out = append(r.out, Piece{Kind: PieceCall, Index: r.index, Name: r.call.name, Text: arguments})
	r.index++
}

// more gives out more of the arguments.
func (r *Reader) more(arguments string) {
	if n := len(r.out); n > 0 && r.out[n-1].Kind == PieceCall && r.out[n-1].Index == r.index-1 {
		r.out[n-1].Text += arguments
	} else if arguments != "" {
		r.out = append(r.out, Piece{Kind: PieceCall, Index: r.index - 1, Text: arguments})
	}
}

// done marks the last piece of the arguments, which has just been given out.
func (r *Reader) done() {
	r.out[len(r.out)-1].Done = true
	r.call.done = true
	r.source = r.source[:0]
}

// fail makes text of what looked like a call. The rest is read anew.
func (r *Reader) fail() {
	r.place, r.inList = inText, false
	if len(r.source) > 0 {
		source := string(r.source)
		r.source = r.source[:0]
		r.put(PieceText, source)
	}
}

// unlessFinal ends a call that the end of the answer cuts off.
func (r *Reader) unlessFinal() bool {
	if !r.final {
		return false
	}
	if r.call.begun {
		r.source, r.rest = r.source[:0], ""
		r.place = behindCall
		return false
	}
	r.source = append(r.source, r.rest...)
	r.rest = ""
	r.fail()
	return true
}

// behind reads what comes behind a call's core, up to the next call or text.
func (r *Reader) behind() bool {
	f := &r.format.calls
	if len(r.source) > 0 {
		r.takeSpace()
	} else {
		r.skipSpace()
	}
	if r.rest == "" {
		return false
	}
	if i, wait := r.matchAny(f.closings); wait {
		return false
	} else if i >= 0 {
		r.rest = r.rest[len(f.closings[i]):]
		r.space, r.source, r.inList = "", r.source[:0], false
		return true
	}
	again := f.shape == objectShape && (r.inList || f.bare())
	switch b := r.rest[0]; {
	case again && b == '{':
		r.call, r.object, r.place = openCall{}, object{}, inObject
	case again && (b == ',' || b == ';') && len(r.source) == 0:
		r.take(1)
	case r.inList && f.list && b == ']' && len(r.source) == 0:
		r.rest = r.rest[1:]
		r.inList = false
	default:
		r.fail()
	}
	return true
}

// enter begins or ends a part that markers stand around: the white space there belongs to
// none.
func (r *Reader) enter(p part) { r.space, r.last, r.fresh = "", p, true }

// put gives out text or reasoning, and the white space before it unless a marker is there.
func (r *Reader) put(kind PieceKind, text string) {
	if !r.fresh {
		text = r.space + text
	}
	r.space, r.fresh, r.last = "", false, textPart
	if kind == PieceReasoning {
		r.last = reasoningPart
	}
	if n := len(r.out); n > 0 && r.out[n-1].Kind == kind {
		r.out[n-1].Text += text
	} else if text != "" {
		r.out = append(r.out, Piece{Kind: kind, Text: text})
	}
}

// skipSpace puts white space aside.
func (r *Reader) skipSpace() {
	n := spaces(r.rest)
	r.space += r.rest[:n]
	r.rest = r.rest[n:]
}

// takeSpace reads white space of a call.
func (r *Reader) takeSpace() { r.take(spaces(r.rest)) }

// take reads n bytes of a call.
func (r *Reader) take(n int) {
	r.source = append(r.source, r.rest[:n]...)
	r.rest = r.rest[n:]
}

func spaces(text string) int {
	n := 0
	for n < len(text) && isSpace(text[n]) {
		n++
	}
	return n
}

// match tells whether the rest begins with the marker, or must wait to tell.
func (r *Reader) match(marker string) (found, wait bool) {
	if strings.HasPrefix(r.rest, marker) {
		return marker != "", false
	}
	return false, !r.final && strings.HasPrefix(marker, r.rest)
}

// matchAny finds the longest marker that the rest begins with; −1 for none.
func (r *Reader) matchAny(markers []string) (index int, wait bool) {
	index = -1
	for i, m := range markers {
		found, more := r.match(m)
		if more {
			return -1, true
		}
		if found && (index < 0 || len(m) > len(markers[index])) {
			index = i
		}
	}
	return index, false
}

func beginsAny(b byte, markers []string) bool {
	for _, m := range markers {
		if m[0] == b {
			return true
		}
	}
	return false
}
