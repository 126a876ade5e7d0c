package turns

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// reader answers requests for results, for as long as they are kept.
type reader struct {
	store *store
	cfg   Config
}

func (r reader) handle(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	result, err := r.read(ctx, m.Subject)
	respond(r.cfg.Log, m, wire.Reply{Result: result}, err)
}

// read gives the result of a turn, or says why there is none.
func (r reader) read(ctx context.Context, subject string) (*wire.Result, error) {
	id, _, err := wire.ParseSubject(subject)
	if err != nil {
		return nil, err
	}
	result, _, err := r.store.result(ctx, id)
	if !errors.Is(err, errMissing) {
		return result, err
	}
	switch known, err := r.store.hasTurn(ctx, id); {
	case err != nil:
		return nil, err
	case !known:
		return nil, &wire.Error{
			Code:    wire.CodeNotFound,
			Message: fmt.Sprintf("turn %v was not accepted, or is forgotten", id),
			Hint:    "submit the turn first",
		}
	}
	return nil, &wire.Error{
		Code:      wire.CodeNotFinished,
		Message:   fmt.Sprintf("turn %v has no result yet", id),
		Hint:      "subscribe to its result subject, or ask again",
		Retryable: true,
	}
}
