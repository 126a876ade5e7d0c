package node

import (
	"container/list"
	"context"
	"sync"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/chat"
)

// talks remembers the conversations of programs between their turns, those that
// were used last, up to a number of bytes. What is forgotten is rebuilt from the
// turns' history. Any goroutine may use it.
type talks struct {
	mu     sync.Mutex
	budget int
	size   int
	known  map[programs.ProgramID]*list.Element
	recent *list.List // of *talk, the last used in front; only those that nobody has
	busy   map[programs.ProgramID]chan struct{}
}

// talk is a program's conversation and the last turn that it knows the end of.
type talk struct {
	program      programs.ProgramID
	conversation *chat.Conversation
	last         programs.TurnNumber
	origin       origin // of what is said
	size         int
}

func newTalks(budget int) *talks {
	return &talks{
		budget: budget,
		known:  map[programs.ProgramID]*list.Element{},
		recent: list.New(),
		busy:   map[programs.ProgramID]chan struct{}{},
	}
}

// take gives the caller the program's conversation, nil when there is none, for
// itself alone. Another one that wants it waits until put.
func (s *talks) take(ctx context.Context, program programs.ProgramID) (*talk, error) {
	s.mu.Lock()
	for s.busy[program] != nil {
		back := s.busy[program]
		s.mu.Unlock()
		select {
		case <-back:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	s.busy[program] = make(chan struct{})
	e := s.known[program]
	if e == nil {
		return nil, nil
	}
	return s.remove(e), nil
}

// put ends what take began. t is remembered; nil is not.
func (s *talks) put(program programs.ProgramID, t *talk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.busy[program])
	delete(s.busy, program)
	if t == nil {
		return
	}
	t.size = t.conversation.Size()
	s.size += t.size
	s.known[program] = s.recent.PushFront(t)
	for s.size > s.budget {
		s.remove(s.recent.Back())
	}
}

// pass notes that a turn ended without an answer: what was said before it stands, and is
// what the next turn goes on with.
func (s *talks) pass(turn programs.TurnID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known[turn.Program]; e != nil {
		if k := e.Value.(*talk); k.last == turn.Turn-1 {
			k.last = turn.Turn
		}
	}
}

func (s *talks) remove(e *list.Element) *talk {
	t := s.recent.Remove(e).(*talk)
	delete(s.known, t.program)
	s.size -= t.size
	return t
}
