package turns

import (
	"sync"

	"github.com/interlude-run/interlude/sdk/wire"
)

// held are the turns that this node has in hand: each from when it comes until it has had
// its end here. Any goroutine may use it.
type held struct {
	mu      sync.Mutex
	jobs    map[wire.ID]*Job
	tenants map[string]int // counts of jobs, none of them 0
}

func newHeld() held { return held{jobs: map[wire.ID]*Job{}, tenants: map[string]int{}} }

// add takes a job in, unless its turn is there.
func (h *held) add(j *Job) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.jobs[j.id] != nil {
		return false
	}
	h.jobs[j.id] = j
	h.tenants[j.id.Tenant]++
	return true
}

// remove ends what add began.
func (h *held) remove(j *Job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.jobs[j.id] == nil {
		return
	}
	delete(h.jobs, j.id)
	if h.tenants[j.id.Tenant]--; h.tenants[j.id.Tenant] == 0 {
		delete(h.tenants, j.id.Tenant)
	}
}

// of counts a tenant's.
func (h *held) of(tenant string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tenants[tenant]
}

// get is the job of a turn; nil when the node does not hold it.
func (h *held) get(id wire.ID) *Job {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.jobs[id]
}

// all adds every job to a list.
func (h *held) all(jobs []*Job) []*Job {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, j := range h.jobs {
		jobs = append(jobs, j)
	}
	return jobs
}
