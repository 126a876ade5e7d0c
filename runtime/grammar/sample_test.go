package grammar_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/gbnf"
)

// judge is a validator of a schema by another hand.
func judge(t rapid.TB, schema string) *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return s
}

func valid(s *jsonschema.Schema, text string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// TestGrammarsAgainstValidator: what is accepted is valid, and what is valid is
// accepted.
func TestGrammarsAgainstValidator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyModel(t, 3)
		if rapid.IntRange(0, 4).Draw(t, "recursive") == 0 {
			m = recursive(m)
		}
		if len(m.schema) > 10_000 {
			t.Skip("a schema larger than any grammar is sure to hold")
		}
		s := judge(t, m.schema)
		wide := strings.Contains(m.schema, "anyOf") // it may be given up
		g, loosened := compile(t, m.schema, !wide && rapid.Bool().Draw(t, "strict"))
		if len(loosened) > 0 && !wide {
			t.Fatalf("%s: loosened %v", m.schema, loosened)
		}
		for range 3 {
			text := m.draw(t)
			if err := valid(s, text); err != nil {
				t.Fatalf("the test makes an invalid value: %s: %s: %v", m.schema, text, err)
			}
			if !accepts(g, text) {
				t.Fatalf("%s refuses %s", m.schema, text)
			}
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 5 {
			text, end := sample(g, random)
			if end == stuck {
				t.Fatalf("%s: nothing goes on with %.300s", m.schema, text)
			}
			if err := valid(s, text); end == whole && err != nil && len(loosened) == 0 {
				t.Fatalf("%s accepts %.300s: %v", m.schema, text, err)
			}
		}
	})
}

// end says how a sample ended.
type end int

const (
	whole end = iota
	cut       // it became too long
	stuck     // nothing went on with it
)

// sample writes a text byte by byte, any that the grammar allows. After a while it
// ends where it can, and closes what it can.
func sample(g *gbnf.Grammar, random *rand.Rand) (text string, how end) {
	const most = 3000
	long := 1 + random.IntN(300)
	m := g.Matcher()
	var out []byte
	for len(out) < most {
		if m.Done() && (len(out) > long || random.IntN(3) == 0) {
			return string(out), whole
		}
		b, ok := next(m, random, len(out) > long)
		if !ok && m.Done() {
			return string(out), whole
		}
		if !ok {
			return string(out), stuck
		}
		if !m.Accept([]byte{b}) {
			panic("a step that was possible is refused")
		}
		out = append(out, b)
	}
	return string(out), cut
}

// next is a byte that is allowed.
func next(m *gbnf.Matcher, random *rand.Rand, closing bool) (byte, bool) {
	if closing && random.IntN(8) > 0 || random.IntN(4) == 0 {
		for _, b := range []byte(`"}]n:,`) {
			if _, ok := m.Step(m.Here(), b); ok {
				return b, true
			}
		}
	}
	var allowed []byte
	for b := range 256 {
		if _, ok := m.Step(m.Here(), byte(b)); ok {
			allowed = append(allowed, byte(b))
		}
	}
	if len(allowed) == 0 {
		return 0, false
	}
	return allowed[random.IntN(len(allowed))], true
}
