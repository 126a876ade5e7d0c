package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// Config says what a Gateway serves.
type Config struct {
	Conn  *nats.Conn    // to the nodes; it may speak for every tenant of Keys
	Model string        // the name that the model is offered under
	Keys  *Keys         // who may ask, and as which tenant; nil: everybody, as the default tenant
	Keep  time.Duration // how long conversations are known; 0: a week, as long as turns are kept
	Log   *slog.Logger  // nil: slog.Default
	Reuse sdk.Reuse     // of requests that do not say; "" is exact

	Origins []string // web origins that may ask, see guard.go; none: only what comes from no web page
	Hosts   []string // names that the gateway may be called by, beside loopback's and addresses
}

// Gateway answers HTTP requests of the OpenAI and Anthropic APIs by turns of programs. It is
// an http.Handler.
type Gateway struct {
	cfg     Config
	ledger  *ledger
	handler http.Handler
	began   time.Time

	draining     atomic.Bool
	flying       sync.WaitGroup
	strippedOnce sync.Once
	ctx          context.Context // of flights
	stop         context.CancelFunc

	mu      sync.Mutex
	clients map[string]*sdk.Client // by tenant
	flights map[digest]*flight     // under way, by request
	byTurn  map[string]*flight     // and by tenant and turn

	standings map[string]*standings // by tenant
}

// New opens the ledger. The caller closes the gateway, and then the connection.
func New(ctx context.Context, cfg Config) (*Gateway, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Keep == 0 {
		cfg.Keep = 7 * 24 * time.Hour
	}
	if cfg.Model == "" {
		cfg.Model = "default"
	}
	l, err := openLedger(ctx, cfg.Conn, cfg.Keep)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		cfg: cfg, ledger: l, began: time.Now(),
		clients: map[string]*sdk.Client{}, flights: map[digest]*flight{}, byTurn: map[string]*flight{}, standings: map[string]*standings{},
	}
	g.ctx, g.stop = context.WithCancel(context.Background())
	g.handler = g.routes()
	return g, nil
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }

// Drain refuses new requests from now on. Those that are under way go on; the HTTP server's
// Shutdown waits for them.
func (g *Gateway) Drain() { g.draining.Store(true) }

// Close ends what is under way, without cancelling its turns where others may read them, and
// waits for it.
func (g *Gateway) Close() {
	g.Drain()
	g.stop()
	g.flying.Wait()
}

// client speaks for a tenant.
func (g *Gateway) client(tenant string) (*sdk.Client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.clients[tenant]; c != nil {
		return c, nil
	}
	c, err := sdk.Use(g.cfg.Conn, sdk.Tenant(tenant))
	if err != nil {
		return nil, err
	}
	g.clients[tenant] = c
	return c, nil
}

// takeoff finds the flight that answers a request, or starts it, and joins it. It returns
// once the turn is accepted.
func (g *Gateway) takeoff(ctx context.Context, a *ask) (*flight, error) {
	if f, err := g.resent(ctx, a); f != nil || err != nil {
		return f, err
	}
	d := a.digest()
	f, first := g.enter(d, a)
	if first {
		g.flying.Go(func() { g.fly(f, a, d) })
	}
	select {
	case <-f.ready:
	case <-ctx.Done():
		f.leave()
		return nil, ctx.Err()
	}
	if f.turn == 0 {
		defer f.leave()
		_, err := f.outcome()
		return nil, err
	}
	return f, nil
}

// enter joins the flight of the very same request, or makes it.
func (g *Gateway) enter(d digest, a *ask) (f *flight, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f = g.flights[d]; f != nil && f.join(a.background) {
		return f, false
	}
	ctx, cancel := context.WithCancel(context.Background())
	f = newFlight(cancel)
	f.ctx, f.alone, f.nodes = ctx, a.background, g.standingsOf(a.tenant)
	g.flights[d] = f
	return f, true
}

// resent finds the flight of a request that is sent once more; nil where there was none, or
// where it came to nothing. The gateway that had it may have died, so what it could not note
// any more is noted here.
func (g *Gateway) resent(ctx context.Context, a *ask) (*flight, error) {
	if !a.retry && a.key == "" {
		return nil, nil
	}
	s, ok, err := g.ledger.spot(ctx, a.tenant, requested, a.requestDigest())
	if !ok || err != nil {
		return nil, err
	}
	f, err := g.again(ctx, a.tenant, s)
	switch {
	case errors.Is(err, sdk.ErrNotFound): // the nodes have forgotten it
		return nil, nil
	case err != nil:
		return nil, err
	}
	_, over, _ := f.look(0)
	if !over {
		return f, nil // it is noted when it lands
	}
	chain := a.chain()
	p := place{spot: s, before: chain[0], asked: chain[len(chain)-1]}
	if a.previous != nil && a.previous.program == s.program { // else it is a fork
		p.mode, p.after = sdk.Append, a.previous.turn
	}
	result, err := f.outcome()
	if err != nil {
		f.leave()
		g.note(a, onFailure(p)...)
		return nil, nil
	}
	_, noted, err := g.ledger.spot(ctx, a.tenant, answered, p.asked.then(said(result)))
	if err == nil && !noted {
		g.note(a, append([]entry{progressed(s), at(asked, p.asked, s)}, onAnswer(a, p, result)...)...)
	}
	return f, nil
}

