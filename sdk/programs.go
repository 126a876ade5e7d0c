package sdk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Programs asks all nodes which programs of the tenant they have in hand, and what memory is
// kept of them. Each node tells of its own.
func (c *Client) Programs(ctx context.Context) ([]wire.Programs, error) {
	return c.programs(ctx, wire.ProgramsSubject(c.tenant), c.conn.NewRespInbox())
}

// AllPrograms asks for the programs of all tenants. Where tenants are kept apart, only an
// operator's user may.
func (c *Client) AllPrograms(ctx context.Context) ([]wire.Programs, error) {
	return c.programs(ctx, wire.ProgramsSubject(""), nats.NewInbox())
}

// How long the first node has for its reply, and each further one after the one before:
// nobody knows how many there are.
const (
	firstNode = 2 * time.Second
	nextNode  = 150 * time.Millisecond
)

func (c *Client) programs(ctx context.Context, subject, inbox string) ([]wire.Programs, error) {
	replies, err := c.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("ask for programs: %w", err)
	}
	defer func() { _ = replies.Unsubscribe() }()
	if err := c.conn.PublishRequest(subject, inbox, nil); err != nil {
		return nil, fmt.Errorf("ask for programs: %w", err)
	}
	var told []wire.Programs
	for patience := firstNode; ; patience = nextNode {
		bounded, stop := context.WithTimeout(ctx, patience)
		m, err := replies.NextMsgWithContext(bounded)
		stop()
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, nats.ErrNoResponders):
			return nil, fmt.Errorf("ask for programs: %w: start one with `interlude serve`", ErrNoNode)
		case errors.Is(err, context.DeadlineExceeded) && told == nil && errors.Is(c.conn.LastError(), nats.ErrPermissionViolation):
			return nil, fmt.Errorf("ask for programs: %w: a tenant's user may ask for the tenant's own", c.conn.LastError())
		case errors.Is(err, context.DeadlineExceeded) && told == nil:
			return nil, fmt.Errorf("ask for programs: %w: nobody answers on %s", ErrNoNode, subject)
		case errors.Is(err, context.DeadlineExceeded):
			slices.SortFunc(told, func(a, b wire.Programs) int { return cmp.Compare(a.Node, b.Node) })
			return told, nil
		case err != nil:
			return nil, fmt.Errorf("ask for programs: %w", err)
		}
		var reply wire.Reply
		if err := json.Unmarshal(m.Data, &reply); err != nil {
			return nil, fmt.Errorf("ask for programs: a reply that cannot be read: %w", err)
		}
		if reply.Error != nil {
			return nil, fmt.Errorf("ask for programs: %w", reply.Error)
		}
		if reply.Programs != nil {
			told = append(told, *reply.Programs)
		}
	}
}
