package programs_test

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/interlude-run/interlude/programs"
)

func TestTurnMoves(t *testing.T) {
	checkMoves(t, []TurnPhase{Waiting, Restoring, Prefilling, Decoding, Finished}, map[TurnPhase][]TurnPhase{
		Waiting:    {Restoring, Prefilling, Finished},
		Restoring:  {Prefilling, Waiting, Finished},
		Prefilling: {Waiting, Decoding, Finished},
		Decoding:   {Waiting, Finished},
		Finished:   {},
	})
}

func TestProgramMoves(t *testing.T) {
	checkMoves(t, []Phase{Active, Interlude, Ended}, map[Phase][]Phase{
		Active:    {Interlude, Ended},
		Interlude: {Active, Ended},
		Ended:     {},
	})
}

// checkMoves tries every pair of phases.
func checkMoves[P interface {
	comparable
	fmt.Stringer
	To(P) P
	Moves() []P
}](t *testing.T, phases []P, legal map[P][]P) {
	for _, from := range phases {
		for _, to := range phases {
			want := slices.Contains(legal[from], to)
			if got := slices.Contains(from.Moves(), to); got != want {
				t.Errorf("Moves of %v has %v: %v, want %v", from, to, got, want)
			}
			if got := moves(from, to); got != want {
				t.Errorf("To moves from %v to %v: %v, want %v", from, to, got, want)
			}
		}
	}
}

// moves tells whether the move is made or panics.
func moves[P interface {
	comparable
	To(P) P
}](from, to P) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return from.To(to) == to
}

// TestNames holds the names that metrics and logs are labelled with.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		value fmt.Stringer
		want  string
	}{
		{Waiting, "waiting"}, {Restoring, "restoring"}, {Prefilling, "prefilling"}, {Decoding, "decoding"}, {Finished, "finished"},
		{Active, "active"}, {Interlude, "interlude"}, {Ended, "ended"},
		{Stopped, "stopped"}, {Length, "length"}, {Cancelled, "cancelled"}, {TimedOut, "timed_out"}, {Failed, "failed"},
		{Empty, "empty"}, {TooLong, "too_long"}, {TooLarge, "too_large"}, {Busy, "busy"}, {Overloaded, "overloaded"},
		{NoMiss, "none"}, {FirstTurn, "first_turn"}, {Evicted, "evicted"}, {HistoryEdited, "history_edited"}, {ToolsChanged, "tools_changed"},
		{TemplateRewrote, "template_rewrote"}, {OtherNode, "other_node"}, {Forgotten, "forgotten"}, {Uncached, "uncached"},
		{Outcome(99), "unknown(99)"},
		{Time(0).Add(1500 * Millisecond), "1.5s"}, {Time(2 * Minute).Sub(Time(Minute)), "1m0s"},
		{TurnID{Program: "p", Turn: 3}, "p/3"},
	} {
		if got := c.value.String(); got != c.want {
			t.Errorf("%T is named %q, want %q", c.value, got, c.want)
		}
	}
}

func TestRanksAreTotal(t *testing.T) {
	ordered := []Rank{
		{Class: -1, At: 9, Program: "z"},
		{Class: 0, At: 1, Program: "b"},
		{Class: 0, At: 2, Program: "a"},
		{Class: 0, At: 2, Program: "b"},
		{Class: 1, At: 0, Program: "a"},
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := a.Compare(b); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("Compare(%v, %v) = %d", a, b, got)
			}
		}
	}
}
