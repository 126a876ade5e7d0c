package turns

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Counter tells how long prompts would be.
type Counter interface {
	// Count gives the number of tokens that the prompt of a turn would have. before gives what
	// was said before it, as Job.History. It is called by one goroutine.
	Count(ctx context.Context, t *wire.Turn, before func(ctx context.Context) ([]wire.Exchange, error)) (int, error)
}

// counter answers requests for the number of tokens of turns, which are validated as if they
// were submitted, and not kept. One node answers each, one after the other: those that do not
// fit in the connection's buffer meanwhile are dropped, and whoever asked hears of no node.
type counter struct {
	by    Counter
	store *store
	cfg   Config
}

// How many requests may wait, and their bytes.
const (
	countBuffer = 256
	countBytes  = 16 << 20
)

func (c counter) handle(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	counted, err := c.count(ctx, m)
	respond(c.cfg.Log, m, wire.Reply{Counted: counted}, err)
}

func (c counter) count(ctx context.Context, m *nats.Msg) (*wire.Counted, error) {
	id, _, err := wire.ParseSubject(m.Subject)
	if err != nil {
		return nil, err
	}
	if len(m.Data) > c.cfg.MaxTurnBytes {
		return nil, tooLarge(len(m.Data), c.cfg.MaxTurnBytes)
	}
	turn, err := wire.DecodeTurn(id, m.Data)
	if err != nil {
		return nil, err
	}
	if err := c.store.checkFrom(ctx, turn); err != nil {
		return nil, err
	}
	n, err := c.by.Count(ctx, turn, func(ctx context.Context) ([]wire.Exchange, error) { return c.store.before(ctx, turn) })
	if err != nil {
		return nil, err
	}
	return &wire.Counted{PromptTokens: n}, nil
}
