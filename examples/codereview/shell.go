package codereview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// shell runs the workflow's own read-only commands in a source tree. No command
// comes from the model.
type shell struct{ dir string }

// What a tool may take and may return. Output beyond it is cut: a small model
// loses the thread of long ones.
const (
	toolTime   = 20 * time.Second
	toolOutput = 900 // bytes
)

func (s shell) check() error {
	info, err := os.Stat(s.dir)
	if err != nil {
		return fmt.Errorf("the source tree: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("the source tree: %s is not a folder", s.dir)
	}
	if _, err := exec.LookPath("sh"); err != nil {
		return fmt.Errorf("the tools need a shell: %w", err)
	}
	return nil
}

// run returns what the command prints, cut to size. A command that fails says so
// to the agent, as it would to a person.
func (s shell) run(ctx context.Context, command string) (string, error) {
	out, err := s.output(ctx, command)
	text := cut(strings.ToValidUTF8(string(out), "?"))
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		text += fmt.Sprintf("\n[stopped after %v]", toolTime)
	case errors.As(err, &exit):
		text += fmt.Sprintf("\n[exit status %d]", exit.ExitCode())
	case err != nil:
		return "", fmt.Errorf("run %q: %w", command, err)
	}
	if text = strings.TrimSpace(text); text == "" {
		text = "[no output]"
	}
	return text, nil
}

// cut keeps the whole lines that fit.
func cut(text string) string {
	if text = strings.TrimSpace(text); len(text) <= toolOutput {
		return text
	}
	text = text[:toolOutput]
	if end := strings.LastIndexByte(text, '\n'); end > 0 {
		text = text[:end]
	}
	return strings.ToValidUTF8(text, "") + "\n[cut]"
}

// output runs a command until it ends, ctx does or toolTime is over; then the
// command goes with all that it started.
func (s shell) output(ctx context.Context, command string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.Bytes(), err
}

// largest names the n longest text files of the tree.
func (s shell) largest(ctx context.Context, n int) ([]string, error) {
	out, err := s.output(ctx, "find . -type f -not -path '*/.*' -size -200k \\( -name '*.go' -o -name '*.py' -o -name '*.c' -o -name '*.rs' -o -name '*.js' -o -name '*.ts' -o -name '*.java' -o -name '*.h' -o -name '*.cpp' -o -name '*.rb' -o -name '*.sh' -o -name '*.md' \\) -exec wc -l {} + | sort -rn")
	if err != nil {
		return nil, fmt.Errorf("find the largest files: %w", err)
	}
	var files []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[1] != "total" && len(files) < n {
			files = append(files, fields[1])
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no source files in %s", s.dir)
	}
	return files, nil
}

// quote makes every file name one word of the shell.
func quote(names ...string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "'" + strings.ReplaceAll(n, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}
