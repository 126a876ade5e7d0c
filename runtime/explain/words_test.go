package explain

import (
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestEveryReasonHasWords, and every ground: a sentence rather than a label.
func TestEveryReasonHasWords(t *testing.T) {
	for _, r := range sched.Reasons {
		label := r.String()
		if text := reasonText(core.Wait{Reason: r}, company{}); text == "for "+label || !strings.HasPrefix(text, "for ") || strings.HasPrefix(label, "unknown") {
			t.Errorf("reason %d, %q: %q", r, label, text)
		}
	}
	for _, g := range sched.Grounds {
		label := g.String()
		if text := groundText(core.Loss{Choice: sched.Choice{Ground: g}}); text == label || !strings.Contains(text, " ") || strings.HasPrefix(label, "unknown") {
			t.Errorf("ground %d, %q: %q", g, label, text)
		}
	}
}

// TestMissText: there are words for every reason for which tokens can be missed.
func TestMissText(t *testing.T) {
	for _, why := range programs.Misses {
		if why == programs.NoMiss || why == programs.FirstTurn {
			continue // of no tokens
		}
		if missText(why, core.Past{Changed: why}) == why.String() {
			t.Errorf("%v has no words", why)
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
