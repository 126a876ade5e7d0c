package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/interlude-run/interlude/examples/codereview"
	"github.com/interlude-run/interlude/sdk"
)

// demo prepares a demo as a process of its own, on a small tree, with short
// answers. tmp is where it keeps what it needs for a while.
func demo(t *testing.T, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer, tmp string) {
	t.Helper()
	fetched(t)
	dir := t.TempDir()
	for i := range 5 {
		text := strings.Repeat(fmt.Sprintf("// A line of file %d.\n", i), 10+i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("part%d.go", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmp, stdout, stderr = t.TempDir(), &bytes.Buffer{}, &bytes.Buffer{}
	cmd = exec.Command(self, append([]string{"demo", "--dir", dir, "--kv-bytes=128MiB"}, args...)...)
	cmd.Env = append(os.Environ(), beInterlude+"=1", "TMPDIR="+tmp)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr, tmp
}

// The demo, whole: three agents of five turns or more, each turn of which reads
// only what is new when contexts are kept, and everything when they are not.
func TestDemo(t *testing.T) {
	cmd, stdout, stderr, tmp := demo(t, "--words=6", "--json")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	var found comparison
	if err := json.Unmarshal(stdout.Bytes(), &found); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	for name, p := range map[string]pass{"reuse": found.Reuse, "anew": found.Anew} {
		if len(p.Programs) != 3 {
			t.Errorf("%s: %d programs", name, len(p.Programs))
		}
		for _, f := range append(p.Programs, p.Total) {
			if f.Turns < 5 || f.Generated == 0 || f.FirstTTFT <= 0 || f.WarmTTFT <= 0 || f.ToolGaps <= 0 || f.JCT <= 0 {
				t.Errorf("%s: %+v", name, f)
			}
			if f.Prefilled+f.Reused+f.Restored != f.Prompt {
				t.Errorf("%s: %s read %d tokens, %d anew and %d from its cache", name, f.Program, f.Prompt, f.Prefilled, f.Reused)
			}
			if (f.Reused > 0) != (name == "reuse") {
				t.Errorf("%s: %s reused %d tokens", name, f.Program, f.Reused)
			}
		}
	}
	if r := found.PrefilledRatio; r < 2 {
		t.Errorf("without reuse %.1f times as many tokens are prefilled", r)
	}
	if strings.ContainsAny(stderr.String()+stdout.String(), "\x1b\r") {
		t.Error("a file is written to as if it were a terminal")
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// An interrupted demo ends soon and leaves nothing behind.
func TestInterruptedDemo(t *testing.T) {
	cmd, _, stderr, tmp := demo(t)
	piped, err := pipeStderr(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	piped.until("scout  $") // at work
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { piped.until(""); ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		t.Fatalf("it goes on\n%s", stderr)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("ended with %v, want exit code %d\n%s", err, exitInterrupted, piped.seen.String())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// watched is output that a test waits for.
type watched struct {
	r    io.Reader
	seen strings.Builder
}

func pipeStderr(cmd *exec.Cmd) (*watched, error) {
	cmd.Stderr = nil
	r, err := cmd.StderrPipe()
	return &watched{r: r}, err
}

// until reads until the text has been seen, "" until the end.
func (w *watched) until(text string) {
	buf := make([]byte, 1024)
	for text == "" || !strings.Contains(w.seen.String(), text) {
		n, err := w.r.Read(buf)
		w.seen.Write(buf[:n])
		if err != nil {
			return
		}
	}
}

// A node that stops ends what is done with it, and says why; it is waited for.
func TestDuring(t *testing.T) {
	broken, ours := errors.New("broken"), errors.New("ours")
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	ended := func(context.Context) error { return nil }
	for _, c := range []struct {
		name       string
		serve, use func(context.Context) error
		want       error
	}{
		{"all is well", func(ctx context.Context) error { <-ctx.Done(); return nil }, ended, nil},
		{"what is done fails", wait, func(context.Context) error { return ours }, ours},
		{"the node fails", func(context.Context) error { return broken }, wait, broken},
		{"the node fails afterwards", func(ctx context.Context) error { <-ctx.Done(); return broken }, ended, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := during(t.Context(), c.serve, c.use); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []time.Duration
		want float64
	}{
		{nil, 0},
		{[]time.Duration{3e9}, 3},
		{[]time.Duration{9e9, 1e9, 2e9}, 2},
		{[]time.Duration{4e9, 1e9, 2e9, 9e9}, 3},
	} {
		if got := medianSeconds(c.of); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.of, got, c.want)
		}
	}
}

// Agents that speak at once do not fall into each other's lines.
func TestScreen(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out)
	s.Tool("scout", "ls "+strings.Repeat("é", 200), 3*time.Millisecond)
	for range 20 {
		s.Text("scout", "a word\n")
		s.Text("reader", "and\x1b[2J ")
	}
	turn := codereview.Turn{Number: 1, TTFT: time.Second, Usage: sdk.Usage{PromptTokens: 30, ReusedTokens: 20, CompletionTokens: 10}}
	s.Done("reader", turn)
	s.Done("scout", turn)
	const golden = `scout  $ ls ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé …  (3ms)
reader │ and [2J and [2J and [2J and [2J and [2J and [2J and [2J and [2J and [2J and [2J and [2J
scout  │ a word a word a word a word a word a word a word a word a word a word a word a word a
reader │ and [2J and [2J and [2J and [2J and [2J and [2J and [2J and [2J and [2J
reader └ turn 1: first token after 1.00 s; 30 tokens read, 20 of them known; 10 written
scout  │ word a word a word a word a word a word a word a word
scout  └ turn 1: first token after 1.00 s; 30 tokens read, 20 of them known; 10 written
`
	if out.String() != golden {
		t.Errorf("shows\n%s\nwant\n%s", &out, golden)
	}
}
