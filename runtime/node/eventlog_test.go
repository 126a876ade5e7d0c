package node_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestEventLog logs a node whose pool is too small for its programs: the log's machine
// decides as the node's did.
func TestEventLog(t *testing.T) {
	const cell = 64
	var file logFile
	var log *eventlog.Writer
	play(t, func(s *stage) {
		s.geometry.PoolBytes = 256 * cell
		s.HostBytes, s.DiskBytes, s.DiskDir = 256*cell, 4096*cell, t.TempDir()
		s.Observe = func(now programs.Time, ev core.Event, effects []core.Effect) {
			log.Observe(now, ev, effects)
		}
	}, func(r *rig) {
		var err error
		if log, err = eventlog.NewWriter(&file, false, eventlog.Header{Config: r.node.Core()}, eventlog.Options{}); err != nil {
			t.Fatal(err)
		}
		for turn := range int64(3) {
			var jobs []*job
			for _, program := range []string{"a", "b", "c"} {
				jobs = append(jobs, r.ask(program, turn+1, fmt.Sprintf("%s %d %s", program, turn, strings.Repeat("x", 30)), func(w *wire.Turn) { w.Sampling.MaxTokens = 8 }))
			}
			for _, j := range jobs {
				r.finished(j)
			}
		}
		r.shutDown()
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	})

	reader, err := eventlog.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	replay, err := eventlog.NewReplay(reader)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[core.EffectKind]int{}
	for step, err := range replay.Steps() {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range step.Effects {
			kinds[e.Kind]++
		}
	}
	if kinds[core.FinishTurn] != 9 || kinds[core.MoveCells] == 0 || !reader.End().Closed {
		t.Errorf("the replay has %v, and the end %+v", kinds, reader.End())
	}
}

type logFile struct{ bytes.Buffer }

func (*logFile) Close() error { return nil }
