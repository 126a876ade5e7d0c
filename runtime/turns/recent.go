package turns

import (
	"sync"

	"github.com/interlude-run/interlude/sdk/wire"
)

// recent remembers what became of turns lately, so that the usual turn, the next
// of a program that this node serves already, is not looked up on disk three
// times before it runs. What it does not know is asked of the store. Any
// goroutine may use it.
type recent struct {
	mu    sync.Mutex
	known map[wire.ID]standing
	order []wire.ID // oldest first, a ring
	next  int
}

type standing int

const (
	unknown  standing = iota
	accepted          // by this node, in this life of it
	finished          // its result is stored
)

// recentTurns is how many turns are remembered.
const recentTurns = 4096

func newRecent() *recent {
	return &recent{known: map[wire.ID]standing{}, order: make([]wire.ID, recentTurns)}
}

func (r *recent) note(id wire.ID, s standing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, ok := r.known[id]; ok {
		r.known[id] = max(was, s)
		return
	}
	delete(r.known, r.order[r.next])
	r.order[r.next] = id
	r.next = (r.next + 1) % len(r.order)
	r.known[id] = s
}

func (r *recent) of(id wire.ID) standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[id]
}
