package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ardanlabs/jinja"
)

// tojson is the filter of that name as Hugging Face gives it to templates:
// Python's json.dumps with ensure_ascii off. Models have learnt its spaces and
// its order of keys, so tools must reach them in just this form.
func tojson(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
	if len(args) == 0 {
		return jinja.Undefined(), fmt.Errorf("tojson without a value")
	}
	w := jsonWriter{indent: -1}
	if indent, ok := kwargs["indent"]; ok && indent.IsInt() {
		w.indent = int(min(max(indent.AsInt(), 0), 16))
	}
	if sort, ok := kwargs["sort_keys"]; ok {
		w.sortKeys = sort.IsTruthy()
	}
	w.write(args[0], 0)
	return jinja.NewString(w.String()), nil
}

type jsonWriter struct {
	strings.Builder
	indent   int // spaces a level; negative: all on one line
	sortKeys bool
}

func (w *jsonWriter) write(v jinja.Value, depth int) {
	switch {
	case v.IsBool():
		w.WriteString(strconv.FormatBool(v.AsBool()))
	case v.IsInt():
		w.WriteString(strconv.FormatInt(v.AsInt(), 10))
	case v.IsFloat():
		w.WriteString(pythonFloat(v.AsFloat()))
	case v.IsString():
		w.quote(v.AsString())
	case v.IsList():
		w.enclose('[', ']', v.AsList().Len(), depth, func(i int) { w.write(v.AsList().Get(i), depth+1) })
	case v.IsDict():
		keys := v.AsDict().OrderedKeys()
		if w.sortKeys {
			slices.Sort(keys)
		}
		w.enclose('{', '}', len(keys), depth, func(i int) {
			w.quote(keys[i])
			w.WriteString(": ")
			w.write(v.AsDict().Data[keys[i]], depth+1)
		})
	default:
		w.WriteString("null")
	}
}

// enclose writes n elements between brackets.
func (w *jsonWriter) enclose(opening, closing byte, n, depth int, element func(i int)) {
	w.WriteByte(opening)
	for i := range n {
		switch {
		case w.indent >= 0 && i > 0:
			w.WriteByte(',')
		case i > 0:
			w.WriteString(", ")
		}
		w.newline(depth + 1)
		element(i)
	}
	if n > 0 {
		w.newline(depth)
	}
	w.WriteByte(closing)
}

func (w *jsonWriter) newline(depth int) {
	if w.indent >= 0 {
		w.WriteByte('\n')
		w.WriteString(strings.Repeat(" ", w.indent*depth))
	}
}

func (w *jsonWriter) quote(s string) {
	w.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case '\n':
			w.WriteString(`\n`)
		case '\r':
			w.WriteString(`\r`)
		case '\t':
			w.WriteString(`\t`)
		case '\b':
			w.WriteString(`\b`)
		case '\f':
			w.WriteString(`\f`)
		default:
			if r < ' ' {
				fmt.Fprintf(w, `\u%04x`, r)
				continue
			}
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}

// pythonFloat is Python's repr: the shortest digits that read back as f, with an
// exponent below 1e-4 and from 1e16 on.
func pythonFloat(f float64) string {
	s := strconv.FormatFloat(f, 'e', -1, 64)
	_, exponent, _ := strings.Cut(s, "e")
	if e, err := strconv.Atoi(exponent); err != nil || e < -4 || e >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
