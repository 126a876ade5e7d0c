package main

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/sdk"
)

// kept is the file of --state-dir, as somebody who has nothing of ours reads it.
type kept struct {
	EventLog string
	Ended    bool
	Learnt   *core.Learnt
}

func readKept(t *testing.T, dir string) (k kept) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "learnt.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(zip).Decode(&k); err != nil {
		t.Fatal(err)
	}
	return k
}

// turns is how many turns were learnt from.
func (k kept) turns() (n float64) {
	if k.Learnt != nil {
		for _, turns := range k.Learnt.Remaining.All.Turns {
			n += turns
		}
	}
	return n
}

// TestStateDir starts a node again and again in one folder, with the real engine: after a drain,
// on another engine, and after it was killed. Each begins with what was learnt before, from three
// turns by each.
func TestStateDir(t *testing.T) {
	fetched(t)
	state, logs := filepath.Join(t.TempDir(), "state"), t.TempDir()+"/"
	// start gives a node that has served three turns.
	start := func(more ...string) *served {
		t.Helper()
		node := serve(t, append([]string{"--listen=127.0.0.1:0", "--store=" + t.TempDir(), "--kv-bytes=64MiB", "--device=cpu", "--state-dir=" + state}, more...)...)
		t.Cleanup(node.kill)
		client, err := sdk.Connect(node.url)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		p := client.Program("p")
		for i := range 3 {
			a, err := p.Turn(t.Context(), sdk.Turn{
				Messages: []sdk.Message{sdk.User("What is a compiler?")}, Sampling: sdk.Sampling{MaxTokens: 4}, Last: i == 2,
			})
			if err == nil {
				_, err = a.Result(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return node
	}
	drain := func(node *served) {
		t.Helper()
		if err := node.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := node.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}

	drain(start())
	first := readKept(t, state)
	if first.turns() != 3 || !first.Ended || first.Learnt.Speed.Decode[0] == 0 {
		t.Fatalf("after the first run the file has %+v", first)
	}

	second := start()
	if code := run([]string{"serve", "--http=none", "--listen=127.0.0.1:0", "--store=" + t.TempDir(), "--device=cpu", "--state-dir=" + state}); code != exitFailed {
		t.Errorf("a second node with the folder ends with code %d", code)
	}
	drain(second)
	if k := readKept(t, state); k.turns() != 6 || k.Learnt.Speed.Decode[0] <= first.Learnt.Speed.Decode[0] {
		t.Errorf("after the second run the file has %v turns, want 6, and %v decodes after %v", k.turns(), k.Learnt.Speed.Decode[0], first.Learnt.Speed.Decode[0])
	}

	third := start("--max-step=64", "--event-log="+logs)
	log := readKept(t, state)
	if log.turns() != 6 || log.Ended || log.Learnt.Speed != nil || filepath.Dir(log.EventLog) != filepath.Clean(logs) {
		t.Errorf("while the third runs, on another engine, the file has %+v", log)
	}
	wait(t, "the third turn's end is in the log", func() bool { return finished(log.EventLog) == 3 })
	third.kill()

	fourth := start("--max-step=64")
	if k := readKept(t, state); k.turns() != 9 || k.Learnt.Speed == nil || k.Learnt.Speed.Decode[0] == 0 {
		t.Errorf("the fourth begins with %v turns of which the killed one has had 3, and speed %+v", k.turns(), k.Learnt.Speed)
	}
	drain(fourth)
	if k := readKept(t, state); k.turns() != 12 || !k.Ended {
		t.Errorf("after the fourth run the file has %v turns", k.turns())
	}
}

// finished counts the turns that have ended in a log, which may be written still.
func finished(path string) (n int) {
	log, err := eventlog.Open(path)
	if err != nil {
		return 0
	}
	defer log.Close()
	replay, err := eventlog.NewReplay(log)
	if err != nil {
		return 0
	}
	for step, err := range replay.Steps() {
		if err != nil {
			return n
		}
		for _, e := range step.Effects {
			if e.Kind == core.FinishTurn {
				n++
			}
		}
	}
	return n
}

// wait waits until something is so.
func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute: " + what)
		}
	}
}
