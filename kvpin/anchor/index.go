package anchor

import (
	"container/list"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Index knows the token sequences that have cells somewhere, and finds in them the
// runs that a new context repeats at other positions.
type Index[T ~int32] struct {
	block, least int
	most         int // tokens, of all sources
	field        field
	bounds

	tenants map[programs.TenantID]*tenant
	byOwner map[programs.ProgramID]*source[T]
	sources []*source[T] // by their numbers; none has number 0, and nil are free
	free    []uint32     // numbers
	age     list.List    // of *source[T], the one that was put longest ago first
	tokens  int          // of all sources
	puts    uint64
}

// Config is how an Index looks for text. What is 0 has a default.
type Config struct {
	Block     programs.Tokens // how many tokens are hashed as one: 16
	Least     programs.Tokens // the shortest run worth giving: 64, and never below 2·Block−1, as a shorter one may have no whole block in it
	MaxTokens int             // of all contexts together: 2²⁴; the context that was put longest ago goes first
	Seed      uint64          // of the hash: secret, so that nobody writes texts that collide
}

// New makes an index that knows nothing.
func New[T ~int32](c Config) *Index[T] {
	block := orElse(int(c.Block), 16)
	most := orElse(c.MaxTokens, 1<<24)
	return &Index[T]{
		block:   block,
		least:   max(orElse(int(c.Least), 64), 2*block-1),
		most:    most,
		field:   newField(c.Seed, block),
		bounds:  usual,
		tenants: map[programs.TenantID]*tenant{},
		byOwner: map[programs.ProgramID]*source[T]{},
		sources: make([]*source[T], 1),
	}
}

func orElse(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Put says that the owner's context is now this, and all of it has cells. Where it
// begins like the one before, only what comes behind is hashed. A context that is too
// short to have a run in it is not kept, nor is the end of one that is longer than all
// may be together.
//
// The index keeps tokens itself, not a copy, as whoever computes with a context has it
// anyway. Nobody is to write to them while it does: until another Put of the owner has
// returned, or a Drop, or, of what is behind the first n, a Cut to n. What is appended
// behind them in place is no write to them.
func (x *Index[T]) Put(tenant programs.TenantID, owner programs.ProgramID, tokens []T) {
	tokens = tokens[:min(len(tokens), x.most)]
	s := x.byOwner[owner]
	if s != nil && (s.tenant != tenant || len(tokens) < x.least) {
		x.remove(s)
		s = nil
	}
	if len(tokens) < x.least {
		return
	}
	if s == nil {
		s = x.add(tenant, owner)
	}
	same := s.agree(tokens)
	x.unlist(s, same/x.block)
	x.tokens += len(tokens) - len(s.tokens)
	s.tokens = tokens
	x.puts++
	s.put = x.puts
	x.age.MoveToBack(s.age)
	x.shed()
	x.list(s)
}

// Cut says that only the first n tokens of the owner's context have cells still.
func (x *Index[T]) Cut(owner programs.ProgramID, n programs.Tokens) {
	s := x.byOwner[owner]
	switch {
	case s == nil || n >= programs.Tokens(len(s.tokens)):
	case n < programs.Tokens(x.least):
		x.remove(s)
	default:
		x.unlist(s, int(n)/x.block)
		x.tokens -= len(s.tokens) - int(n)
		s.tokens = shrunk(s.tokens[:n])
		s.blocks = shrunk(s.blocks)
	}
}

// Drop says that nothing of the owner's context has cells any more.
func (x *Index[T]) Drop(owner programs.ProgramID) {
	if s := x.byOwner[owner]; s != nil {
		x.remove(s)
	}
}

// shed drops the oldest contexts until the others are no more than all may be. The
// newest fits alone.
func (x *Index[T]) shed() {
	for x.tokens > x.most {
		x.remove(x.age.Front().Value.(*source[T]))
	}
}

func (x *Index[T]) add(t programs.TenantID, owner programs.ProgramID) *source[T] {
	s := &source[T]{owner: owner, tenant: t}
	s.age = x.age.PushBack(s)
	if last := len(x.free) - 1; last >= 0 {
		s.number, x.free = x.free[last], x.free[:last]
		x.sources[s.number] = s
	} else {
		s.number = uint32(len(x.sources))
		x.sources = append(x.sources, s)
	}
	x.byOwner[owner] = s
	if x.tenants[t] == nil {
		x.tenants[t] = &tenant{heads: map[uint64]place{}}
	}
	s.heads = x.tenants[t].heads
	x.tenants[t].sources++
	return s
}

func (x *Index[T]) remove(s *source[T]) {
	x.unlist(s, 0)
	x.tokens -= len(s.tokens)
	x.age.Remove(s.age)
	x.sources[s.number] = nil
	x.free = append(x.free, s.number)
	delete(x.byOwner, s.owner)
	if x.tenants[s.tenant].sources--; x.tenants[s.tenant].sources == 0 {
		delete(x.tenants, s.tenant)
	}
}

// shrunk is the list without what it has room for, where that is most of it.
func shrunk[E any](list []E) []E {
	if cap(list) > 4*len(list) {
		return slices.Clone(list)
	}
	return list
}
