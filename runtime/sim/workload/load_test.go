package workload

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

const ms = programs.Millisecond

// example is what testdata/example.jsonl.gz holds, with gaps cut to 10 minutes.
func example() []Program {
	return []Program{{
		ID: "claude/fix", Source: "claude", Parent: -1, SharedPrefix: 900, SharedKey: "claude/0/900",
		Turns: []Turn{
			{Input: 1000, Output: 50, Tool: "Read", Gap: 20 * ms},
			{Prefix: 1050, Input: 400, Output: 80, Tool: "Task", Gap: programs.Minute},
			{Prefix: 1530, Input: 300, Output: 120, Tool: "Bash", Class: "pytest", Gap: 4 * programs.Second},
			{Prefix: 1950, Input: 100, Output: 60},
		},
	}, {
		ID: "claude/fix/sub1", Source: "claude", Parent: 0, ParentTurn: 1, SharedPrefix: 900, SharedKey: "claude/0/900",
		Turns: []Turn{
			{Input: 950, Output: 200, Tool: "Grep", Gap: 30 * ms},
			{Prefix: 1150, Input: 500, Output: 300},
		},
	}, {
		ID: "claude/fix/sub2", Source: "claude", Parent: 0, ParentTurn: 1, Async: true,
		Turns: []Turn{{Input: 700, Output: 2000}},
	}, {
		ID: "chat/1", Source: "chat", Parent: -1,
		Turns: []Turn{
			{Input: 2000, Output: 10, Tool: "human", Human: true, Gap: 10 * programs.Minute},
			{Prefix: 1984, Input: 90, Output: 30, Tool: "unknown", Gap: 8 * programs.Second},
			{Prefix: 128, Input: 500, Output: 40, Reset: true},
		},
	}}
}

func TestLoad(t *testing.T) {
	s, err := Load("testdata", "example")
	if err != nil {
		t.Fatal(err)
	}
	want := &Set{Name: "example", Source: "traces testdata", Programs: example()}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("Load gave\n%+v\nwant\n%+v", s, want)
	}
}

func TestLoadMaxGap(t *testing.T) {
	for _, c := range []struct{ max, want programs.Duration }{
		{0, 30 * programs.Minute},
		{programs.Minute, programs.Minute},
	} {
		s, err := Load("testdata", "example", MaxGap(c.max))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Programs[3].Turns[0].Gap; got != c.want {
			t.Errorf("with MaxGap(%v) the person's gap is %v, want %v", c.max, got, c.want)
		}
	}
}

// turnOf is a program of one turn in JSON, with something replaced in it.
func turnOf(old, new string) string {
	const program = `{"id":"p","source":"s","turns":[{"prefix":0,"input":10,"output":5,"tool":"ls","tool_ms":3},{"prefix":15,"input":1,"output":1,"tool":null,"tool_ms":null}]}`
	return strings.Replace(program, old, new, 1)
}

