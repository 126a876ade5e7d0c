package turns

import (
	"context"
	"math/rand/v2"
	"time"
)

// This file keeps JetStream from giving what is in hand to others. Of a turn that runs it
// hears four times in AckWait. Those that wait may be a hundred thousand: of each it hears
// so seldom that together they are some 700 messages a second, and never less often than
// Config.WaitLease allows. So a node that dies loses its running turns after AckWait, and
// those that wait after
//
//	lease = 4 ms for each that is held, at least AckWait, at most WaitLease
//
// Waiting turns are kept by a NAK with a delay, the only word that sets a time other than
// AckWait for one message.

// leasePerTurn is what each turn in hand adds to the lease of those that wait.
const leasePerTurn = 4 * time.Millisecond

// lease is for how long a waiting turn is kept, while so many are held.
func (c Config) lease(held int) time.Duration {
	return max(c.AckWait, min(time.Duration(held)*leasePerTurn, c.WaitLease))
}

// beat keeps what is in hand until ctx ends.
func (s *Server) beat(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.AckWait / 4)
	defer ticker.Stop()
	var jobs []*Job
	for {
		select {
		case now := <-ticker.C:
			jobs = s.held.all(jobs[:0])
			lease := s.cfg.lease(len(jobs))
			for _, j := range jobs {
				s.keep(j, now, lease)
			}
			clear(jobs)
		case <-ctx.Done():
			return
		}
	}
}

// keep has JetStream know that a turn is in hand, if it is time. One that waits for a turn of
// another node, of whose end this one should hear but may not, is looked at.
func (s *Server) keep(j *Job, now time.Time, lease time.Duration) {
	if j.keep(now, lease, s.cfg.AckWait/4) && s.held.get(j.id.Previous()) == nil {
		s.wake(j)
	}
}

// keep tells whether JetStream has heard of a job that waits for the turn before it. What
// is due before the next time is due now.
func (j *Job) keep(now time.Time, lease, next time.Duration) (waits bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.state != open && j.state != finishing:
	case j.runs || j.state == finishing:
		_ = j.inHand() // the next one comes soon
	case j.renew < now.Add(next).UnixNano():
		_ = j.inHandFor(lease)
		j.renew = now.Add(lease/4 + rand.N(lease/4)).UnixNano() // those that came together do not stay together
		return !j.handed
	}
	return false
}

// Start says that the turn is worked on from now on: others have it AckWait after this
// node was last heard of, and no later.
func (j *Job) Start() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state == open && !j.runs {
		j.runs = true
		_ = j.inHand()
	}
}
