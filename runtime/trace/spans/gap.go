package spans

import (
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// Outcome is what became of a program's cells in a gap.
type Outcome uint8

// The outcomes.
const (
	Nothing     Outcome = iota // there were none
	Kept                       // all stayed on the device
	BroughtBack                // some were lost, and all were there again as the gap ended
	Demoted                    // a lower tier had what the device lacked
	GivenUp                    // the policy keeps none between turns
	Evicted                    // some were taken for others, and no tier had them
)

// String names the outcome in lower case, fit for a metric's label.
func (o Outcome) String() string {
	return [...]string{"nothing", "kept", "brought_back", "demoted", "given_up", "evicted"}[o]
}

// gap is the time between two turns, with the story of the program's seat.
type gap struct {
	run   *run
	span  *Span
	had   programs.Tokens // cells as it began, less what the client has let go since
	lost  programs.Tokens
	given bool
}

// newGap begins the gap behind a turn.
func (r *run) newGap(before *turn, p core.Pin) *gap {
	g := &gap{run: r, span: r.child(ExecuteTool, before.span.Turn, r.now), had: r.cells()}
	g.calls(before.next)
	g.span.set(KeyPinTTL, p.TTL.Seconds())
	g.span.set(KeyPinExpected, p.Expected.Seconds())
	g.span.set(KeyPinReload, p.Reload.Seconds())
	return g
}

// calls says what is waited for.
func (g *gap) calls(c core.Call) {
	g.span.Operation, g.span.Tool = ExecuteTool, c.Tool
	if c.Human {
		g.span.Operation, g.span.Tool = AwaitPerson, ""
	}
}

// again takes in that the seat was priced again.
func (g *gap) again(p core.Pin) {
	g.span.tell(g.run.now, EventPin, Attribute{KeyPinTTL, p.TTL.Seconds()}, Attribute{KeyPinExpected, p.Expected.Seconds()}, Attribute{KeyPinReload, p.Reload.Seconds()})
}

// ahead takes in that cells of the next context were computed.
func (g *gap) ahead(now programs.Time, n programs.Tokens) {
	g.span.tell(now, EventComputed, tokens(KeyCellsCount, n))
}

// end ends the gap; returned tells whether a turn does.
func (g *gap) end(at programs.Time, returned bool) {
	s := g.span
	if s.Tool != "" {
		s.set(KeyToolName, s.Tool)
	}
	left := min(g.run.cells(), g.had)
	below := min(max(g.run.copied[kvpin.Host], g.run.copied[kvpin.Disk]), g.had)
	s.set(KeyPinCells, int64(g.had))
	s.set(KeyPinLeft, int64(left))
	s.set(KeyPinBelow, int64(below))
	s.set(KeyPinOutcome, g.outcome(left, below).String())
	s.set(KeyGapReturned, returned)
	g.run.finishSpan(s, at)
}

func (g *gap) outcome(left, below programs.Tokens) Outcome {
	switch {
	case g.had == 0:
		return Nothing
	case left == g.had && g.lost == 0:
		return Kept
	case left == g.had:
		return BroughtBack
	case below == g.had:
		return Demoted
	case g.given:
		return GivenUp
	}
	return Evicted
}
