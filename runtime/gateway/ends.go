package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// This file is the end of a session: its programs' memory is free at once, and not when it has
// not been wanted for long enough. Clients say so in three ways:
//
//	X-Interlude-Last: true                     with the last turn of one program, see hints.go
//	X-Dynamo-Session-Final: true               on a request of its own, which is answered with nothing
//	POST /v1/programs/release {"program_id"}   ThunderAgent's; program_id is a session here, or a program's name
//
// An end can be told more than once. A turn under way goes on, and its program stays until it
// is told again. A program that is gone on with after its end begins anew, from what is stored.

// releaseRequest names what is over.
type releaseRequest struct {
	ProgramID string `json:"program_id"`
}

// release ends the programs of a session, and the program of that name.
func (g *Gateway) release(w http.ResponseWriter, r *http.Request, tenant string) error {
	if err := g.admit(); err != nil {
		return err
	}
	var q releaseRequest
	if err := read(r, &q); err != nil {
		return err
	}
	if q.ProgramID == "" {
		return invalid("program_id", "it is missing")
	}
	ended, err := g.end(r.Context(), tenant, q.ProgramID, safeName(q.ProgramID))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"program_id": q.ProgramID, "released": ended > 0})
	return nil
}

// finals answers requests that only say that a session is over, and passes others on.
func (g *Gateway) finals(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request, tenant string) error {
		if !isTrue(r.Header, "X-Dynamo-Session-Final") {
			return next(w, r, tenant)
		}
		return g.final(w, r, tenant)
	}
}

// final ends a request's session. The request is answered with nothing, in the shape of its
// API: no model sees what it asks.
func (g *Gateway) final(w http.ResponseWriter, r *http.Request, tenant string) error {
	if err := g.admit(); err != nil {
		return err
	}
	var q struct {
		extras
		Stream bool `json:"stream"`
	}
	if err := read(r, &q); err != nil {
		return err
	}
	var a ask
	q.named(r, &a)
	if a.session == "" && a.program == "" {
		return invalid("", "the request ends a session, and names none")
	}
	if _, err := g.end(r.Context(), tenant, a.session, a.program); err != nil {
		return err
	}
	over := spot{"final-" + sum([]byte("final"), tenant, a.session, a.program).String(), 1}
	nothing := landed(over, &sdk.Result{Outcome: wire.Completed, FinishReason: wire.FinishStop})
	now := time.Now()
	switch strings.TrimPrefix(r.URL.Path, "/v1") {
	case "/chat/completions":
		c := chatAnswer{g: g, created: now.Unix(), id: "chatcmpl-" + over.program}
		if q.Stream {
			c.stream(r.Context(), newEvents(w), nil, false)
			return nil
		}
		return c.whole(r.Context(), w, nil)
	case "/completions":
		c := completionAnswer{id: "cmpl-" + over.program, created: now.Unix(), model: g.cfg.Model, each: 1}
		if q.Stream {
			c.stream(r.Context(), newEvents(w), nil, false)
			return nil
		}
		return c.whole(r.Context(), w, nil)
	case "/messages":
		m := messageAnswer{id: "msg_" + over.program, model: g.cfg.Model, requestID: w.Header().Get("X-Request-Id")}
		if q.Stream {
			return m.stream(r.Context(), w, nothing)
		}
		return m.whole(r.Context(), w, nothing)
	}
	answer := g.responseOf(over, now)
	if q.Stream {
		answer.stream(r.Context(), newEvents(w), nothing, -1)
		return nil
	}
	result, _ := nothing.outcome()
	writeJSON(w, http.StatusOK, answer.whole(result))
	return nil
}

// How many programs are ended at once, and how long all of it may take.
const (
	endsAtOnce = 16
	endTime    = 5 * time.Second
)

// end tells the nodes that the programs of a session are over, and that of a name; either may
// be empty. It gives the number of those that a node had in memory.
func (g *Gateway) end(ctx context.Context, tenant, session, program string) (ended int, err error) {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	c, err := g.client(tenant)
	if err != nil {
		return 0, err
	}
	over, err := g.ledger.members(ctx, tenant, session)
	if err != nil {
		return 0, err
	}
	if program != "" {
		last, err := g.ledger.last(ctx, tenant, program)
		if err != nil {
			return 0, err
		}
		if last > 0 {
			over = append(over, spot{program, last})
		}
	}
	var mu sync.Mutex
	var failed error
	var working sync.WaitGroup
	places := make(chan struct{}, endsAtOnce)
	for _, s := range over {
		places <- struct{}{}
		working.Go(func() {
			defer func() { <-places }()
			err := c.Program(s.program, sdk.Resume(s.turn)).End(ctx)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				ended++
			case errors.Is(err, sdk.ErrNotWaiting): // its turn is under way, or its next one
				return
			case !errors.Is(err, sdk.ErrNoCache):
				failed = errors.Join(failed, err)
				return
			}
			if session != "" {
				failed = errors.Join(failed, g.ledger.note(ctx, tenant, entry{kind: member, name: memberName(session, s.program)}))
			}
		})
	}
	working.Wait()
	if failed != nil {
		return ended, fmt.Errorf("end a session: %w", failed)
	}
	return ended, nil
}

// joined is what the ledger is told of a turn in a session.
func joined(session string, s spot) []entry {
	if session == "" {
		return nil
	}
	return []entry{{kind: member, name: memberName(session, s.program), value: s.String()}}
}

func memberName(session, program string) string {
	return sum([]byte("session"), session).String() + "." + program
}

// members are the programs of a session that are not over, with their last turns.
func (l *ledger) members(ctx context.Context, tenant, session string) (all []spot, err error) {
	if session == "" {
		return nil, nil
	}
	w, err := l.bucket.Watch(ctx, key(tenant, member, memberName(session, "*")), jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("look a session up: %w", err)
	}
	defer func() { _ = w.Stop() }()
	for {
		select {
		case e := <-w.Updates():
			if e == nil { // these were all
				return all, nil
			}
			if s, ok := parseSpot(string(e.Value())); ok {
				all = append(all, s)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// mainOf is the program of a session that has had the most turns, which other sessions are taken
// to have been started by; empty where none is known.
func (l *ledger) mainOf(ctx context.Context, tenant, session string) (string, error) {
	all, err := l.members(ctx, tenant, session)
	var most spot
	for _, s := range all {
		if s.turn > most.turn || s.turn == most.turn && s.program < most.program {
			most = s
		}
	}
	return most.program, err
}
