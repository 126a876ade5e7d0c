package turns

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Looks tell of the programs that a node has.
type Looks interface {
	// Programs tells of a tenant's programs; of all where tenant is "". It is called by
	// one goroutine.
	Programs(ctx context.Context, tenant string) (*wire.Programs, error)
}

// Questions of that kind that wait; what comes beyond them is dropped.
const (
	looksBuffer = 64
	looksBytes  = 1 << 20
)

// tellOfPrograms answers whoever asks for programs: every node does, with its own.
func (s *Server) tellOfPrograms(l *listening) error {
	if s.cfg.Looks == nil {
		return nil
	}
	for _, subject := range wire.ProgramsSubjects() {
		sub, err := s.subscribe(subject, everyNode, teller{s.cfg}.handle)
		if err == nil {
			l.requests = append(l.requests, sub)
			err = sub.sub.SetPendingLimits(looksBuffer, looksBytes)
		}
		if err != nil {
			return fmt.Errorf("turns: listen on %s: %w", subject, err)
		}
	}
	return nil
}

type teller struct{ cfg Config }

func (t teller) handle(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	tenant := tenantOf(m.Subject)
	if m.Subject == wire.ProgramsSubject("") {
		tenant = ""
	}
	told, err := t.cfg.Looks.Programs(ctx, tenant)
	respond(t.cfg.Log, m, wire.Reply{Programs: told}, err)
}
