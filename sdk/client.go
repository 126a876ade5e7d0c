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

// Client is a connection to the nodes that share a NATS server.
type Client struct {
	conn   *nats.Conn
	owned  bool // closed with the client
	tenant string
	submit time.Duration
}

// Option configures Connect and Use.
type Option func(*options)

type options struct {
	tenant string
	submit time.Duration
	nats   []nats.Option
}

// Tenant says for whom the client speaks; "default" unless given.
func Tenant(name string) Option { return func(o *options) { o.tenant = name } }

// SubmitTimeout bounds how long Turn tries to have a turn accepted while no node
// answers or the queue is full, where its context has no earlier deadline; half a
// minute unless given.
func SubmitTimeout(d time.Duration) Option { return func(o *options) { o.submit = d } }

// NATS passes options of the NATS client through: credentials, TLS, names.
func NATS(opts ...nats.Option) Option {
	return func(o *options) { o.nats = append(o.nats, opts...) }
}

// Connect connects to a NATS server. The caller closes the client.
func Connect(url string, opts ...Option) (*Client, error) {
	o, err := gather(opts)
	if err != nil {
		return nil, err
	}
	all := append([]nats.Option{
		nats.Name("interlude sdk"),
		nats.MaxReconnects(-1),
		nats.CustomInboxPrefix(wire.InboxPrefix(o.tenant)),
	}, o.nats...)
	conn, err := nats.Connect(url, all...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w; is a node or a NATS server listening there?", url, err)
	}
	return &Client{conn: conn, owned: true, tenant: o.tenant, submit: o.submit}, nil
}

// Use is Connect over a connection that the caller has and closes. Where tenants
// are kept apart, its inbox prefix must be the tenant's (wire.InboxPrefix).
func Use(conn *nats.Conn, opts ...Option) (*Client, error) {
	o, err := gather(opts)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, tenant: o.tenant, submit: o.submit}, nil
}

func gather(opts []Option) (options, error) {
	o := options{tenant: wire.DefaultTenant, submit: 30 * time.Second}
	for _, opt := range opts {
		opt(&o)
	}
	if _, err := wire.Permissions(o.tenant); err != nil {
		return o, fmt.Errorf("connect: %w", err)
	}
	return o, nil
}

// Close ends the connection. Answers under way end with an error; their turns go
// on.
func (c *Client) Close() {
	if c.owned {
		c.conn.Close()
	}
}

// Result reads how a turn ended, at any time after it did. A turn that has no
// result yet is ErrNotFinished; one that is not known, or no longer, ErrNotFound.
func (c *Client) Result(ctx context.Context, program string, turn int64) (*Result, error) {
	id := wire.ID{Tenant: c.tenant, Program: program, Turn: turn}
	if err := id.Validate(); err != nil {
		return nil, fmt.Errorf("result of %s: %w", id, err)
	}
	r, err := c.stored(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("result of %s: %w", id, err)
	}
	return r, nil
}

// stored asks a node for the result that is kept.
func (c *Client) stored(ctx context.Context, id wire.ID) (*Result, error) {
	reply, err := c.request(ctx, id.Subject(wire.KindRead), nil)
	if err != nil {
		return nil, err
	}
	if reply.Result == nil {
		return nil, fmt.Errorf("a reply that says nothing")
	}
	return reply.Result, nil
}

func decodeResult(data []byte) (*Result, error) {
	r := &Result{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("a result that cannot be read: %w", err)
	}
	return r, nil
}

// Cancel ends a turn that has not ended, and tells how it ended: by this
// cancellation or before it.
func (c *Client) Cancel(ctx context.Context, program string, turn int64) (Outcome, error) {
	id := wire.ID{Tenant: c.tenant, Program: program, Turn: turn}
	if err := id.Validate(); err != nil {
		return "", fmt.Errorf("cancel %s: %w", id, err)
	}
	reply, err := c.request(ctx, id.Subject(wire.KindCancel), nil)
	if err != nil {
		return "", fmt.Errorf("cancel %s: %w", id, err)
	}
	if reply.Cancelled == nil {
		return "", fmt.Errorf("cancel %s: a reply that says nothing", id)
	}
	return reply.Cancelled.Outcome, nil
}

// requestTimeout is how long a node has for its reply: one that died meanwhile
// will never send it.
const requestTimeout = 5 * time.Second

// request sends data to a node and reads its reply; an error that the node
// replies with is an *Error.
func (c *Client) request(ctx context.Context, subject string, data []byte) (*wire.Reply, error) {
	ctx, stop := context.WithTimeout(ctx, requestTimeout)
	defer stop()
	msg, err := c.conn.RequestWithContext(ctx, subject, data)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, fmt.Errorf("%w: start one with `interlude serve`", ErrNoNode)
	}
	if err != nil {
		return nil, err
	}
	reply := &wire.Reply{}
	if err := json.Unmarshal(msg.Data, reply); err != nil {
		return nil, fmt.Errorf("a reply that cannot be read: %w", err)
	}
	if reply.Error != nil {
		return nil, reply.Error
	}
	return reply, nil
}
