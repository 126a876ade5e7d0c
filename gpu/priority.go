package gpu

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// priorities are the threads of the process that engines have raised. One thread
// may step several engines: it gets its own priority back from the last of them.
var priorities = raisedThreads{of: map[int]*raisedThread{}}

type raisedThreads struct {
	mu sync.Mutex
	of map[int]*raisedThread // by thread id
}

type raisedThread struct {
	nice    int // before
	engines int
}

// raise gives a thread the priority of the pool's workers, until lower is called as
// often as raise was with hold.
func (r *raisedThreads) raise(tid int, hold bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.of[tid]
	if t == nil {
		before, _ := unix.Getpriority(unix.PRIO_PROCESS, tid) // of a thread that lives: the caller's
		t = &raisedThread{nice: 20 - before}                  // the system call counts from 20 down
		r.of[tid] = t
	}
	if hold {
		t.engines++
	}
	unix.Setpriority(unix.PRIO_PROCESS, tid, raisedNice)
}

// lower undoes one raise, if the thread still lives.
func (r *raisedThreads) lower(tid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.of[tid]
	if t.engines--; t.engines > 0 {
		return
	}
	delete(r.of, tid)
	if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid)); err == nil {
		unix.Setpriority(unix.PRIO_PROCESS, tid, t.nice)
	}
}
