package gpu

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// threads is the pool of compute threads of the CPU backend, and what keeps a
// busy neighbour from collapsing it. The threads of a step meet at a barrier
// after every operator, a thousand times a step: one of them without a processor
// stops all, so that two threads beside an equal competitor are slower than one.
//
// Two things help. Where the process may (root, CAP_SYS_NICE, a nice limit), the
// compute threads run at a raised priority, which ends the contest. Where it may
// not, the number of threads follows what the machine gives: see pace.
//
// The pool's workers inherit the priority of the thread that creates them; the
// remaining compute thread is whichever calls Step.
type threads struct {
	device *device
	pool   ggml.Threadpool
	raised bool         // the pool's workers run at raisedNice
	caller int          // the thread whose priority was raised last
	holds  map[int]bool // threads that are raised on this engine's behalf
	pace   pace
	began  time.Time
}

// raisedNice leaves a normal process about a tenth of a contended processor.
const raisedNice = -10

// poll is how long a worker looks for the next step before it sleeps, in ggml's
// unit of some milliseconds: longer than the pause between two steps of a busy
// engine, and no longer, since a processor is lost to everyone meanwhile.
const poll = 1

func newThreads(d *device, o Options) (*threads, error) {
	n := o.Threads
	if n == 0 {
		n = runtime.NumCPU()
	}
	if n < 0 || n > 512 {
		return nil, fmt.Errorf("%d threads; there can be 1 to 512", n)
	}
	t := &threads{device: d, pace: newPace(n), holds: map[int]bool{}}
	if !d.host {
		return t, nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self := unix.Gettid()
	before, err := unix.Getpriority(unix.PRIO_PROCESS, self)
	if !o.NormalPriority && err == nil {
		t.raised = unix.Setpriority(unix.PRIO_PROCESS, self, raisedNice) == nil
	}
	t.pool = d.lib.ThreadpoolNew(&ggml.ThreadpoolParams{Threads: int32(n), Poll: poll})
	if t.raised {
		unix.Setpriority(unix.PRIO_PROCESS, self, 20-before) // the system call counts from 20 down
	}
	if t.pool == 0 {
		return nil, fmt.Errorf("no pool of %d threads", n)
	}
	d.lib.SetThreadpool(d.backend, t.pool)
	d.lib.SetThreads(d.backend, int32(n))
	return t, nil
}

// begin readies the calling thread for a step: a decode of rows sequences, or
// unpaced work.
func (t *threads) begin(rows int) {
	if t.pool == 0 {
		return
	}
	if t.raised {
		if tid := unix.Gettid(); tid != t.caller {
			t.raise(tid)
		}
	}
	if before := t.pace.running; t.pace.next(rows) != before {
		t.device.lib.SetThreads(t.device.backend, int32(t.pace.running))
	}
	t.began = time.Now()
}

// end tells how the step went. One that was not done says nothing of what steps
// cost.
func (t *threads) end(rows int, done bool) {
	if t.pool != 0 && done {
		t.pace.took(rows, time.Since(t.began))
	}
}

func (t *threads) raise(tid int) {
	priorities.raise(tid, !t.holds[tid])
	t.holds[tid] = true
	t.caller = tid
}

// lower gives back the priority of every thread that steps have raised: Go hands
// threads from one goroutine to another.
func (t *threads) lower() {
	for tid := range t.holds {
		priorities.lower(tid)
	}
	clear(t.holds)
	t.caller = 0
}

func (t *threads) close() {
	t.lower()
	if t.pool != 0 {
		t.device.lib.ThreadpoolFree(t.pool)
		t.pool = 0
	}
}
