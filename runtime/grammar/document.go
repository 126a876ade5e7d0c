package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds on one schema.
const (
	maxBytes    = 256 << 10
	maxDepth    = 100 // objects and arrays within one another
	maxExponent = 400 // of a number, up or down
)

// value is a value of a JSON document. Unlike Go's maps it keeps the order of an
// object's members, and it knows its place.
type value struct {
	kind   kinds  // one bit
	text   string // of a string, decoded, and of a number, as it is written
	truth  bool
	items  []*value          // of an array
	names  []string          // of an object, in order
	fields map[string]*value // of an object
	number *big.Rat

	id   int // in order of reading
	up   *value
	step string // from up
}

// kinds is a set of kinds of JSON values. Numbers are integers and others, so that
// "number" is two bits, and both types together are a plain union.
type kinds uint8

const (
	isNull kinds = 1 << iota
	isBoolean
	isInteger
	isFraction
	isString
	isArray
	isObject

	isNumber = isInteger | isFraction
	anyKind  = isObject<<1 - 1
)

// at is the JSON pointer of a value, as a fragment: #/properties/a.
func (v *value) at() string {
	if v.up == nil {
		return "#"
	}
	return v.up.at() + "/" + escapePointer.Replace(v.step)
}

var (
	escapePointer   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")
)

// field is a member of an object, or nil.
func (v *value) field(name string) *value { return v.fields[name] }

// base is the schema that references from v are relative to: the nearest around it
// with a name of its own.
func (v *value) base() *value {
	for ; v.up != nil; v = v.up {
		if id := v.field("$id"); id != nil && id.kind == isString && !strings.HasPrefix(id.text, "#") {
			return v
		}
	}
	return v
}

// walk visits v and all within it.
func (v *value) walk(visit func(*value)) {
	visit(v)
	for _, item := range v.items {
		item.walk(visit)
	}
	for _, name := range v.names {
		v.fields[name].walk(visit)
	}
}

// find follows a JSON pointer, or is nil.
func (v *value) find(fragment string) *value {
	if text, err := url.PathUnescape(fragment); err == nil {
		fragment = text
	}
	if fragment == "" {
		return v
	}
	rest, ok := strings.CutPrefix(fragment, "/")
	if !ok {
		return nil
	}
	for step := range strings.SplitSeq(rest, "/") {
		step = unescapePointer.Replace(step)
		switch v.kind {
		case isObject:
			v = v.fields[step]
		case isArray:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v.items) {
				return nil
			}
			v = v.items[i]
		default:
			return nil
		}
		if v == nil {
			return nil
		}
	}
	return v
}

// equal compares values as JSON Schema does: numbers by what they are worth.
func (v *value) equal(w *value) bool {
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case isBoolean:
		return v.truth == w.truth
	case isInteger, isFraction:
		return v.number.Cmp(w.number) == 0
	case isString:
		return v.text == w.text
	case isArray:
		if len(v.items) != len(w.items) {
			return false
		}
		for i := range v.items {
			if !v.items[i].equal(w.items[i]) {
				return false
			}
		}
	case isObject:
		if len(v.names) != len(w.names) {
			return false
		}
		for _, name := range v.names {
			if w.fields[name] == nil || !v.fields[name].equal(w.fields[name]) {
				return false
			}
		}
	}
	return true
}

// read reads a whole document.
func read(text []byte) (*value, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%w: %d bytes; the most is %d", ErrSchema, len(text), maxBytes)
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrSchema)
	}
	r := &reader{decoder: json.NewDecoder(bytes.NewReader(text))}
	r.decoder.UseNumber()
	root, err := r.value(nil, "", 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one JSON value", ErrSchema)
	}
	return root, nil
}

type reader struct {
	decoder *json.Decoder
	values  int
}

func (r *reader) value(up *value, step string, depth int) (*value, error) {
	token, err := r.decoder.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d objects and arrays within one another", maxDepth)
	}
	v := &value{id: r.values, up: up, step: step}
	r.values++
	switch token := token.(type) {
	case nil:
		v.kind = isNull
	case bool:
		v.kind, v.truth = isBoolean, token
	case string:
		v.kind, v.text = isString, token
	case json.Number:
		return v, v.setNumber(token.String())
	case json.Delim:
		if token == '[' {
			return v, r.array(v, depth)
		}
		return v, r.object(v, depth)
	}
	return v, nil
}

func (v *value) setNumber(text string) error {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if n, err := strconv.Atoi(exponent); exponent != "" && (err != nil || n > maxExponent || n < -maxExponent) || len(mantissa) > maxExponent {
		return fmt.Errorf("%s: a number with more than %d digits", v.at(), maxExponent)
	}
	v.text = text
	v.number, _ = new(big.Rat).SetString(text)
	v.kind = isFraction
	if v.number.IsInt() {
		v.kind = isInteger
	}
	return nil
}

func (r *reader) array(v *value, depth int) error {
	v.kind = isArray
	for r.decoder.More() {
		item, err := r.value(v, strconv.Itoa(len(v.items)), depth+1)
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, err := r.decoder.Token()
	return err
}

// object reads members; of two with one name the last counts.
func (r *reader) object(v *value, depth int) error {
	v.kind, v.fields = isObject, map[string]*value{}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		if err != nil {
			return err
		}
		name := token.(string) // the decoder lets nothing else stand for a name
		field, err := r.value(v, name, depth+1)
		if err != nil {
			return err
		}
		if v.fields[name] == nil {
			v.names = append(v.names, name)
		}
		v.fields[name] = field
	}
	_, err := r.decoder.Token()
	return err
}
