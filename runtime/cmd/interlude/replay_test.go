package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
)

// benchReplay runs the command as a process of its own.
func benchReplay(t *testing.T, args ...string) (stdout, stderr *bytes.Buffer, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd := exec.Command(self, append([]string{"bench", "replay"}, args...)...)
	cmd.Env = append(os.Environ(), beInterlude+"=1", "TMPDIR="+t.TempDir())
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return stdout, stderr, cmd.Run()
}

// TestBenchReplay has agents press for memory, with and without a host tier: cells are
// evicted, restored in parts and computed again, and every answer is the same.
func TestBenchReplay(t *testing.T) {
	fetched(t)
	out, said, err := benchReplay(t, "--json", "--dir=../..", "--agents=3", "--turns=4", "--chars=400", "--tokens=4", "--gaps=0",
		"--kv-bytes=12MiB", "--repetitions=1", "--policies=request-fcfs,interlude/host")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var r replay.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(r.Arms) != 3 || r.Turns < 4 || int64(r.Longest) > r.KVTokens {
		t.Fatalf("%d arms, %d turns, contexts of up to %d tokens of %d", len(r.Arms), r.Turns, r.Longest, r.KVTokens)
	}
	ours, request, host := &r.Arms[0], &r.Arms[1], &r.Arms[2]
	if !r.Identical {
		t.Errorf("answers other than ours: %d and %d", request.Differ, host.Differ)
	}
	if request.Prefilled <= ours.Prefilled || host.Restored == 0 || host.Prefilled >= request.Prefilled {
		t.Errorf("prefilled %d, %d, %d; restored %d: there was no pressure for memory",
			ours.Prefilled, request.Prefilled, host.Prefilled, host.Restored)
	}
	for _, a := range r.Arms {
		if a.Generated != ours.Generated || a.MeanJCT <= 0 || a.MaxTTFT > a.MaxJCT {
			t.Errorf("%+v", a)
		}
	}
}

// TestBenchReplayRefuses flags that mean nothing.
func TestBenchReplayRefuses(t *testing.T) {
	for _, tc := range []struct{ flag, says string }{
		{"--policies=fastest", "fastest"},
		{"--agents=-1", "--agents"},
		{"--runs=24", "24"},
		{"--slo-share=2", "--slo-share"},
		{"--setting=endless", "endless"},
		{"--gaps=-1", "--gaps"},
		{"--gaps=NaN", "--gaps"},
		{"--traces=/none", "/none"},
		{"--llama-server=/none/llama-server", "/none/llama-server"},
	} {
		_, said, err := benchReplay(t, tc.flag)
		if err == nil || !strings.Contains(said.String(), tc.says) {
			t.Errorf("%s: %v, says %s", tc.flag, err, said)
		}
	}
}
