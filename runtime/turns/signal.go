package turns

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Signals are heard by a node that has the program's context.
type Signals interface {
	// Signal hears one; id names the turn of the program that is over. It returns nil
	// and no error when the program's context is not here. It is called by one
	// goroutine.
	Signal(ctx context.Context, id wire.ID, s *wire.Signal) (*wire.SignalAck, error)
}

// signaller hears signals. Every node gets each; the one that has the program answers.
// None is kept: while one is heard, others wait in the connection's buffer, and what
// does not fit there is dropped.
type signaller struct {
	to  Signals
	cfg Config
}

// How many signals may wait, and their bytes.
const (
	signalBuffer = 1024
	signalBytes  = 8 << 20
)

func (s signaller) handle(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	ack, err := s.hear(ctx, m)
	if ack == nil && err == nil {
		return // another node's, or of no use
	}
	respond(s.cfg.Log, m, wire.Reply{Signalled: ack}, err)
}

func (s signaller) hear(ctx context.Context, m *nats.Msg) (*wire.SignalAck, error) {
	id, _, err := wire.ParseSubject(m.Subject)
	if err != nil {
		return nil, err
	}
	signal, err := wire.DecodeSignal(m.Data)
	if err != nil {
		return nil, err
	}
	ack, err := s.to.Signal(ctx, id, signal)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, nil // the node is busy; whoever asked has given up too
	}
	return ack, err
}
