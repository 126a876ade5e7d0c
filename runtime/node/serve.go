package node

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
	"github.com/interlude-run/interlude/toolpredict/toolcall"
)

// This file brings the text of turns that run to their programs, and the results of all to
// Turns.

// serve is the goroutine of a turn from when it is first started, and has its prompt.
func (n *Node) serve(ctx context.Context, t *turn, mail *mailbox) {
	t.job.Start()
	parts := &parts{turn: t.id, reader: t.prompt.shape.reader}
	text, end := n.follow(t, mail, parts)
	if end == nil {
		n.conclude(ctx, t, "", nil)
		return
	}
	n.called(t, text, parts.all, end)
	result := n.result(t, text, end)
	if result != nil {
		result.Pieces, result.Loosened = parts.joined(text), t.prompt.shape.loosened
	}
	n.conclude(ctx, t, text, result)
}

// follow streams the turn's text while it comes, and gives all of it with how
// the turn ended; a nil ending when the loop is gone.
func (n *Node) follow(t *turn, mail *mailbox, parts *parts) (string, *ending) {
	var all strings.Builder
	stopped := n.stopped
	for {
		select {
		case <-mail.ready:
		case <-stopped:
			stopped = nil
		}
		text, marked, end := mail.take()
		all.WriteString(text)
		pieces, plain := parts.read(marked, text, end != nil)
		switch {
		case !plain && (text != "" || len(pieces) > 0):
			t.job.Stream(text, pieces)
		case text != "":
			t.job.Stream(text, nil)
		}
		if end != nil || stopped == nil {
			return all.String(), end
		}
	}
}

// called tells the loop what the answer calls, where the program has not said so.
func (n *Node) called(t *turn, text string, pieces []wire.Piece, end *ending) {
	if t.last || end.fault != nil || end.outcome != programs.Stopped || t.prompt.hinted {
		return
	}
	c, ok := callOf(pieces)
	if !ok {
		c, ok = toolcall.FromText(text)
	}
	if !ok {
		return
	}
	started := &core.ToolStarted{Program: t.id.Program, Call: core.Call{Tool: c.Tool, Class: c.Class, Human: c.Human}}
	select {
	case n.inbox <- message{signal: &signal{turn: t.id, event: started}}:
	case <-n.stopped:
	}
}

// callOf is the first call of an answer.
func callOf(pieces []wire.Piece) (c toolcall.Call, ok bool) {
	for _, p := range pieces {
		if p.Kind == wire.PieceToolCall && p.Done {
			return toolcall.FromFunction(p.Name, []byte(p.Text)), true
		}
	}
	return c, false
}

// cancel tells the loop that nobody wants a turn any longer.
func (n *Node) cancel(t *turn) {
	select {
	case n.inbox <- message{turn: t, cancelled: true}:
	case <-n.stopped:
	}
}

// conclude brings a turn to its end: it stores its result and has the conversation take the
// answer in, or hands it back where there is no result.
func (n *Node) conclude(ctx context.Context, t *turn, text string, result *wire.Result) {
	defer n.close(t)
	log := n.log(t)
	if result == nil {
		n.giveBack(ctx, t, log) // what was said before stands
		return
	}
	n.stats.answered(result.Outcome)
	own, err := n.store(ctx, t.job, result)
	switch {
	case err != nil:
		log.Error("the result cannot be stored", "error", err)
		n.giveBack(ctx, t, log)
		t.talk = nil
	case !own, t.last:
		t.talk = nil
	case !t.holds:
		n.talks.pass(t.id) // it was not answered: the conversation stays as it is
	case t.talk == nil: // its history could not be had
	default:
		if result.Outcome == wire.Completed {
			t.talk.conversation.Complete(t.prompt.Prompt, text, n.ours(result.Tokens))
			t.talk.origin.from(result, t.uncached)
		}
		t.talk.last = t.id.Turn
	}
}

// close parts from a turn that has had its end.
func (n *Node) close(t *turn) {
	n.release(t)
	<-n.slots
	n.open.Done()
}

// release puts the program's talk back, if the turn has it. One in which nothing was said
// is not kept: the next turn begins, or tries, anew.
func (n *Node) release(t *turn) {
	if !t.holds {
		return
	}
	if t.talk != nil && t.talk.conversation.Size() == 0 {
		t.talk = nil
	}
	t.holds = false
	n.talks.put(t.id.Program, t.talk)
	t.talk = nil
}

// store gives the result to Turns, also when the node is about to stop.
func (n *Node) store(ctx context.Context, job Job, result *wire.Result) (own bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.FinishTime)
	defer cancel()
	return job.Finish(ctx, result)
}

func (n *Node) giveBack(ctx context.Context, t *turn, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.FinishTime)
	defer cancel()
	n.stats.handedBack.Add(1)
	if err := t.job.GiveBack(ctx); err != nil && !errors.Is(err, context.Canceled) {
		log.Warn("a turn cannot be handed back; it comes again when its time is up", "error", err)
	}
}

func (n *Node) log(t *turn) *slog.Logger { return n.cfg.Log.With("turn", t.id.String()) }
