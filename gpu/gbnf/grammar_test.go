package gbnf

import (
	"fmt"
	"strings"
	"testing"
)

func TestAccepts(t *testing.T) {
	for name, grammar := range map[string]string{
		"a letter":     `root ::= "a"`,
		"alternatives": "root ::= \"yes\" | \"no\" | [0-9]+\n",
		"json": `# comment
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws (
             string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
`,
		"list":                  "root ::= (item \"\\n\"){1,5}\nitem ::= \"- \" [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]+",
		"no rules before root":  "a ::= \"x\"\nroot ::= a",
		"windows lines":         "root ::= a\r\na ::= \"x\"\r\n",
		"empty root":            "root ::=",
		"right recursion":       `root ::= "a" root | "b"`,
		"repeated that may end": `root ::= ("a"? "b"?)*`,
		"dash at the end":       `root ::= [a-]`,
		"beyond ASCII":          `root ::= [ぁ-ん]+ "é"`,
	} {
		if _, err := Compile(grammar); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	deep := strings.Repeat("(", 300) + `"a"` + strings.Repeat(")", 300)
	doubling := "root ::= r0\n"
	for i := range 40 {
		doubling += fmt.Sprintf("r%d ::= | r%d r%d\n", i, i+1, i+1)
	}
	doubling += `r40 ::= | "a"`
	for name, tt := range map[string]struct{ grammar, say string }{
		"no text":                {``, `no rule "root"`},
		"no root":                {`start ::= "a"`, `no rule "root"`},
		"undefined":              {`root ::= a`, `"a" is used but not defined`},
		"no arrow":               {`root = "a"`, "expected ::="},
		"no name":                {`::= "a"`, "rule's name"},
		"open quote":             {`root ::= "a`, "within quotes"},
		"open class":             {`root ::= [a-`, "within quotes"},
		"open parenthesis":       {"root ::= (\"a\"\n", "expected )"},
		"closed too often":       {`root ::= "a")`, "end of the line"},
		"on the second line":     {"root ::= \"a\"\nb ::= ?", "line 2"},
		"unknown escape":         {`root ::= "\q"`, `\q`},
		"half an escape":         {`root ::= "\u12"`, "4 hexadecimal"},
		"nothing to repeat":      {`root ::= *`, "to repeat"},
		"nothing, twice":         {`root ::= "a"{0,0}*`, "to repeat"},
		"backwards":              {`root ::= "a"{5,3}`, "at least 5 and at most 3"},
		"too often":              {`root ::= "a"{2001}`, "up to 2000"},
		"often, nested":          {`root ::= ("a"{2000} "b"){2000} ("c"{2000}){2000}` + strings.Repeat(` "dd"{2000}`, 40), "written out"},
		"number too large":       {`root ::= "a"{99999999999999999999}`, "number of repetitions"},
		"open repetition":        {`root ::= "a"{3`, "expected }"},
		"token":                  {`root ::= <a>`, "not supported"},
		"other token":            {`root ::= !<[1]>`, "not supported"},
		"left recursion":         {`root ::= root "a" | "b"`, "left recursion"},
		"left recursion, two":    {"root ::= b\nb ::= root \"a\" | \"b\"", "left recursion"},
		"left recursion, hidden": {"root ::= e root \"x\" | \"y\"\ne ::= f\nf ::=", "left recursion"},
		"left recursion, option": {`root ::= "a"? root | "y"`, "left recursion"},
		"nested":                 {`root ::= ` + deep, "200 deep"},
		"doubling":               {doubling, "too many ways to begin"},
		"NUL":                    {"root ::= \"a\x00\"", "NUL"},
		"not UTF-8":              {"root ::= \"\xff\"", "UTF-8"},
		"long":                   {`root ::= "` + strings.Repeat("a", 1<<19) + `"`, "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Compile(tt.grammar); err == nil || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("got %v, want an error that says %q", err, tt.say)
			}
		})
	}
}

// FuzzCompile: whatever compiles can be followed.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`root ::= "a"`, `root ::= ("a" | [^b-c\n]{2,3})* x`, "x ::= \"\\u00e9\"+ # c\nroot ::= x? <t> !<[1]> .",
		`root ::= "a`, `root ::= (`, `root ::= [`, `root ::= {`, `root ::= <`, `root ::= a{1,`, "root ::=\r\n|",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, grammar string) {
		g, err := Compile(grammar)
		if err != nil {
			return
		}
		m := g.Matcher()
		for range 50 {
			if !anyByte(m) {
				break
			}
		}
	})
}