// again finds a turn that was accepted before: under way here, under way elsewhere, or over.
func (g *Gateway) again(ctx context.Context, tenant string, s spot) (*flight, error) {
	c, err := g.client(tenant)
	if err != nil {
		return nil, err
	}
	heard := time.Now()
	for {
		if f := g.underway(tenant, s); f != nil {
			return f, nil
		}
		r, err := c.Result(ctx, s.program, s.turn)
		switch {
		case err == nil:
			return landed(s, r), nil
		case errors.Is(err, sdk.ErrNotFinished):
			heard = time.Now()
		case ctx.Err() != nil, errors.Is(err, sdk.ErrNotFound), time.Since(heard) > silence:
			return nil, err
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// A turn that runs, and was not sent by this gateway, is asked for so often; and given up when
// no node has said anything of it for so long.
const (
	askAgain = 300 * time.Millisecond
	silence  = 30 * time.Second
)

// underway joins the flight of a turn that this gateway follows; nil where it follows none.
func (g *Gateway) underway(tenant string, s spot) *flight {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.byTurn[tenant+"/"+s.String()]; f != nil && f.join(false) {
		return f
	}
	return nil
}

// fly has a request's turn accepted, follows it to its end, and notes what the ledger is to
// know before anybody hears of the end: the next request may come at once.
func (g *Gateway) fly(f *flight, a *ask, d digest) {
	defer f.cancel()
	stopSubmitting := context.AfterFunc(g.ctx, f.cancel)
	p, answer, err := g.submit(f.ctx, a)
	stopSubmitting()
	if err != nil && g.ctx.Err() != nil {
		err = errDraining
	}
	if err != nil {
		g.land(f, a, d, nil, err)
		close(f.ready)
		return
	}
	f.spot = p.spot
	g.mu.Lock()
	g.byTurn[a.tenant+"/"+p.spot.String()] = f
	g.mu.Unlock()
	close(f.ready)
	defer context.AfterFunc(g.ctx, func() {
		answer.Close() // the turn goes on
		f.cancel()
	})()
	// The first entry first: with it alone, a retry finds the turn and notes the others.
	g.note(a, append([]entry{at(requested, a.requestDigest(), p.spot), progressed(p.spot), at(asked, p.asked, p.spot)}, joined(a.session, p.spot)...)...)
	for piece, err := range answer.Pieces() {
		switch {
		case err == nil:
			f.change(func() { f.pieces = append(f.pieces, piece) })
		case errors.Is(err, sdk.ErrDiverged):
			f.change(func() { f.parted = errParted })
		}
	}
	result, err := answer.Result(f.ctx)
	switch {
	case err != nil && g.ctx.Err() != nil: // its end is for another gateway to hear of
		err = errDraining
	case a.retry && errors.Is(err, sdk.ErrCancelled) && f.ctx.Err() == nil:
		g.note(a, onFailure(p)...)
		err = errGivenUp
	case result != nil && result.Outcome == wire.Completed:
		g.note(a, onAnswer(a, p, result)...)
	default:
		g.note(a, onFailure(p)...)
	}
	g.land(f, a, d, result, err)
}

// land ends a flight. Who asks for the same from then on does not join it any more.
func (g *Gateway) land(f *flight, a *ask, d digest, result *sdk.Result, err error) {
	g.mu.Lock()
	if g.flights[d] == f {
		delete(g.flights, d)
	}
	delete(g.byTurn, a.tenant+"/"+f.spot.String())
	g.mu.Unlock()
	f.end(result, err)
}

// errGivenUp is for a request that is sent once more while the gateway that had it first cancels
// its turn, since its client is gone from there.
var errGivenUp = &sdk.Error{Code: wire.CodeUnavailable, Message: "the request was given up where it was sent first", Hint: "send it again", Retryable: true, RetryAfterMS: 100}

// onAnswer is what the ledger is told of an answer.
func onAnswer(a *ask, p place, r *sdk.Result) []entry {
	entries := []entry{at(answered, p.asked.then(said(r)), p.spot)}
	standing := a.standing
	if standing == nil && p.from != nil {
		standing = &a.stood
	}
	if standing != nil {
		e := entry{kind: instructed, name: p.program}
		if *standing != "" {
			e.value = spot{*standing, p.turn}.String()
		}
		entries = append(entries, e)
	}
	return entries
}

// onFailure is what the ledger is told of a turn that came to nothing: what was said before
// stands, behind this turn.
func onFailure(p place) []entry {
	if p.mode == sdk.Append && p.after > 0 {
		return []entry{progressed(p.spot), at(answered, p.before, p.spot)}
	}
	return []entry{progressed(p.spot)}
}

// submit finds a place for a request and has its turn accepted.
func (g *Gateway) submit(ctx context.Context, a *ask) (p place, answer *sdk.Answer, err error) {
	c, err := g.client(a.tenant)
	if err != nil {
		return place{}, nil, err
	}
	var tried spot
	for attempt := range attempts {
		if p, err = g.ledger.find(ctx, a); err != nil {
			return place{}, nil, err
		}
		opts := []sdk.ProgramOption{sdk.Resume(p.turn - 1)}
		if p.parent != "" {
			opts = append(opts, sdk.Parent(p.parent))
		}
		answer, err = c.Program(p.program, opts...).Turn(ctx, sdk.Turn{
			Messages: p.messages, Prompt: a.prompt, From: p.fork(), Mode: p.mode, Class: a.class, Tools: a.tools, Choice: a.choice, Format: a.format, Sampling: a.sampling,
			Last: a.last, ToolHint: a.hint, Reuse: cmp.Or(a.reuse, g.cfg.Reuse), Timeout: a.timeout, Number: p.turn, RemainingTurns: a.left,
		})
		switch {
		case err == nil && answer.Duplicate && !a.retry && tried != p.spot && a.previous == nil:
			// The turn was there: sent by this gateway, when a reply was lost, or by another one for
			// the same words, which has noted it by now or will not. A retry is that very request.
			answer.Close()
			tried = p.spot
			continue
		case errors.Is(err, sdk.ErrConflict):
			// Another gateway, or another client, has gone on with the program.
			g.note(a, progressed(p.spot))
		case errors.Is(err, sdk.ErrOutOfOrder): // the ledger knows of turns that the nodes have forgotten
			if a.previous != nil {
				return p, nil, noPrevious(responseID(*a.previous))
			}
		default:
			return p, answer, err
		}
		if attempt > 0 && a.previous == nil && a.named == "" {
			b := *a
			b.apart, b.program, b.key, b.known = true, "", "", digest{}
			a = &b
		}
	}
	if err == nil {
		err = errBusy
	}
	return p, nil, err
}

// errBusy is for a program that others go on with faster than this gateway can.
var errBusy = &sdk.Error{Code: wire.CodeUnavailable, Message: "others go on with the same conversation", Hint: "send the request again", Retryable: true, RetryAfterMS: 100}

// attempts are made to find a place that nobody else takes meanwhile.
const attempts = 4

// note writes to the ledger, also while the gateway stops. What cannot be written costs reuse,
// and nothing else.
func (g *Gateway) note(a *ask, entries ...entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), 5*time.Second)
	defer cancel()
	if err := g.ledger.note(ctx, a.tenant, entries...); err != nil {
		g.cfg.Log.Warn("a conversation is not noted: its next request will begin anew", "error", err)
	}
}

// said is the answer as a message of the conversation.
func said(r *sdk.Result) sdk.Message {
	m := sdk.Assistant(r.Said())
	m.ToolCalls = r.ToolCalls()
	return m
}

// errParted ends the streams of an answer of which the first attempt was lost, and the second
// said something else. Sent again, the request has the answer that stands.
var errParted = &sdk.Error{
	Code: wire.CodeUnavailable, Message: "the node was lost, and the answer began anew in other words", Hint: "send the request again", Retryable: true,
}

// errDraining refuses requests while the gateway stops.
var errDraining = &sdk.Error{
	Code: wire.CodeUnavailable, Message: "the gateway is about to stop", Hint: "send the request again; another gateway, or this one when it is back, has it", Retryable: true, RetryAfterMS: 1000,
}

// admit refuses what cannot be answered just now.
func (g *Gateway) admit() error {
	if g.draining.Load() {
		return errDraining
	}
	if !g.cfg.Conn.IsConnected() {
		return fmt.Errorf("%w: the connection to NATS is down", sdk.ErrNoNode)
	}
	return nil
}
