package explain

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestEverythingHasWords: of each reason, ground, outcome, rejection and miss there is a
// sentence rather than a label.
func TestEverythingHasWords(t *testing.T) {
	for _, r := range sched.Reasons {
		words(t, r, reasonText(core.Wait{Reason: r}, company{}), "for "+r.String())
	}
	for _, g := range sched.Grounds {
		words(t, g, groundText(core.Loss{Choice: sched.Choice{Ground: g}}), g.String())
	}
	for _, o := range programs.Outcomes {
		words(t, o, outcomeText(o), o.String())
	}
	for _, r := range programs.Rejections {
		words(t, r, rejectionText(r), r.String())
	}
	for _, m := range programs.Misses {
		if m == programs.NoMiss || m == programs.FirstTurn {
			continue // of no tokens
		}
		words(t, m, missText(m, core.Past{Changed: m}), m.String())
	}
}

// words checks that a text is more than the label of what it is about.
func words(t *testing.T, of fmt.Stringer, text, label string) {
	t.Helper()
	if text == label || !strings.Contains(text, " ") || strings.HasPrefix(of.String(), "unknown") {
		t.Errorf("%T %v: %q", of, of, text)
	}
}

// TestListsAreWhole: the lists that the test above walks have each constant of their types.
func TestListsAreWhole(t *testing.T) {
	whole(t, "../../programs/sched/obstacle.go", "Reason", sched.Reasons[:])
	whole(t, "../../programs/sched/obstacle.go", "Ground", sched.Grounds[:])
	whole(t, "../../programs/outcome.go", "Outcome", programs.Outcomes)
	whole(t, "../../programs/outcome.go", "Rejection", programs.Rejections)
	whole(t, "../../programs/miss.go", "Miss", programs.Misses)
}

// whole compares a list with the constants of its type, which a file counts with iota.
func whole[E ~uint8](t *testing.T, file, of string, list []E) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	constants := 0
	for _, d := range parsed.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		if first, ok := group.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident); ok && first.Name == of {
			constants += len(group.Specs)
		}
	}
	if constants == 0 || constants != len(list) {
		t.Errorf("%d constants of %s, and %d in the list", constants, of, len(list))
	}
	for i, e := range list {
		if int(e) != i {
			t.Errorf("%s %d is number %d of the list", of, e, i)
		}
	}
}

// TestTaker tells a running turn that grows from a waiting one that starts.
func TestTaker(t *testing.T) {
	effect := func(kind core.EffectKind, program programs.ProgramID) core.Effect {
		return core.Effect{Kind: kind, Turn: programs.TurnID{Program: program}}
	}
	for _, c := range []struct {
		name    string
		effects []core.Effect
		by      programs.ProgramID
		starts  bool
	}{
		{name: "nobody: it had to grow itself", by: "b"},
		{name: "who grows", effects: []core.Effect{effect(core.TruncateSeq, "c"), effect(core.ReserveSeq, "a"), effect(core.ReserveSeq, "c")}, by: "a"},
		{name: "who starts, and has its memory reserved", effects: []core.Effect{effect(core.ReserveSeq, "x"), effect(core.StartTurn, "x")}, by: "x", starts: true},
		{name: "who starts with what it has", effects: []core.Effect{effect(core.StartTurn, "x")}, by: "x", starts: true},
	} {
		if by, starts := taker(c.effects, "b"); by != c.by || starts != c.starts {
			t.Errorf("%s: %s, starts: %v", c.name, by, starts)
		}
	}
}
