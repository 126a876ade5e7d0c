package node

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/internal/crew"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file makes prompts of turns: history, template, tokens. Every turn is prepared when it
// comes, so that the core has its true numbers. If too many prompts are kept ready then, this
// one is dropped, and made once more when the core asks for it.

// errand is what the crews do for a turn.
type errand struct {
	turn   *turn
	what   chore
	ending *ending // of ends
}

type chore uint8

const (
	prepares chore = iota // as the turn comes
	fetches               // the prompt once more
	cancels
	ends // a turn that was never started
)

// The classes of what is prepared. A program that is in memory does not wait behind any
// number of newcomers.
const (
	admitted = iota // the core waits for the prompt
	returning
	others
	classes
)

// preparers and enders are how many goroutines make prompts, and end turns.
const (
	preparers = 4
	enders    = 16
)

// hire makes the crews.
func (n *Node) hire(ctx context.Context) {
	do := func(e errand) { n.attend(ctx, e) }
	n.preparers = crew.New(preparers, classes, do)
	n.enders = crew.New(enders, 1, do)
}

func (n *Node) attend(ctx context.Context, e errand) {
	switch e.what {
	case prepares:
		n.prepare(ctx, e.turn)
	case fetches:
		n.fetch(ctx, e.turn)
	case cancels:
		n.cancel(e.turn)
	case ends:
		n.conclude(ctx, e.turn, "", n.result(e.turn, "", e.ending))
	}
}

// take has a turn prepared that has come.
func (n *Node) take(job Job) {
	id := job.ID()
	t := &turn{
		id:     programs.TurnID{Program: programID(id.Tenant, id.Program), Turn: programs.TurnNumber(id.Turn)},
		tenant: programs.TenantID(id.Tenant), job: job,
	}
	n.open.Add(1)
	job.OnCancel(func() { n.enders.Do(0, errand{turn: t, what: cancels}) })
	class := others
	if n.residents.has(t.id.Program) {
		class = returning
	}
	n.preparers.Do(class, errand{turn: t, what: prepares})
}

// prepare brings a turn before the loop, or to its end.
func (n *Node) prepare(ctx context.Context, t *turn) {
	p, ev, refusal := n.make(ctx, t)
	t.job.Drop()
	if p == nil {
		n.conclude(ctx, t, "", refusal)
		return
	}
	t.prompt, t.context, t.sum = p, len(p.Tokens), sum(p.Tokens)
	if p.Rewritten {
		n.stats.rewritten.Add(1)
	}
	select {
	case n.inbox <- message{turn: t, arrival: ev}:
	case <-n.stopped:
		n.conclude(ctx, t, "", nil)
	}
}

// fetch makes the prompt of a turn once more, for the loop.
func (n *Node) fetch(ctx context.Context, t *turn) {
	p, _, refusal := n.make(ctx, t)
	t.job.Drop()
	switch {
	case p != nil && (len(p.Tokens) != t.context || sum(p.Tokens) != t.sum):
		n.log(t).Error("the prompt is another than it was when the turn came")
		p = nil
	case refusal != nil:
		n.log(t).Error("the prompt cannot be made once more", "error", refusal.Error)
	}
	select {
	case n.inbox <- message{turn: t, fetched: true, prompt: p}:
	case <-n.stopped:
		n.conclude(ctx, t, "", nil)
	}
}

// make makes a turn's prompt, and says what the core is to know of it. Without a prompt there
// is the result that refuses the turn; without that, it is to be handed back. The turn has
// its program's talk from then on.
func (n *Node) make(ctx context.Context, t *turn) (*prompt, *core.TurnArrived, *wire.Result) {
	if ctx.Err() != nil {
		return nil, nil, nil
	}
	w, err := t.job.Turn(ctx)
	if err != nil {
		n.unreadable(ctx, t, "the turn cannot be read", err)
		return nil, nil, nil
	}
	t.last = w.Lifecycle.Last
	known, err := n.talks.take(ctx, t.id.Program)
	if err != nil {
		return nil, nil, nil
	}
	t.holds = true
	t.talk, err = n.recall(ctx, w, known, t.job.History)
	var lost *wire.Error
	switch {
	case errors.As(err, &lost) && !lost.Retryable:
		return nil, nil, n.rejected(t, lost.Code, err)
	case errors.Is(err, chat.ErrMessages):
		return nil, nil, n.rejected(t, wire.CodeInvalidMessages, fmt.Errorf("the program's history is another model's: %w", err))
	case err != nil:
		n.unreadable(ctx, t, "the program's history cannot be read", err)
		return nil, nil, nil
	}
	rendered, err := t.talk.conversation.Prepare(said(w))
	if err != nil {
		return nil, nil, n.rejected(t, wire.CodeInvalidMessages, err)
	}
	o, err := n.options(w)
	if err != nil {
		return nil, nil, n.rejected(t, wire.CodeInvalidTurn, err)
	}
	asked, err := n.shape(w, rendered)
	if err != nil {
		return nil, nil, n.rejected(t, wire.CodeInvalidTurn, err)
	}
	p := &prompt{
		Prompt: rendered, sampling: o.sampling, output: chat.NewOutput(o.stops), format: n.cfg.Template.Format(), shape: asked,
		hinted: w.Lifecycle.ToolHint != nil, logprobs: newLogprobs(w.Sampling),
	}
	if asked.grammar != "" {
		p.sampling.Grammar = asked.grammar
	}
	// A copy with room for what is sampled: the prompt's own tokens are the
	// conversation's.
	room := min(o.maxTokens, 256)
	p.tokens = append(slices.Grow(p.tokens, len(rendered.Tokens)+room), rendered.Tokens...)
	past := n.past(rendered.Past, t.talk.origin)
	if w.From != nil {
		past = core.Past{} // it is another program's
	}
	if t.uncached = o.uncached; past.Changed == programs.HistoryEdited {
		t.edited = &past.Message
	}
	ev := n.arrival(t, w, o, rendered)
	ev.Past = past
	return p, ev, nil
}

