package turns

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/sdk/wire"
)

// ErrHistoryLost says that a part of what was said before is no longer kept.
var ErrHistoryLost = errors.New("earlier turns of the program are no longer kept")

// History is what was said in the program before this turn, oldest first: every
// completed turn with its answer, those before a turn that replaced the
// conversation too, since what such a turn does not say (its tools) is theirs. Before a turn that
// goes on from another program stands what was said there. A turn that did not complete is as
// if it had never been said. The error is ErrHistoryLost or JetStream's; where a turn that was to
// be gone on from is lost, it is a *wire.Error.
func (j *Job) History(ctx context.Context) ([]wire.Exchange, error) {
	turn, err := j.Turn(ctx)
	if err != nil {
		return nil, err
	}
	return j.server.store.before(ctx, turn)
}

// before is the history of a turn, which need not be stored itself.
func (s *store) before(ctx context.Context, of *wire.Turn) ([]wire.Exchange, error) {
	var past []wire.Exchange
	for id := goesOnFrom(of); id.Turn > 0; {
		result, _, err := s.result(ctx, id)
		if err != nil {
			return nil, lost(of, id, err)
		}
		if result.Outcome != wire.Completed {
			id = id.Previous()
			continue
		}
		turn, _, err := s.turn(ctx, id)
		if err != nil {
			return nil, lost(of, id, err)
		}
		past = append(past, wire.Exchange{Turn: *turn, Result: *result})
		id = goesOnFrom(turn)
	}
	slices.Reverse(past)
	return past, nil
}

// goesOnFrom is the turn that stands before one.
func goesOnFrom(t *wire.Turn) wire.ID {
	if t.From == nil {
		return t.ID().Previous()
	}
	return wire.ID{Tenant: t.Tenant, Program: t.From.Program, Turn: t.From.Turn}
}

// checkFrom refuses a turn that goes on from another one whose end is not known.
func (s *store) checkFrom(ctx context.Context, t *wire.Turn) error {
	if t.From == nil {
		return nil
	}
	id := goesOnFrom(t)
	_, _, err := s.result(ctx, id)
	if !errors.Is(err, errMissing) {
		return err
	}
	switch known, err := s.hasTurn(ctx, id); {
	case err != nil:
		return err
	case known:
		return &wire.Error{
			Code: wire.CodeNotFinished, Message: fmt.Sprintf("turn %v, from which this one goes on, has no result yet", id),
			Hint: "send the same turn again", Retryable: true, RetryAfterMS: 100,
		}
	}
	return fromLost(id)
}

func fromLost(id wire.ID) *wire.Error {
	return &wire.Error{
		Code: wire.CodeNotFound, Message: fmt.Sprintf("turn %v, from which this one goes on, was not accepted, or is forgotten", id),
		Hint: "send the whole conversation",
	}
}

func lost(of *wire.Turn, id wire.ID, err error) error {
	if errors.Is(err, errMissing) && of.From != nil {
		return fromLost(id)
	}
	if errors.Is(err, errMissing) {
		err = ErrHistoryLost
	}
	return fmt.Errorf("read turn %v of the history of %v: %w", id, of.ID(), err)
}
