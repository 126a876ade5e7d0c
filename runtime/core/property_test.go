package core_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestAnyOrderOfEvents throws arrivals, cancellations, deadlines, engine trouble
// and step results at the machine in any order, before an engine that keeps real
// tokens, and then lets it run out. See checkedShell for what must hold.
func TestAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newCheckedShell(t)
		for range 400 {
			randomEvent(t, s)
		}
		s.runOut(t)
	})
}

func randomEvent(t *rapid.T, s *checkedShell) {
	s.now = s.now.Add(programs.Millisecond)
	kinds := []string{"turn", "turn", "turn", "turn", "cancel", "end", "tick"}
	if s.flight != nil {
		kinds = append(kinds, "interrupted", "failed")
		kinds = append(kinds, slices.Repeat([]string{"done"}, 40)...)
	}
	id := programs.ProgramID(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g"}).Draw(t, "program"))
	switch rapid.SampledFrom(kinds).Draw(t, "event") {
	case "turn":
		s.arrive(t, id)
	case "cancel":
		s.step(t, &core.TurnCancelled{Turn: programs.TurnID{Program: id, Turn: s.text(id).turn}})
	case "end":
		s.step(t, &core.ProgramEnded{Program: id})
	case "tick":
		s.now = s.now.Add(50 * programs.Millisecond)
		s.step(t, &core.Tick{})
	case "done":
		s.done(t, rapid.IntRange(0, 60).Draw(t, "trouble") == 0)
	case "interrupted":
		s.flight = nil
		s.step(t, &core.StepDone{Status: core.StepInterrupted})
	case "failed":
		s.flight = nil
		s.step(t, &core.StepDone{Status: core.StepFailed})
	}
}

// arrive makes up a turn: it goes on from the program's text, or from a part of
// it, or from the text of a parent.
func (s *checkedShell) arrive(t *rapid.T, id programs.ProgramID) {
	text := s.text(id)
	ev := &core.TurnArrived{
		Turn:     programs.TurnID{Program: id, Turn: text.turn + 1},
		Arrived:  s.now,
		MaxNew:   programs.Tokens(rapid.IntRange(0, 150).Draw(t, "new")),
		Last:     rapid.IntRange(0, 9).Draw(t, "last") == 0,
		Uncached: rapid.IntRange(0, 9).Draw(t, "uncached") == 0,
	}
	if rapid.IntRange(0, 5).Draw(t, "deadline") == 0 {
		ev.Deadline = s.now.Add(programs.Duration(rapid.IntRange(-1, 150).Draw(t, "in")) * programs.Millisecond)
	}
	from := text.tokens
	if parent := programs.ProgramID(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "parent")); len(from) == 0 && parent != id {
		ev.Parent, from = parent, s.text(parent).tokens
	}
	prompt := slices.Clone(from)
	if rapid.IntRange(0, 3).Draw(t, "rewrite") == 0 {
		prompt = prompt[:rapid.IntRange(0, len(prompt)).Draw(t, "keep")]
	}
	for range rapid.IntRange(0, 120).Draw(t, "more") {
		s.lastToken = (s.lastToken + 1) % 300
		prompt = append(prompt, s.lastToken)
	}
	ev.Context = programs.Tokens(len(prompt))
	ev.Keep = common(prompt, text.tokens)
	ev.Shared = common(prompt, s.text(ev.Parent).tokens)

	s.arriving = prompt
	s.step(t, ev)
}

func common(a, b []engine.Token) (n programs.Tokens) {
	for int(n) < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// runOut lets the machine finish what it has taken in, and ends every program.
func (s *checkedShell) runOut(t *rapid.T) {
	for s.flight != nil {
		s.now = s.now.Add(programs.Millisecond)
		s.done(t, false)
	}
	for turn := range s.open {
		t.Fatalf("nothing runs and %v is not finished", turn)
	}
	for _, id := range s.order {
		s.step(t, &core.ProgramEnded{Program: id})
	}
	if used := s.engine.Memory().Used; used != 0 {
		t.Fatalf("every program has ended and %d bytes are used", used)
	}
}

// String lets a failing run be read.
func (s *checkedShell) String() string {
	return fmt.Sprintf("%v, %d turns open, step of %d items", s.now, len(s.open), len(s.flight))
}
