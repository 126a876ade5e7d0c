package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/doctor"
	"github.com/interlude-run/interlude/runtime/pull"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// The lines that serve prints for the NATS command line do what it says: two
// requests, with nothing of ours at the client's end.
func TestPrintedExample(t *testing.T) {
	fetched(t)
	node := serve(t, "--listen=127.0.0.1:0", "--store="+t.TempDir(), "--kv-bytes=64MiB")
	defer node.kill()
	if banner := node.logs.String(); !strings.Contains(banner, "policy   interlude\n") {
		t.Errorf("the banner does not name the policy:\n%s", banner)
	}
	conn, err := nats.Connect(node.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	examples := node.examples(t)
	accepted := request(t, conn, examples[0])
	if accepted.Accepted == nil || accepted.Accepted.Turn != 1 {
		t.Fatalf("the turn is answered with %+v", accepted)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		r := request(t, conn, examples[1])
		if r.Result != nil {
			if r.Result.Outcome != wire.Completed || r.Result.Text == "" || r.Result.Usage.CompletionTokens > 32 {
				t.Errorf("the result is %+v", r.Result)
			}
			break
		}
		if r.Error == nil || r.Error.Code != wire.CodeNotFinished {
			t.Fatalf("the answer is read as %+v", r)
		}
		if time.Now().After(deadline) {
			t.Fatal("no answer")
		}
	}

	if err := node.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := node.cmd.Wait(); err != nil {
		t.Errorf("a drained node ends with %v", err)
	}
}

// TestSharedSystemPrompt: on the real engine a program begins with the cells of another
// that has the same system prompt, and its answer is the one that it gives without them.
func TestSharedSystemPrompt(t *testing.T) {
	fetched(t)
	node := serve(t, "--listen=127.0.0.1:0", "--store="+t.TempDir(), "--kv-bytes=64MiB", "--deterministic")
	defer node.kill()
	client, err := sdk.Connect(node.url)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	system := sdk.System(strings.Repeat("You review changes to a program. Say what is wrong, and where. ", 20))
	ask := func(program, question string, reuse sdk.Reuse) *sdk.Result {
		t.Helper()
		a, err := client.Program(program).Turn(t.Context(), sdk.Turn{
			Messages: []sdk.Message{system, sdk.User(question)}, Sampling: sdk.Sampling{MaxTokens: 16}, Reuse: reuse,
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := a.Result(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	ask("first", "Is a nil map writable?", sdk.ReuseExact)
	shared := ask("second", "Does defer run after panic?", sdk.ReuseExact)
	alone := ask("third", "Does defer run after panic?", sdk.ReuseOff)
	if prompt := shared.Usage.PromptTokens; shared.Usage.ReusedTokens < 250 || shared.Usage.ReusedTokens > prompt-8 {
		t.Errorf("%d of %d tokens are the first's", shared.Usage.ReusedTokens, prompt)
	}
	if alone.Usage.ReusedTokens != 0 || alone.Text != shared.Text {
		t.Errorf("alone, with %d reused: %q; shared: %q", alone.Usage.ReusedTokens, alone.Text, shared.Text)
	}
}

// TestEventLog serves with a log, which is not written over, and replays it.
func TestEventLog(t *testing.T) {
	fetched(t)
	path := filepath.Join(t.TempDir(), "log.jsonl.gz")
	args := []string{"--listen=127.0.0.1:0", "--store=" + t.TempDir(), "--kv-bytes=64MiB", "--event-log=" + path}
	node := serve(t, args...)
	defer node.kill()
	client, err := sdk.Connect(node.url)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := converse(t.Context(), client, "logged", 0); err != nil {
		t.Fatal(err)
	}
	if err := node.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := node.cmd.Wait(); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"sim", "--replay", path, "--json"}, 0},
		{[]string{"explain", "--event-log", path}, 0},
		{[]string{"explain", "default/logged", "--event-log", path}, 0},
		{[]string{"explain", "default/nobody", "--event-log", path}, exitFailed},
		{[]string{"trace", "logged", "--event-log", path}, 0},
		{[]string{"trace", "logged", "--event-log", path, "--perfetto", filepath.Join(t.TempDir(), "run.json")}, 0},
		{[]string{"trace", "nobody", "--event-log", path}, exitFailed},
		{append([]string{"serve"}, args...), exitFailed},
	} {
		if got := run(c.args); got != c.want {
			t.Errorf("interlude %v: exit code %d, want %d", c.args, got, c.want)
		}
	}
}

// A folder gives each start a file of its own.
func TestEventLogFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.log")
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct{ path, want string }{
		{file, file},
		{dir, filepath.Join(dir, "20300102T030405Z-node.jsonl.gz")},
		{filepath.Join(dir, "new") + "/", filepath.Join(dir, "new", "20300102T030405Z-node.jsonl.gz")},
	} {
		if got, err := eventLogFile(c.path, "node", now); err != nil || got != c.want {
			t.Errorf("--event-log %s means %s (%v), want %s", c.path, got, err, c.want)
		}
	}
}

// example is one printed call: nats … request SUBJECT 'PAYLOAD'.
type example struct{ subject, payload string }

var printedCall = regexp.MustCompile(`(?m)^  nats -s \S+ request (\S+) '(.*)'$`)

// examples waits until the node has printed them.
func (s *served) examples(t *testing.T) (calls []example) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(calls) < 2; time.Sleep(time.Millisecond) {
		calls = nil
		for _, m := range printedCall.FindAllStringSubmatch(s.logs.String(), -1) {
			calls = append(calls, example{m[1], m[2]})
		}
		if time.Now().After(deadline) {
			t.Fatalf("no two calls are printed:\n%s", s.logs)
		}
	}
	return calls
}

func request(t *testing.T, conn *nats.Conn, e example) (r wire.Reply) {
	t.Helper()
	m, err := conn.Request(e.subject, []byte(e.payload), 10*time.Second)
	if err != nil {
		t.Fatalf("%s: %v", e.subject, err)
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		t.Fatalf("%s: %s: %v", e.subject, m.Data, err)
	}
	return r
}

// What is missing is told before anything is fetched or opened.
func TestRefusedDevice(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("INTERLUDE_CACHE", cache)
	t.Setenv("LD_LIBRARY_PATH", "")
	for _, device := range []string{"cuda", "vulkan"} {
		t.Run(device, func(t *testing.T) {
			if len(doctor.Missing(pull.Device(device))) == 0 {
				t.Skip("this machine has all that it needs")
			}
			_, err := (&modelFlags{Device: device}).obtain(t.Context())
			if err == nil || !strings.Contains(err.Error(), device) || !strings.Contains(err.Error(), "--device cpu") {
				t.Errorf("%v does not say what to do", err)
			}
		})
	}
	if left, err := filepath.Glob(filepath.Join(cache, "*")); err != nil || len(left) > 0 {
		t.Errorf("%v (%v) was fetched", left, err)
	}
}
