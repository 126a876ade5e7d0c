package core

import "github.com/interlude-run/interlude/programs"

// Event is something that happened outside the machine. Step reads it and does
// not keep it, so a caller may use the same event again.
type Event interface{ event() }

// TurnArrived asks for a turn. It is answered by RejectTurn in the same Step,
// or the turn is taken in and FinishTurn answers it, once, sooner or later.
//
// The machine never sees tokens. The shell compares them and says what is equal
// in Keep, Inherits and Opens; all may count tokens that the cache does not hold: the
// machine knows how far its cells reach.
type TurnArrived struct {
	Turn   programs.TurnID
	Tenant programs.TenantID

	// Arrived is when the turn came in, not after the Step's now. That of a
	// program's first turn is the program's own arrival, unless it has a parent that is
	// known: a sub-agent is a part of its parent's run, and takes its place in the order.
	Arrived programs.Time

	// Context is the length of the whole prompt, what earlier turns left in it
	// included.
	Context programs.Tokens

	// Keep is how many tokens from the start of the context are the same as in
	// the last turn of the program that was taken in, however it ended: its
	// prompt and what it generated, taken together.
	// A context that was rewritten has a small Keep. It is ignored on a
	// program's first turn.
	Keep programs.Tokens

	// Past is what the shell knows of earlier turns, to tell why context is not found.
	Past Past

	// MaxNew is the most tokens to generate; 0 means as many as fit. It is cut
	// to what the model's context and the pool leave room for.
	MaxNew programs.Tokens

	// Deadline ends the turn, wherever it is; 0 is none.
	Deadline programs.Time

	// Parent is the program that this one was forked from, if any, and Inherits
	// how many tokens from the start of the context are the same as in the
	// parent's, as the shell knows it now. The parent need not be known to the machine.
	Parent   programs.ProgramID
	Inherits programs.Tokens

	// Opening names a text that contexts of other programs begin with too, such as a
	// system prompt, by a name that no program has, and Opens is how many tokens of it
	// the context begins with. A program shares cells with those of its parent or with
	// those of its opening, of whichever it has more; a turn that has tokens of neither
	// leaves what was said before it.
	Opening programs.ProgramID
	Opens   programs.Tokens

	// Approximate turns may have cells that were computed behind another text; others have
	// only such as computing the context from its start would give. Runs are the parts of the
	// context behind Keep for which there are such cells, ascending and disjoint; they
	// are of use to a turn that is Approximate alone.
	Approximate bool  `json:",omitempty"`
	Runs        []Run `json:",omitempty"`

	// Class is who waits for the turn.
	Class programs.Class

	// Absent says that the shell does not have the prompt at hand: it is to be fetched
	// (FetchTurn) before a step can run it.
	Absent bool

	// Last says that no turn of the program will follow: its memory is given
	// back when this one finishes.
	Last bool

	// Uncached turns start from nothing and leave nothing in the cache.
	Uncached bool

	// Next is what the client knows of the call that will follow the turn; the
	// zero Call is nothing.
	Next Call

	// Left is what the client knows of the work after this turn.
	Left Left
}

// Run is a part of a context whose tokens are those of another context, or of the program's
// own as it was after its last turn, one for one.
type Run struct {
	At     programs.Tokens // in the context
	Count  programs.Tokens
	Source programs.ProgramID
	From   programs.Tokens // in the source's context
	Mend   programs.Tokens // of the first tokens, how many are computed anew all the same

	// Check has the shell compare the mended cells with what they were before (Item.Checks): where
	// they stray too far, what follows is computed, too.
	Check bool `json:",omitempty"`
}

// Call is a tool call, or a person's turn to speak, that a program waits for.
type Call struct {
	Tool     string            // the function's name, or a shell command's first word
	Class    string            // of the arguments, such as a subcommand
	Human    bool              // a person is waited for
	Expected programs.Duration // by the client's word; 0 is unknown
	Exact    bool              // Expected is certain: for simulations that know the future
}

// Left is the work that a program has left, by its client's word.
type Left struct {
	Turns int               // that follow this one; 0 is unknown
	Time  programs.Duration // on the engine; where it is not 0, Turns does not count
	Exact bool              // Time is certain: for simulations that know the future
}

// TurnFetched says that the prompt of a turn is at hand that FetchTurn asked for. It is
// ignored when the turn has finished. A shell that cannot fetch a prompt cancels the turn.
type TurnFetched struct{ Turn programs.TurnID }

// TurnCancelled says that nobody wants the turn's result any longer. It is
// ignored when the turn has finished.
type TurnCancelled struct{ Turn programs.TurnID }

// ProgramEnded says that no turn of the program will follow. A turn in progress
// is cancelled.
type ProgramEnded struct{ Program programs.ProgramID }

// ToolStarted says what an idle program waits for, when more is known than at the
// turn's arrival: the answer names the call, or the client says so. It is ignored
// when no turn of the program is over, or its next has come.
type ToolStarted struct {
	Program programs.ProgramID
	Call    Call
}

// ToolProgress says how much longer the tool is expected to take, from now.
type ToolProgress struct {
	Program  programs.ProgramID
	Expected programs.Duration
}

// ContextRewritten says, ahead of the next turn, that the program's context will
// begin with the first Keep tokens of what it was, and no more: it is compacted. With Keep as
// large as the context it only says what will follow.
//
// Where Context is not 0, the shell knows so many of the tokens that it will begin with, in all,
// and from now on compares contexts of the program with these.
type ContextRewritten struct {
	Program programs.ProgramID
	Keep    programs.Tokens
	Context programs.Tokens `json:",omitempty"`
}

// MoveDone reports on a MoveCells. When it failed, what was to be copied is
// copied in no part.
type MoveDone struct {
	Move   MoveID
	Failed bool
}

// MoveID names a move of cells between tiers.
type MoveID uint64

// StepDone reports on the step that the last RunStep asked for.
type StepDone struct {
	Status StepStatus

	// Results holds one result for each item of the step, in its order, when
	// Status is StepRan.
	Results []ItemResult

	// Strayed are the answers to the Item.Checks of the step.
	Strayed []Strayed `json:",omitempty"`
}

// Strayed is how far the moved cells of a span were from what computing them gave.
type Strayed struct {
	Item int
	Span Span
	By   float64 // ‖new − moved‖ / ‖new‖ of the values of one layer
}

// StepStatus tells how a step went.
type StepStatus uint8

// How a step may go.
const (
	StepRan         StepStatus = iota // every item is in the cache
	StepInterrupted                   // nothing happened; the machine asks again for what is still wanted
	StepFailed                        // nothing happened, nor will it: the step's turns end as failed
)

// ItemResult tells what an item's turn should do next. For an item that did not
// sample it is ItemOK or ItemFailed.
type ItemResult uint8

// What the shell may say of an item.
const (
	ItemOK     ItemResult = iota // go on; the sampled token, if any, extends the context
	ItemEnded                    // the sampled token ends the turn: end of generation, or a stop string is complete
	ItemFailed                   // the turn cannot go on: no token could be sampled
)

// Tick says that time has passed, nothing else. The shell sends it at
// Machine.NextDeadline.
type Tick struct{}

func (*TurnArrived) event()   {}
func (*TurnFetched) event()   {}
func (*TurnCancelled) event() {}
func (*ProgramEnded) event()  {}
func (*StepDone) event()      {}
func (*Tick) event()          {}

func (*ToolStarted) event()      {}
func (*ToolProgress) event()     {}
func (*ContextRewritten) event() {}
func (*MoveDone) event()         {}
