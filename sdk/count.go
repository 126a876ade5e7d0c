package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/interlude-run/interlude/sdk/wire"
)

// CountTokens tells how many tokens the prompt of a turn would have, with all that was said
// before it in the program. Nothing is sent to the model, and nothing is kept. While no node
// answers it tries again, as Turn does.
func (p *Program) CountTokens(ctx context.Context, t Turn) (int, error) {
	p.mu.Lock()
	id := wire.ID{Tenant: p.client.tenant, Program: p.id, Turn: t.Number}
	if id.Turn == 0 {
		id.Turn = p.next
	}
	p.mu.Unlock()
	if err := id.Validate(); err != nil {
		return 0, fmt.Errorf("count the tokens of %s: %w", id, err)
	}
	data, err := json.Marshal(p.message(id, t))
	if err != nil {
		return 0, fmt.Errorf("count the tokens of %s: %w", id, err)
	}
	reply, err := p.client.insist(ctx, id.Subject(wire.KindCount), data)
	if err == nil && reply.Counted == nil {
		err = errors.New("a reply that says nothing")
	}
	if err != nil {
		return 0, fmt.Errorf("count the tokens of %s: %w", id, err)
	}
	return reply.Counted.PromptTokens, nil
}
