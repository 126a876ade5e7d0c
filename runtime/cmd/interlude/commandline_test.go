package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/interlude-run/interlude/runtime/broker"
)

// invocation is what came of running the binary.
type invocation struct {
	code           int
	stdout, stderr string
}

// command is the binary with such arguments and, beside ours, such an environment.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(append(os.Environ(), beInterlude+"=1"), env...)
	return cmd
}

// invoke runs the binary to its end.
func invoke(t *testing.T, env []string, args ...string) invocation {
	t.Helper()
	cmd := command(t, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return invocation{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// nobody is an address where nothing listens.
const nobody = "127.0.0.1:1"

// TestExitCodes runs the binary: the code says what kind of thing went wrong, and the message what
// to type next.
func TestExitCodes(t *testing.T) {
	fetched(t)
	gateway := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"data":[{"id":"m"}]}`)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	open, closed := brokerFor(t), brokerFor(t, broker.Tenant{Tenant: "acme", Password: "x"})
	noLog := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(noLog, []byte("Dear diary"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := "PATH=" + clientThat(t, "pi", "exit 7")

	for _, c := range []struct {
		args string
		env  string
		code int
		says string // the next thing to type
	}{
		{args: "version"},
		{args: "completion fish"},
		{args: "list"},
		{args: "launch pi --show --home /nowhere --url " + gateway(200)},

		{args: "explain --event-log " + noLog, code: exitFailed},
		{args: "trace --event-log " + noLog, code: exitFailed},
		{args: "launch codex --url " + gateway(200), env: "PATH=/nowhere", code: exitFailed, says: "npm install -g @openai/codex"},
		{args: "launch codex --url " + gateway(500), code: exitFailed},
		{args: "launch pi --url " + gateway(200), env: path, code: 7},

		{args: "", code: exitUsage, says: "--help"},
		{args: "nonsense", code: exitUsage, says: "--help"},
		{args: "serve --nonsense", code: exitUsage, says: "--help"},
		{args: "serve --kv-bytes some", code: exitUsage, says: "512MiB"},
		{args: "demo --model /nowhere/model.gguf", code: exitUsage, says: "smollm2-135m-instruct"},
		{args: "serve --creds x", code: exitUsage, says: "--nats"},
		{args: "serve --listen 127.0.0.1:0 --http 0.0.0.0:0", env: "INTERLUDE_STORE=" + t.TempDir(), code: exitUsage, says: "--http-keys"},
		{args: "gateway", code: exitUsage, says: "--nats"},
		{args: "run a.gguf b c", code: exitUsage, says: "quotation"},
		{args: "run hi", env: "INTERLUDE_MODEL=nonsense", code: exitUsage, says: "smollm2-135m-instruct"},
		{args: "pull --model nonsense", code: exitUsage, says: "smollm2-135m-instruct"},
		{args: "list --json=perhaps", code: exitUsage},
		{args: "sim --workload nonsense", code: exitUsage},
		{args: "sim --programs -1", code: exitUsage, says: "--programs"},
		{args: "sim --loads heavy", code: exitUsage, says: "--loads"},
		{args: "explain", code: exitUsage, says: "--event-log"},
		{args: "explain --event-log /nowhere", code: exitUsage},
		{args: "trace a", code: exitUsage, says: "--event-log"},
		{args: "bench", code: exitUsage, says: "--help"},
		{args: "bench steps --steps 1", code: exitUsage, says: "--steps"},
		{args: "bench replay --repetitions 0", code: exitUsage, says: "--repetitions"},
		{args: "bench fidelity --steps 1", code: exitUsage, says: "--steps"},
		{args: "completion tcsh", code: exitUsage, says: "bash"},
		{args: "launch emacs", code: exitUsage, says: "codex"},
		{args: "launch pi --url ftp://x", code: exitUsage, says: "http://HOST:PORT"},
		{args: "launch pi --show", code: exitUsage, says: "--home"},

		{args: "ps --nats " + nobody, code: exitUnreachable, says: "interlude serve"},
		{args: "ps --nats " + open, code: exitUnreachable, says: "interlude serve"},
		{args: "gateway --http 127.0.0.1:0 --nats " + nobody, code: exitUnreachable, says: "interlude serve"},
		{args: "serve --http none --nats " + nobody, code: exitUnreachable},
		{args: "launch pi --url http://" + nobody, code: exitUnreachable, says: "--url"},

		{args: "ps --user acme --password wrong --nats " + closed, code: exitRefused, says: "--user"},
		{args: "ps --user acme --password x --nats " + closed, code: exitRefused, says: "--tenant"},
		{args: "launch pi --url " + gateway(401), code: exitRefused, says: "INTERLUDE_API_KEY"},
		{args: "launch pi --url " + gateway(429), code: exitRefused},
		{args: "run --context 64 --kv-bytes 8MiB " + strings.Repeat("word-", 200), code: exitRefused},
	} {
		t.Run(strings.ReplaceAll(c.args[:min(len(c.args), 40)], "/", "|"), func(t *testing.T) {
			got := invoke(t, []string{c.env}, strings.Fields(c.args)...)
			if got.code != c.code {
				t.Errorf("ends with %d, not %d:\n%s%s", got.code, c.code, got.stdout, got.stderr)
			}
			if c.code != 0 && c.code != 7 && (got.stderr == "" || !strings.Contains(got.stderr, c.says)) {
				t.Errorf("does not say %q:\n%s", c.says, got.stderr)
			}
			if strings.Contains(got.stdout+got.stderr, "\x1b") {
				t.Errorf("has colours where nobody sees them:\n%s%s", got.stdout, got.stderr)
			}
		})
	}
}

// TestInterrupted: whatever a command waits for, an interrupt ends it, and the code says so.
func TestInterrupted(t *testing.T) {
	asked := make(chan struct{}, 1)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer silent.Close()
	cmd := command(t, nil, "launch", "pi", "--url", silent.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatal("the gateway is not asked")
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Errorf("ends with %v", cmd.ProcessState)
	}
}

// TestJSON: with --json what is on the standard output is one JSON object, whatever else is said.
func TestJSON(t *testing.T) {
	fetched(t)
	log := filepath.Join(t.TempDir(), "log.jsonl")
	node := serve(t, "--listen=127.0.0.1:0", "--store="+t.TempDir(), "--kv-bytes=64MiB", "--event-log="+log)
	defer node.kill()
	base := node.http(t)
	for _, args := range []string{
		"version", "pull", "doctor", "list --nats " + node.url, "ps --nats " + node.url, "run --max-tokens 2 hi", "launch claude --show --home /nowhere --url " + base,
		"explain --event-log " + log, "trace --event-log " + log, "sim --quick --programs 10 --seeds 1 --loads 0.5 --policies interlude", "bench gaps --workloads bfcl",
	} {
		t.Run(strings.Fields(args)[0], func(t *testing.T) {
			got := invoke(t, nil, append(strings.Fields(args), "--json")...)
			var object map[string]any
			d := json.NewDecoder(strings.NewReader(got.stdout))
			if err := d.Decode(&object); got.code != 0 || err != nil || len(object) == 0 {
				t.Fatalf("ends with %d and prints no object (%v):\n%s%s", got.code, err, got.stdout, got.stderr)
			}
			if _, err := d.Token(); err != io.EOF {
				t.Errorf("prints more than one object:\n%s", got.stdout)
			}
		})
	}
}

// TestEveryCommandHasJSON but the one whose output is a shell's.
func TestEveryCommandHasJSON(t *testing.T) {
	var c cli
	parser, err := newParser(&c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		has := slices.ContainsFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == "json" })
		if has == (leaf.Name == "completion") {
			t.Errorf("%s: has --json: %v", leaf.FullPath(), has)
		}
	}
}

// TestAnnounced: serve and gateway say in JSON where they are, as soon as they are there.
func TestAnnounced(t *testing.T) {
	open := brokerFor(t)
	cmd := command(t, nil, "gateway", "--json", "--http=127.0.0.1:0", "--nats="+open)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var at listening
	if err := json.NewDecoder(out).Decode(&at); err != nil || at.NATS != open {
		t.Errorf("says %+v, %v", at, err)
	}
	if answer, err := http.Get(at.HTTP + "/healthz"); err != nil {
		t.Error(err)
	} else {
		answer.Body.Close()
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("drained, it ends with %v", err)
	}
}

// brokerFor is a NATS server without nodes, where it listens.
func brokerFor(t *testing.T, tenants ...broker.Tenant) string {
	t.Helper()
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.RandomPort, Tenants: tenants})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	return b.URL()
}

// clientThat is a folder with a program of that name in the place of a coding agent, and the
// shell's own programs behind it.
func clientThat(t *testing.T, name, does string) (path string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+does+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir + string(filepath.ListSeparator) + os.Getenv("PATH")
}

// http is where the node's gateway is.
func (s *served) http(t *testing.T) string {
	t.Helper()
	for range 1000 {
		if _, rest, found := strings.Cut(s.logs.String(), "OPENAI_BASE_URL="); found {
			base, _, _ := strings.Cut(rest, "/v1")
			return base
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the node does not say where its gateway is")
	return ""
}
