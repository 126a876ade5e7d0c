package grammar_test

import (
	"fmt"

	"github.com/interlude-run/interlude/gpu/gbnf"
	"github.com/interlude-run/interlude/runtime/grammar"
)

func ExampleBuilder() {
	b := grammar.New()
	arguments, loosened, err := b.Schema([]byte(`{
		"type": "object",
		"properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 14, "multipleOf": 2}},
		"required": ["city"],
		"additionalProperties": false
	}`), false)
	if err != nil {
		panic(err)
	}
	call := b.Rule("call", grammar.Literal("<tool_call>")+" "+arguments+" "+grammar.Literal("</tool_call>"))
	g, err := gbnf.Compile(b.Grammar(call))
	if err != nil {
		panic(err)
	}
	m := g.Matcher()
	fmt.Println(loosened, m.Accept([]byte(`<tool_call>{"city": "Rome", "days": 3}</tool_call>`)), m.Done())
	// Output: [#/properties/days/multipleOf] true true
}
