package gateway

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/interlude-run/interlude/sdk/wire"
)

// This file tells those who read a stream in which nothing happens where its turn stands:
//
//	: waiting, 3 programs before it
//	: prefilling, 4096 of 9000 tokens
//
// The nodes are asked for all programs of a tenant at once, however many of its streams are
// idle, and a second before that is told, so that no stream waits for a reply.

// How long before it is told a standing is asked for, for how long one holds for other
// streams, and how long a node has for its reply.
const (
	askAhead     = time.Second
	standingHold = 3 * time.Second
	standingTime = 5 * time.Second
)

// unknown is what is told where no node has said more.
const unknownStanding = "waiting"

// standings are where the turns of a tenant stand, as far as nodes have told.
type standings struct {
	gateway *Gateway
	tenant  string

	mu    sync.Mutex
	asked time.Time
	of    map[spot]string
}

// standingsOf are those of a tenant. g.mu is held.
func (g *Gateway) standingsOf(tenant string) *standings {
	s := g.standings[tenant]
	if s == nil {
		s = &standings{gateway: g, tenant: tenant}
		g.standings[tenant] = s
	}
	return s
}

// observe implements observer: the nodes are asked, unless they just were.
func (s *standings) observe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) < standingHold {
		return
	}
	s.asked = time.Now()
	s.gateway.flying.Go(func() {
		ctx, cancel := context.WithTimeout(s.gateway.ctx, standingTime)
		defer cancel()
		of := s.gateway.look(ctx, s.tenant)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.of = of
	})
}

// stands implements observer.
func (s *standings) stands(turn spot) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.of[turn], unknownStanding)
}

// look is where a tenant's turns stand; empty where no node answers.
func (g *Gateway) look(ctx context.Context, tenant string) map[spot]string {
	c, err := g.client(tenant)
	if err != nil {
		return nil
	}
	nodes, err := c.Programs(ctx)
	if err != nil {
		return nil // whoever asks for a turn hears of it there
	}
	of := map[spot]string{}
	for _, n := range nodes {
		for i := range n.Programs {
			p := &n.Programs[i]
			of[spot{p.Program, p.Turn}] = standingOf(p)
		}
	}
	return of
}

// standingOf puts a turn's state into words.
func standingOf(p *wire.ProgramState) string {
	switch {
	case p.State == wire.StateWaiting && p.Before != nil && *p.Before == 1:
		return "waiting, 1 program before it"
	case p.State == wire.StateWaiting && p.Before != nil:
		return fmt.Sprintf("waiting, %d programs before it", *p.Before)
	case p.State == wire.StatePrefilling:
		return fmt.Sprintf("prefilling, %d of %d tokens", p.Cached, p.Context)
	}
	return string(p.State)
}
