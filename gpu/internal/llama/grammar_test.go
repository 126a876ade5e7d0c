package llama

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// libllamaGrammar is libllama's own follower of grammars.
type libllamaGrammar struct {
	new    func(v vocab, grammar, root string) sampler `c:"llama_sampler_init_grammar"`
	apply  func(s sampler, arr *candidates)            `c:"llama_sampler_apply"`
	accept func(s sampler, t engine.Token)             `c:"llama_sampler_accept"`
}

// allowed are the tokens that libllama's follower leaves after a text, but for
// control tokens, which it takes for their names, and for what is no UTF-8.
func (l *libllamaGrammar) allowed(s sampler, v *Vocab, text []byte) (tokens []engine.Token) {
	cs := make([]Candidate, v.Size())
	for t := range cs {
		cs[t].Token = engine.Token(t)
	}
	l.apply(s, &candidates{data: &cs[0], size: uint64(len(cs))})
	for _, c := range cs {
		if possible(&c) && (v.IsEnd(c.Token) || !v.IsControl(c.Token) && beginsUTF8(append(text[:len(text):len(text)], v.Piece(c.Token)...))) {
			tokens = append(tokens, c.Token)
		}
	}
	return tokens
}

// beginsUTF8 tells whether b is valid but for a character that is cut off.
func beginsUTF8(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(b)
		}
		b = b[n:]
	}
	return true
}

// Over random texts, the tokens allowed are those that libllama allows.
func TestGrammarsAgainstLibllama(t *testing.T) {
	m := load(t, synth.Options{Vocab: 800}, ModelOptions{VocabOnly: true})
	v := m.Vocab()
	var table libllamaGrammar
	if err := m.lib.ggml.Llama(&table); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(14, 1))
	// Of sets of all but some characters beyond ASCII libllama refuses the first
	// bytes of their neighbours too: none of these here.
	grammars := []string{
		`root ::= "the " ("sea" | "sun") " is " [a-z]{1,5}`,
		`root ::= [^a-m]+ "é"? .`,
		"root ::= item{1,3}\nitem ::= \"- \" [^\\r\\n]+ \"\\n\"",
		"root ::= \"{\" ws (pair (\",\" ws pair)*)? \"}\"\npair ::= string \":\" ws value\nvalue ::= root | string | [0-9]+ ws\n" +
			"string ::= \"\\\"\" ([^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" [\"\\\\bfnrt])* \"\\\"\" ws\nws ::= [ \\n]{0,2}",
		"root ::= \"(\" root? \")\" | [ぁ-ん]+",
	}
	for range 150 {
		grammars = append(grammars, fmt.Sprintf("root ::= %s\nx ::= %s\n", expression(random, 3), expression(random, 2)))
	}
	compared := 0
	for _, g := range grammars {
		s, err := v.NewSampler(engine.Sampling{Grammar: g}, nil)
		if err != nil {
			continue
		}
		theirs := table.new(v.handle, g, "root")
		if theirs == 0 {
			continue // it refuses repetitions of what may be empty
		}
		var text []byte
		for range 12 {
			want := table.allowed(theirs, v, text)
			var got []engine.Token
			s.allowed(func(t engine.Token) { got = append(got, t) })
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("%s\nafter %q\n%q alone are allowed by us,\n%q alone by libllama", g, text, without(v, got, want), without(v, want, got))
			}
			if len(got) == 0 {
				break
			}
			compared++
			next := got[random.IntN(len(got))]
			if v.IsEnd(next) {
				break
			}
			if !s.follow(next) {
				t.Fatalf("%s\ntoken %d was allowed and is not followed", g, next)
			}
			table.accept(theirs, next)
			text = append(text, v.Piece(next)...)
		}
		s.Free()
		m.lib.samplerFree(theirs)
	}
	if compared < 300 {
		t.Errorf("only %d places were compared", compared)
	}
}

// without spells the tokens of a that are not in b.
func without(v *Vocab, a, b []engine.Token) (spelled []string) {
	for _, t := range a {
		if !slices.Contains(b, t) {
			spelled = append(spelled, string(v.Spelling(t)))
		}
	}
	return spelled
}

// expression is a random right side of a rule, of few ways to be read: libllama
// takes them one by one.
func expression(random *rand.Rand, depth int) string {
	pick := func(choices ...string) string { return choices[random.IntN(len(choices))] }
	switch n := random.IntN(8); {
	case depth == 0 || n == 0:
		return pick(`"a"`, `"the"`, `"in"`, `[n-z]`, `[^e\n]`, `"é"`, `"雨" x`)
	case n < 3:
		return "(" + expression(random, depth-1) + " | " + expression(random, depth-1) + ")"
	case n < 5:
		return "(" + expression(random, depth-1) + ")" + pick("*", "+", "?", "{2}", "{0,3}", "{1,}", "{0}")
	}
	return expression(random, depth-1) + " " + expression(random, depth-1)
}
