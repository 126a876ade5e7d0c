package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/fidelity"
)

func benchFidelity(t *testing.T, args ...string) (stdout, stderr *bytes.Buffer, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd := exec.Command(self, append([]string{"bench", "fidelity"}, args...)...)
	cmd.Env = append(os.Environ(), beInterlude+"=1", "TMPDIR="+t.TempDir())
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return stdout, stderr, cmd.Run()
}

// TestBenchFidelity simulates what it has just run: nothing is evicted, so that prefilled
// tokens are the same to the last one.
func TestBenchFidelity(t *testing.T) {
	fetched(t)
	out, said, err := benchFidelity(t, "--json", "--dir=../..", "--agents=1", "--turns=2", "--gaps=0", "--repetitions=1", "--steps=20", "--seeds=2", "--policies=request-fcfs")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var r fidelity.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(r.Policies) != 3 || len(r.Ranking) != 2 || len(r.Steps) < 2 || !(r.HostBytes > 0) || !(r.In > 0) {
		t.Fatalf("%+v", r)
	}
	for _, p := range r.Policies {
		if len(p.Real) != 1 || p.Real[0].Prefilled != p.Simulated[0].Prefilled || p.Real[0].Steps == 0 || len(p.Steps) < 2 {
			t.Errorf("%s: real %+v, simulated %+v", p.Name, p.Real, p.Simulated)
		}
	}
}

// TestBenchFidelityRefuses flags that mean nothing.
func TestBenchFidelityRefuses(t *testing.T) {
	for _, tc := range []struct{ flag, says string }{
		{"--policies=fastest", "fastest"},
		{"--policies=interlude/again", "again"},
		{"--steps=3", "--steps"},
		{"--seeds=0", "--seeds"},
		{"--repetitions=0", "--repetitions"},
		{"--engine-model=better", "better"},
	} {
		_, said, err := benchFidelity(t, tc.flag)
		if err == nil || !strings.Contains(said.String(), tc.says) {
			t.Errorf("%s: %v, says %s", tc.flag, err, said)
		}
	}
}
