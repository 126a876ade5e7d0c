package sched

import "github.com/interlude-run/interlude/programs"

// SessionRadix is SGLang's radix cache with references of sessions
// (sgl-project/sglang#27058 and #29173, --enable-session-radix-cache, with the default
// --schedule-policy fcfs and --radix-eviction-policy lru): a turn that ends refers its
// whole path to its session, until the client closes that. Memory is taken from what no
// session refers to, and then from the rest; the least recently used first in both.
// Nothing is pinned, and turns are served in the order in which they arrive.
//
// Where a session's end frees its cells at once, as it does here, all cells of turns that
// have ended are referred to; and where no client says that a session is over, they are,
// too. Then this is RequestFCFS but for turns that lost their place: what such a turn has
// computed is referred to by nobody yet, and goes first, though it was used last.
//
// What it does not do of its source: there, what a closed session leaves stays in the
// cache for whoever begins with the same text, until memory is needed; and a turn that
// lost its place goes behind all that wait.
type SessionRadix struct{ Queues }

// session is a program as SessionRadix sees it.
type session struct {
	Place
	referred programs.Tokens // of its context, by its turns that have ended
}

// NewSessionRadix makes the policy.
func NewSessionRadix(Env) Policy {
	return &SessionRadix{NewQueues(byTurn, byReference, LeastRecent)}
}

// Put implements Policy.
func (r *SessionRadix) Put(now programs.Time, p *Program) {
	if s := StateOf[session](p); p.Phase == programs.Interlude {
		s.referred = p.Turn.Context
	}
	r.Queues.Put(now, p)
}

// Chosen implements Explainer.
func (r *SessionRadix) Chosen(p *Program) Choice {
	if unreferred(p) {
		return Choice{Ground: Unreferred}
	}
	return Choice{Ground: LeastRecent}
}

// byReference ranks those last that have cells which no session refers to, then by use.
func byReference(p *Program) programs.Rank {
	class := 0
	if unreferred(p) {
		class = 1
	}
	return p.Rank(class, -p.Used)
}

func unreferred(p *Program) bool { return p.Cells > StateOf[session](p).referred }
