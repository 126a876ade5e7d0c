package turns

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// listening are the subscriptions of a node, each with its own goroutine.
type listening struct {
	requests []*subscription // of clients
	results  *subscription   // of nodes
}

// subscription is one whose end can be waited for.
type subscription struct {
	sub    *nats.Subscription
	closed chan struct{}
}

func (s *Server) listen() (*listening, error) {
	l := &listening{}
	add := func(kind wire.Kind, group string, handle nats.MsgHandler) (*subscription, error) {
		sub, err := s.subscribe(wire.AllTurns(kind), group, handle)
		if err != nil {
			l.stopRequests(false)
			l.stopResults(false)
			return nil, fmt.Errorf("turns: listen on %s: %w", wire.AllTurns(kind), err)
		}
		if kind != wire.KindResult {
			l.requests = append(l.requests, sub)
		}
		return sub, nil
	}
	var err error
	if l.results, err = add(wire.KindResult, everyNode, s.onResult); err != nil {
		return nil, err
	}
	if s.cfg.Signals != nil {
		signals, err := add(wire.KindSignal, everyNode, signaller{s.cfg.Signals, s.cfg}.handle)
		if err != nil {
			return nil, err
		}
		if err := signals.sub.SetPendingLimits(signalBuffer, signalBytes); err != nil {
			return nil, fmt.Errorf("turns: bound the signals that wait: %w", err)
		}
	}
	if s.cfg.Counter != nil {
		counts, err := add(wire.KindCount, queueGroup, counter{s.cfg.Counter, s.store, s.cfg}.handle)
		if err != nil {
			return nil, err
		}
		if err := counts.sub.SetPendingLimits(countBuffer, countBytes); err != nil {
			return nil, fmt.Errorf("turns: bound the counts that wait: %w", err)
		}
	}
	if err := s.tellOfPrograms(l); err != nil {
		l.stopRequests(false)
		l.stopResults(false)
		return nil, err
	}
	for kind, handle := range map[wire.Kind]nats.MsgHandler{
		wire.KindCancel: canceller{s.store, s.cfg}.handle,
		wire.KindRead:   reader{s.store, s.cfg}.handle,
		wire.KindSubmit: newIntake(s.store, s.recent, &s.held, s.cfg).handle,
	} {
		if _, err := add(kind, queueGroup, handle); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// everyNode is no queue group: each node gets the message.
const everyNode = ""

func (s *Server) subscribe(subject, group string, handle nats.MsgHandler) (*subscription, error) {
	sub, err := s.conn.QueueSubscribe(subject, group, handle)
	if err != nil {
		return nil, err
	}
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	return &subscription{sub, closed}, nil
}

// onResult learns that a turn is over.
func (s *Server) onResult(m *nats.Msg) {
	id, _, err := wire.ParseSubject(m.Subject)
	if err != nil {
		return
	}
	s.recent.note(id, finished)
	if j := s.held.get(id); j != nil {
		j.overtaken()
	}
	if next := s.held.get(following(id)); next != nil {
		s.wake(next)
	}
}

// stopRequests answers what has come and lets no more come.
func (l *listening) stopRequests(connected bool) {
	for _, r := range l.requests {
		r.stop(connected)
	}
}

func (l *listening) stopResults(connected bool) {
	if l.results != nil {
		l.results.stop(connected)
	}
}

// stop lets what has come be handled, where the connection is up, and waits for
// the goroutine that does it.
func (s *subscription) stop(connected bool) {
	if connected && s.sub.Drain() == nil && s.awaitClosed() {
		return
	}
	if s.sub.Unsubscribe() == nil {
		s.awaitClosed()
	}
}

// awaitClosed is given up where the connection was lost meanwhile; each message is
// handled within storeTimeout.
func (s *subscription) awaitClosed() bool {
	select {
	case <-s.closed:
		return true
	case <-time.After(2 * storeTimeout):
		return false
	}
}
