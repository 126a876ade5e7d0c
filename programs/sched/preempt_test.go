package sched_test

import (
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// TestPreempter plans under PLAS for turns a, b, … that run, and then for x and y that
// wait and have had no service; at most two run. Each is given by its seconds of service
// and its cells.
func TestPreempter(t *testing.T) {
	type turn struct {
		served float64
		cells  programs.Tokens
	}
	for _, c := range []struct {
		name    string
		free    programs.Tokens // when the first run
		runs    []turn
		later   float64 // service of those that run since they were admitted
		waits   []programs.Tokens
		log     string // what the memory is asked for when the others have come
		running int
	}{
		{
			name: "there is room", free: 20, runs: []turn{{0, 5}}, later: 3, waits: []programs.Tokens{5},
			log: "admit x", running: 2,
		},
		{
			name: "no place: the last in rank gives way to a better level", free: 20, runs: []turn{{0, 5}, {3, 5}}, later: 1, waits: []programs.Tokens{5},
			log: "suspend b, admit x", running: 2,
		},
		{
			name: "ranks change as turns run, and who arrived first is last", free: 20, runs: []turn{{2, 5}, {1, 5}}, later: 0, waits: []programs.Tokens{5},
			log: "suspend a, admit x", running: 2,
		},
		{
			name: "not to the same level", free: 20, runs: []turn{{0, 5}, {0, 5}}, later: 0.9, waits: []programs.Tokens{5},
			running: 2,
		},
		{
			name: "one gives way in a plan", free: 20, runs: []turn{{3, 5}, {3, 5}}, waits: []programs.Tokens{5, 5},
			log: "suspend b, admit x", running: 2,
		},
		{
			name: "nobody gives way for memory alone", free: 10, runs: []turn{{3, 8}}, waits: []programs.Tokens{5},
			log: "x does not fit", running: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &pool{free: c.free}
			s := sched.New(sched.NewPLAS(sched.Env{}), sched.Limits{StepTokens: 16, Running: 2}, nil)
			add := func(name string, served float64, cells programs.Tokens) *sched.Program {
				p := &sched.Program{ID: programs.ProgramID(name), Served: programs.Seconds(served)}
				p.Turn.Context = cells
				p.Turn.Arrived = programs.Time(len(m.log))
				s.Wait(0, p)
				return p
			}
			for i, r := range c.runs {
				p := add(string(rune('a'+i)), r.served, r.cells)
				s.Plan(0, m, nil)
				p.Served += programs.Seconds(c.later)
				p.Cells = p.Capacity - 1 // it goes on for a while
			}
			m.log = nil
			for i, cells := range c.waits {
				add(string(rune('x'+i)), 0, cells)
			}
			s.Plan(0, m, nil)
			if got := strings.Join(m.log, ", "); got != c.log {
				t.Errorf("asked for %q, want %q", got, c.log)
			}
			if s.Running() != c.running {
				t.Errorf("%d run, want %d", s.Running(), c.running)
			}
			if err := s.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}
