package core_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestAnyOrderOfEvents throws arrivals, cancellations, deadlines, signals, engine
// trouble, step results and moves between tiers at the machine in any order, under
// any policy, before an engine that keeps real tokens, and then lets it run out:
// every turn that was taken in finishes. See checkedShell for what must hold.
//
// It is 10⁵ events; go test -rapid.checks=10000 makes it 10⁷.
func TestAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newCheckedShell(t, sched.Policies)
		for range 1000 {
			randomEvent(t, s)
		}
		s.runOut(t)
	})
}

func randomEvent(t *rapid.T, s *checkedShell) {
	s.now = s.now.Add(s.tick)
	kinds := []string{"turn", "turn", "turn", "turn", "cancel", "end", "tick", "tool", "progress", "rewrite"}
	if len(s.moves) > 0 {
		kinds = append(kinds, slices.Repeat([]string{"moved"}, 10)...)
	}
	if len(s.fetches) > 0 {
		kinds = append(kinds, slices.Repeat([]string{"fetched"}, 10)...)
	}
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
		s.now = s.now.Add(50 * s.tick)
		s.step(t, &core.Tick{})
	case "done":
		s.done(t, rapid.IntRange(0, 60).Draw(t, "trouble") == 0)
	case "tool":
		s.step(t, &core.ToolStarted{Program: id, Call: drawCall(t)})
	case "progress":
		s.step(t, &core.ToolProgress{Program: id, Expected: drawDuration(t, "more")})
	case "rewrite":
		s.rewrite(t, id, rapid.IntRange(-1, 200).Draw(t, "keep"))
	case "moved":
		s.moved(t, rapid.IntRange(0, len(s.moves)-1).Draw(t, "move"), rapid.IntRange(0, 9).Draw(t, "fails") == 0)
	case "fetched":
		s.fetched(t, rapid.IntRange(0, len(s.fetches)-1).Draw(t, "fetch"))
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
		Absent:   rapid.IntRange(0, 3).Draw(t, "absent") == 0,
		Tenant:   rapid.SampledFrom([]programs.TenantID{"", "heavy", "bounded"}).Draw(t, "tenant"),
		Next:     drawCall(t),
		Class:    programs.Class(rapid.IntRange(0, programs.Classes-1).Draw(t, "class")),
		Left:     core.Left{Turns: rapid.IntRange(0, 9).Draw(t, "left")},
	}
	if rapid.IntRange(0, 5).Draw(t, "deadline") == 0 {
		ev.Deadline = s.now.Add(programs.Duration(rapid.IntRange(-1, 150).Draw(t, "in")) * s.tick)
	}
	from := text.tokens
	if parent := programs.ProgramID(rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(t, "parent")); parent != "" && parent != id {
		ev.Parent = parent
		if len(from) == 0 {
			from = s.text(parent).tokens
		}
	}
	if len(from) == 0 && rapid.Bool().Draw(t, "opening") {
		from = opening
	}
	prompt := slices.Clone(from)
	if rapid.IntRange(0, 3).Draw(t, "rewrite") == 0 {
		prompt = prompt[:rapid.IntRange(0, len(prompt)).Draw(t, "keep")]
	}
	if ev.Approximate = rapid.IntRange(0, 2).Draw(t, "approximate") == 0; ev.Approximate {
		prompt, ev.Runs = s.drawRuns(t, prompt, id)
	}
	for range rapid.IntRange(0, 120).Draw(t, "more") {
		prompt = append(prompt, s.fresh())
	}
	ev.Context = programs.Tokens(len(prompt))
	ev.Keep = common(prompt, text.tokens)
	known := max(0, programs.Tokens(len(text.tokens)-1)) // the last one has no cell
	ev.Past = core.Past{Tokens: known, Same: min(known, ev.Keep)}
	if ev.Past.Same < known {
		ev.Past.Changed = programs.HistoryEdited
	}
	if known > 0 {
		ev.Past.Absent = programs.Forgotten
	}
	ev.Inherits = common(prompt, s.text(ev.Parent).tokens)
	if ev.Opens = common(prompt, opening); ev.Opens > 0 {
		ev.Opening = "opening:1"
	}

	s.arriving = prompt
	s.step(t, ev)
}

// rewrite says that the context of a program will be another, and may know what it begins with.
func (s *checkedShell) rewrite(t *rapid.T, id programs.ProgramID, keep int) {
	ev := &core.ContextRewritten{Program: id, Keep: programs.Tokens(keep)}
	text := s.text(id)
	if text.known && !s.isOpen(id) && keep >= 0 && keep < len(text.tokens) && rapid.Bool().Draw(t, "known") {
		text.tokens = slices.Clone(text.tokens[:keep])
		for range rapid.IntRange(1, 150).Draw(t, "sure") {
			text.tokens = append(text.tokens, s.fresh())
		}
		ev.Context = programs.Tokens(len(text.tokens))
	}
	s.step(t, ev)
}

// opening is a text that some programs begin with.
var opening = slices.Repeat([]engine.Token{7, 3, 5}, 50)

func drawCall(t *rapid.T) core.Call {
	return core.Call{
		Tool:     rapid.SampledFrom([]string{"", "bash", "search"}).Draw(t, "tool"),
		Human:    rapid.IntRange(0, 9).Draw(t, "human") == 0,
		Expected: drawDuration(t, "expected"),
		Exact:    rapid.IntRange(0, 9).Draw(t, "exact") == 0,
	}
}

func drawDuration(t *rapid.T, name string) programs.Duration {
	return programs.Duration(rapid.IntRange(-1, 1000).Draw(t, name)) * programs.Millisecond
}

func common(a, b []engine.Token) (n programs.Tokens) {
	for int(n) < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// runOut lets the machine finish what it has taken in, and ends every program.
func (s *checkedShell) runOut(t *rapid.T) {
	for s.flight != nil || len(s.moves) > 0 || len(s.fetches) > 0 {
		s.now = s.now.Add(programs.Millisecond)
		switch {
		case s.flight != nil:
			s.done(t, false)
		case len(s.moves) > 0:
			s.moved(t, 0, false)
		default:
			s.fetched(t, 0)
		}
	}
	for turn := range s.open {
		t.Fatalf("nothing runs and %v is not finished", turn)
	}
	for _, id := range s.order {
		s.step(t, &core.ProgramEnded{Program: id})
	}
	for len(s.moves) > 0 {
		s.moved(t, 0, false)
	}
	if len(s.copies) > 0 {
		t.Fatalf("every program has ended and %d copies are left", len(s.copies))
	}
	if used := s.engine.Memory().Used; used != 0 {
		t.Fatalf("every program has ended and %d bytes are used", used)
	}
}

// String lets a failing run be read.
func (s *checkedShell) String() string {
	return fmt.Sprintf("%v, %d turns open, step of %d items", s.now, len(s.open), len(s.flight))
}
