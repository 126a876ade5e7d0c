package grammar_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/interlude-run/interlude/runtime/grammar"
)

// FuzzSchema: whatever is given as a schema makes a grammar that compiles and can be
// followed, or an error.
func FuzzSchema(f *testing.F) {
	for _, seed := range []string{
		`true`, `{"type":["string","null"],"minLength":3,"maxLength":4000,"pattern":"^[^a-c\\s]+(x|y){2,40}$","format":"date-time"}`,
		`{"type":"object","properties":{"a":{"$ref":"#"},"b":{"enum":[1,"x",{"y":[null]}]}},"required":["b","c"],"additionalProperties":{"type":"number","minimum":-0.5,"exclusiveMaximum":7},"minProperties":2,"maxProperties":3}`,
		`{"$defs":{"t":{"anyOf":[{"type":"null"},{"type":"array","prefixItems":[{"$ref":"#/$defs/t"}],"items":{"const":"é\u0001"},"minItems":1,"maxItems":70}]}},"oneOf":[{"$ref":"#/$defs/t"},{"type":"integer","multipleOf":2,"maximum":99999}]}`,
		`{"allOf":[{"properties":{"n":{"minimum":1}}},{"not":{"type":"null"}},{"if":true}],"dependentRequired":{"a":["b"]},"uniqueItems":true,"contains":{}}`,
		`{"items":[{"type":"integer"}],"additionalItems":false,"patternProperties":{"^x":{}},"propertyNames":{"maxLength":3}}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, schema []byte, strict bool) {
		b := grammar.New()
		rule, _, err := b.Schema(schema, strict)
		if err != nil {
			if !errors.Is(err, grammar.ErrSchema) {
				t.Fatal(err)
			}
			rule = b.Value() // what was left is a grammar still
		}
		text, how := sample(compileText(t, b.Grammar(rule)), rand.New(rand.NewPCG(1, 1)))
		if how == stuck {
			t.Fatalf("nothing goes on with %q", text)
		}
	})
}
