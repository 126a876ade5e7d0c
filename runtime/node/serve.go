package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
	"github.com/interlude-run/interlude/toolpredict/toolcall"
)

// serve is a turn's goroutine: it brings the turn before the loop, its text to
// the program, and its result to Turns.
func (n *Node) serve(ctx context.Context, job Job) {
	id := turnID(job.Turn())
	log := n.cfg.Log.With("turn", id.String())
	k, err := n.talks.take(ctx, id.Program)
	if err != nil {
		n.giveBack(ctx, job, log)
		return
	}
	k, finished := n.answer(ctx, job, k, log)
	if job.Turn().Lifecycle.Last && finished {
		k = nil
	}
	n.talks.put(id.Program, k)
}

// answer serves a job, and gives the talk as it is afterwards; nil when it is not
// to be relied on.
func (n *Node) answer(ctx context.Context, job Job, k *talk, log *slog.Logger) (_ *talk, finished bool) {
	var result *wire.Result
	var prompt *chat.Prompt
	k, err := n.recall(ctx, job, k)
	switch {
	case errors.Is(err, chat.ErrMessages):
		result = n.rejected(job, wire.CodeInvalidMessages, fmt.Errorf("the program's history is another model's: %w", err))
	case err != nil:
		if ctx.Err() == nil {
			log.Error("the program's history cannot be read", "error", err)
		}
	default:
		result, prompt = n.run(job, k, log)
	}
	if result == nil {
		n.giveBack(ctx, job, log)
		return k, false // what was said before stands
	}
	n.stats.answered(result.Outcome)
	own, err := n.store(ctx, job, result)
	switch {
	case err != nil:
		log.Error("the result cannot be stored", "error", err)
		n.giveBack(ctx, job, log)
		return nil, false
	case !own:
		return nil, true
	}
	if result.Outcome == wire.Completed {
		k.conversation.Complete(prompt, result.Text, n.ours(result.Tokens))
		k.origin.from(job.Turn(), result)
	}
	if k == nil || k.conversation.Size() == 0 { // the next turn begins, or tries, anew
		return nil, true
	}
	k.last = turnID(job.Turn()).Turn
	return k, true
}

// recall gives the conversation up to the job's turn: the one that is known if
// it goes so far, else one that is put together from the history. It begins, for
// its template, when its first completed turn was accepted, whoever recalls it.
func (n *Node) recall(ctx context.Context, job Job, known *talk) (*talk, error) {
	id := turnID(job.Turn())
	if known != nil && known.last == id.Turn-1 {
		return known, nil
	}
	k := &talk{program: id.Program, last: id.Turn - 1}
	if id.Turn > 1 {
		replaces := job.Turn().Mode == wire.ModeReplace // then the past gives its tools and its date at most
		history, err := job.History(ctx)
		if err != nil && !replaces {
			return nil, err
		}
		if err != nil {
			history = func(func(*wire.Turn, *wire.Result) bool) {}
			k.origin = origin{known: true, node: n.cfg.Name} // what was said is not known any longer
		}
		for turn, result := range history {
			if k.conversation == nil {
				k.conversation = n.cfg.Template.Begin(turn.AcceptedAt)
			}
			prompt, err := k.conversation.Prepare(said(turn))
			if err != nil && replaces {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("turn %d: %w", turn.Turn, err)
			}
			k.conversation.Complete(prompt, result.Text, n.ours(result.Tokens))
			k.origin.from(turn, result)
		}
		n.stats.rebuilt.Add(1)
	}
	if k.conversation == nil {
		k.conversation = n.cfg.Template.Begin(job.Turn().AcceptedAt)
	}
	return k, nil
}

