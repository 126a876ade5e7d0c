package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/sim/workload"
	"github.com/interlude-run/interlude/toolpredict/toolcall"
)

// Run is an agent run as it is to be replayed.
type Run struct {
	ID     string // where it is from
	Name   string // among the runs that are replayed together
	System string
	Turns  []Turn
}

// Turn is a turn of a run.
type Turn struct {
	Says   string        // the task, or what the tool printed
	Tokens int           // that the answer has
	Gap    time.Duration // until the tool is done; 0 on the last turn
	Tool   string        // that is called; "" where it is not known
	Class  string
}

// Limits cut runs to what a small model takes.
type Limits struct {
	Turns  int     // most turns
	Chars  int     // most characters of what is said in a turn
	Tokens int     // most tokens of an answer
	Gaps   float64 // factor for gaps
}

// Recorded reads the first n runs of a file, a JSON object a line, compressed where its
// name ends in .gz. Each line is in one of the formats of [formats], told apart by their
// fields; traces without text get that of the Go files of the tree dir.
func Recorded(path string, n int, l Limits, dir string) ([]Run, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var plain io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if plain, err = gzip.NewReader(file); err != nil {
			return nil, fmt.Errorf("%s: its name ends in .gz: %w", path, err)
		}
	}
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, longestLine)
	var runs []Run
	text := &filler{dir: dir}
	for number := 1; len(runs) < n && lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		run, err := parse(lines.Bytes(), l, text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		run.Name = name(number)
		runs = append(runs, run)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: behind line %d: %w", path, len(runs), err)
	}
	if len(runs) < n {
		return nil, fmt.Errorf("%s has %d runs, and %d are wanted: set --agents", path, len(runs), n)
	}
	return runs, nil
}

// longestLine is what a run may take in a file.
const longestLine = 64 << 20

// recording is a recorded conversation.
type recording struct {
	ID       string `json:"id"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	ToolMS []*float64 `json:"turn_tool_ms"` // of each answer, null for none
}

// bytesPerToken is what a token of English or code takes, near enough to say how long
// an answer was.
const bytesPerToken = 4

// longestGap is what a tool can take at most, in milliseconds.
const longestGap = 24 * 3600 * 1000

// gap is a tool's time, as it is replayed.
func (l *Limits) gap(ms float64) (time.Duration, error) {
	if !(ms >= 0 && ms <= longestGap) {
		return 0, fmt.Errorf("a tool took %v ms", ms)
	}
	return time.Duration(ms * l.Gaps * float64(time.Millisecond)), nil
}

func (r *recording) run(l Limits, _ *filler) (Run, error) {
	run := Run{ID: r.ID}
	said := ""
	for _, m := range r.Messages {
		switch m.Role {
		case "system":
			run.System = clip(m.Content, l.Chars)
		case "user", "tool":
			said = clip(m.Content, l.Chars)
		case "assistant":
			if said == "" {
				return Run{}, errors.New("an answer follows an answer")
			}
			t := Turn{Says: said, Tokens: min(max(len(m.Content)/bytesPerToken, 1), l.Tokens)}
			if call, ok := toolcall.FromText(m.Content); ok {
				t.Tool, t.Class = call.Tool, call.Class
			}
			if k := len(run.Turns); k < len(r.ToolMS) && r.ToolMS[k] != nil {
				var err error
				if t.Gap, err = l.gap(*r.ToolMS[k]); err != nil {
					return Run{}, err
				}
			}
			run.Turns = append(run.Turns, t)
			said = ""
		default:
			return Run{}, fmt.Errorf("a message of role %q", m.Role)
		}
		if len(run.Turns) == l.Turns {
			break
		}
	}
	return run.whole()
}

// whole is the run if there is enough of it.
func (r Run) whole() (Run, error) {
	if r.ID == "" || len(r.Turns) == 0 {
		return Run{}, errors.New("a run without a name, or without an answer")
	}
	r.Turns[len(r.Turns)-1].Gap = 0
	return r, nil
}

// Made makes n runs with the lengths and gaps of recorded ones (see package workload),
// whose tools print the files of a source tree.
func Made(dir string, n int, l Limits) ([]Run, error) {
	text := &filler{dir: dir}
	set, err := workload.Generate("swebench-mini", 1, max(n, 20))
	if err != nil {
		return nil, err
	}
	drawn := set.Draw(1, n, programs.Tokens(1<<40))
	runs := make([]Run, n)
	for i := range runs {
		p := &drawn[i]
		runs[i] = Run{
			ID: p.ID, Name: name(i + 1),
			System: lookThrough,
		}
		for k := range min(len(p.Turns), l.Turns) {
			t := &p.Turns[k]
			says, err := text.next(min(int(t.Input)*bytesPerToken, l.Chars))
			if err != nil {
				return nil, err
			}
			runs[i].Turns = append(runs[i].Turns, Turn{
				Says: says, Tokens: min(int(t.Output), l.Tokens),
				Gap:  time.Duration(t.Gap.Seconds() * l.Gaps * float64(time.Second)),
				Tool: t.Tool, Class: t.Class,
			})
		}
		runs[i].Turns[len(runs[i].Turns)-1].Gap = 0
	}
	return runs, nil
}

// lookThrough is what agents without a system prompt of their own are told.
const lookThrough = "You are an engineer who looks through a source tree. After each file that you are shown, say what it is for."

// filler gives the text of a tree's Go files, bit by bit, and from the beginning again.
type filler struct {
	dir  string
	text string // read when it is first wanted
	at   int
}

func (f *filler) next(bytes int) (says string, err error) {
	if f.text == "" {
		if f.text, err = sourceText(f.dir); err != nil {
			return "", err
		}
	}
	says, f.at = cut(f.text, f.at, bytes)
	return says, nil
}

// sourceText is the text of the tree's Go files, one behind the other.
func sourceText(dir string) (string, error) {
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != dir:
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || all.Len() > 1<<20:
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil && utf8.Valid(data) {
			fmt.Fprintf(&all, "$ cat %s\n%s\n", path, data)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if all.Len() < 10_000 {
		return "", fmt.Errorf("%s has too little Go source to make agent runs of: name another folder with --dir", dir)
	}
	return all.String(), nil
}

func name(number int) string { return fmt.Sprintf("run-%d", number) }

// cut gives at most n bytes of the text from a place on, and where to go on: behind them,
// or at the beginning.
func cut(text string, at, n int) (says string, next int) {
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	if at >= len(text) {
		at = 0
	}
	says = clip(text[at:], max(n, 1))
	return says, at + len(says)
}

// clip cuts a text to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
