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
// conversation too, since what such a turn does not say (its tools) is theirs. A turn that did not complete is as if it had never been said. The
// error is ErrHistoryLost or JetStream's.
func (j *Job) History(ctx context.Context) ([]wire.Exchange, error) {
	var past []wire.Exchange
	store := j.server.store
	for id := j.id.Previous(); id.Turn > 0; id = id.Previous() {
		result, _, err := store.result(ctx, id)
		if err != nil {
			return nil, lost(j.id, id, err)
		}
		if result.Outcome != wire.Completed {
			continue
		}
		turn, _, err := store.turn(ctx, id)
		if err != nil {
			return nil, lost(j.id, id, err)
		}
		past = append(past, wire.Exchange{Turn: *turn, Result: *result})
	}
	slices.Reverse(past)
	return past, nil
}

func lost(of, id wire.ID, err error) error {
	if errors.Is(err, errMissing) {
		err = ErrHistoryLost
	}
	return fmt.Errorf("read turn %d of the history of %v: %w", id.Turn, of, err)
}
