package sdk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Program is one agent run: a conversation whose turns are numbered from 1.
type Program struct {
	client *Client
	id     string
	parent string
	class  Class

	mu   sync.Mutex
	next int64
}

// ProgramOption configures a program.
type ProgramOption func(*Program)

// Parent names the program that started this one, a sub-agent of it: what both
// contexts begin with is computed once.
func Parent(program string) ProgramOption { return func(p *Program) { p.parent = program } }

// InClass gives the program's turns the class, where they have none of their own.
func InClass(c Class) ProgramOption { return func(p *Program) { p.class = c } }

// Resume continues a program whose turns up to last have been accepted.
func Resume(last int64) ProgramOption { return func(p *Program) { p.next = last + 1 } }

// Program names a program. Nothing is sent before its first turn.
func (c *Client) Program(id string, opts ...ProgramOption) *Program {
	p := &Program{client: c, id: id, next: 1}
	for _, opt := range opts {
		opt(p)
	}
	return p
}

// ID is the program's name.
func (p *Program) ID() string { return p.id }

// Turn is one request for generation.
type Turn struct {
	Messages []Message
	Mode     Mode   // Append (default): what is new since the last answer; Replace: the whole conversation
	Class    Class  // Interactive or Background; none: the program's, see InClass, or else Interactive
	Tools    []Tool // nil: those of the turn before
	Choice   Choice // of tools; none: the model's
	Format   Format // what the answer must be; none: any text
	Sampling Sampling
	Last     bool          // no turn comes after this one: its memory can go
	ToolHint *ToolHint     // what is called with the answer, and how long that takes
	Reuse    Reuse         // ReuseOff, ReuseExact (default) or ReuseApproximate: which computed context it may have
	Timeout  time.Duration // 0: none
	Number   int64         // 0: the next one

	// Prompt, in the place of messages, is the whole context as a text, which is put before
	// the model without its chat template.
	Prompt string

	// From is the turn whose conversation stands before the messages; nil: the one before.
	From *Spot

	// RemainingTurns is how many turns will follow, as far as the program can tell;
	// 0 is unknown. It is used as far as such words have proved right.
	RemainingTurns int
}

// Turn submits a turn and returns once it is accepted, which means stored. While
// no node answers or the queue is full it tries again, with the same turn, until
// ctx ends or SubmitTimeout has passed.
//
// ctx is the turn's: when it ends before the answer does, the turn is cancelled
// on the node too, also where it ends while the turn is being submitted.
func (p *Program) Turn(ctx context.Context, t Turn) (*Answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := wire.ID{Tenant: p.client.tenant, Program: p.id, Turn: t.Number}
	if id.Turn == 0 {
		id.Turn = p.next
	}
	if err := id.Validate(); err != nil {
		return nil, fmt.Errorf("turn %s: %w", id, err)
	}
	data, err := json.Marshal(p.message(id, t))
	if err != nil {
		return nil, fmt.Errorf("turn %s: %w", id, err)
	}
	a, err := p.client.listen(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("turn %s: %w", id, err)
	}
	a.Duplicate, err = p.client.offer(ctx, id, data)
	if err != nil {
		a.Close()
		if ctx.Err() != nil && p.client.withdraw(ctx, id) {
			p.next = max(p.next, id.Turn+1)
		}
		return nil, fmt.Errorf("turn %s: %w", id, err)
	}
	a.cancelWith(ctx)
	p.next = max(p.next, id.Turn+1)
	return a, nil
}

// withdraw cancels a turn whose submission was given up: it may have been
// accepted all the same, or be on its way to be, so one refusal is not believed.
// It tells whether the turn was accepted, so that its number is used.
func (c *Client) withdraw(ctx context.Context, id wire.ID) bool {
	bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	for range 4 {
		if _, err := c.Cancel(bounded, id.Program, id.Turn); err == nil {
			return true
		}
		select {
		case <-time.After(80 * time.Millisecond):
		case <-bounded.Done():
			return false
		}
	}
	return false
}

func (p *Program) message(id wire.ID, t Turn) *wire.Turn {
	if (t.From != nil || t.Prompt != "") && t.Mode == "" {
		t.Mode = Replace
	}
	return &wire.Turn{
		Prompt: t.Prompt, From: t.From,
		Version: wire.Version, Tenant: id.Tenant, Program: id.Program, Turn: id.Turn,
		Mode: t.Mode, Class: cmp.Or(t.Class, p.class), Messages: t.Messages, Tools: t.Tools, ToolChoice: t.Choice, Format: t.Format, Sampling: t.Sampling,
		Lifecycle: wire.Lifecycle{Last: t.Last, ToolHint: t.ToolHint, Parent: p.parent, Reuse: t.Reuse, RemainingTurns: t.RemainingTurns},
		TimeoutMS: t.Timeout.Milliseconds(),
	}
}

// offer has the turn accepted. Sending the same turn again is harmless, so what
// may have been lost is sent again.
func (c *Client) offer(ctx context.Context, id wire.ID, data []byte) (duplicate bool, err error) {
	reply, err := c.insist(ctx, id.Subject(wire.KindSubmit), data)
	if err != nil {
		return false, err
	}
	if reply.Accepted == nil {
		return false, fmt.Errorf("a reply that says nothing")
	}
	return reply.Accepted.Duplicate, nil
}

// insist sends a request until a node replies, and again where the reply says that this may
// help.
func (c *Client) insist(ctx context.Context, subject string, data []byte) (*wire.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.submit)
	defer cancel()
	wait := 50 * time.Millisecond
	for {
		reply, err := c.request(ctx, subject, data)
		if err == nil {
			return reply, nil
		}
		var refused *Error
		switch {
		case errors.As(err, &refused):
			if !refused.Retryable {
				return nil, err
			}
			wait = max(wait, refused.RetryAfter())
		case !errors.Is(err, ErrNoNode) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout):
			return nil, err
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, 2*time.Second)
		case <-ctx.Done():
			return nil, err
		}
	}
}
