package gateway

import (
	"context"
	"net/http"

	"github.com/interlude-run/interlude/sdk"
)

// This file counts tokens ahead. Only nodes have the model's tokenizer and template, so one of
// them is asked; nothing is kept.

// countTokens is POST /v1/messages/count_tokens.
func (g *Gateway) countTokens(w http.ResponseWriter, r *http.Request, tenant string) error {
	if err := g.admit(); err != nil {
		return err
	}
	var q messagesRequest
	if err := read(r, &q); err != nil {
		return err
	}
	a, _, err := g.messagesAsk(w.Header(), r, &q, tenant)
	if err != nil {
		return err
	}
	n, err := g.count(r.Context(), a)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"input_tokens": n})
	return nil
}

// countInput is POST /v1/responses/input_tokens.
func (g *Gateway) countInput(w http.ResponseWriter, r *http.Request, tenant string) error {
	if err := g.admit(); err != nil {
		return err
	}
	var q responsesRequest
	if err := read(r, &q); err != nil {
		return err
	}
	a, _, err := g.responsesAsk(w.Header(), r, &q, tenant)
	if err != nil {
		return err
	}
	n, err := g.count(r.Context(), a)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "response.input_tokens", "input_tokens": n})
	return nil
}

// counting is the program that is asked about. No turn of it is ever sent.
const counting = "count"

// count asks how many tokens a request's prompt has, wherever it belongs.
func (g *Gateway) count(ctx context.Context, a *ask) (int, error) {
	c, err := g.client(a.tenant)
	if err != nil {
		return 0, err
	}
	t := sdk.Turn{Messages: a.messages, Mode: sdk.Replace, Tools: a.tools, Choice: a.choice, Format: a.format, Sampling: a.sampling}
	stands := a.previous
	if a.named != "" {
		last, err := g.ledger.last(ctx, a.tenant, namedProgram(a.named))
		if err != nil {
			return 0, err
		}
		if last > 0 {
			stands = &spot{namedProgram(a.named), last}
		}
	}
	if stands != nil {
		t.From = &sdk.Spot{Program: stands.program, Turn: stands.turn}
	}
	return c.Program(counting).CountTokens(ctx, t)
}
