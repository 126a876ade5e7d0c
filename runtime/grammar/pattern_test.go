package grammar

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPatternsAgainstRegexp compares automata with Go's matcher, for expressions that
// mean the same to both.
func TestPatternsAgainstRegexp(t *testing.T) {
	var expression func(t *rapid.T, depth int) string
	expression = func(t *rapid.T, depth int) string {
		kind := rapid.IntRange(0, 9).Draw(t, "kind")
		if depth == 0 {
			kind %= 4
		}
		switch kind {
		case 0, 1:
			return rapid.SampledFrom([]string{"a", "b", `\d`, `\w`, "é", `\.`, `\u0061`, `\x62`}).Draw(t, "letter")
		case 2:
			return rapid.SampledFrom([]string{"[ab]", "[^a]", "[^a-z0-9]", `[\d\-x]`, `[^\w]`, "[[b]", `[\s\S]`}).Draw(t, "class")
		case 3:
			return rapid.SampledFrom([]string{"^", "$", ""}).Draw(t, "end")
		case 4, 5:
			return expression(t, depth-1) + expression(t, depth-1)
		case 6:
			return "(" + expression(t, depth-1) + "|" + expression(t, depth-1) + ")"
		}
		return "(?:" + expression(t, depth-1) + ")" + rapid.SampledFrom([]string{"*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"}).Draw(t, "times")
	}
	rapid.Check(t, func(t *rapid.T) {
		text := expression(t, 4)
		m, _, err := compile(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		re := regexp.MustCompile(strings.ReplaceAll(text, `\u0061`, "a"))
		for range 20 {
			s := rapid.StringOfN(rapid.SampledFrom([]rune("ab0-. é[")), 0, 6, -1).Draw(t, "text")
			if got, want := m.matches(s), re.MatchString(s); got != want {
				t.Fatalf("%s matches %q: %v, want %v", text, s, got, want)
			}
		}
	})
}

func TestPatternsThatAreRefused(t *testing.T) {
	for _, text := range []string{
		`(?=a)`, `(?!a)`, `(?<=a)`, `(?<!a)`, `(?i)a`, `(a)\1`, `\bx`, `\Bx`, `\Ax`, `x\z`, `\Qa`, `\ca`, `\k<a>`, `[]`, `[^]`, `(`, `a{2,1}`,
		`\`, `\u12`, `\ud83d`, `\xg`, `\p{Script=Greek}`, `\p{}`, `a{1001}`, `(a{900}){2}`, strings.Repeat("a", 2001), `(.*a.{20}){3}`,
	} {
		if _, _, err := compile(text); err == nil {
			t.Errorf("%.50s is taken", text)
		}
	}
}

// TestPatternsOfECMA is of what Go has otherwise.
func TestPatternsOfECMA(t *testing.T) {
	for _, tt := range []struct{ text, in, out string }{
		{`^\s$`, "\u00a0", "x"}, {`^\S$`, "x", "\u00a0"}, {`^[\s]$`, "\ufeff", "x"}, {`^[^\s]$`, "x", "\u2028"}, {`^[^\S]$`, "\v", "x"},
		{`^.$`, "x", "\r"}, {`^.$`, "é", "\u2029"}, {`^[[:a]+$`, "[:a", "b"}, {`^\/\-\é$`, "/-é", "é"}, {`^(?<name>a)$`, "a", "b"}, {`^\p{Lu}$`, "Ä", "ä"},
	} {
		m, _, err := compile(tt.text)
		if err != nil || !m.matches(tt.in) || m.matches(tt.out) {
			t.Errorf("%s: %q %v, %q %v, %v", tt.text, tt.in, m.matches(tt.in), tt.out, m.matches(tt.out), err)
		}
	}
}
