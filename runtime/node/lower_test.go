package node_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestLowerTiers has programs take turns in a pool that holds one of them. With a host
// tier, and with a disk behind a small one, their cells come back instead of being
// computed again, and the answers are the same.
func TestLowerTiers(t *testing.T) {
	const cell = 64
	converse := func(set func(*stage)) (answers []string, s node.Stats, restored int) {
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
					if u := result.Usage; u.ReusedTokens+u.RestoredTokens+u.PrefilledTokens != u.PromptTokens {
						r.Errorf("%s/%d: %+v does not add up", program, turn+1, u)
					}
					answers = append(answers, result.Text)
					restored += result.Usage.RestoredTokens
				}
			}
			s = r.node.Stats()
		})
		return answers, s, restored
	}
	plain, without, _ := converse(func(*stage) {})
	for name, set := range map[string]func(*stage){
		"host": func(s *stage) { s.HostBytes = 4096 * cell },
		"disk": func(s *stage) { s.HostBytes, s.DiskBytes, s.DiskDir = 256*cell, 4096*cell, t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			answers, with, restored := converse(set)
			if fmt.Sprint(answers) != fmt.Sprint(plain) {
				t.Errorf("answers differ:\n%q\n%q", answers, plain)
			}
			if restored == 0 || int64(restored) > with.Restored {
				t.Errorf("%d cells were restored by their turns' usage, %d in all", restored, with.Restored)
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

// TestCellsComeBackAhead has a program's cells give way to another's, which then ends.
// Before its next turn comes they are back, from the host, and from disk by way of the
// host; the turn finds them all.
func TestCellsComeBackAhead(t *testing.T) {
	const cell = 64
	for name, set := range map[string]func(*stage){
		"host": func(s *stage) { s.HostBytes = 4096 * cell },
		"disk": func(s *stage) { s.HostBytes, s.DiskBytes, s.DiskDir = 272*cell, 4096*cell, t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			var ahead []string
			var started programs.Tokens // cells that the latest turn found
			play(t, func(s *stage) {
				s.geometry.PoolBytes = 256 * cell
				set(s)
				s.Observe = func(_ programs.Time, _ core.Event, effects []core.Effect) {
					for _, e := range effects {
						switch {
						case e.Kind == core.MoveCells && e.Ahead && e.Turn.Program == "t/a":
							ahead = append(ahead, fmt.Sprintf("%v to %v", e.Source, e.Tier))
						case e.Kind == core.StartTurn:
							started = e.Cells
						}
					}
				}
			}, func(r *rig) {
				short := func(w *wire.Turn) { w.Sampling.MaxTokens = 4 }
				last := func(w *wire.Turn) { w.Lifecycle.Last = true }
				first := r.finished(r.ask("a", 1, strings.Repeat("a", 60), short))
				r.finished(r.ask("b", 1, strings.Repeat("b", 210), short))
				r.finished(r.ask("b", 2, "bye", short, last))
				time.Sleep(time.Second)
				before := r.node.Stats()
				r.finished(r.ask("a", 2, "again", short))
				after := r.node.Stats()
				if prompt := first.Usage.PromptTokens; int64(started) < int64(prompt) {
					r.Errorf("the turn found %d cells; the prompt of the one before had %d tokens", started, prompt)
				}
				if before.Ahead == 0 || after.Restored != before.Restored {
					r.Errorf("%d cells came back ahead of the turn, %d after it", before.Ahead, after.Restored-before.Restored)
				}
			})
			if want := name + " to "; !slices.ContainsFunc(ahead, func(s string) bool { return strings.HasPrefix(s, want) }) {
				t.Errorf("ahead of its turn: %q", ahead)
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
