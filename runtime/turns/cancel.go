package turns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// canceller answers cancellations. To cancel a turn is to finish it; the node that
// runs it learns that as it learns of any other result.
type canceller struct {
	store *store
	cfg   Config
}

func (c canceller) handle(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	ack, err := c.cancel(ctx, m.Subject)
	respond(c.cfg.Log, m, wire.Reply{Cancelled: ack}, err)
}

// cancel gives the turn the outcome Cancelled, unless it has another.
func (c canceller) cancel(ctx context.Context, subject string) (*wire.CancelAck, error) {
	id, _, err := wire.ParseSubject(subject)
	if err != nil {
		return nil, err
	}
	turn, _, err := c.store.turn(ctx, id)
	if errors.Is(err, errMissing) {
		return nil, &wire.Error{
			Code:    wire.CodeNotFound,
			Message: fmt.Sprintf("turn %v was not accepted, or is forgotten", id),
			Hint:    "cancel a turn after it was accepted",
		}
	}
	if err != nil {
		return nil, err
	}
	result := &wire.Result{
		Outcome: wire.Cancelled,
		Error:   &wire.Error{Code: wire.CodeCancelled, Message: "a client cancelled the turn", Hint: "send the program's next turn"},
		Node:    c.cfg.Node,
	}
	complete(result, id, turn.AcceptedAt, time.Now())
	data, err := wire.Encode(result)
	if err != nil {
		return nil, err
	}
	outcome := wire.Cancelled
	switch err := c.store.putResult(ctx, id, data); {
	case errors.Is(err, errTaken):
		stands, _, err := c.store.result(ctx, id)
		if err != nil {
			return nil, err
		}
		outcome = stands.Outcome
	case err != nil:
		return nil, err
	}
	return &wire.CancelAck{Tenant: id.Tenant, Program: id.Program, Turn: id.Turn, Outcome: outcome}, nil
}