func TestReadRejects(t *testing.T) {
	good := turnOf("", "")
	for _, c := range []struct{ name, file, want string }{
		{"nothing", "", "f: it holds no program"},
		{"no JSON", "{\n", "f:1: not a program in JSON"},
		{"an empty line", good + "\n\n", "f:2: not a program in JSON"},
		{"a fraction of a token", turnOf(`"input":10`, `"input":10.5`), "f:1: not a program in JSON"},
		{"no id", turnOf(`"id":"p"`, `"id":""`), "f:1: a program has no id"},
		{"no source", turnOf(`"source":"s"`, `"source":""`), "f:1: program p has no source"},
		{"an id twice", good + "\n" + good, "f:2: program p is in the file twice"},
		{"no turns", `{"id":"p","source":"s","turns":[]}`, "f:1: program p: it has no turn"},
		{"too many turns", turnOf(`"turns":[`, `"turns":[`+strings.Repeat(`{"prefix":0,"input":10,"output":5,"tool":"ls","tool_ms":3},`, maxTurns)), "it has 8194 turns, more than the 8192"},
		{"no prefix", turnOf(`"prefix":15,`, ``), "f:1: program p: turn 1: it has no prefix"},
		{"no input", turnOf(`"input":10,`, ``), "f:1: program p: turn 0: it has no input"},
		{"no output", turnOf(`"output":5,`, ``), "f:1: program p: turn 0: it has no output"},
		{"a negative input", turnOf(`"input":10`, `"input":-10`), "turn 0: input is -10 tokens"},
		{"an output of nothing", turnOf(`"output":5`, `"output":0`), "turn 0: output is 0 tokens"},
		{"an absurd input", turnOf(`"input":10`, `"input":9000000000000000000`), "turn 0: input is 9000000000000000000 tokens"},
		{"an empty context", turnOf(`"input":10`, `"input":0`), "turn 0: its context is empty"},
		{"a first prefix", turnOf(`"prefix":0`, `"prefix":3`), "turn 0: prefix is 3 tokens, and no turn is before it"},
		{"too long a prefix", turnOf(`"prefix":15`, `"prefix":16`), "turn 1: prefix is 16 tokens, and the turn before left 15"},
		{"a negative gap", turnOf(`"tool_ms":3`, `"tool_ms":-3`), "turn 0: the gap behind it is -3ms"},
		{"an absurd gap", turnOf(`"tool_ms":3`, `"tool_ms":1e300`), "turn 0: the gap behind it is 2562047h"},
		{"a tool without a time", turnOf(`,"tool_ms":3`, ``), "turn 0: it has one of tool and tool_ms"},
		{"a tool without a name", turnOf(`"ls"`, `""`), "turn 0: its tool has no name"},
		{"no tool in the middle", turnOf(`"tool":"ls","tool_ms":3`, `"tool":null`), `turn 0: it calls the tool ""`},
		{"a tool at the end", turnOf(`"tool":null,"tool_ms":null`, `"tool":"ls","tool_ms":0`), `turn 1: it calls the tool "ls"`},
		{"a gap at the end", turnOf(`"tool":null,"tool_ms":null`, `"tool":"ls","tool_ms":1`), `turn 1: it is the last, and a gap of 1ms is behind it`},
		{"too much shared", turnOf(`"source"`, `"shared_prefix":11,"source"`), "its shared prefix of 11 tokens is not within its first context of 10"},
		{"less than nothing shared", turnOf(`"source"`, `"shared_prefix":-1,"source"`), "its shared prefix of -1 tokens"},
		{"an unknown parent", turnOf(`"source"`, `"parent":"q","parent_turn":0,"source"`), "its parent q is not in the lines before it"},
		{"itself as a parent", turnOf(`"source"`, `"parent":"p","parent_turn":0,"source"`), "its parent p is not in the lines before it"},
		{"no parent turn", good + "\n" + turnOf(`"p","source"`, `"c","parent":"p","source"`), "f:2: program c: it has a parent and no parent_turn"},
		{"a wrong parent turn", good + "\n" + turnOf(`"p","source"`, `"c","parent":"p","parent_turn":2,"source"`), "f:2: program c: its parent's turn 2 is not from 0 to 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ps, err := read(strings.NewReader(c.file), "f", optionsOf(nil))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
			if ps != nil {
				t.Errorf("%d programs came with the error", len(ps))
			}
		})
	}
}

func TestLoadRejects(t *testing.T) {
	whole, err := os.ReadFile("testdata/example.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		file []byte
		is   error
		want string
	}{
		{"cut off", whole[:len(whole)-60], io.ErrUnexpectedEOF, "the file is cut off"},
		{"without its checksum", whole[:len(whole)-8], io.ErrUnexpectedEOF, "bad.jsonl.gz:5: the file is cut off"},
		{"not packed", []byte(turnOf("", "")), gzip.ErrHeader, "is not a gzip file"},
		{"empty", nil, io.EOF, "is not a gzip file"},
		{"damaged", append(bytes.Clone(whole[:len(whole)-8]), 1, 2, 3, 4, 5, 6, 7, 8), gzip.ErrChecksum, "bad.jsonl.gz:5: gzip: invalid checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "bad.jsonl.gz"), c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir, "bad")
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %v and %q", err, c.is, c.want)
			}
		})
	}
	if _, err := Load(t.TempDir(), "weka"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file the error is %v, want one that is fs.ErrNotExist", err)
	}
}

// FuzzRead holds that what is read is a workload, however odd the file.
func FuzzRead(f *testing.F) {
	file, err := os.Open("testdata/example.jsonl.gz")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		f.Fatal(err)
	}
	lines, err := io.ReadAll(unpacked)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(lines)
	f.Add([]byte(turnOf("", "")))
	f.Add([]byte(turnOf(`"source"`, `"shared_prefix":9,"tool_tokens":-3,"source"`)))
	f.Add([]byte(`{"id":"p","source":"s","turns":[{"prefix":null}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		ps, err := read(bytes.NewReader(file), "f", optionsOf(nil))
		if err != nil {
			return
		}
		if err := Check(ps); err != nil {
			t.Errorf("what was read: %v", err)
		}
		s := &Set{Programs: ps}
		for _, drawn := range [][]Program{s.Draw(1, 3, maxTokens*2), s.DrawFamilies(1, 3, maxTokens*2)} {
			if err := Check(drawn); err != nil {
				t.Errorf("what was drawn: %v", err)
			}
			if err := Check(Scale(drawn, 1.0/16, 2)); err != nil {
				t.Errorf("what was scaled: %v", err)
			}
		}
	})
}
