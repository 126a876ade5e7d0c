package chat

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Output makes the text of an answer from the bytes of its tokens, while they
// come. It holds back no more than what could still become a stop string, or is
// an incomplete rune.
//
// Where the bytes are cut makes no difference to the text: it is that before the
// stop string which is complete first, the longest one where several are
// complete at the same byte. A byte that is no part of a rune becomes U+FFFD.
//
// The zero Output has no stop strings.
type Output struct {
	stops [][]byte
	held  []byte
	done  bool
}

// NewOutput stops at the first of the stop strings. Empty ones do not count.
func NewOutput(stops []string) *Output {
	o := &Output{}
	for _, s := range stops {
		if s != "" {
			o.stops = append(o.stops, []byte(s))
		}
	}
	return o
}

// Write takes the next bytes and gives the text that is certain now. stopped is
// true from the call on that completes a stop string; what comes behind it is
// dropped.
func (o *Output) Write(piece []byte) (text string, stopped bool) {
	if o.done {
		return "", true
	}
	if len(o.stops) == 0 {
		o.held = append(o.held, piece...)
		return o.take(len(o.held), false), false
	}
	for _, b := range piece {
		o.held = append(o.held, b)
		if n := o.complete(); n > 0 {
			text = o.take(len(o.held)-n, true)
			o.held, o.done = nil, true
			return text, true
		}
	}
	return o.take(len(o.held)-o.hopeful(), false), false
}

// Close gives the rest of the text: there is nothing more to come.
func (o *Output) Close() string {
	if o.done {
		return ""
	}
	o.done = true
	return o.take(len(o.held), true)
}

// Cut gives out what is held back: something stands behind it that is no text, as a control
// token is, which no stop string and no rune reaches across.
func (o *Output) Cut() string {
	if o.done {
		return ""
	}
	return o.take(len(o.held), true)
}

// complete is the length of the longest stop string that the held bytes end with.
func (o *Output) complete() (n int) {
	for _, s := range o.stops {
		if len(s) > n && bytes.HasSuffix(o.held, s) {
			n = len(s)
		}
	}
	return n
}

// hopeful is the length of the longest end of the held bytes that a stop string
// begins with.
func (o *Output) hopeful() (n int) {
	for _, s := range o.stops {
		for l := min(len(s)-1, len(o.held)); l > n; l-- {
			if bytes.HasSuffix(o.held, s[:l]) {
				n = l
			}
		}
	}
	return n
}

// take gives out the first n held bytes as text. A rune that they begin and that
// what follows them could complete stays, unless all is final.
func (o *Output) take(n int, final bool) string {
	var b strings.Builder
	at := 0
	for at < n {
		if !final && !utf8.FullRune(o.held[at:]) {
			break
		}
		r, size := utf8.DecodeRune(o.held[at:n])
		b.WriteRune(r)
		at += size
	}
	o.held = append(o.held[:0], o.held[at:]...)
	return b.String()
}
