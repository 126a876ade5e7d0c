package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
)

// TestReplayOfALog replays a log as it was written, cut short, and under another
// policy.
func TestReplayOfALog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	writeLog(t, path)
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(log string) string {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name string
		path string
		want error
		same bool
		end  bool
	}{
		{"as it was", path, nil, true, true},
		{"cut short", changed(string(log[:len(log)-30])), nil, true, false},
		{"another policy", changed(strings.Replace(string(log), `"interlude"`, `"no-retention"`, 1)), errDifferent, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			cmd := simCmd{Replay: c.path, JSON: true}
			if err := cmd.replay(&out); !errors.Is(err, c.want) {
				t.Errorf("the replay ends with %v, want %v", err, c.want)
			}
			var r replayed
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if r.Events < 3 || (r.Same == r.Events) != c.same || (r.Difference == nil) != c.same || r.Whole != c.end || r.End == "" {
				t.Errorf("the replay finds %+v", r)
			}
			if c.same && (r.Programs != 1 || r.Turns != 2 || r.Seconds <= 0) {
				t.Errorf("the replay finds %d programs, %d turns in %v s", r.Programs, r.Turns, r.Seconds)
			}
			for _, cmd := range []simCmd{{Replay: c.path}, {Replay: c.path, Effects: true}} {
				out.Reset()
				if err := cmd.replay(&out); !errors.Is(err, c.want) || out.Len() == 0 {
					t.Errorf("in words: %v\n%s", err, &out)
				}
			}
		})
	}
}

// writeLog logs two turns of a program, and one that is rejected.
func writeLog(t *testing.T, path string) {
	t.Helper()
	h := eventlog.Header{Config: core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 1, Granule: 16, Span: 64, PoolBytes: 1024},
		MaxContext: 900, StepTokens: 512, MaxRunning: 2,
	}}
	m, err := h.Machine()
	if err != nil {
		t.Fatal(err)
	}
	w, err := eventlog.Create(path, h, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := programs.Time(0)
	steps := 0
	tell := func(ev core.Event) {
		now = now.Add(10 * programs.Millisecond)
		effects := m.Step(now, ev)
		w.Observe(now, ev, effects)
		for _, e := range effects {
			if e.Kind == core.RunStep {
				steps++
			}
		}
	}
	for n, context := range []programs.Tokens{300, 400, 1000} {
		tell(&core.TurnArrived{Turn: programs.TurnID{Program: "t/a", Turn: programs.TurnNumber(n + 1)}, Context: context, Keep: 300, MaxNew: 3})
		for ; steps > 0; steps-- {
			tell(&core.StepDone{Results: make([]core.ItemResult, 1)})
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
