package grammar_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/interlude-run/interlude/runtime/grammar"
)

// TestBoundsAreGBNFs fills grammars with schemas until no more are taken. What was
// taken compiles.
func TestBoundsAreGBNFs(t *testing.T) {
	for name, schema := range map[string]string{
		"constants":   `{"enum":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaa%[1]d","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb%[1]d"]}`,
		"lengths":     `{"type":"string","minLength":%[1]d,"maxLength":1%[1]d000}`,
		"items":       `{"type":"array","items":{"const":%[1]d},"minItems":25,"maxItems":31}`,
		"integers":    `{"type":"integer","minimum":-82730000%[1]d,"maximum":17283000%[1]d}`,
		"numbers":     `{"type":"number","exclusiveMinimum":-0.82730000%[1]d,"maximum":172.83000%[1]d}`,
		"patterns":    `{"type":"string","pattern":"^([a-z]+%[1]d|[^a-ü]{3,9}x)*$"}`,
		"objects":     `{"type":"object","properties":{"a%[1]d":{},"ab%[1]d":{}},"maxProperties":7}`,
		"counted":     `{"type":"object","properties":{"a%[1]d":{},"b":{},"c":{},"d":{},"e":{}},"minProperties":3,"additionalProperties":false}`,
		"small rules": `{"const":%[1]d}`,
	} {
		b := grammar.New()
		root := b.Value()
		for i := 0; ; i++ {
			rule, _, err := b.Schema(fmt.Appendf(nil, schema, i), true)
			if errors.Is(err, grammar.ErrSchema) && i > 0 {
				break
			}
			if err != nil || i > 20_000 {
				t.Fatal(name, i, err)
			}
			root = rule
		}
		compileText(t, b.Grammar(root))
	}
}
