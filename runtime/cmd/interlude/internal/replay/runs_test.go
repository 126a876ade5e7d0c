package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func recordings(t *testing.T, lines ...string) (path string) {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte(strings.Join(lines, "\n")))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "runs.jsonl.gz")
	if err := os.WriteFile(path, zipped.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	long = `{"id":"a","messages":[{"role":"system","content":"You help."},
		{"role":"user","content":"Fix größer."},{"role":"assistant","content":"I look.\n` + "```bash\\nls -l && git status\\n```" + `"},
		{"role":"user","content":"three files"},{"role":"assistant","content":"12345678901234567890"},
		{"role":"tool","content":"done"},{"role":"assistant","content":"Ready."}],"turn_tool_ms":[1500,null,null]}`
	short = `{"id":"b","messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi."}]}`
)

func line(s string) string { return strings.ReplaceAll(s, "\n\t\t", "") }

// TestRecorded reads runs and cuts them to their limits.
func TestRecorded(t *testing.T) {
	path := recordings(t, line(long), short)
	runs, err := Recorded(path, 2, Limits{Turns: 2, Chars: 7, Tokens: 4, Gaps: 0.5}, ".")
	if err != nil {
		t.Fatal(err)
	}
	want := []Run{
		{ID: "a", Name: "run-1", System: "You hel", Turns: []Turn{
			{Says: "Fix gr", Tokens: 4, Gap: 750 * time.Millisecond, Tool: "git", Class: "status"}, // ö does not fit in half
			{Says: "three f", Tokens: 4},
		}},
		{ID: "b", Name: "run-2", Turns: []Turn{{Says: "Hello", Tokens: 1}}},
	}
	if !reflect.DeepEqual(runs, want) {
		t.Errorf("got  %+v\nwant %+v", runs, want)
	}
}

// TestRecordedRefuses files that are none, with where and what is wrong.
func TestRecordedRefuses(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain.jsonl.gz")
	if err := os.WriteFile(plain, []byte(short), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, path, says string }{
		{"not compressed", plain, "ends in .gz"},
		{"no JSON", recordings(t, short, "{"), ":2: "},
		{"another role", recordings(t, `{"id":"a","messages":[{"role":"judge","content":"?"}]}`), `"judge"`},
		{"no name", recordings(t, `{"messages":[{"role":"user","content":"?"},{"role":"assistant","content":"!"}]}`), "name"},
		{"no answer", recordings(t, `{"id":"a","messages":[{"role":"user","content":"?"}]}`), "answer"},
		{"two answers", recordings(t, `{"id":"a","messages":[{"role":"assistant","content":"!"}]}`), "answer"},
		{"a gap of the past", recordings(t, `{"id":"a","messages":[{"role":"user","content":"?"},{"role":"assistant","content":"!"}],"turn_tool_ms":[-1]}`), "-1"},
		{"too few", recordings(t, short), "--agents"},
		{"no format", recordings(t, `{"id":"a"}`), "session_id"},
	} {
		if _, err := Recorded(tc.path, 2, Limits{Turns: 9, Chars: 9, Tokens: 9, Gaps: 1}, "."); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.says)
		}
	}
	if _, err := Recorded("none", 1, Limits{}, "."); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
}

// TestMade makes runs of a tree: the same each time, within their limits, of what is in
// the tree and nothing else.
func TestMade(t *testing.T) {
	dir := t.TempDir()
	source := "package größe // " + strings.Repeat("äöü€😀 and so on, ", 900)
	for name, text := range map[string]string{"a.go": source, "b.txt": "secret", ".git/c.go": "secret", "d.go": "\xff\xfe secret"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	limits := Limits{Turns: 7, Chars: 301, Tokens: 5, Gaps: 0.1}
	runs, err := Made(dir, 30, limits)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Made(dir, 30, limits)
	if err != nil || !reflect.DeepEqual(runs, again) {
		t.Errorf("made again, the runs differ (%v)", err)
	}
	names, gaps := map[string]bool{}, 0
	for _, r := range runs {
		names[r.Name] = true
		if len(r.Turns) < 1 || len(r.Turns) > limits.Turns || r.System == "" {
			t.Fatalf("%s has %d turns", r.Name, len(r.Turns))
		}
		for i, turn := range r.Turns {
			switch {
			case len(turn.Says) == 0, len(turn.Says) > limits.Chars, !utf8.ValidString(turn.Says), strings.Contains(turn.Says, "secret"):
				t.Fatalf("%s says %q", r.Name, turn.Says)
			case turn.Tokens < 1 || turn.Tokens > limits.Tokens:
				t.Fatalf("%s has an answer of %d tokens", r.Name, turn.Tokens)
			case turn.Gap < 0 || i == len(r.Turns)-1 && turn.Gap != 0:
				t.Fatalf("%s has a gap of %v behind turn %d", r.Name, turn.Gap, i+1)
			}
			if turn.Gap > 0 {
				gaps++
			}
		}
	}
	if len(names) != 30 || gaps == 0 {
		t.Errorf("%d names, %d gaps", len(names), gaps)
	}
	if _, err := Made(t.TempDir(), 1, limits); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("of an empty tree: error %v", err)
	}
}
