package llama

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

func (v *Vocab) join(tokens []engine.Token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.Write(v.Piece(t))
	}
	return b.String()
}

func TestTokensSpellTheText(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	for _, text := range []string{
		"", " ", "a", "the rain in spain", "雨 — naïve 😀", "a\x00b", "line\nline\r\n\t", "<|im_end|>", strings.Repeat("x", 5000),
	} {
		if got := v.join(v.Tokenize(text, false, false)); got != text {
			t.Errorf("%.40q became %.40q", text, got)
		}
	}
}

func TestControlTokens(t *testing.T) {
	v := load(t, synth.Options{AddBOS: true}, ModelOptions{VocabOnly: true}).Vocab()
	const text = synth.ImStart + "a" + synth.ImEnd
	start, end := engine.Token(1), engine.Token(2)
	a := v.Tokenize("a", false, false)
	if got, want := v.Tokenize(text, false, true), append(append([]engine.Token{start}, a...), end); !slices.Equal(got, want) {
		t.Errorf("parsed: %v, want %v", got, want)
	}
	if got := v.Tokenize(text, false, false); slices.Contains(got, start) || slices.Contains(got, end) || v.join(got) != text {
		t.Errorf("not parsed: %v, which is %q", got, v.join(got))
	}
	if got, want := v.Tokenize("a", true, false), append([]engine.Token{v.BOS}, a...); !slices.Equal(got, want) {
		t.Errorf("with special tokens: %v, want %v", got, want)
	}
	if got := v.Tokenize("", true, false); !slices.Equal(got, []engine.Token{v.BOS}) {
		t.Errorf("nothing with special tokens: %v", got)
	}
	if len(v.Piece(end)) != 0 || string(v.Spelling(end)) != synth.ImEnd || !v.IsControl(end) || !v.IsEnd(end) || v.IsEnd(start) {
		t.Errorf("%s: piece %q, spelling %q", synth.ImEnd, v.Piece(end), v.Spelling(end))
	}
	if ends := v.Ends(); !slices.Equal(ends, []engine.Token{0, end}) {
		t.Errorf("ends %v", ends)
	}
	for _, outside := range []engine.Token{-1, engine.Token(v.Size()), 1 << 30} {
		if v.Piece(outside) != nil || v.Spelling(outside) != nil || v.IsEnd(outside) || v.IsControl(outside) {
			t.Errorf("token %d is there", outside)
		}
	}
}

// libllama splits texts with regular expressions that recurse: as one piece these
// texts end the process.
func TestLongRuns(t *testing.T) {
	for _, splitter := range []string{"default", "falcon", "deepseek-llm", "deepseek-coder", "tekken", "llama4", "bailingmoe", "poro-chat", "gpt-2", "qwen2"} {
		v := load(t, synth.Options{Splitter: splitter}, ModelOptions{VocabOnly: true}).Vocab()
		for _, run := range []string{"a", "1", " ", "!", "中", "aB"} {
			text := strings.Repeat(run, 60_000/len(run))
			if got := v.join(v.Tokenize(text, false, false)); got != text {
				t.Errorf("%s: a run of %q became another text of %d bytes", splitter, run, len(got))
			}
		}
	}
}

// Where a text is cut, the splitter would have cut it too.
func TestCutTextsHaveTheSameTokens(t *testing.T) {
	prose := strings.Repeat("It was the best of times, it was the worst of times; 1789 came (at last).\n", 60)
	for _, splitter := range []string{"default", "falcon", "deepseek-llm", "tekken"} {
		v := load(t, synth.Options{Splitter: splitter, AddBOS: true}, ModelOptions{VocabOnly: true}).Vocab()
		if !v.recursive || len(prose) <= 2*maxRun {
			t.Fatalf("%s: nothing is cut", splitter)
		}
		if got, want := v.Tokenize(prose, true, false), v.tokenize(prose, true, false); !slices.Equal(got, want) {
			t.Errorf("%s: %d tokens cut, %d whole", splitter, len(got), len(want))
		}
	}
}

func TestCutPlaces(t *testing.T) {
	for _, tt := range []struct {
		text string
		most int
		want string
	}{
		{"one two three", 10, "one two"},
		{"one two three", 7, "one two"},
		{"one 2 3 4 5 6", 8, "one 2 3"},
		{"onetwothree", 5, "onetw"},
		{"ab é é é", 4, "ab"},
		{"éééé", 5, "éé"},
		{"\x80\x80\x80\x80\x80\x80", 4, "\x80\x80\x80\x80"},
	} {
		if got := tt.text[:cut(tt.text, tt.most)]; got != tt.want {
			t.Errorf("%q at most %d: %q, want %q", tt.text, tt.most, got, tt.want)
		}
	}
}

func TestManyGoroutines(t *testing.T) {
	v := load(t, synth.Options{}, ModelOptions{VocabOnly: true}).Vocab()
	want := v.Tokenize("the rain in spain", false, false)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := v.Tokenize("the rain in spain", false, false); !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			}
		})
	}
	wg.Wait()
}
