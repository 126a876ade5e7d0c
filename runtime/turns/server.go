package turns

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Runner runs turns.
type Runner interface {
	// Run is called in a goroutine of its own for every turn, for one turn of a
	// program at a time. ctx ends when the server is to stop at once; the job is
	// then finished soon or handed back.
	Run(ctx context.Context, job *Job)
}

// RunnerFunc is a function as a Runner.
type RunnerFunc func(ctx context.Context, job *Job)

// Run calls the function.
func (f RunnerFunc) Run(ctx context.Context, job *Job) { f(ctx, job) }

// Server takes turns in and has them run. See the package documentation.
type Server struct {
	conn    *nats.Conn
	store   *store
	cfg     Config
	held    held
	recent  *recent
	slots   chan struct{} // one for each job that may be held
	waiting atomic.Int64  // jobs that wait for the one before them

	draining chan struct{} // closed by drain
	drain    func()
	stopJobs chan struct{} // closed by halt
	halt     func()
	stopped  chan struct{} // closed when Run returns
}

// queueGroup is the nodes: a request goes to one of them.
const queueGroup = "nodes"

// New sets the streams up. It takes no turns yet. The connection stays the
// caller's, and must stay open until Run has returned.
func New(ctx context.Context, conn *nats.Conn, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	store, err := openStore(ctx, conn, cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{
		conn: conn, store: store, cfg: cfg,
		held:     held{jobs: map[wire.ID]*Job{}},
		recent:   newRecent(),
		slots:    make(chan struct{}, cfg.MaxJobs),
		draining: make(chan struct{}),
		stopJobs: make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	s.drain = sync.OnceFunc(func() { close(s.draining) })
	s.halt = sync.OnceFunc(func() { close(s.stopJobs) })
	return s, nil
}

// Run serves until ctx ends, which stops the runners too, or until Shutdown. It
// returns when every runner has returned; then no turn is lost and none is in
// hand. An error says why it could not go on. It is called once.
func (s *Server) Run(ctx context.Context, runner Runner) (err error) {
	defer close(s.stopped)
	defer context.AfterFunc(ctx, s.drain)()
	jobs, cancel := context.WithCancel(ctx)
	defer cancel()

	listening, err := s.listen()
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { s.beat(jobs) })
	running.Go(func() {
		select {
		case <-s.stopJobs:
			cancel()
		case <-jobs.Done():
		}
	})

	var serving sync.WaitGroup
	err = s.pull(func(m jetstream.Msg) {
		serving.Go(func() {
			defer func() { <-s.slots }()
			s.serve(jobs, m, runner)
		})
	})
	if err != nil {
		s.halt() // nothing that runs could be finished
	}
	s.drain()
	listening.stopRequests(s.conn.IsConnected())
	serving.Wait()
	listening.stopResults(s.conn.IsConnected())
	cancel()
	running.Wait()
	if !s.conn.IsConnected() {
		return err
	}
	if flushErr := s.conn.FlushTimeout(storeTimeout); flushErr != nil {
		s.cfg.Log.Warn("last acknowledgements may be lost; their turns are looked at again", "error", flushErr)
	}
	return err
}

// Shutdown takes no more turns and waits for those that run. When ctx ends before
// that, the runners' context does too, and they hand back what they have. It
// returns when Run does.
func (s *Server) Shutdown(ctx context.Context) error {
	s.drain()
	select {
	case <-s.stopped:
		return nil
	case <-ctx.Done():
		s.halt()
	}
	<-s.stopped
	return context.Cause(ctx)
}

// pull hands over messages as long as there are slots for them, until the server
// drains. Each is asked for alone: what is not in hand must not wait here. The
// client library's iterator would do that with a batch of one, but can miss that
// it has to ask for the next message when one comes at once.
func (s *Server) pull(hand func(jetstream.Msg)) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.draining:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		m, err := s.nextMessage(ctx)
		if err != nil {
			<-s.slots
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("turns: pull: %w", err)
		}
		hand(m)
	}
}

// nextMessage waits for a message, and for the connection to come back. An error
// says that there will be none.
func (s *Server) nextMessage(ctx context.Context) (jetstream.Msg, error) {
	for {
		bounded, cancel := context.WithTimeout(ctx, askAgain)
		m, err := s.store.consumer.Next(jetstream.FetchContext(bounded))
		cancel()
		switch {
		case err == nil:
			return m, nil
		case ctx.Err() != nil,
			errors.Is(err, nats.ErrConnectionClosed),
			errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
			return nil, err
		case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
			continue
		}
		s.cfg.Log.Warn("no turns to be had; trying again", "error", err)
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
}

// askAgain is how long a request for a message is good. One that was lost with a
// connection is made up for after that.
const askAgain = 2 * time.Second

// serve brings one turn from its message to its end.
func (s *Server) serve(ctx context.Context, m jetstream.Msg, runner Runner) {
	job, err := s.open(m)
	if err != nil {
		s.bury(ctx, m, err)
		return
	}
	if !s.held.add(job) { // it comes again although it is in hand: heartbeats were late
		_ = m.InProgress()
		return
	}
	defer s.held.remove(job)
	if !s.ready(ctx, job) {
		return
	}
	runner.Run(ctx, job)
	if err := job.HandBack(ctx); err == nil {
		s.cfg.Log.Warn("runner left a turn unfinished", "turn", job.turn.ID().String(), "attempt", job.attempt)
	}
}

// open reads a message as a job.
func (s *Server) open(m jetstream.Msg) (*Job, error) {
	id, _, err := wire.ParseSubject(m.Subject())
	if err != nil {
		return nil, err
	}
	turn, err := wire.Decode[wire.Turn](m.Data())
	if err != nil {
		return nil, err
	}
	if turn.ID() != id {
		return nil, fmt.Errorf("the stored message names turn %v", turn.ID())
	}
	if err := turn.Validate(); err != nil {
		return nil, err
	}
	about, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	return newJob(s, turn, int(about.NumDelivered), m), nil
}

// bury gives a message that is no turn a result, if it can have one. Only who may
// write to the stream can put it there.
func (s *Server) bury(ctx context.Context, m jetstream.Msg, why error) {
	s.cfg.Log.Error("stored turn cannot be read", "subject", m.Subject(), "error", why)
	id, _, err := wire.ParseSubject(m.Subject())
	if err == nil {
		result := &wire.Result{
			Outcome: wire.Rejected,
			Error:   &wire.Error{Code: wire.CodeInvalidTurn, Message: "the stored turn cannot be read: " + why.Error(), Hint: "send turns to their submit subject"},
			Node:    s.cfg.Node,
		}
		now := time.Now()
		complete(result, &wire.Turn{Tenant: id.Tenant, Program: id.Program, Turn: id.Turn, AcceptedAt: now}, now)
		data, err := wire.Encode(result)
		if err == nil {
			err = s.store.putResult(ctx, id, data)
		}
		if err != nil && !errors.Is(err, errTaken) {
			_ = m.NakWithDelay(s.cfg.AckWait)
			return
		}
	}
	_ = m.Term()
}

// beat keeps JetStream from giving what is in hand to others.
func (s *Server) beat(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.AckWait / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.held.keepAll()
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// handBackDelay is how long a turn that is handed back stays away: not at all from
// others when this node stops, and not so short that it comes back in a circle.
func (s *Server) handBackDelay() time.Duration {
	if s.isDraining() {
		return 0
	}
	return again
}

// again is after what time a turn that cannot be run now is looked at once more.
const again = 50 * time.Millisecond
