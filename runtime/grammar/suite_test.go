package grammar_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/grammar"
)

// otherwise are valid values of the suite that grammars leave out, as doc.go says: a
// number is written in one way, and not with a great many digits.
var otherwise = []string{
	"1.0", "-0", "12345678910111213", "1e308", "-2.0", "9007199254740992.0", "123456789.0", "0.0",
}

// TestSuite holds grammars to the official test suite. A strict grammar accepts the
// valid values, in one order of members at least, and no invalid one; a loosened one
// accepts the valid.
func TestSuite(t *testing.T) {
	files, err := filepath.Glob("testdata/suite/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	held, refused := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var groups []struct {
			Description string
			Schema      json.RawMessage
			Tests       []struct {
				Description string
				Data        json.RawMessage
				Valid       bool
			}
		}
		if err := json.Unmarshal(text, &groups); err != nil {
			t.Fatal(file, err)
		}
		for _, group := range groups {
			for _, strict := range []bool{true, false} {
				b := grammar.New()
				rule, loosened, err := b.Schema(group.Schema, strict)
				where := filepath.Base(file) + ": " + group.Description
				if err != nil {
					if !errors.Is(err, grammar.ErrSchema) {
						t.Errorf("%s: %v", where, err)
					}
					anyValid := false
					for _, test := range group.Tests {
						anyValid = anyValid || test.Valid
					}
					if !strict && anyValid && !strings.Contains(where, "relative") {
						t.Errorf("%s: %v", where, err)
					}
					refused++
					continue
				}
				held++
				g := compileText(t, b.Grammar(rule))
				for _, test := range group.Tests {
					accepted := false
					for _, text := range orders(t, test.Data) {
						accepted = accepted || accepts(g, text)
					}
					switch {
					case accepted && !test.Valid && len(loosened) == 0:
						t.Errorf("%s: %s: %s is accepted", where, test.Description, test.Data)
					case !accepted && test.Valid && !leftOut(string(test.Data)):
						t.Errorf("%s (strict %v): %s: %s is refused", where, strict, test.Description, test.Data)
					}
				}
			}
		}
	}
	t.Logf("%d schemas held, %d refused", held, refused)
}

func leftOut(data string) bool {
	for _, text := range otherwise {
		if strings.Contains(data, text) {
			return true
		}
	}
	return false
}

// orders is a value's JSON with the members of its objects in every order.
func orders(t *testing.T, data []byte) []string {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return write(v)
}

func write(v any) []string {
	switch v := v.(type) {
	case []any:
		out := []string{"["}
		for i, item := range v {
			if i > 0 {
				out = times(out, []string{","})
			}
			out = times(out, write(item))
		}
		return times(out, []string{"]"})
	case map[string]any:
		var names []string
		for name := range v {
			names = append(names, name)
		}
		var out []string
		permute(names, 0, func() {
			some := []string{"{"}
			for i, name := range names {
				if i > 0 {
					some = times(some, []string{","})
				}
				some = times(times(some, []string{plainJSON(name) + ":"}), write(v[name]))
			}
			out = append(out, times(some, []string{"}"})...)
		})
		return out
	}
	return []string{plainJSON(v)}
}

func times(a, b []string) (out []string) {
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

func permute(names []string, from int, visit func()) {
	if from >= len(names)-1 || from > 4 {
		visit()
		return
	}
	for i := from; i < len(names); i++ {
		names[from], names[i] = names[i], names[from]
		permute(names, from+1, visit)
		names[from], names[i] = names[i], names[from]
	}
}

// plainJSON is the JSON of a value, without escapes that are for HTML.
func plainJSON(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(out.String())
}
