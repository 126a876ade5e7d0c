package node

import (
	"sync"

	"github.com/interlude-run/interlude/programs"
)

// residents are the programs that have cells in the engine, by how many sequences. The loop writes; any goroutine
// reads.
type residents struct {
	mu  sync.Mutex
	all map[programs.ProgramID]int
}

func newResidents() *residents { return &residents{all: map[programs.ProgramID]int{}} }

func (r *residents) has(id programs.ProgramID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[id] > 0
}

func (r *residents) add(id programs.ProgramID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[id]++
}

func (r *residents) remove(id programs.ProgramID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[id]--; r.all[id] == 0 {
		delete(r.all, id)
	}
}
