package grammar

// plain are the rules of JSON itself, which every grammar has. What a schema leaves
// open is one of them.
//
// White space is what models write: a space or none after a colon and a comma, or a
// new line with an indentation before a member, an item and the end. It is bounded:
// small models write blanks for ever where they may. So are digits: an integer fits
// 64 bits, and a number is finite as a float64.
var plain = []rule{
	{"value", `object | array | string | number | boolean | null`},
	{"object", `"{}" | "{" line pair (comma pair)* line "}"`},
	{"pair", `string ":" gap value`},
	{"array", `"[]" | "[" line value (comma value)* line "]"`},
	{"string", `"\"" char* "\""`},
	{"number", `integer ("." digit{1,24})? ([eE] [-+]? digit{1,2})?`},
	{"integer", `"-"? ("0" | [1-9] digit{0,17})`},
	{"boolean", `"true" | "false"`},
	{"null", `"null"`},
	{"char", `[^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" code)`},
	{"code", `[0-9a-cefA-CEF] hex{3} | [dD] ([0-7] hex{2} | [89abAB] hex{2} "\\u" [dD] [c-fC-F] hex{2})`},
	{"hex", `[0-9a-fA-F]`},
	{"digit", `[0-9]`},
	{"gap", `" "?`},
	{"line", `("\n" " "{0,32})?`},
	{"comma", `"," (" " | "\n" " "{0,32})?`},

	// What a string's characters are written as where each has one spelling only:
	// names that must differ, and strings of a pattern.
	{"plainly", `[^"\\\x00-\x1f] | "\\" ["\\bfnrt] | "\\u00" control`},
	{"control", `"0" [0-7be-f] | "1" [0-9a-f]`},
}

// Object is the rule for any JSON object.
func (b *Builder) Object() string { return "object" }

// Value is the rule for any JSON value.
func (b *Builder) Value() string { return "value" }
