package workload

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
)

const noLimit = 2 * maxTokens

func exampleSet() *Set { return &Set{Name: "example", Programs: example()} }

func TestDraw(t *testing.T) {
	s := exampleSet()
	drawn := s.Draw(7, 200, noLimit)
	if err := Check(drawn); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for i, p := range drawn {
		if p.Parent != -1 {
			t.Errorf("program %d has the parent %d", i, p.Parent)
		}
		for _, q := range s.Programs {
			if reflect.DeepEqual(p.Turns, q.Turns) {
				seen[q.ID]++
			}
		}
	}
	for _, q := range s.Programs {
		if seen[q.ID] < 25 {
			t.Errorf("%s was drawn %d times of 200, want about 50", q.ID, seen[q.ID])
		}
	}
	if first := s.Draw(7, 20, noLimit); !reflect.DeepEqual(first, drawn[:20]) {
		t.Error("the first 20 of 200 programs are not the 20 of 20")
	}
	if other := s.Draw(8, 200, noLimit); reflect.DeepEqual(other, drawn) {
		t.Error("another seed draws the same programs")
	}
}

func TestDrawLimit(t *testing.T) {
	s := exampleSet() // whose Finals are 2110, 1950, 2700 and 2104
	for _, c := range []struct {
		limit           programs.Tokens
		alone, families []string
	}{
		{2700, []string{"chat/1", "claude/fix", "claude/fix/sub1", "claude/fix/sub2"}, []string{"chat/1", "claude/fix"}},
		{2699, []string{"chat/1", "claude/fix", "claude/fix/sub1"}, []string{"chat/1"}},
		{2104, []string{"chat/1", "claude/fix/sub1"}, []string{"chat/1"}},
		{1950, []string{"claude/fix/sub1"}, nil},
		{1949, nil, nil},
	} {
		if got := drawnIDs(s, s.Draw(1, 100, c.limit)); !slices.Equal(got, c.alone) {
			t.Errorf("Draw with a limit of %d gives %v, want %v", c.limit, got, c.alone)
		}
		roots := slices.DeleteFunc(s.DrawFamilies(1, 100, c.limit), func(p Program) bool { return p.Parent >= 0 })
		if got := drawnIDs(s, roots); !slices.Equal(got, c.families) {
			t.Errorf("DrawFamilies with a limit of %d gives the roots %v, want %v", c.limit, got, c.families)
		}
	}
}

// drawnIDs lists which programs of the set occur among those drawn from it.
func drawnIDs(s *Set, drawn []Program) []string {
	var ids []string
	for _, p := range s.Programs {
		if slices.ContainsFunc(drawn, func(d Program) bool { return strings.HasPrefix(d.ID, p.ID+"#") }) {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestDrawFamilies(t *testing.T) {
	s := exampleSet()
	drawn := s.DrawFamilies(7, 50, noLimit)
	if err := Check(drawn); err != nil {
		t.Fatal(err)
	}
	var roots, families int
	for i, p := range drawn {
		if p.Parent < 0 {
			roots++
		}
		if p.Source != "claude" || p.Parent >= 0 {
			continue
		}
		families++
		task := p.Turns[1]
		if want := []int{i + 1, i + 2}; !slices.Equal(task.Children, want) {
			t.Errorf("the task's children are %v, want %v", task.Children, want)
		}
		// The child that is waited for: 30 ms of gaps, 2 turns, 500 tokens.
		if want := programs.Minute - 30*ms - 6*programs.Second - 7600*ms; task.Gap != want {
			t.Errorf("the task's gap is %v, want %v", task.Gap, want)
		}
		if len(p.Turns[0].Children) > 0 || p.Turns[2].Gap != 4*programs.Second {
			t.Errorf("turns without children have changed: %+v", p.Turns)
		}
	}
	if roots != 50 || families == 0 || families == 50 {
		t.Errorf("%d roots, %d of them with children; want 50, and some of each", roots, families)
	}
	if !reflect.DeepEqual(s, exampleSet()) {
		t.Error("drawing has changed the set")
	}
}

func TestDrawFamiliesShortGap(t *testing.T) {
	s := exampleSet()
	s.Programs[0].Turns[1].Gap = programs.Second // less than the child's run
	for _, p := range s.DrawFamilies(1, 10, noLimit) {
		if p.Source == "claude" && p.Parent < 0 && p.Turns[1].Gap != 0 {
			t.Errorf("the task's gap is %v, want 0", p.Turns[1].Gap)
		}
	}
}

// TestNestedFamilies has a child with a child of its own, whose gap contains it.
func TestNestedFamilies(t *testing.T) {
	s := &Set{Programs: []Program{
		{ID: "a", Source: "s", Parent: -1, Turns: []Turn{{Input: 9, Output: 1, Tool: "Task", Gap: 100 * programs.Second}, {Prefix: 10, Input: 1, Output: 1}}},
		{ID: "b", Source: "s", Parent: 0, Turns: []Turn{{Input: 9, Output: 1, Tool: "Task", Gap: 50 * programs.Second}, {Prefix: 10, Input: 1, Output: 1}}},
		{ID: "c", Source: "s", Parent: 1, Turns: []Turn{{Input: 9, Output: 10}}},
	}}
	drawn := s.DrawFamilies(1, 2, noLimit)
	if err := Check(drawn); err != nil {
		t.Fatal(err)
	}
	if len(drawn) != 6 {
		t.Fatalf("%d programs, want 6", len(drawn))
	}
	for i, want := range []programs.Duration{
		100*programs.Second - 50*programs.Second - 6*programs.Second - 2*recordedToken,
		50*programs.Second - 3*programs.Second - 10*recordedToken,
	} {
		for _, at := range []int{i, i + 3} {
			if got := drawn[at].Turns[0]; got.Gap != want || !slices.Equal(got.Children, []int{at + 1}) {
				t.Errorf("program %d waits for %v and %v, want %v and %v", at, got.Children, got.Gap, []int{at + 1}, want)
			}
		}
	}
}
