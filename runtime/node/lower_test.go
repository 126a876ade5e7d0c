package node_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestLowerTiers has programs take turns in a pool that holds one of them. With a host
// tier, and with a disk behind a small one, their cells come back instead of being
// computed again, and the answers are the same.
func TestLowerTiers(t *testing.T) {
	const cell = 64
	converse := func(set func(*stage)) (answers []string, s node.Stats) {
		play(t, func(st *stage) {
			st.geometry.PoolBytes = 256 * cell
			set(st)
		}, func(r *rig) {
			for turn := range int64(4) {
				for _, program := range []string{"a", "b", "c"} {
					question := fmt.Sprintf("%s %d %s", program, turn, strings.Repeat("x", 30))
					result := r.finished(r.ask(program, turn+1, question, func(w *wire.Turn) { w.Sampling.MaxTokens = 8 }))
					if result.Outcome != wire.Completed {
						r.Fatalf("%s/%d: %v %v", program, turn+1, result.Outcome, result.Error)
					}
					answers = append(answers, result.Text)
				}
			}
			s = r.node.Stats()
		})
		return answers, s
	}
	plain, without := converse(func(*stage) {})
	for name, set := range map[string]func(*stage){
		"host": func(s *stage) { s.HostBytes = 4096 * cell },
		"disk": func(s *stage) { s.HostBytes, s.DiskBytes, s.DiskDir = 256*cell, 4096*cell, t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			answers, with := converse(set)
			if fmt.Sprint(answers) != fmt.Sprint(plain) {
				t.Errorf("answers differ:\n%q\n%q", answers, plain)
			}
			if with.Restored == 0 || with.Prefilled >= without.Prefilled*3/4 {
				t.Errorf("%d cells came back; %d were prefilled, without tiers %d", with.Restored, with.Prefilled, without.Prefilled)
			}
			if with.KVHost == 0 || name == "disk" && with.KVDisk == 0 {
				t.Errorf("%d bytes are on the host, %d on disk", with.KVHost, with.KVDisk)
			}
		})
	}
}

// TestThePin is told to the program, and follows what it says of its tool.
func TestThePin(t *testing.T) {
	play(t, nil, func(r *rig) {
		expected := func(program string, hint *wire.ToolHint) int64 {
			result := r.finished(r.ask(program, 1, "hello", func(w *wire.Turn) {
				w.Sampling.MaxTokens, w.Lifecycle.ToolHint, w.Lifecycle.RemainingTurns = 3, hint, 5
			}))
			if result.Pin == nil {
				r.Fatalf("%s has no pin", program)
			}
			return result.Pin.ExpectedMS
		}
		short := expected("a", &wire.ToolHint{Name: "ls", ExpectedMS: 5})
		long := expected("b", &wire.ToolHint{Name: "build", ExpectedMS: 3_600_000})
		if short <= 0 || long < 10*short {
			r.Errorf("expected: %d ms for ls, %d ms for a build of an hour", short, long)
		}
		last := r.finished(r.ask("c", 1, "hello", func(w *wire.Turn) { w.Sampling.MaxTokens, w.Lifecycle.Last = 3, true }))
		if last.Pin != nil {
			r.Errorf("a program that has ended has a pin: %+v", last.Pin)
		}
	})
}
