package programs

import "fmt"

// TurnPhase is how far a turn has come. The package documentation draws the
// moves.
type TurnPhase uint8

// The phases of a turn.
const (
	Waiting    TurnPhase = iota // taken in, not yet in memory
	Restoring                   // in memory; its cells come back from a lower tier, or its prompt is fetched
	Prefilling                  // its prompt is run, chunk by chunk
	Decoding                    // its tokens are generated, one a step
	Finished                    // it has its outcome
)

// turnMoves holds the phases that may follow each phase.
var turnMoves = [...][]TurnPhase{
	Waiting:    {Restoring, Prefilling, Finished},
	Restoring:  {Prefilling, Waiting, Finished},
	Prefilling: {Decoding, Waiting, Finished},
	Decoding:   {Waiting, Finished},
	Finished:   {},
}

// Moves lists the phases that may follow p.
func (p TurnPhase) Moves() []TurnPhase { return turnMoves[p] }

// To moves a turn from phase p to phase next and returns next. It panics when
// the move is not legal: the caller has lost track of the turn.
func (p TurnPhase) To(next TurnPhase) TurnPhase { return move(p, next, turnMoves[p]) }

// String names the phase in lower case.
func (p TurnPhase) String() string {
	return name(p, []string{"waiting", "restoring", "prefilling", "decoding", "finished"})
}

// Phase is what a program is doing. The package documentation draws the moves.
type Phase uint8

// The phases of a program.
const (
	Active    Phase = iota // a turn of it waits or runs
	Interlude              // between two turns
	Ended                  // no turn will follow
)

// programMoves holds the phases that may follow each phase.
var programMoves = [...][]Phase{
	Active:    {Interlude, Ended},
	Interlude: {Active, Ended},
	Ended:     {},
}

// Moves lists the phases that may follow p.
func (p Phase) Moves() []Phase { return programMoves[p] }

// To moves a program from phase p to phase next and returns next. It panics
// when the move is not legal: the caller has lost track of the program.
func (p Phase) To(next Phase) Phase { return move(p, next, programMoves[p]) }

// String names the phase in lower case.
func (p Phase) String() string {
	return name(p, []string{"active", "interlude", "ended"})
}

func move[P interface {
	comparable
	fmt.Stringer
}](from, to P, legal []P) P {
	for _, l := range legal {
		if l == to {
			return to
		}
	}
	panic(fmt.Sprintf("programs: no move from %v to %v", from, to))
}

// name is the name of an enum's value, fit for a metric's label.
func name[E ~uint8](e E, names []string) string {
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("unknown(%d)", e)
}
