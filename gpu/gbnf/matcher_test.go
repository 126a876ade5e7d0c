package gbnf

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func compile(t testing.TB, text string) *Grammar {
	t.Helper()
	g, err := Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// anyByte accepts the first byte that the grammar allows, the last ones first.
func anyByte(m *Matcher) bool {
	for b := 255; b >= 0; b-- {
		if m.Accept([]byte{byte(b)}) {
			return true
		}
	}
	return false
}

// matches tells whether text is whole in the grammar.
func matches(g *Grammar, text string) bool {
	m := g.Matcher()
	return m.Accept([]byte(text)) && m.Done()
}

const jsonGrammar = `root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
`

func TestMatches(t *testing.T) {
	for grammar, texts := range map[string]struct{ in, out []string }{
		`root ::= "yes" | "no"`:                       {[]string{"yes", "no"}, []string{"", "y", "yesno", "nö"}},
		`root ::= "a"{2,4}`:                           {[]string{"aa", "aaa", "aaaa"}, []string{"a", "aaaaa"}},
		`root ::= "ab"{2,}`:                           {[]string{"abab", "ababab"}, []string{"ab", "ababa"}},
		`root ::= "ab"{2}?`:                           {[]string{"", "abab"}, []string{"ab"}},
		`root ::= ("a"? "b"?)*`:                       {[]string{"", "a", "b", "ba", "aabb"}, []string{"c", "ac"}},
		`root ::= [a-c]+ [^a-c]`:                      {[]string{"ad", "abc€", "c\n"}, []string{"a", "d", "aab", "a€€"}},
		`root ::= .* "é" [ぁ-ん]`:                       {[]string{"éぁ", "xéxéん"}, []string{"é", "ea", "éa"}},
		`root ::= "\x41\u00e9\U0001F600\n\"\\\[\]\-"`: {[]string{"Aé😀\n\"\\[]-"}, []string{"Aé"}},
		`root ::= [z-a] | "b"`:                        {[]string{"b"}, []string{"a", "m"}},
		"root ::= \"(\" root? \")\"":                  {[]string{"()", "((()))"}, []string{"", "(", "(()", "())"}},
		"root ::= a b\na ::= | \"x\" a\nb ::= \"y\"":  {[]string{"y", "xxy"}, []string{"x", "yy"}},
		jsonGrammar: {
			[]string{`{}`, `{"a": [1, -2.5e3, "x\n\u00e9", null], "b": {"c": true}}`, "{\n  \"ü\": \"😀\"}"},
			[]string{``, `{`, `{"a"}`, `{"a": 01}`, `{"a": "\q"}`, "{\"a\": \"\n\"}", `[]`},
		},
	} {
		g := compile(t, grammar)
		for _, text := range texts.in {
			if !matches(g, text) {
				t.Errorf("%s does not match %q", grammar, text)
			}
		}
		for _, text := range texts.out {
			if matches(g, text) {
				t.Errorf("%s matches %q", grammar, text)
			}
		}
	}
}

// A refused piece changes nothing, a look ahead neither.
func TestRefusedPieces(t *testing.T) {
	m := compile(t, `root ::= "abc" | "abé"`).Matcher()
	for _, piece := range []string{"b", "abd", "\x80", "abcd", "ab\xe9", "ab\xc3\xa8"} {
		if m.Accept([]byte(piece)) {
			t.Errorf("%q was accepted", piece)
		}
	}
	if c, ok := m.Step(m.Here(), 'a'); !ok || c == m.Here() {
		t.Errorf("no step ahead")
	}
	for _, piece := range []string{"a", "b\xc3"} {
		if !m.Accept([]byte(piece)) || m.Done() {
			t.Errorf("%q was not accepted, or ends the text", piece)
		}
	}
	if m.Accept([]byte("\xa8")) || !m.Accept([]byte("\xa9")) || !m.Done() {
		t.Errorf("the character is not completed as the grammar says")
	}
}

func TestOnlyUTF8(t *testing.T) {
	g := compile(t, `root ::= .*`)
	random := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		b := make([]byte, 1+random.IntN(5))
		for i := range b {
			b[i] = byte(random.Uint32()) | 0x80
			if random.IntN(4) == 0 {
				b[i] = byte(0xe0 + random.IntN(32))
			}
		}
		if got, want := matches(g, string(b)), utf8.Valid(b); got != want {
			t.Fatalf("%x: %v, want %v", b, got, want)
		}
	}
}

// What begins no character is no beginning of one.
func TestNoSurrogates(t *testing.T) {
	g := compile(t, `root ::= [^"]*`)
	for beginning, want := range map[string]bool{"\xed\x9f": true, "\xed\xa0": false, "\xed\xbf": false, "\xee\x80": true} {
		if got := g.Matcher().Accept([]byte(beginning)); got != want {
			t.Errorf("%x: %v, want %v", beginning, got, want)
		}
	}
}

// Grammars with exponentially many ways to read a text.
func TestAmbiguity(t *testing.T) {
	overlap := compile(t, `root ::= ([a-z] | [a-z0-9] | "a" | "aa")* "!"`).Matcher()
	if !overlap.Accept([]byte(strings.Repeat("a", 5000)+"!")) || !overlap.Done() || len(overlap.states) > 10 {
		t.Errorf("overlapping alternatives are not followed, or in %d states", len(overlap.states))
	}
	// The number of stacks doubles with every letter: bounded, it is given up.
	m := compile(t, "root ::= \"a\" root x | \"a\" root y | \"a\"\nx ::= \"b\" \"b\"\ny ::= \"b\" \"c\"").Matcher()
	n := 0
	for m.Accept([]byte("a")) {
		if n++; n > 100 {
			t.Fatal("exponentially many stacks are followed")
		}
	}
	if n < 5 {
		t.Errorf("given up after %d letters", n)
	}
}

// Of many stacks each character leaves some.
func TestManyStacks(t *testing.T) {
	var words []string
	for i := range 200 {
		words = append(words, fmt.Sprintf(`"a%d."`, i))
	}
	g := compile(t, "root ::= "+strings.Join(words, " | "))
	for i := range 210 {
		if got := matches(g, fmt.Sprintf("a%d.", i)); got != (i < 200) {
			t.Errorf("a%d. matches: %v", i, got)
		}
	}
}

// However far a text has come, there is room for the next piece.
func TestRoomForPieces(t *testing.T) {
	m := compile(t, "root ::= \"(\" root? \")\"").Matcher()
	const piece = "((((((("
	for i := range 3 * maxStates / len(piece) {
		if !m.Accept([]byte(piece)) {
			t.Fatalf("%s is refused after %d", piece, i)
		}
	}
}

// Deep texts fill the tables, which are then built anew around where the text is.
func TestTablesAreBounded(t *testing.T) {
	m := compile(t, "root ::= \"(\" root? \")\"").Matcher()
	const depth = 3 * maxStates
	for range depth {
		if !m.Accept([]byte("(")) {
			t.Fatal("( is refused")
		}
		if len(m.states) > maxStates {
			t.Fatalf("%d states", len(m.states))
		}
	}
	for range depth {
		if m.Done() || !m.Accept([]byte(")")) {
			t.Fatal("the text ends early")
		}
	}
	if !m.Done() || m.Accept([]byte(")")) {
		t.Error("the text does not end")
	}
}
