package replay

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// tree is a source tree of one file.
func tree(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte("package a // "+strings.Repeat("0123456789", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFormats reads a session of agentic-bench and a trace of numbers from a plain file.
func TestFormats(t *testing.T) {
	lines := `{"session_id":"s","source":{"agent":"x"},"system_prompt":"You help.","turns":[
{"index":0,"input_delta":[{"role":"user","content":"Fix it."}],"assistant_text":"` + "```bash\\nls -l\\n```" + `","input_tokens":9,"output_tokens":40,"cached_tokens":0,"pre_gap_ms":77},
{"index":1,"input_delta":[{"role":"assistant","content":"ls"},{"role":"tool","content":"a.go"},{"role":"user","content":"Well?"}],"assistant_text":"Done.","input_tokens":30,"output_tokens":2,"cached_tokens":9,"pre_gap_ms":3000}]}
{"id":"w","source":"weka","turns":[{"prefix":0,"input":3,"output":5,"tool":"Bash","tool_ms":500,"cmd":"git"},{"prefix":8,"input":1000000,"output":1,"tool":null,"tool_ms":null}]}`
	path := filepath.Join(t.TempDir(), "runs.jsonl")
	one := strings.ReplaceAll(strings.ReplaceAll(lines, "[\n{", "[{"), "},\n{\"index", "},{\"index")
	if err := os.WriteFile(path, []byte(one+"\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runs, err := Recorded(path, 2, Limits{Turns: 9, Chars: 20, Tokens: 8, Gaps: 0.5}, tree(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []Run{
		{ID: "s", Name: "run-1", System: "You help.", Turns: []Turn{
			{Says: "Fix it.", Tokens: 8, Gap: 1500 * time.Millisecond, Tool: "ls"},
			{Says: "a.go\nWell?", Tokens: 2},
		}},
		{ID: "w", Name: "run-2", System: "You are an engineer ", Turns: []Turn{
			{Says: "$ cat ", Tokens: 5, Gap: 250 * time.Millisecond, Tool: "Bash", Class: "git"},
			{Tokens: 1},
		}},
	}
	if got := runs[1].Turns; len(got) != 2 || len(got[0].Says) != 12 || len(got[1].Says) != 20 || !strings.HasPrefix(got[0].Says, "$ cat ") {
		t.Errorf("the trace says %+v", got)
	}
	runs[1].Turns[0].Says, runs[1].Turns[1].Says = want[1].Turns[0].Says, ""
	if !reflect.DeepEqual(runs, want) {
		t.Errorf("got  %+v\nwant %+v", runs, want)
	}
}

// TestFormatsRefuse lines that say too little, or nonsense, with what it is.
func TestFormatsRefuse(t *testing.T) {
	for _, tc := range []struct{ name, line, says string }{
		{"a session without turns", `{"session_id":"s","turns":[]}`, "without an answer"},
		{"nothing said", `{"session_id":"s","turns":[{"input_delta":[],"output_tokens":1}]}`, "no text"},
		{"no output", `{"session_id":"s","turns":[{"input_delta":[{"role":"user","content":"?"}]}]}`, "output_tokens"},
		{"a role", `{"session_id":"s","turns":[{"input_delta":[{"role":"judge","content":"?"}],"output_tokens":1}]}`, `"judge"`},
		{"a gap of the past", `{"session_id":"s","turns":[{"input_delta":[{"role":"user","content":"?"}],"output_tokens":1},{"input_delta":[{"role":"tool","content":"?"}],"output_tokens":1,"pre_gap_ms":-1}]}`, "turn 1: pre_gap_ms"},
		{"a trace without input", `{"id":"t","turns":[{"output":1}]}`, "input is missing"},
		{"a trace without output", `{"id":"t","turns":[{"input":1,"output":0}]}`, "output is missing"},
		{"half a tool", `{"id":"t","turns":[{"input":1,"output":1,"tool":"ls"}]}`, "tool_ms"},
		{"an endless tool", `{"id":"t","turns":[{"input":1,"output":1,"tool":"ls","tool_ms":1e12}]}`, "1e+12 ms"},
		{"no name", `{"turns":[{"input":1,"output":1}]}`, "without a name"},
		{"another type", `{"id":"t","turns":7}`, "turns"},
		{"a list", `[1]`, "not a run"},
	} {
		path := recordings(t, short, tc.line)
		if _, err := Recorded(path, 2, Limits{Turns: 9, Chars: 9, Tokens: 9, Gaps: 1}, tree(t)); err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), ":2: ") {
			t.Errorf("%s: error %v, want one of line 2 with %q", tc.name, err, tc.says)
		}
	}
}
