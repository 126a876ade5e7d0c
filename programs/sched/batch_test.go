package sched_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// pace lets a step take in so many prompt tokens beside decodes, and calls turns late
// after a minute.
type pace int

func (p pace) Beside([]sched.Slice, int) float64  { return float64(p) }
func (pace) Prompt(programs.Tokens) float64       { return 1 }
func (pace) Late(inMemory programs.Duration) bool { return inMemory > programs.Minute }

// TestPacedStepsHaveWholeTiles, their decodes included, of the number next to the pace.
func TestPacedStepsHaveWholeTiles(t *testing.T) {
	for _, c := range []struct {
		decodes, pace int
		prompt        programs.Tokens
	}{
		{1, 6, 7}, // 8 tokens in all
		{1, 10, 7},
		{1, 11, 15},
		{1, 1, 7}, // one tile at least
		{7, 1, 1},
		{8, 1, 8}, // with room for a prompt
		{8, 20, 24},
		{1, 0, 0}, // a pace of nothing is nothing
		{1, 60, 63},
		{4, 1000, 60}, // no more than a step has
	} {
		m := &pool{free: 2000}
		s := sched.New(sched.NewProgramFCFS(sched.Env{}), sched.Limits{StepTokens: 64, Tile: 8, Running: 20}, pace(c.pace))
		for i := range c.decodes + 1 {
			p := &sched.Program{ID: programs.ProgramID(rune('a' + i)), Arrived: programs.Time(i), Phase: programs.Active}
			if p.Turn.Context = 1; i == c.decodes {
				p.Turn.Context = 1000
			}
			s.Wait(0, p)
		}
		var got programs.Tokens
		for _, slice := range s.Plan(0, m, nil) {
			if slice.Program.Turn.Context > 1 {
				got += slice.Count
			}
		}
		if got != c.prompt {
			t.Errorf("%d decodes, a pace of %d: %d tokens of prompt, want %d", c.decodes, c.pace, got, c.prompt)
		}
	}
}

// TestPacedSteps: a decodes; b, c and d are at their prompts, and b was admitted last.
// Steps have 16 tokens.
func TestPacedSteps(t *testing.T) {
	const now = programs.Time(programs.Hour)
	for _, c := range []struct {
		name    string
		pace    pace
		late    string        // who was admitted two minutes ago, and not just now
		decodes bool          // a does
		crowded programs.Time // when a turn was left waiting; 0 is never
		batch   string
	}{
		{name: "prompts in order, as far as the pace goes", pace: 6, decodes: true, batch: "a+1 b+6"},
		{name: "and at the pace of 12", pace: 12, decodes: true, batch: "a+1 b+10 c+2"},
		{name: "no pace without decodes", pace: 6, batch: "b+10 c+6"},
		{name: "who is late goes first, and fills the step", pace: 6, late: "c", decodes: true, batch: "a+1 c+15"},
		{name: "the others have what is left of the pace", pace: 12, late: "d", decodes: true, batch: "a+1 d+8 b+4"},
		{name: "two that are late", pace: 6, late: "c d", decodes: true, batch: "a+1 c+15"},
		{name: "a turn waited a moment ago", pace: 6, late: "c", decodes: true, crowded: now - programs.Time(programs.Minute), batch: "a+1 b+6"},
		{name: "none has for ten minutes", pace: 6, late: "c", decodes: true, crowded: now - programs.Time(sched.Uncrowded), batch: "a+1 c+15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &pool{free: 100}
			s := sched.New(sched.NewProgramFCFS(sched.Env{}), sched.Limits{StepTokens: 16, Running: 4}, c.pace)
			for i, left := range []programs.Tokens{1, 10, 30, 8} {
				p := &sched.Program{ID: programs.ProgramID(rune('a' + i)), Arrived: programs.Time(i), Phase: programs.Active}
				if i == 0 && !c.decodes {
					continue
				}
				p.Turn.Context = left
				s.Wait(0, p)
				s.Plan(0, m, nil)
				p.Turn.Admitted = now
				if strings.Contains(c.late, string(p.ID)) {
					p.Turn.Admitted -= programs.Time(2 * programs.Minute)
				}
			}
			if c.crowded != 0 {
				waiting := &sched.Program{ID: "e", Arrived: 9, Phase: programs.Active}
				waiting.Turn.Context = 1000
				s.Wait(0, waiting)
				s.Plan(c.crowded, m, nil)
				s.Leave(waiting)
				s.Drop(waiting)
			}
			var batch []string
			for _, slice := range s.Plan(now, m, nil) {
				batch = append(batch, fmt.Sprintf("%s+%d", slice.Program.ID, slice.Count))
			}
			if got := strings.Join(batch, " "); got != c.batch {
				t.Errorf("planned %q, want %q", got, c.batch)
			}
		})
	}
}
