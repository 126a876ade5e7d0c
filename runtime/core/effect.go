package core

import (
	"fmt"
	"strings"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

// Effect is something that the shell must do or make known. Kind says which of
// the other fields count.
//
// The shell carries effects out in their order. The sequence effects mirror the
// engine's calls of the same name; the machine has accounted for them, so an
// engine that refuses one is out of step with the ledger, and the node cannot go
// on.
type Effect struct {
	Kind EffectKind

	// Turn is whose turn it is. Sequence effects and ForgetProgram fill in the
	// program alone.
	Turn programs.TurnID

	Seq   kvpin.Seq       // every sequence effect, StartTurn
	From  kvpin.Seq       // ForkSeq: the sequence whose cells are shared; PlaceCells: whose are copied
	Cells programs.Tokens // ReserveSeq, ForkSeq, TruncateSeq: the argument of the call; StartTurn: the cells that the sequence has already
	Cause Cause           // TruncateSeq, ReleaseSeq

	Move   MoveID          // MoveCells
	Owner  kvpin.Owner     // MoveCells, DropCopy: whose copy
	At     programs.Tokens // PlaceCells: where in the sequence
	Donor  programs.TurnID // PlaceCells: whose cells these are, as its last turn left them
	Source kvpin.Tier      // MoveCells: from where
	Tier   kvpin.Tier      // MoveCells: to where; DropCopy: on which
	First  programs.Tokens // MoveCells, PlaceCells: cells [First, Cells) are moved
	Ahead  bool            // MoveCells: no turn is admitted that waits for them
	Pin    Pin             // PinProgram

	Items []Item // RunStep; valid until its StepDone

	Outcome   programs.Outcome   // FinishTurn
	Usage     programs.Usage     // FinishTurn, SuspendTurn: so far
	Strayed   float64            // FinishTurn: the most that checked cells did, of those that stayed
	Missed    programs.Missed    // FinishTurn
	Timing    Timing             // FinishTurn
	Rejection programs.Rejection // RejectTurn
	Retry     programs.Duration  // RejectTurn, of Overloaded: after which there may be room; 0 is not known
}

// EffectKind tells what an effect asks for.
type EffectKind uint8

// The kinds of effects.
const (
	// Sequence effects. None is given while a step runs.
	OpenSeq     EffectKind = iota // a new, empty sequence Seq
	ForkSeq                       // a new sequence Seq with the first Cells cells of From
	ReserveSeq                    // capacity of Seq for Cells cells
	TruncateSeq                   // Seq keeps its first Cells cells and gives back the rest
	ReleaseSeq                    // Seq is gone

	// StartTurn: the turn runs from now on, on sequence Seq, which has Cells
	// cells of it. It comes again after each SuspendTurn, maybe with another
	// Seq; the shell then sets the sequence's sampling up anew.
	StartTurn

	// SuspendTurn: the turn lost its place in memory and waits again. The
	// tokens that it has generated stay part of its context.
	SuspendTurn

	// FetchTurn: the shell is to have the prompt of an Absent turn at hand, and to say so
	// with TurnFetched; no step runs the turn until then. It comes behind StartTurn, or a
	// little ahead of it.
	FetchTurn

	// MoveCells: copy the cells [First, Cells) of the program's context from one
	// tier to another, beside the steps that follow, and report it with MoveDone.
	// To and from the device they are those of sequence Seq: from it they are read
	// and stay; to it they are appended, and until then no step extends it. Lower
	// tiers keep copies by Owner; a copy has the cells before First already.
	MoveCells

	// DropCopy: the tier keeps the first Cells cells of the Owner's copy and
	// forgets the rest; with none it forgets the owner. A copy whose making failed is
	// dropped too: it may have fewer.
	DropCopy

	// PinProgram: the program is between two turns, and this is its seat.
	PinProgram

	// FinishTurn: the turn is over, with Outcome. It may come while a step of
	// the turn runs; that step's result for the turn is then of no interest.
	FinishTurn

	// RejectTurn: the turn was not taken in, for the reason Rejection.
	RejectTurn

	// ForgetProgram: the machine knows nothing of the program any longer, and
	// what the shell kept for it is of no use. A later turn begins it anew. Its
	// ReleaseSeq may follow, when a step runs.
	ForgetProgram

	// RunStep: run Items as one step and report it with StepDone. It is the last
	// effect of its Step, and no other follows before StepDone.
	RunStep

	// InterruptStep: nobody waits for the running step any longer. The shell
	// may interrupt it and still reports it with StepDone.
	InterruptStep

	// PlaceCells: copy the cells [First, Cells) of the sequence From to the sequence Seq, where
	// they begin at position At, at or behind the end of what is written; keys are turned to their
	// new positions. Cells between are undefined until an item of a step computes them.
	// It is a sequence effect, and the last of the kinds, as logs know the others by their numbers.
	PlaceCells
)

// Pin is the seat of a program between two turns, as it is when the turn ends or
// the tool starts.
type Pin struct {
	TTL      programs.Duration // for how long the seat is worth its place in full
	Expected programs.Duration // the mean of what the wait will last
	Reload   programs.Duration // what it would take to bring the cells back
}

// Item is one sequence's part of a step: its program's tokens
// [From, From+Count), which extend the sequence's From cells.
type Item struct {
	Seq    kvpin.Seq
	Turn   programs.TurnID
	From   programs.Tokens
	Count  programs.Tokens
	Sample bool // the context is complete: sample its next token

	// Spans says which Count tokens these are, where they do not follow each other from From
	// on: parts of the context, ascending. It is nil where they do.
	Spans []Span `json:",omitempty"`

	// Checks are moved cells among these that the shell is to compare with what becomes of
	// them, see Strayed.
	Checks []Span `json:",omitempty"`

	// Ahead says that the tokens are of the context of an idle program, of which Turn is the
	// last: as that left it or, behind a ContextRewritten with a Context, as it will be.
	Ahead bool `json:",omitempty"`
}

// Span is Count tokens of a context, from From on.
type Span struct{ From, Count programs.Tokens }

func (s Span) end() programs.Tokens { return s.From + s.Count }

// Timing tells when a turn passed its milestones; 0 where it did not.
type Timing struct {
	Arrived  programs.Time // as TurnArrived said
	Started  programs.Time // first StartTurn
	First    programs.Time // the step that sampled its first token was done
	Promised programs.Time // when that was to be at the latest, see sched.Guard; 0 is no promise, or no token
	Finished programs.Time

	// Restoring is how long the turn, once started, waited for cells from lower tiers.
	Restoring programs.Duration

	// Fetching is how long the turn, once started, waited for its prompt.
	Fetching programs.Duration
}

// Cause tells why a sequence loses cells.
type Cause uint8

// Why a sequence loses cells.
const (
	CauseRewrite Cause = 1 + iota // the context no longer begins with them
	CauseTrim                     // the turn is over and the reserve behind its cells with it
	CauseEvict                    // others need the memory
	CauseEnd                      // they will not be used again
)

var effectNames = [...]string{
	OpenSeq: "open", ForkSeq: "fork", ReserveSeq: "reserve", TruncateSeq: "truncate", ReleaseSeq: "release",
	MoveCells: "move", PlaceCells: "place", DropCopy: "drop", PinProgram: "pin",
	StartTurn: "start", SuspendTurn: "suspend", FetchTurn: "fetch", FinishTurn: "finish", RejectTurn: "reject",
	ForgetProgram: "forget", RunStep: "run", InterruptStep: "interrupt",
}

// String names the kind in one lower-case word.
func (k EffectKind) String() string { return effectNames[k] }

// String names the cause in one lower-case word.
func (c Cause) String() string { return [...]string{"none", "rewrite", "trim", "evict", "end"}[c] }

// String writes the effect on one line, for logs and test scripts.
func (e Effect) String() string {
	switch e.Kind {
	case OpenSeq:
		return fmt.Sprintf("open #%d for %s", e.Seq, e.Turn.Program)
	case ForkSeq:
		return fmt.Sprintf("fork #%d for %s from #%d cells=%d", e.Seq, e.Turn.Program, e.From, e.Cells)
	case ReserveSeq:
		return fmt.Sprintf("reserve #%d of %s cells=%d", e.Seq, e.Turn.Program, e.Cells)
	case TruncateSeq:
		return fmt.Sprintf("truncate #%d of %s cells=%d (%v)", e.Seq, e.Turn.Program, e.Cells, e.Cause)
	case ReleaseSeq:
		return fmt.Sprintf("release #%d of %s (%v)", e.Seq, e.Turn.Program, e.Cause)
	case MoveCells:
		s := fmt.Sprintf("move %d of %s cells [%d,%d) %v to %v", e.Move, e.Turn.Program, e.First, e.Cells, e.Source, e.Tier)
		if e.Ahead {
			s += " ahead"
		}
		return s
	case PlaceCells:
		return fmt.Sprintf("place cells [%d,%d) of %v, #%d, in #%d of %s at %d", e.First, e.Cells, e.Donor, e.From, e.Seq, e.Turn.Program, e.At)
	case DropCopy:
		return fmt.Sprintf("drop the copy of %s on %v cells=%d", e.Turn.Program, e.Tier, e.Cells)
	case PinProgram:
		return fmt.Sprintf("pin %s ttl=%v expected=%v reload=%v", e.Turn.Program,
			round(e.Pin.TTL), round(e.Pin.Expected), round(e.Pin.Reload))
	case StartTurn:
		return fmt.Sprintf("start %v on #%d cells=%d", e.Turn, e.Seq, e.Cells)
	case SuspendTurn:
		return fmt.Sprintf("suspend %v generated=%d", e.Turn, e.Usage.Generated)
	case FetchTurn:
		return fmt.Sprintf("fetch %v", e.Turn)
	case FinishTurn:
		restored := ""
		if e.Usage.Restored > 0 {
			restored = fmt.Sprintf(" restored=%d", e.Usage.Restored)
		}
		missed := ""
		if e.Missed.Tokens > 0 {
			missed = fmt.Sprintf(" missed=%d (%v)", e.Missed.Tokens, e.Missed.Why)
		}
		moved := ""
		if e.Usage.Moved > 0 {
			moved = fmt.Sprintf(" moved=%d", e.Usage.Moved)
			if e.Strayed > 0 {
				moved += fmt.Sprintf(" strayed=%.2f", e.Strayed)
			}
		}
		return fmt.Sprintf("finish %v %v reused=%d%s%s prefilled=%d generated=%d%s",
			e.Turn, e.Outcome, e.Usage.Reused, restored, moved, e.Usage.Prefilled, e.Usage.Generated, missed)
	case RejectTurn:
		retry := ""
		if e.Retry > 0 {
			retry = fmt.Sprintf(" retry=%v", round(e.Retry))
		}
		return fmt.Sprintf("reject %v %v%s", e.Turn, e.Rejection, retry)
	case ForgetProgram:
		return fmt.Sprintf("forget %s", e.Turn.Program)
	case RunStep:
		var b strings.Builder
		b.WriteString("run")
		for _, i := range e.Items {
			fmt.Fprintf(&b, " %v", i)
		}
		return b.String()
	}
	return e.Kind.String()
}

// String writes the item as program[from,end), with * where it samples.
func (i Item) String() string {
	s := fmt.Sprintf("%s[%d,%d)", i.Turn.Program, i.From, i.From+i.Count)
	if i.Spans != nil {
		s = string(i.Turn.Program)
		for _, x := range i.Spans {
			s += fmt.Sprintf("[%d,%d)", x.From, x.end())
		}
	}
	if i.Sample {
		s += "*"
	}
	for _, c := range i.Checks {
		s += fmt.Sprintf(" check[%d,%d)", c.From, c.end())
	}
	if i.Ahead {
		s += " ahead"
	}
	return s
}

// round leaves a span of time as many digits as one reads.
func round(d programs.Duration) programs.Duration {
	switch {
	case d > programs.Minute:
		return d / programs.Second * programs.Second
	case d > programs.Second:
		return d / (10 * programs.Millisecond) * (10 * programs.Millisecond)
	}
	return d / (10 * programs.Microsecond) * (10 * programs.Microsecond)
}
