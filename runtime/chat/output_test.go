package chat

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestOutput(t *testing.T) {
	for _, c := range []struct {
		name    string
		stops   []string
		pieces  []string
		chunks  string // what each piece gave, and the end, parted by |
		stopped bool
	}{
		{"plain", nil, []string{"Hel", "lo"}, "Hel|lo|", false},
		{"a rune in two pieces", nil, []string{"a\xc3", "\xa9b"}, "a|éb|", false},
		{"a rune in four pieces", nil, []string{"\xf0", "\x9f", "\x99", "\x82"}, "|||🙂|", false},
		{"an incomplete end", nil, []string{"a\xe6\x97"}, "a|��", false},
		{"bytes of no rune", nil, []string{"a\xffb", "\x80"}, "a�b|�|", false},
		{"stop in one piece", []string{"END"}, []string{"abENDcd", "ef"}, "ab||", true},
		{"stop over pieces", []string{"END"}, []string{"abE", "N", "Dcd"}, "ab|||", true},
		{"what looked like a stop", []string{"END"}, []string{"abE", "N", "E", "x"}, "ab||EN|Ex|", false},
		{"held to the end", []string{"END"}, []string{"abEN"}, "ab|EN", false},
		{"only what can be a stop is held", []string{"\n\nUser:"}, []string{"one\n", "\n", "\ntwo"}, "one||\n\n\ntwo|", false},
		{"the first that is complete", []string{"abcd", "bc"}, []string{"xabcd"}, "xa|", true},
		{"the longest of two that are complete", []string{"c", "abc"}, []string{"xab", "c"}, "x||", true},
		{"a stop of many bytes a rune", []string{"日本"}, []string{"x日\xe6", "\x9c", "\xac!"}, "x|||", true},
		{"a stop that repeats itself", []string{"aab"}, []string{"aa", "a", "b"}, "|a||", true},
		{"a stop behind an incomplete rune", []string{"STOP"}, []string{"\xe6\x97", "ST", "OP"}, "|��||", true},
		{"no stop in an empty one", []string{""}, []string{"ab"}, "ab|", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := NewOutput(c.stops)
			var chunks []string
			var stopped bool
			for _, p := range c.pieces {
				var text string
				text, stopped = o.Write([]byte(p))
				chunks = append(chunks, text)
			}
			chunks = append(chunks, o.Close())
			if got := strings.Join(chunks, "|"); got != c.chunks || stopped != c.stopped {
				t.Errorf("got %q, stopped %v, want %q, %v", got, stopped, c.chunks, c.stopped)
			}
		})
	}
}

// TestOutputCut gives out what is held back, and goes on.
func TestOutputCut(t *testing.T) {
	o := NewOutput([]string{"END"})
	o.Write([]byte("aEN"))
	if got := o.Cut(); got != "EN" {
		t.Errorf("cut gave %q", got)
	}
	if got, stopped := o.Write([]byte("Db")); got != "Db" || stopped {
		t.Errorf("then %q, %v", got, stopped)
	}
	if got, stopped := o.Write([]byte("END")); got != "" || !stopped {
		t.Errorf("at the stop %q, %v", got, stopped)
	}
	if got := o.Cut(); got != "" {
		t.Errorf("behind the stop %q", got)
	}
}

// FuzzOutput cuts bytes in many ways and compares with the text that a look at
// all of them gives.
func FuzzOutput(f *testing.F) {
	f.Add("Hello END world", "END", "", uint64(0b1001))
	f.Add("aaab", "aab", "b", uint64(0b111))
	f.Add("x\xf0\x9f\x99\x82\xff\xe6\x97STOP", "STOP", "OP", uint64(0xaaaa))
	f.Add("日本語", "本", "\xe6\x9c", uint64(0xffff))
	f.Fuzz(func(t *testing.T, bytes, stop, other string, cuts uint64) {
		if !utf8.ValidString(stop) || !utf8.ValidString(other) || len(bytes) > 1<<10 {
			return // stop strings are text
		}
		want, wantStopped := allAtOnce(bytes, stop, other)

		o := NewOutput([]string{stop, other})
		var got strings.Builder
		stopped := false
		for rest := bytes; rest != ""; {
			n := 1
			for n < len(rest) && cuts>>(uint(len(rest)-n)%64)&1 == 0 {
				n++
			}
			text, end := o.Write([]byte(rest[:n]))
			if !utf8.ValidString(text) {
				t.Fatalf("chunk %q has a rune cut", text)
			}
			got.WriteString(text)
			stopped = stopped || end
			rest = rest[n:]
		}
		got.WriteString(o.Close())
		if got.String() != want || stopped != wantStopped {
			t.Fatalf("in pieces %q, %v; all at once %q, %v", got.String(), stopped, want, wantStopped)
		}
	})
}

// allAtOnce is the text by the definition.
func allAtOnce(bytes string, stops ...string) (text string, stopped bool) {
	for end := 1; end <= len(bytes); end++ {
		longest := 0
		for _, s := range stops {
			if s != "" && strings.HasSuffix(bytes[:end], s) {
				longest = max(longest, len(s))
			}
		}
		if longest > 0 {
			return string([]rune(bytes[:end-longest])), true
		}
	}
	return string([]rune(bytes)), false
}