// run has the turn generated. The result is nil when the job is to be handed
// back.
func (n *Node) run(job Job, k *talk, log *slog.Logger) (*wire.Result, *chat.Prompt) {
	prompt, err := k.conversation.Prepare(said(job.Turn()))
	if err != nil {
		return n.rejected(job, wire.CodeInvalidMessages, err), nil
	}
	if prompt.Rewritten {
		n.stats.rewritten.Add(1)
	}
	t, err := n.newTurn(job, prompt, k.origin)
	if err != nil {
		return n.rejected(job, wire.CodeInvalidTurn, err), nil
	}
	select {
	case n.inbox <- message{turn: t}:
	case <-n.stopped:
		return nil, nil
	}
	text, end := n.follow(t, job)
	if end == nil {
		return nil, nil
	}
	n.called(job, t, text, end)
	return n.result(job, t, text, end, log), prompt
}

// called tells the loop what the answer calls, where the program has not said so.
func (n *Node) called(job Job, t *turn, text string, end *ending) {
	w := job.Turn()
	if w.Lifecycle.ToolHint != nil || w.Lifecycle.Last || end.fault != nil || end.outcome != programs.Stopped {
		return
	}
	c, ok := toolcall.FromText(text)
	if !ok {
		return
	}
	started := &core.ToolStarted{Program: t.arrival.Turn.Program, Call: core.Call{Tool: c.Tool, Class: c.Class, Human: c.Human}}
	select {
	case n.inbox <- message{signal: &signal{turn: t.arrival.Turn, event: started}}:
	case <-n.stopped:
	}
}

// newTurn is the turn as the loop wants it.
func (n *Node) newTurn(job Job, prompt *chat.Prompt, from origin) (*turn, error) {
	w := job.Turn()
	options, err := n.options(w)
	if err != nil {
		return nil, err
	}
	t := &turn{
		arrival: core.TurnArrived{
			Turn:     turnID(w),
			Tenant:   programs.TenantID(w.Tenant),
			Arrived:  n.clock.at(w.AcceptedAt),
			Context:  programs.Tokens(len(prompt.Tokens)),
			Past:     n.past(prompt.Past, from),
			MaxNew:   programs.Tokens(options.maxTokens),
			Last:     w.Lifecycle.Last,
			Uncached: options.uncached,
			Parent:   options.parent,
			Deadline: n.deadline(w),
			Next:     next(w.Lifecycle.ToolHint),
			Left:     core.Left{Turns: w.Lifecycle.RemainingTurns},
			Opening:  openingID(w.Tenant, prompt.Tokens[:prompt.Opening]),
			Opens:    programs.Tokens(prompt.Opening),
		},
		prompt:   prompt,
		sampling: options.sampling,
		output:   chat.NewOutput(options.stops),
		mail:     newMailbox(),
	}
	// A copy with room for what is sampled: the prompt's own tokens are the
	// conversation's.
	room := min(options.maxTokens, 256)
	t.tokens = append(slices.Grow(t.tokens, len(prompt.Tokens)+room), prompt.Tokens...)
	return t, nil
}

// follow streams the turn's text while it comes, and gives all of it with how
// the turn ended; a nil ending when the loop is gone.
func (n *Node) follow(t *turn, job Job) (string, *ending) {
	var all strings.Builder
	cancelled := job.Cancelled()
	stopped := n.stopped
	for {
		select {
		case <-t.mail.ready:
		case <-cancelled:
			cancelled = nil
			select {
			case n.inbox <- message{turn: t, cancelled: true}:
			case <-n.stopped:
			}
			continue
		case <-stopped:
			stopped = nil
		}
		text, end := t.mail.take()
		if text != "" {
			all.WriteString(text)
			job.Stream(text)
		}
		if end != nil || stopped == nil {
			return all.String(), end
		}
	}
}

// store gives the result to Turns, also when the node is about to stop.
func (n *Node) store(ctx context.Context, job Job, result *wire.Result) (own bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.FinishTime)
	defer cancel()
	return job.Finish(ctx, result)
}

func (n *Node) giveBack(ctx context.Context, job Job, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.FinishTime)
	defer cancel()
	n.stats.handedBack.Add(1)
	if err := job.GiveBack(ctx); err != nil && !errors.Is(err, context.Canceled) {
		log.Warn("a turn cannot be handed back; it comes again when its time is up", "error", err)
	}
}