func (n *Node) unreadable(ctx context.Context, t *turn, what string, err error) {
	if ctx.Err() == nil {
		n.log(t).Error(what, "error", err)
	}
}

// recall gives the conversation up to the turn: the one that is known if
// it goes so far, else one that is put together from the history. It begins, for
// its template, when its first completed turn was accepted, whoever recalls it.
func (n *Node) recall(ctx context.Context, w *wire.Turn, known *talk, history past) (*talk, error) {
	id := turnID(w)
	if known != nil && known.last == id.Turn-1 && w.From == nil {
		return known, nil
	}
	k := &talk{program: id.Program, last: id.Turn - 1}
	if id.Turn > 1 || w.From != nil {
		replaces := w.Mode == wire.ModeReplace && w.From == nil // then the past gives its tools and its date at most
		said, err := history(ctx)
		if err != nil && !replaces {
			return nil, err
		}
		if err != nil {
			said = func(func(*wire.Turn, *wire.Result) bool) {}
			k.origin = origin{known: true, node: n.cfg.Name} // what was said is not known any longer
		}
		if err := n.retell(k, said, replaces); err != nil {
			return nil, err
		}
		n.stats.rebuilt.Add(1)
	}
	if k.conversation == nil {
		k.conversation = n.cfg.Template.Begin(w.AcceptedAt)
	}
	return k, nil
}

// past gives the completed turns before one, and their results, in their order.
type past func(ctx context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error)

// retell puts a conversation together. Where it is replaced, what does not fit is left out.
func (n *Node) retell(k *talk, history iter.Seq2[*wire.Turn, *wire.Result], replaced bool) error {
	for turn, result := range history {
		if k.conversation == nil {
			k.conversation = n.cfg.Template.Begin(turn.AcceptedAt)
		}
		prompt, err := k.conversation.Prepare(said(turn))
		if err != nil && replaced {
			continue
		}
		if err != nil {
			return fmt.Errorf("turn %d: %w", turn.Turn, err)
		}
		k.conversation.Complete(prompt, result.Text, n.ours(result.Tokens))
		k.origin.from(result, turn.Lifecycle.Reuse == wire.ReuseOff)
	}
	return nil
}

// arrival is what the core is to know of a turn, but for what the loop knows.
func (n *Node) arrival(t *turn, w *wire.Turn, o options, p *chat.Prompt) *core.TurnArrived {
	return &core.TurnArrived{
		Turn:     t.id,
		Tenant:   programs.TenantID(w.Tenant),
		Arrived:  n.clock.at(w.AcceptedAt),
		Class:    class(w.Class),
		Context:  programs.Tokens(len(p.Tokens)),
		MaxNew:   programs.Tokens(o.maxTokens),
		Last:     t.last,
		Uncached: o.uncached,

		Approximate: w.Lifecycle.Reuse == wire.ReuseApproximate,

		Parent:   o.parent,
		Deadline: n.deadline(w),
		Next:     next(w.Lifecycle.ToolHint),
		Left:     core.Left{Turns: w.Lifecycle.RemainingTurns},
		Opening:  openingID(w.Tenant, p.Tokens[:p.Opening]),
		Opens:    programs.Tokens(p.Opening),
	}
}

// sum tells different tokens apart, as FNV-1a does with bytes.
func sum(tokens []engine.Token) uint64 {
	h := uint64(14695981039346656037)
	for _, token := range tokens {
		h = (h ^ uint64(uint32(token))) * 1099511628211
	}
	return h
}
