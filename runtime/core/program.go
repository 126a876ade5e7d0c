package core

import (
	"math"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/order"
	"github.com/interlude-run/interlude/programs/sched"
)

// program is all that the machine knows of a program. There may be a hundred thousand of them
// whose first turn waits, so what only some need is behind a pointer.
type program struct {
	sched.Program // Cells is min(length, valid, the first hole); see sync

	state turnState

	// seq is the sequence that holds the program's cells, 0 when none does. It
	// is held in the ledger while the turn runs and parked otherwise.
	seq kvpin.Seq

	// length is how many cells of seq are written, and valid how many of the
	// first of them are of the current context. They differ when a context was
	// rewritten, until the sequence can be truncated.
	length programs.Tokens
	valid  programs.Tokens

	// exact is how many of the first cells, here and in copies, are what computing the
	// context from its start gives. See moved.go.
	exact programs.Tokens

	// had is how many of the first tokens of the context had cells at some time, as far as
	// the machine knows. See miss.go.
	had programs.Tokens

	kin kin // its place among those that begin as it does

	// copyOf names the copies on lower tiers, and copied is how many cells, from
	// the front of the current context, each tier has.
	copyOf kvpin.Owner
	copied [kvpin.Disk + 1]programs.Tokens
	move   *move
	ahead  *[kvpin.Disk + 1]ahead // places in the lanes; nil before the first interlude
	wanted programs.Time          // when a copy of it was last promoted

	gap      *gap // nil before the first interlude
	foretold foretold

	epoch     int32                 // of the context: it counts how often it became another
	hops      uint8                 // the most that a cell behind the exact ones has gone through
	busy      bool                  // its memory is read from just now
	unsettled bool                  // seq is to be trimmed or released as soon as no step runs
	uncopied  bool                  // a copy could not be made: none is tried until the next turn is over
	alarm     order.Entry[*program] // the turn's deadline, or when the program is forgotten
}

// turnState is what the machine knows of the turn in progress beyond what scheduling
// needs, which is in sched.Turn (program.Turn).
type turnState struct {
	maxNew   programs.Tokens // tokens to generate
	final    programs.Tokens // cells when all are generated
	size     programs.Tokens // of its prompt
	past     Past
	had      programs.Tokens // of program, when the turn arrived
	exact    programs.Tokens // of these, how many the turn takes, as the others were moved
	found    programs.Tokens // cells that were there when an item of it was first put into a step
	ran      bool            // and one was
	last     bool
	uncached bool
	prompt   prompt
	ahead    bool      // its prompt was fetched before it was admitted, and it still waits
	behind   bool      // stands behind its family's leader, and is not before the scheduler
	stepping bool      // has an item in the step that runs, and wants its result
	assembly *assembly // nil where nothing is moved into the context

	next      *Call           // nil where its client has not said what follows
	keep      programs.Tokens // of the prompt, what an endless cache would have
	restoring programs.Time   // since when it waits for cells from lower tiers; 0 when it does not
	fetching  programs.Time   // since when, in memory, it waits for its prompt; 0 when it does not

	usage  programs.Usage
	timing Timing
}

// allValid is the valid of a program whose cells are all of its context.
const allValid = programs.Tokens(math.MaxInt64)

func newProgram(ev *TurnArrived, owner kvpin.Owner) *program {
	p := &program{valid: allValid, exact: allValid, copyOf: owner}
	p.ID = ev.Turn.Program
	p.Tenant = ev.Tenant
	p.Arrived, p.Place = ev.Arrived, ev.Arrived
	p.Owner = p
	p.alarm.Value = p
	return p
}

// sync brings Cells and Placed up to date with length, valid and holes.
func (p *program) sync() {
	p.Cells, p.Placed = min(p.length, p.valid), 0
	if holes := p.holes(); len(holes) > 0 {
		p.Cells = min(p.Cells, holes[0].From)
		p.Placed = p.length - p.Cells - cells(holes)
	}
	p.classify()
	p.had = max(p.had, p.Cells)
	p.offer()
}

// syncCopies brings Below up to date with the copies.
func (p *program) syncCopies() {
	p.Below = max(p.copied[kvpin.Host], p.copied[kvpin.Disk])
	p.classify()
}

func (p *program) turnID() programs.TurnID {
	return programs.TurnID{Program: p.ID, Turn: p.Turn.Number}
}

// runs tells whether the turn's memory is held.
func (p *program) runs() bool {
	return p.Phase == programs.Active &&
		p.Turn.Phase != programs.Waiting && p.Turn.Phase != programs.Finished
}

// reserve is the capacity to ask for when n cells are needed: a quantum more, so
// that not every step must ask, but no more than the turn can come to need.
func (p *program) reserve(n programs.Tokens) programs.Tokens {
	return min(n+kvpin.Quantum(n), p.state.final)
}
