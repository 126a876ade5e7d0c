package turns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// intake answers submissions, one after the other.
type intake struct {
	store   *store
	backlog backlog
	recent  *recent
	held    *held
	cfg     Config
}

// storeTimeout bounds what one request waits for JetStream.
const storeTimeout = 2 * time.Second

func newIntake(s *store, r *recent, h *held, cfg Config) *intake {
	return &intake{store: s, recent: r, held: h, backlog: backlog{consumer: s.consumer, limit: cfg.MaxQueued}, cfg: cfg}
}

// handle answers one submission.
func (in *intake) handle(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	accepted, err := in.submit(ctx, m.Subject, m.Data)
	respond(in.cfg.Log, m, wire.Reply{Accepted: accepted}, err)
}

// submit accepts a turn, or says why not. Errors are of the kind *wire.Error, or
// JetStream's.
func (in *intake) submit(ctx context.Context, subject string, data []byte) (*wire.Accepted, error) {
	id, _, err := wire.ParseSubject(subject)
	if err != nil {
		return nil, err
	}
	if len(data) > in.cfg.MaxTurnBytes {
		return nil, tooLarge(len(data), in.cfg.MaxTurnBytes)
	}
	turn, err := wire.DecodeTurn(id, data)
	if err != nil {
		return nil, err
	}
	digest, err := digestOf(turn)
	if err != nil {
		return nil, err
	}
	room, err := in.backlog.hasRoom(ctx, time.Now(), in.held.of(id.Tenant), in.cfg.Weights[id.Tenant])
	if err != nil {
		return nil, err
	}
	if !room {
		return in.repeated(ctx, id, digest, in.full())
	}
	if err := in.checkOrder(ctx, id); err != nil {
		return nil, err
	}
	if err := in.store.checkFrom(ctx, turn); err != nil {
		return nil, err
	}
	return in.accept(ctx, turn, digest)
}

// accept stores the turn with what is decided once for all its runs.
func (in *intake) accept(ctx context.Context, turn *wire.Turn, digest string) (*wire.Accepted, error) {
	turn.AcceptedAt = time.Now().UTC()
	if turn.Sampling.Seed == nil {
		seed := rand.Uint32()
		turn.Sampling.Seed = &seed
	}
	place, err := in.store.putTurn(ctx, turn, digest)
	switch {
	case errors.Is(err, errTaken):
		return in.repeated(ctx, turn.ID(), digest, err)
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, tooLarge(0, in.cfg.MaxTurnBytes)
	case err != nil:
		return nil, err
	}
	in.backlog.accepted(place)
	in.recent.note(turn.ID(), accepted)
	return acceptance(turn.ID(), false), nil
}

// repeated answers for a turn that may have been accepted before; otherwise is
// the error if it has not.
func (in *intake) repeated(ctx context.Context, id wire.ID, digest string, otherwise error) (*wire.Accepted, error) {
	_, stored, err := in.store.turn(ctx, id)
	switch {
	case errors.Is(err, errMissing):
		return nil, otherwise
	case err != nil:
		return nil, err
	case stored != digest:
		return nil, &wire.Error{
			Code:    wire.CodeConflict,
			Message: fmt.Sprintf("turn %v was accepted with other content", id),
			Hint:    "send the very same turn to get its answer, or use the next number",
		}
	}
	return acceptance(id, true), nil
}

func (in *intake) checkOrder(ctx context.Context, id wire.ID) error {
	if id.Turn == 1 || in.recent.of(id.Previous()) != unknown {
		return nil
	}
	known, err := in.store.hasTurn(ctx, id.Previous())
	if err == nil && !known {
		return &wire.Error{
			Code:      wire.CodeOutOfOrder,
			Message:   fmt.Sprintf("turn %v comes before turn %d was accepted, or after it was forgotten", id, id.Turn-1),
			Hint:      "send the turns of a program in order from 1; begin a new program when its turns are too old to be kept",
			Retryable: true,
		}
	}
	return err
}

func (in *intake) full() *wire.Error {
	return &wire.Error{
		Code:         wire.CodeQueueFull,
		Message:      fmt.Sprintf("of %d turns that may wait or run there are as many as this tenant may add to", in.cfg.MaxQueued),
		Hint:         "send the same turn again after retry_after_ms",
		Retryable:    true,
		RetryAfterMS: max(in.cfg.RetryAfter, in.cfg.Pace()).Milliseconds(),
	}
}

func tooLarge(bytes, limit int) *wire.Error {
	return &wire.Error{
		Code:    wire.CodeTooLarge,
		Message: fmt.Sprintf("the turn has %d bytes, more than the %d of a node or than NATS lets through", bytes, limit),
		Hint:    "send only what is new in each turn (mode append), or shorten the messages",
	}
}

func acceptance(id wire.ID, duplicate bool) *wire.Accepted {
	return &wire.Accepted{
		Tenant: id.Tenant, Program: id.Program, Turn: id.Turn,
		Duplicate:     duplicate,
		ResultSubject: id.Subject(wire.KindResult),
		StreamSubject: id.Subject(wire.KindStream),
	}
}

// digestOf is the same for two messages that say the same, whatever their white
// space and the order of their fields.
func digestOf(t *wire.Turn) (string, error) {
	data, err := wire.Encode(t)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
