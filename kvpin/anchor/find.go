package anchor

import "github.com/interlude-run/interlude/programs"

// Run is a part of a context that was computed before, in another one or elsewhere.
type Run struct {
	At, Count programs.Tokens    // which tokens of the context
	Source    programs.ProgramID // in whose context they are the same
	From      programs.Tokens    // and at which position there

	// Left is how many tokens directly before the run are the same in its source, too,
	// and not in the run because Find was to begin behind them or the run before has
	// them. They are counted up to Near. What stood before a text when it was computed
	// decides most of how good its cells are here: a run behind more of the same is nearer
	// to exact, and needs less mending where it begins.
	Left programs.Tokens
}

// Near is how far to the left of a run sameness counts: the error of cells that are moved
// dies out within as many tokens of the place where the contexts begin to agree.
const Near programs.Tokens = 512

// Find gives the runs of tokens[from:] that are, token for token, in other contexts of
// the tenant or in the one that self has in the index, which is its former one until it
// is put anew. They are disjoint, in ascending order, and each is Config.Least long or longer.
//
// It reads from left to right. Where a run begins, it takes the longest there is; of
// equally long ones that with most to its left, then self's own, then that of the newest
// context, then the one that moves the least. Behind it, it goes on. So it covers all
// that is long enough, but for texts of which every block is in so many places that it
// looks at others; see bounds.
func (x *Index[T]) Find(tenant programs.TenantID, self programs.ProgramID, tokens []T, from programs.Tokens) []Run {
	q := x.query(tenant, self, tokens, from)
	return q.runs()
}

// query is what a Find is about.
type query[T ~int32] struct {
	index  *Index[T]
	heads  map[uint64]place
	self   programs.ProgramID
	tokens []T
	from   int
	spent  int // comparisons
}

func (x *Index[T]) query(t programs.TenantID, self programs.ProgramID, tokens []T, from programs.Tokens) query[T] {
	q := query[T]{index: x, self: self, tokens: tokens, from: int(max(0, from))}
	if t := x.tenants[t]; t != nil {
		q.heads = t.heads
	}
	return q
}

func (q *query[T]) runs() (runs []Run) {
	for at := q.from; q.heads != nil && len(q.tokens)-at >= q.index.least; {
		best := q.next(at)
		if best.source == nil {
			break
		}
		runs = append(runs, q.run(&best))
		at = best.at + best.count
	}
	return runs
}

// found is a run that may be given.
type found[T ~int32] struct {
	at, count, from int
	source          *source[T] // nil: there is none
	left            int        // -1: not counted yet
}

// next is the best run of the first of tokens[start:]. All that begin where the first
// one does have a block within the length of a block from where it has one, so that is
// how far it looks for a better one.
func (q *query[T]) next(start int) (best found[T]) {
	x := q.index
	h := hash(&x.field, q.tokens[start:start+x.block])
	last := len(q.tokens) - x.block
	for at := start; ; at++ {
		if p := q.heads[h]; p != nowhere && q.meet(start, at, p, &best) {
			last = min(last, at+x.block-1)
		}
		if at >= last {
			return best
		}
		h = roll(&x.field, h, q.tokens[at], q.tokens[at+x.block])
	}
}

// meet looks at the blocks that have the hash of the one at `at`, and tells whether best
// was empty and is not any more.
func (q *query[T]) meet(start, at int, p place, best *found[T]) bool {
	x, was := q.index, best.source
	for k := 0; k < x.looked && p != nowhere; k++ {
		s, from := x.sources[p.source], int(p.block)*x.block
		p = s.blocks[p.block].next
		if q.room(start, at, s, from) < max(x.least, best.count) {
			continue
		}
		if q.spent >= (at-q.from)*x.perStep+x.ahead {
			break
		}
		q.spent++
		if f := q.extend(start, at, s, from); f.count >= x.least && q.better(&f, best) {
			*best = f
		}
	}
	return was == nil && best.source != nil
}

// room is the longest that a run through a block can be.
func (q *query[T]) room(start, at int, s *source[T], from int) int {
	return min(at-start, from) + min(len(q.tokens)-at, len(s.tokens)-from)
}

// extend is the run through a block, as far as tokens agree, to the left no further than
// start. Where blocks of equal hash differ it is shorter than one.
func (q *query[T]) extend(start, at int, s *source[T], from int) found[T] {
	right := agree(q.tokens[at:], s.tokens[from:])
	if right < q.index.block {
		return found[T]{}
	}
	left := agreeBack(q.tokens[start:at], s.tokens[:from], at-start)
	return found[T]{at: at - left, count: left + right, from: from - left, source: s, left: -1}
}

// better is the order of Find.
func (q *query[T]) better(a, b *found[T]) bool {
	if b.source == nil || a.count != b.count {
		return a.count > b.count
	}
	if l, m := q.left(a), q.left(b); l != m {
		return l > m
	}
	if a.source != b.source {
		if a.source.owner == q.self || b.source.owner == q.self {
			return a.source.owner == q.self
		}
		return a.source.put > b.source.put
	}
	if l, m := a.moves(), b.moves(); l != m {
		return l < m
	}
	return a.from < b.from
}

func (f *found[T]) moves() int { return max(f.at-f.from, f.from-f.at) }

func (q *query[T]) left(f *found[T]) int {
	if f.left < 0 {
		f.left = agreeBack(q.tokens[:f.at], f.source.tokens[:f.from], int(Near))
	}
	return f.left
}

func (q *query[T]) run(f *found[T]) Run {
	return Run{
		At: programs.Tokens(f.at), Count: programs.Tokens(f.count),
		Source: f.source.owner, From: programs.Tokens(f.from),
		Left: programs.Tokens(q.left(f)),
	}
}
