package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/interlude-run/interlude/sdk"
)

// This file is what can be done with a response once it is begun: to read it, to follow it,
// to cancel it. It is the turn that is kept by the nodes; the gateway keeps nothing of it.

// getResponse reads a response from the stored result, or from the flight where it is under
// way. What the request said is not kept.
func (g *Gateway) getResponse(w http.ResponseWriter, r *http.Request, tenant string) error {
	id := r.PathValue("id")
	s, ok := responseSpot(id)
	if !ok {
		return noResponse(id)
	}
	stream, err := wantsStream(r)
	if err != nil {
		return err
	}
	if stream {
		return g.replay(w, r, tenant, s)
	}
	if f := g.underway(tenant, s); f != nil {
		defer f.leave()
		writeJSON(w, http.StatusOK, g.responseOf(s, time.Now()).soFar(f))
		return nil
	}
	answer, err := g.storedResponse(r.Context(), tenant, s)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// wantsStream tells whether a reader asks for events: in the query, or in a body, as OpenAI's
// client for Go does.
func wantsStream(r *http.Request) (bool, error) {
	if r.ContentLength == 0 {
		return r.URL.Query().Get("stream") == "true", nil
	}
	var q struct {
		Stream bool `json:"stream"`
	}
	err := read(r, &q)
	return q.Stream || r.URL.Query().Get("stream") == "true", err
}

// replay sends the events of a response behind a number. Those of a response under way are
// numbered as its other readers see them. Those of a stored one come with all of a text at
// once, so that they are fewer; its end is sent in any case.
func (g *Gateway) replay(w http.ResponseWriter, r *http.Request, tenant string, s spot) error {
	after := -1
	if text := r.URL.Query().Get("starting_after"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return invalid("starting_after", "%q is no event's number", text)
		}
		after = n
	}
	f, err := g.again(r.Context(), tenant, s)
	if errors.Is(err, sdk.ErrNotFound) {
		return noResponse(responseID(s))
	}
	if err != nil {
		return err
	}
	defer f.leave()
	told(w.Header(), f)
	answer := g.responseOf(s, time.Now())
	if result, _ := f.outcome(); result != nil {
		answer.accepted(result)
	}
	answer.stream(r.Context(), newEvents(w), f, after)
	return nil
}

// cancelResponse ends a response that is under way, and answers with it as it then is. One
// that is over stays as it is.
func (g *Gateway) cancelResponse(w http.ResponseWriter, r *http.Request, tenant string) error {
	id := r.PathValue("id")
	s, ok := responseSpot(id)
	if !ok {
		return noResponse(id)
	}
	c, err := g.client(tenant)
	if err != nil {
		return err
	}
	if _, err := c.Cancel(r.Context(), s.program, s.turn); errors.Is(err, sdk.ErrNotFound) {
		return noResponse(id)
	} else if err != nil {
		return err
	}
	answer, err := g.storedResponse(r.Context(), tenant, s)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// deleteResponse says that a response is deleted. The conversation that it belongs to goes on,
// so the turn stays until the nodes forget it.
func (g *Gateway) deleteResponse(w http.ResponseWriter, r *http.Request, tenant string) error {
	id := r.PathValue("id")
	s, ok := responseSpot(id)
	if !ok {
		return noResponse(id)
	}
	if _, err := g.storedResponse(r.Context(), tenant, s); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"id": id, "object": "response", "deleted": true})
	return nil
}

// notServed refuses what clients can do without.
func (g *Gateway) notServed(_ http.ResponseWriter, r *http.Request, _ string) error {
	return &refusal{status: http.StatusNotImplemented, code: "not_implemented", message: r.URL.Path + " is not served here"}
}

// storedResponse is a response as the nodes know it.
func (g *Gateway) storedResponse(ctx context.Context, tenant string, s spot) (*response, error) {
	answer := g.responseOf(s, time.Now())
	r, err := g.resultOf(ctx, tenant, s)
	switch {
	case errors.Is(err, sdk.ErrNotFound):
		return nil, noResponse(responseID(s))
	case errors.Is(err, sdk.ErrNotFinished): // it runs for another gateway
		answer.Status = statusInProgress
		return &answer.response, nil
	case err != nil:
		return nil, err
	}
	answer.accepted(r)
	return answer.whole(r), nil
}

func (g *Gateway) resultOf(ctx context.Context, tenant string, s spot) (*sdk.Result, error) {
	c, err := g.client(tenant)
	if err != nil {
		return nil, err
	}
	return c.Result(ctx, s.program, s.turn)
}

func noResponse(id string) error {
	return &refusal{status: http.StatusNotFound, code: "response_not_found", message: fmt.Sprintf("there is no response %q, or it is forgotten", id)}
}
