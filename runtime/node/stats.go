package node

import (
	"sync/atomic"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
)

// Stats is the node in numbers: sums since its start, and what is at this moment.
type Stats struct {
	Completed, Cancelled, TimedOut, Failed int64 // turns by their result
	Rejected                               int64 // turns that cannot be served as they are
	Shed                                   int64 // of Failed, turns that were turned away as their bound could not be promised
	HandedBack                             int64 // turns left to another node or a later run
	Suspended                              int64 // times that a turn lost its place in memory

	Promised int64 // turns that had their first token and had been promised it by a deadline
	Late     int64 // of these, those that had it later

	Signals   int64 // of clients, between turns
	Counted   int64 // prompts whose tokens were counted for clients
	Rewritten int64 // turns whose past was no longer that of the turn before
	Rebuilt   int64 // conversations put together from their history
	Fetched   int64 // prompts made once more, as there was no room to keep them ready

	Steps     int64
	Reused    int64 // tokens of prompts found on the device when their turns were admitted
	Prefilled int64 // tokens run before one could be sampled
	Generated int64 // tokens sampled
	Restored  int64 // cells that came back from lower tiers, whenever
	Ahead     int64 // of these, before their turn did; what is there when it is admitted counts in Reused as well

	Turns    int64 // taken in and not over, now
	Running  int64 // of these, those in memory
	Ready    int64 // bytes of prompts that are kept for those that wait, now
	Contexts int64 // token lists of programs, kept while they run or have cells
	KVUsed   int64 // bytes of the pool that are accounted for, now
	KVPool   int64 // bytes of the pool
	KVHost   int64 // bytes of copies on the host, now
	KVDisk   int64 // and on disk
}

// stats counts for Stats. The loop writes; any goroutine reads.
type stats struct {
	completed, cancelled, timedOut, failed, rejected atomic.Int64
	handedBack, suspended, rewritten, rebuilt        atomic.Int64
	shed, promised, late, pace                       atomic.Int64
	signals, counted, fetched, ready                 atomic.Int64
	steps, reused, prefilled, generated              atomic.Int64
	turns, running, contexts, used, pool             atomic.Int64
	host, disk, restored, ahead                      atomic.Int64
}

// Stats reads the numbers. Those of one moment belong together within a step or
// so.
func (n *Node) Stats() Stats {
	s := &n.stats
	return Stats{
		Completed:  s.completed.Load(),
		Cancelled:  s.cancelled.Load(),
		TimedOut:   s.timedOut.Load(),
		Failed:     s.failed.Load(),
		Rejected:   s.rejected.Load(),
		Shed:       s.shed.Load(),
		HandedBack: s.handedBack.Load(),
		Suspended:  s.suspended.Load(),
		Promised:   s.promised.Load(),
		Late:       s.late.Load(),
		Signals:    s.signals.Load(),
		Counted:    s.counted.Load(),
		Rewritten:  s.rewritten.Load(),
		Rebuilt:    s.rebuilt.Load(),
		Fetched:    s.fetched.Load(),

		Steps:     s.steps.Load(),
		Reused:    s.reused.Load(),
		Prefilled: s.prefilled.Load(),
		Generated: s.generated.Load(),
		Restored:  s.restored.Load(),
		Ahead:     s.ahead.Load(),

		Turns:    s.turns.Load(),
		Contexts: s.contexts.Load(),
		Running:  s.running.Load(),
		Ready:    s.ready.Load(),
		KVUsed:   s.used.Load(),
		KVPool:   s.pool.Load(),
		KVHost:   s.host.Load(),
		KVDisk:   s.disk.Load(),
	}
}

// observe notes what is at this moment.
func (s *stats) observe(l *loop) {
	s.turns.Store(int64(len(l.turns)))
	s.contexts.Store(int64(len(l.contexts)))
	s.running.Store(int64(len(l.running)))
	s.ready.Store(int64(l.ready))
	s.pace.Store(int64(l.machine.Pace()))
	s.used.Store(int64(l.machine.Memory().Used))
	_, host := l.machine.Tier(kvpin.Host)
	_, disk := l.machine.Tier(kvpin.Disk)
	s.host.Store(int64(host))
	s.disk.Store(int64(disk))
}

// answered counts a result.
func (s *stats) answered(outcome wire.Outcome) {
	switch outcome {
	case wire.Completed:
		s.completed.Add(1)
	case wire.Cancelled:
		s.cancelled.Add(1)
	case wire.DeadlineExceeded:
		s.timedOut.Add(1)
	case wire.Rejected:
		s.rejected.Add(1)
	default:
		s.failed.Add(1)
	}
}

// finished counts what a turn has cost.
func (s *stats) finished(e *core.Effect) {
	s.reused.Add(int64(e.Usage.Reused))
	s.prefilled.Add(int64(e.Usage.Prefilled))
	s.generated.Add(int64(e.Usage.Generated))
	if by := e.Timing.Promised; by != 0 {
		s.promised.Add(1)
		if e.Timing.First > by {
			s.late.Add(1)
		}
	}
}
