package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Signals tell the node what goes on between two turns of a program: after a turn's
// result, and before the next turn is sent. They help it to predict when the program
// will be back, and so which caches to keep. They are never needed: one that is lost,
// or fails, costs nothing but the better guess.

// ToolStarted says which tools run, all that the next turn waits for: the tool's name
// and its arguments or their class, how long it is expected to take where that is
// known, or that a person is waited for. It returns what the program's cache is now
// worth.
//
// With the turn itself, Turn.ToolHint says the same for nothing, where it is known
// before the answer.
func (p *Program) ToolStarted(ctx context.Context, calls ...ToolHint) (*Pin, error) {
	return p.signal(ctx, "tool started", wire.Signal{Calls: calls})
}

// ToolProgress says how much longer the tools will take, from now.
func (p *Program) ToolProgress(ctx context.Context, left time.Duration) (*Pin, error) {
	return p.signal(ctx, "tool progress", wire.Signal{Progress: &wire.Progress{ExpectedMS: left.Milliseconds()}})
}

// Compacting says that the next turn will replace the conversation, and keep the first
// so many of its messages, answers counted. The memory for the rest is free at once. The
// messages that will follow these, as far as they are known, are computed while the tool runs:
// a summary, and what is kept of the end.
func (p *Program) Compacting(ctx context.Context, keepMessages int, then ...Message) error {
	_, err := p.signal(ctx, "compacting", wire.Signal{Rewrite: &wire.Rewrite{KeepMessages: keepMessages, Messages: then}})
	return err
}

// End says that no turn will follow. The program's memory is free at once, as after a
// turn that was sent as the Last.
func (p *Program) End(ctx context.Context) error {
	_, err := p.signal(ctx, "end", wire.Signal{Ended: true})
	return err
}

// signal sends a signal about the turn that was sent last.
func (p *Program) signal(ctx context.Context, what string, s wire.Signal) (*Pin, error) {
	p.mu.Lock()
	id := wire.ID{Tenant: p.client.tenant, Program: p.id, Turn: p.next - 1}
	p.mu.Unlock()
	pin, err := p.client.signal(ctx, id, s)
	if err != nil {
		return nil, fmt.Errorf("%s after turn %s: %w", what, id, err)
	}
	return pin, nil
}

// signalTimeout is how long the node that has the program has for its reply. Others
// are silent.
const signalTimeout = time.Second

func (c *Client) signal(ctx context.Context, id wire.ID, s wire.Signal) (*Pin, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s.Version = wire.Version
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	bounded, stop := context.WithTimeout(ctx, signalTimeout)
	defer stop()
	reply, err := c.request(bounded, id.Subject(wire.KindSignal), data)
	switch {
	case ctx.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)):
		return nil, ErrNoCache
	case err != nil:
		return nil, err
	case reply.Signalled == nil:
		return nil, errors.New("a reply that says nothing")
	}
	return reply.Signalled.Pin, nil
}
