package turns

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/sdk/wire"
)

// store is the two streams. Any goroutine may use it.
type store struct {
	js       jetstream.JetStream
	turns    jetstream.Stream
	results  jetstream.Stream
	consumer jetstream.Consumer
}

var (
	// errTaken says that a fence did not let a message through: another one is
	// there.
	errTaken = errors.New("the subject has a message already")

	// errMissing says that nothing is stored under a subject, or no longer.
	errMissing = errors.New("nothing is stored")
)

// digestHeader is of a stored turn: the hash of what its client sent.
const digestHeader = "Interlude-Digest"

func openStore(ctx context.Context, conn *nats.Conn, cfg Config) (*store, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("turns: %w", err)
	}
	s := &store{js: js}
	s.turns, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        wire.TurnsStream,
		Description: "Accepted turns. A turn is accepted when it is here.",
		Subjects:    []string{wire.AllTurns(wire.KindTurn)},
		Storage:     jetstream.FileStorage,
		MaxAge:      cfg.MaxAge,
		Replicas:    cfg.Replicas,
		// Not AllowDirect: whether a turn is there is asked of the leader, since
		// turns are refused upon the answer.
	})
	if err != nil {
		return nil, fmt.Errorf("turns: set up the stream %s: %w", wire.TurnsStream, err)
	}
	const stored = "interlude.v1.{{wildcard(1)}}.result.{{wildcard(2)}}.{{wildcard(3)}}"
	s.results, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:             wire.ResultsStream,
		Description:      "Results of turns, one each. A turn is finished when its result is here.",
		Subjects:         []string{wire.AllTurns(wire.KindFinish)},
		SubjectTransform: &jetstream.SubjectTransformConfig{Source: wire.AllTurns(wire.KindFinish), Destination: stored},
		RePublish:        &jetstream.RePublish{Source: wire.AllTurns(wire.KindResult), Destination: stored},
		Storage:          jetstream.FileStorage,
		MaxAge:           cfg.MaxAge,
		Replicas:         cfg.Replicas,
		AllowDirect:      true,
	})
	if err != nil {
		return nil, fmt.Errorf("turns: set up the stream %s: %w", wire.ResultsStream, err)
	}
	s.consumer, err = s.turns.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:       "nodes",
		Description:   "Hands every accepted turn to one node.",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       cfg.AckWait,
		MaxAckPending: -1, // what waits for a turn before it must not keep that one out
	})
	if err != nil {
		return nil, fmt.Errorf("turns: set up the consumer of %s: %w", wire.TurnsStream, err)
	}
	return s, nil
}

// putTurn stores a turn unless one is there: then the error is errTaken. It
// returns the turn's place in the stream.
func (s *store) putTurn(ctx context.Context, t *wire.Turn, digest string) (uint64, error) {
	data, err := wire.Encode(t)
	if err != nil {
		return 0, err
	}
	m := nats.NewMsg(t.ID().Subject(wire.KindTurn))
	m.Data = data
	m.Header.Set(digestHeader, digest)
	return s.put(ctx, m)
}

// putResult stores a result unless one is there: then the error is errTaken.
func (s *store) putResult(ctx context.Context, id wire.ID, data []byte) error {
	m := nats.NewMsg(id.Subject(wire.KindFinish))
	m.Data = data
	_, err := s.put(ctx, m)
	return err
}

// put publishes behind the fence. It does not retry by itself.
func (s *store) put(ctx context.Context, m *nats.Msg) (uint64, error) {
	ack, err := s.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithRetryAttempts(0))
	var api *jetstream.APIError
	switch {
	case err == nil:
		return ack.Sequence, nil
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return 0, errTaken
	}
	return 0, fmt.Errorf("store %s: %w", m.Subject, err)
}

// hasTurn tells whether a turn was accepted and is kept.
func (s *store) hasTurn(ctx context.Context, id wire.ID) (bool, error) {
	_, err := s.get(ctx, s.turns, id.Subject(wire.KindTurn))
	if errors.Is(err, errMissing) {
		return false, nil
	}
	return err == nil, err
}

// turn reads an accepted turn and its digest; errMissing when there is none.
func (s *store) turn(ctx context.Context, id wire.ID) (*wire.Turn, string, error) {
	m, err := s.get(ctx, s.turns, id.Subject(wire.KindTurn))
	if err != nil {
		return nil, "", err
	}
	t, err := wire.Decode[wire.Turn](m.Data)
	if err != nil {
		return nil, "", fmt.Errorf("read the stored turn %v: %v", id, err)
	}
	return t, m.Header.Get(digestHeader), nil
}

// result reads a result; errMissing when there is none. On a cluster a result
// that was stored a moment ago may still be missing.
func (s *store) result(ctx context.Context, id wire.ID) (*wire.Result, []byte, error) {
	m, err := s.get(ctx, s.results, id.Subject(wire.KindResult))
	if err != nil {
		return nil, nil, err
	}
	r, err := wire.Decode[wire.Result](m.Data)
	if err != nil {
		return nil, nil, fmt.Errorf("read the stored result of %v: %v", id, err)
	}
	return r, m.Data, nil
}

func (s *store) get(ctx context.Context, stream jetstream.Stream, subject string) (*jetstream.RawStreamMsg, error) {
	m, err := stream.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, errMissing
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", subject, err)
	}
	return m, nil
}
