package node

import (
	"errors"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
)

// turn is a turn on its way through the node. While it waits it is small: there may be
// very many. It is with one of the crew, with the loop, or, from its first start on, with
// both the loop and a goroutine of its own, between which the mailbox is.
type turn struct {
	id      programs.TurnID
	tenant  programs.TenantID
	job     Job
	context int    // tokens of its prompt
	sum     uint64 // of these tokens: made once more they must be the same
	edited  *int   // the message at which its client changed the history; nil where it did not
	talk    *talk  // the program's, where holds; it may have none

	last     bool // no turn of the program follows
	uncached bool // it leaves nothing in the cache
	holds    bool // the turn has talk for itself

	// ───── the loop's

	prompt    *prompt    // nil while it is not at hand
	late      *ending    // that came meanwhile
	mail      *mailbox   // nil before the turn has its own goroutine
	kept      int        // bytes of the prompt that count as kept ready
	seq       engine.Seq // while it runs
	fetching  bool       // one of the crew makes the prompt once more: it has the talk, too
	absent    bool       // the core knows that the prompt is not at hand, and has not asked for it
	cancelled bool       // nobody wants the result
	over      bool       // FinishTurn or RejectTurn has come
	stopped   bool       // by a stop string
	fault     error      // why it cannot go on, when the node knows better than the core
}

// prompt is what it takes to run a turn, prepared from its message and its program's
// history.
type prompt struct {
	*chat.Prompt
	sampling engine.Sampling
	output   *chat.Output
	format   *chat.Format
	shape    shape
	logprobs *logprobs      // of what was sampled; nil where nobody asks
	hinted   bool           // the program has said what it will call
	tokens   []engine.Token // the prompt's, and what was sampled
}

// size is what keeping the prompt ready takes, in bytes, about.
func (p *prompt) size(k *talk) int {
	const perToken = 4
	n := p.Prompt.Size() + perToken*cap(p.tokens)
	if k != nil {
		n += k.conversation.Size()
	}
	return n
}

// errHandBack is the fault of a turn that another node, or this one later, is to
// do from the beginning.
var errHandBack = errors.New("handed back")

// ending tells how a turn ended.
type ending struct {
	outcome   programs.Outcome
	rejection *programs.Rejection // set when the core did not take the turn in
	retry     programs.Duration   // after which it may, of Overloaded
	fault     error               // set when the node ended it
	stopped   bool                // by a stop string
	tokens    []engine.Token      // sampled; not to be changed
	usage     programs.Usage
	missed    programs.Missed
	logprobs  *logprobs
	moved     []moved
	strayed   float64
	timing    core.Timing
	pin       core.Pin // of the program, when another turn may come
}

// tokens are those of the turn's context, as far as they are at hand.
func (t *turn) tokens() []engine.Token {
	if t.prompt == nil {
		return nil
	}
	return t.prompt.tokens
}

// sampled is what the turn has generated.
func (t *turn) sampled() []engine.Token {
	if t.prompt == nil {
		return nil
	}
	return t.prompt.tokens[t.context:]
}

// accept takes a sampled token into the turn's context and text, and says how the
// turn goes on.
func (t *turn) accept(out engine.Output, vocabulary chat.Tokenizer) core.ItemResult {
	t.prompt.tokens = append(t.prompt.tokens, out.Token)
	if out.End {
		return core.ItemEnded
	}
	if out.Logits != nil {
		t.prompt.logprobs.note(out.Token, out.Logits, vocabulary)
	}
	text, marked, stopped := t.prompt.write(out.Token, vocabulary)
	if marked != "" {
		t.mail.put(text, marked)
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
	s := t.prompt.sampling
	s.Seed += uint32(len(t.sampled()))
	window := s.PenaltyWindow
	if window == 0 {
		window = defaultPenaltyWindow
	}
	return s, t.prompt.tokens[max(0, len(t.prompt.tokens)-window):]
}

const defaultPenaltyWindow = 64 // as package engine says

// resumable tells whether the turn can start once more after it has generated
// tokens: a grammar cannot be set to where it stood.
func (t *turn) resumable() bool {
	return len(t.sampled()) == 0 || t.prompt.sampling.Grammar == ""
}
