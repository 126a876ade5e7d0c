package node

import (
	"context"
	"fmt"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
	"github.com/interlude-run/interlude/toolpredict/toolcall"
)

// signal is what is known of an idle program's wait, on its way to the loop.
type signal struct {
	turn   programs.TurnID // that is over, the program's last
	event  core.Event      // nil: only whether the program is here is asked
	prefix []engine.Token  // of a ContextRewritten: what the next context begins with
	whole  bool            // and that is more than what stays of the last
	answer chan<- heard    // with room for it; nil: nobody asks
}

// heard is the loop's answer to a signal.
type heard struct {
	here   bool     // the program's context is this node's
	idle   bool     // the turn is its last, and over
	pin    core.Pin // as the signal has left it
	pinned bool     // whether it has changed it
}

// Signal takes in what a client says of a program between two turns; id names the one
// that is over. It returns nil, and no error, when another node has the program's
// context, or none. An error is a *wire.Error, or says that the node is gone or ctx has
// ended. Any number may call it at once.
func (n *Node) Signal(ctx context.Context, id wire.ID, s *wire.Signal) (*wire.SignalAck, error) {
	turn := programs.TurnID{Program: programID(id.Tenant, id.Program), Turn: programs.TurnNumber(id.Turn)}
	asked := signal{turn: turn, event: eventOf(turn.Program, s)}
	if s.Rewrite != nil {
		h, err := n.tell(ctx, signal{turn: turn})
		if err != nil || !h.idle {
			return nil, orNotIdle(h, id, err)
		}
		if asked.prefix, err = n.beginning(ctx, turn, s.Rewrite); err != nil {
			return nil, err
		}
		asked.whole = len(s.Rewrite.Messages) > 0 && len(asked.prefix) > 0
	}
	h, err := n.tell(ctx, asked)
	if err != nil || !h.idle {
		return nil, orNotIdle(h, id, err)
	}
	n.stats.signals.Add(1)
	ack := &wire.SignalAck{Tenant: id.Tenant, Program: id.Program, Turn: id.Turn}
	if h.pinned {
		ack.Pin = pinOf(h.pin)
	}
	return ack, nil
}

// tell takes a signal to the loop and waits for its answer.
func (n *Node) tell(ctx context.Context, s signal) (heard, error) {
	answer := make(chan heard, 1)
	s.answer = answer
	select {
	case n.inbox <- message{signal: &s}:
	case <-n.stopped:
		return heard{}, nil
	case <-ctx.Done():
		return heard{}, context.Cause(ctx)
	}
	select {
	case h := <-answer:
		return h, nil
	case <-n.stopped:
		return heard{}, nil
	}
}

func orNotIdle(h heard, id wire.ID, err error) error {
	if err != nil || !h.here {
		return err
	}
	return &wire.Error{
		Code:    wire.CodeNotWaiting,
		Message: fmt.Sprintf("turn %v is not over, or not its program's last", id),
		Hint:    "send signals after a turn's result and before the next turn; nothing is lost without them",
	}
}

// beginning gives the tokens of the first messages of a conversation, with those that will
// follow them; none when it is not remembered: then nothing is known to stay.
func (n *Node) beginning(ctx context.Context, turn programs.TurnID, r *wire.Rewrite) ([]engine.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, talkTime)
	defer cancel()
	k, err := n.talks.take(ctx, turn.Program)
	if err != nil {
		return nil, &wire.Error{
			Code:    wire.CodeNotWaiting,
			Message: fmt.Sprintf("the conversation of %v is in use: its next turn has come", turn),
			Hint:    "send signals before the next turn; nothing is lost without them",
		}
	}
	defer n.talks.put(turn.Program, k)
	if k == nil || k.last != turn.Turn || r.KeepMessages+len(r.Messages) == 0 {
		return nil, nil
	}
	prompt, err := k.conversation.Beginning(r.KeepMessages, said(&wire.Turn{Messages: r.Messages}).Messages...)
	if err != nil {
		return nil, &wire.Error{
			Code:    wire.CodeInvalidSignal,
			Message: fmt.Sprintf("rewrite: the model's template refuses the first %d messages with the %d that follow: %v", r.KeepMessages, len(r.Messages), err),
			Hint:    "keep messages up to an answer, or one more, and send whole turns of others; nothing is lost without the signal",
		}
	}
	return prompt.Tokens, nil
}

// talkTime is how long a conversation may be in use after its turn's result is known.
const talkTime = 250 * time.Millisecond

// hear acts on a signal: late ones, and those of programs that are not here, change
// nothing.
func (l *loop) hear(s *signal) {
	k := l.contexts[s.turn.Program]
	h := heard{
		here: k != nil && k.last >= s.turn.Turn,
		idle: k != nil && k.last == s.turn.Turn && k.turn == nil,
	}
	if h.idle && s.event != nil {
		if rewritten, ok := s.event.(*core.ContextRewritten); ok {
			rewritten.Keep = common(k.tokens, s.prefix)
			if s.whole {
				rewritten.Context = programs.Tokens(len(s.prefix))
				k.tokens, k.sure = s.prefix, true
				l.put(s.turn.Program, k.tenant, k.tokens)
			}
		}
		l.pinned = false
		l.step(s.event)
		h.pin, h.pinned = l.pin, l.pinned
	}
	if s.answer != nil {
		s.answer <- h
	}
}

func eventOf(program programs.ProgramID, s *wire.Signal) core.Event {
	switch {
	case s.Progress != nil:
		return &core.ToolProgress{Program: program, Expected: programs.Duration(s.Progress.ExpectedMS) * programs.Millisecond}
	case s.Rewrite != nil:
		return &core.ContextRewritten{Program: program}
	case s.Ended:
		return &core.ProgramEnded{Program: program}
	}
	return &core.ToolStarted{Program: program, Call: waitFor(s.Calls)}
}

// waitFor is the wait for all calls: it is as long as the longest is expected to be,
// where that is known of each.
func waitFor(hints []wire.ToolHint) core.Call {
	if len(hints) == 1 {
		return next(&hints[0])
	}
	var all toolcall.Outstanding
	var expected programs.Duration
	known := true
	for i := range hints {
		c := next(&hints[i])
		all.Add("", toolcall.Call{Tool: c.Tool, Class: c.Class, Human: c.Human})
		expected = max(expected, c.Expected)
		known = known && c.Expected > 0
	}
	c := all.Call()
	call := core.Call{Tool: c.Tool, Class: c.Class, Human: c.Human}
	if known {
		call.Expected = expected
	}
	return call
}

func pinOf(p core.Pin) *wire.Pin {
	return &wire.Pin{TTLMS: milliseconds(p.TTL), ExpectedMS: milliseconds(p.Expected), ReloadMS: milliseconds(p.Reload)}
}
