package core

import "github.com/interlude-run/interlude/programs"

// This file tells why a turn did not find what earlier turns of its program had computed.
// Three layers know a part of it. Whoever renders the conversation knows how the new prompt
// departs from the past; the node knows who computed that; the machine knows which cells
// there were, and which the turn found. The first two are in Past.

// Past is what the shell knows of the tokens that earlier turns have left. The zero Past is
// that of a program's first turn. Who is in memory and who runs does not depend on it.
type Past struct {
	// Tokens is how many of the conversation's tokens earlier turns ran through the model,
	// on this node or another; Same is how many of these, from the start, the context
	// begins with.
	Tokens, Same programs.Tokens

	// Changed is why not all are the same: HistoryEdited, ToolsChanged or TemplateRewrote;
	// NoMiss where all are. Message is, of HistoryEdited, the index of the first message
	// that is another or is not there, from 0; −1 where it is not known.
	Message int
	Changed programs.Miss

	// Absent is why the machine may never have had cells of them, or has forgotten that it
	// had: OtherNode, Forgotten or Uncached. It counts for what the machine knows nothing of.
	Absent programs.Miss

	// KeepUnknown says that TurnArrived.Keep is 0 because the shell no longer has the tokens
	// of the last turn, of which no cell was left, and not because the context is another.
	KeepUnknown bool
}

// kept is how many tokens the context begins with that were there before, whether the shell
// still has them or not. What the shell has not compared itself may give a reason of a
// miss, and never makes cells valid.
func (ev *TurnArrived) kept() programs.Tokens {
	if ev.Past.KeepUnknown {
		return ev.Past.Same
	}
	return ev.Keep
}

// expected is how many tokens of the prompt an endless cache would have had.
func (t *turnState) expected() programs.Tokens {
	return max(0, min(t.past.Tokens, t.size-1))
}

// missed says what the turn did not find. Until it has run, only what cannot be there is
// missing.
func (p *program) missed() programs.Missed {
	t := &p.state
	expected := t.expected()
	switch {
	case t.uncached:
		return programs.Missed{Why: programs.Uncached, Tokens: expected}
	case t.past.Tokens == 0 && t.past.Absent == programs.NoMiss:
		return programs.Missed{Why: programs.FirstTurn}
	case t.past.Tokens == 0:
		return programs.Missed{Why: t.past.Absent}
	}
	same := min(t.past.Same, expected)
	found := same
	if t.ran {
		found = t.found
	}
	missed := programs.Missed{Tokens: max(0, expected-found)}
	changed := max(0, expected-max(same, found))
	evicted := max(0, min(same, t.had)-found)
	inexact := min(evicted, max(0, min(same, t.had)-max(found, t.exact)))
	evicted -= inexact
	absent := missed.Tokens - changed - evicted - inexact
	switch most := max(changed, inexact, evicted, absent); {
	case missed.Tokens == 0:
	case changed == most:
		missed.Why = t.past.Changed
	case inexact == most:
		missed.Why = programs.Inexact
	case evicted == most:
		missed.Why = programs.Evicted
	default:
		missed.Why = t.past.Absent
	}
	return missed
}
