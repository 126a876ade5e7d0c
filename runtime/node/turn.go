package node

import (
	"errors"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
)

// turn is a turn on its way through the node. Its goroutine prepares it and
// hands it to the loop; from then on the loop alone touches what stands below
// the line, and the mailbox is between the two.
type turn struct {
	arrival  core.TurnArrived
	prompt   *chat.Prompt
	sampling engine.Sampling
	mail     mailbox

	// ─────

	tokens  []engine.Token // the prompt's, and what was sampled
	output  *chat.Output
	seq     engine.Seq // while it runs
	over    bool       // FinishTurn or RejectTurn has come
	fault   error      // why it cannot go on, when the node knows better than the core
	stopped bool       // by a stop string
}

// errHandBack is the fault of a turn that another node, or this one later, is to
// do from the beginning.
var errHandBack = errors.New("handed back")

// ending tells a turn's goroutine how the turn ended.
type ending struct {
	outcome   programs.Outcome
	rejection *programs.Rejection // set when the core did not take the turn in
	fault     error               // set when the node ended it
	stopped   bool                // by a stop string
	tokens    []engine.Token      // sampled; not to be changed
	usage     programs.Usage
	missed    programs.Missed
	timing    core.Timing
	pin       core.Pin // of the program, when another turn may come
}

// sampled is what the turn has generated.
func (t *turn) sampled() []engine.Token { return t.tokens[len(t.prompt.Tokens):] }

// accept takes a sampled token into the turn's context and text, and says how the
// turn goes on.
func (t *turn) accept(out engine.Output, vocabulary chat.Tokenizer) core.ItemResult {
	t.tokens = append(t.tokens, out.Token)
	if out.End {
		return core.ItemEnded
	}
	text, stopped := t.output.Write(vocabulary.Piece(out.Token))
	if text != "" {
		t.mail.put(text)
	}
	if stopped {
		t.stopped = true
		return core.ItemEnded
	}
	return core.ItemOK
}

// samplingNow is the sampling for the turn's sequence as the turn stands, and the
// tokens that penalties look back on. A turn that starts once more, after it lost
// its place in memory, draws on with another seed: with its own it would draw
// again what it has drawn.
func (t *turn) samplingNow() (engine.Sampling, []engine.Token) {
	s := t.sampling
	s.Seed += uint32(len(t.sampled()))
	window := s.PenaltyWindow
	if window == 0 {
		window = defaultPenaltyWindow
	}
	return s, t.tokens[max(0, len(t.tokens)-window):]
}

const defaultPenaltyWindow = 64 // as package engine says

// resumable tells whether the turn can start once more after it has generated
// tokens: a grammar cannot be set to where it stood.
func (t *turn) resumable() bool { return t.sampling.Grammar == "" || len(t.sampled()) == 0 }

// end tells the turn's goroutine that the turn is over.
func (t *turn) end(e ending) {
	t.over = true
	if rest := t.output.Close(); rest != "" {
		t.mail.put(rest)
	}
	e.fault, e.stopped, e.tokens = t.fault, t.stopped, t.sampled()
	t.mail.close(&e)
}
