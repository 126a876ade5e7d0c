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

	"github.com/interlude-run/interlude/runtime/internal/crew"
	"github.com/interlude-run/interlude/sdk/wire"
)

// Runner runs turns.
type Runner interface {
	// Take is given every turn, one of a program at a time, and returns without waiting
	// for it to run: it may be one of very many. Whoever has the job ends it with Finish
	// or HandBack. ctx ends when the server is to stop at once; the job is then finished
	// soon or handed back. Several goroutines may call it.
	Take(ctx context.Context, job *Job)
}

// RunnerFunc is a function as a Runner that gives each turn a goroutine of its own. A turn
// that the function leaves unfinished is handed back.
type RunnerFunc func(ctx context.Context, job *Job)

// Take implements Runner.
func (f RunnerFunc) Take(ctx context.Context, job *Job) {
	job.server.running.Go(func() {
		f(ctx, job)
		if err := job.HandBack(ctx); err == nil {
			job.server.cfg.Log.Warn("runner left a turn unfinished", "turn", job.id.String(), "attempt", job.attempt)
		}
	})
}

// Server takes turns in and has them run. See the package documentation.
type Server struct {
	conn     *nats.Conn
	store    *store
	cfg      Config
	held     held
	recent   *recent
	slots    chan struct{} // one for each job that may be held
	waiting  atomic.Int64  // jobs that wait for the one before them
	bodies   atomic.Int64  // bytes of messages at hand
	arriving chan struct{} // one for each message that has come and is not held yet

	ctx     context.Context // of Run: ends when the server is to stop at once
	runner  Runner
	lookers *crew.Crew[errand]
	serving sync.WaitGroup // of the jobs that are held
	running sync.WaitGroup // of the goroutines that Run waits for

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
		held:     newHeld(),
		recent:   newRecent(),
		slots:    make(chan struct{}, cfg.MaxJobs),
		arriving: make(chan struct{}, mostArriving),
		draining: make(chan struct{}),
		stopJobs: make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	s.drain = sync.OnceFunc(func() { close(s.draining) })
	s.halt = sync.OnceFunc(func() { close(s.stopJobs) })
	return s, nil
}

// Run serves until ctx ends, which stops the runner too, or until Shutdown. It
// returns when every turn has had its end here; then no turn is lost and none is in
// hand. An error says why it could not go on. It is called once.
func (s *Server) Run(ctx context.Context, runner Runner) (err error) {
	defer close(s.stopped)
	defer context.AfterFunc(ctx, s.drain)()
	jobs, cancel := context.WithCancel(ctx)
	defer cancel()
	s.ctx, s.runner = jobs, runner
	s.lookers = crew.New(lookers, 1, s.attend)

	listening, err := s.listen()
	if err != nil {
		return err
	}
	s.running.Go(func() { s.beat(jobs) })
	s.running.Go(func() {
		select {
		case <-s.stopJobs:
			cancel()
		case <-jobs.Done():
		}
	})

	err = s.pull(func(m jetstream.Msg) {
		s.serving.Add(1)
		s.arriving <- struct{}{}
		s.lookers.Do(0, errand{message: m})
	})
	if err != nil {
		s.halt() // nothing that runs could be finished
	}
	s.drain()
	listening.stopRequests(s.conn.IsConnected())
	for _, j := range s.held.all(nil) {
		s.wake(j) // those that wait for the turn before them are handed back
	}
	s.serving.Wait()
	listening.stopResults(s.conn.IsConnected())
	s.lookers.Wait()
	cancel()
	s.running.Wait()
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
// drains. It asks for no more than there are slots: what is not in hand must not wait here.
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
		slots := s.claim(ctx)
		if slots == 0 {
			return nil
		}
		got, err := s.messages(ctx, slots, hand)
		for range slots - got {
			<-s.slots
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("turns: pull: %w", err)
		}
	}
}

// atOnce is how many messages are asked for at once.
const atOnce = 64

// claim waits for a slot, and takes as many as are free for one request; none when ctx has
// ended.
func (s *Server) claim(ctx context.Context) (slots int) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for slots = 1; slots < atOnce; slots++ {
		select {
		case s.slots <- struct{}{}:
		default:
			return slots
		}
	}
	return slots
}

// messages hands over so many messages at most, as they come, and says how many came. An
// error says that none will come any longer; where the connection is lost it waits.
func (s *Server) messages(ctx context.Context, most int, hand func(jetstream.Msg)) (got int, err error) {
	bounded, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	batch, err := s.store.consumer.Fetch(most, jetstream.FetchContext(bounded))
	if err == nil {
		for m := range batch.Messages() {
			got++
			hand(m)
		}
		err = batch.Error()
	}
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return got, nil
	case errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
		return got, err
	}
	s.cfg.Log.Warn("no turns to be had; trying again", "error", err)
	select {
	case <-time.After(again):
	case <-ctx.Done():
	}
	return got, nil
}

// askAgain is how long a request for messages is good. One that was lost with a
// connection is made up for after that.
const askAgain = 2 * time.Second

// lookers is how many goroutines find out whether turns may run; most of their time they
// wait for JetStream.
const lookers = 8

// mostArriving is how many messages may have come that nobody has opened yet, and which are
// not kept until then.
const mostArriving = 1024

// errand is a message that has come, or a job that there is news for.
type errand struct {
	message jetstream.Msg
	job     *Job
}

// attend does an errand.
func (s *Server) attend(e errand) {
	if e.job != nil {
		s.look(e.job)
		return
	}
	job, err := s.open(e.message)
	fresh := err == nil && s.held.add(job)
	<-s.arriving
	switch {
	case err != nil:
		s.bury(s.ctx, e.message, err)
	case !fresh: // it comes again although it is in hand: heartbeats were late
		_ = job.inHand()
		job.Drop()
	default:
		s.look(job)
		return
	}
	s.free()
}

// leave takes a job out of the node's hands, at its end, and has the turn behind it looked
// at.
func (s *Server) leave(j *Job) {
	s.held.remove(j)
	if next := s.held.get(following(j.id)); next != nil {
		s.wake(next)
	}
	s.free()
}

// free gives back what a message took.
func (s *Server) free() {
	<-s.slots
	s.serving.Done()
}

// following is the turn behind one.
func following(id wire.ID) wire.ID { id.Turn++; return id }

// open reads a message as a job, whose turn is at hand if there is room for it.
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
	j := &Job{
		server: s, id: id, delivery: delivery{s.conn, m.Reply()}, attempt: int(about.NumDelivered),
		accepted: turn.AcceptedAt.UnixNano(), looking: true,
	}
	if turn.AcceptedAt.IsZero() { // not this package's
		j.accepted = about.Timestamp.UnixNano()
	}
	if at, ok := turn.Deadline(); ok {
		j.deadline = at.UnixNano()
	}
	if j.size = len(m.Data()); s.bodies.Add(int64(j.size)) <= int64(s.cfg.BodyBytes) {
		j.body = turn
	} else {
		s.bodies.Add(-int64(j.size))
	}
	return j, nil
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
		complete(result, id, now, now)
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
