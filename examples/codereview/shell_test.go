package codereview

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree makes a folder of files.
func tree(t *testing.T, files map[string]string) shell {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return shell{dir: dir}
}

func TestOutput(t *testing.T) {
	sh := tree(t, map[string]string{
		"a.txt":     "one\ntwo\n",
		"long":      strings.Repeat("twenty characters..\n", 100),
		"line":      strings.Repeat("é", toolOutput),
		"bytes":     "\xff\xfe\n",
		"it's\n.go": "x\n",
	})
	for _, c := range []struct{ name, command, want string }{
		{"what is printed", "cat a.txt", "one\ntwo"},
		{"errors too", "cat missing 2>&1 >/dev/null | grep -c missing", "1"},
		{"nothing", "true", "[no output]"},
		{"a failure", "echo so; exit 3", "so\n[exit status 3]"},
		{"a failure without a word", "exit 3", "[exit status 3]"},
		{"whole lines are kept", "cat long", strings.Repeat("twenty characters..\n", toolOutput/20) + "[cut]"},
		{"whole characters are kept", "cat line", strings.Repeat("é", toolOutput/2) + "\n[cut]"},
		{"text, whatever the bytes", "cat bytes", "?"},
		{"a name is one word", "wc -l < " + quote("it's\n.go"), "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sh.run(t.Context(), c.command)
			if err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// A command that is stopped goes with what it started, at once.
func TestInterruptedTool(t *testing.T) {
	sh := tree(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := sh.run(ctx, "touch began; (sleep 60; touch survived) | cat")
		done <- err
	}()
	for {
		if _, err := os.Stat(filepath.Join(sh.dir, "began")); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the command outlives its context")
	}
}

func TestLargest(t *testing.T) {
	sh := tree(t, map[string]string{
		"small.go":      "1\n",
		"src/large.py":  "1\n2\n3\n",
		"doc/middle.md": "1\n2\n",
		"data.bin":      strings.Repeat("\n", 99),
		".git/huge.go":  strings.Repeat("\n", 99),
	})
	files, err := sh.largest(t.Context(), 2)
	if want := "./src/large.py ./doc/middle.md"; err != nil || strings.Join(files, " ") != want {
		t.Errorf("%v, %v; want %s", files, err, want)
	}
}

// What cannot be examined is refused before any turn is sent.
func TestNothingToExamine(t *testing.T) {
	for name, c := range map[string]struct{ dir, says string }{
		"no folder":      {filepath.Join(t.TempDir(), "none"), "none"},
		"a file":         {filepath.Join(tree(t, map[string]string{"f": ""}).dir, "f"), "not a folder"},
		"no source file": {tree(t, map[string]string{"data.bin": "x"}).dir, "no source files"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Review(t.Context(), nil, Options{Dir: c.dir}) // no client: it must not be used
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}
