package anchor

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// Check reports the first invariant that does not hold. It hashes everything anew and is
// meant for tests.
func (x *Index[T]) Check() error {
	tokens, sources := 0, map[*tenant]int{}
	var put uint64
	for e := x.age.Front(); e != nil; e = e.Next() {
		s := e.Value.(*source[T])
		t := x.tenants[s.tenant]
		switch {
		case x.byOwner[s.owner] != s || x.sources[s.number] != s || s.age != e || s.number == 0:
			return fmt.Errorf("anchor index: the context of %q, number %d, is not where it is looked for", s.owner, s.number)
		case s.put <= put || s.put > x.puts:
			return fmt.Errorf("anchor index: the context of %q has put %d after %d, of %d", s.owner, s.put, put, x.puts)
		case len(s.tokens) < x.least || len(s.blocks) != len(s.tokens)/x.block:
			return fmt.Errorf("anchor index: %q has %d tokens and %d blocks", s.owner, len(s.tokens), len(s.blocks))
		case t == nil:
			return fmt.Errorf("anchor index: %q is of tenant %q, which has no chains", s.owner, s.tenant)
		}
		if err := x.checkBlocks(s, t); err != nil {
			return fmt.Errorf("anchor index: %q: %w", s.owner, err)
		}
		put = s.put
		tokens += len(s.tokens)
		sources[t]++
	}
	switch n := x.age.Len(); {
	case tokens != x.tokens || tokens > x.most:
		return fmt.Errorf("anchor index: %d tokens are counted, contexts have %d, and may have %d", x.tokens, tokens, x.most)
	case len(x.byOwner) != n || len(x.sources)-1-len(x.free) != n:
		return fmt.Errorf("anchor index: %d contexts by age, %d by owner, %d of %d numbers free", n, len(x.byOwner), len(x.free), len(x.sources)-1)
	}
	for id, t := range x.tenants {
		if t.sources != sources[t] || t.sources == 0 {
			return fmt.Errorf("anchor index: tenant %q counts %d contexts and has %d", id, t.sources, sources[t])
		}
		if err := x.checkChains(id, t); err != nil {
			return fmt.Errorf("anchor index: tenant %q: %w", id, err)
		}
	}
	return nil
}

// checkBlocks holds the blocks to the tokens, and those that are in no chain to the rule
// that enough of the same are.
func (x *Index[T]) checkBlocks(s *source[T], t *tenant) error {
	listed := map[uint64]int{}
	for k, b := range s.blocks {
		h := hash(&x.field, s.tokens[k*x.block:(k+1)*x.block])
		switch {
		case b.hash&^unlisted != h:
			return fmt.Errorf("block %d has hash %x and its tokens have %x: they were written to", k, b.hash, h)
		case b.hash == h:
			listed[h]++
		case listed[h] < x.ofOne:
			return fmt.Errorf("block %d is in no chain, and only %d before it are", k, listed[h])
		}
		if b.hash == h && b.prev == nowhere && t.heads[h] != (place{s.number, uint32(k)}) {
			return fmt.Errorf("block %d has none before it and is at no head", k)
		}
	}
	return nil
}

// checkChains walks all chains of the tenant: every block in them is its own, and all its
// blocks that should be are in them.
func (x *Index[T]) checkChains(id programs.TenantID, t *tenant) error {
	chained, want := 0, 0
	for h, p := range t.heads {
		for prev := nowhere; p != nowhere; chained++ {
			s := x.sources[p.source]
			if s == nil || s.tenant != id || int(p.block) >= len(s.blocks) {
				return fmt.Errorf("the chain of %x leads to block %d of context %d, which is not there", h, p.block, p.source)
			}
			if b := s.blocks[p.block]; b.hash != h || b.prev != prev {
				return fmt.Errorf("block %d of %q is in the chain of %x behind %v, and says %x behind %v", p.block, s.owner, h, prev, b.hash, b.prev)
			}
			prev, p = p, s.blocks[p.block].next
		}
	}
	for _, s := range x.byOwner {
		for _, b := range s.blocks {
			if s.tenant == id && b.hash&unlisted == 0 {
				want++
			}
		}
	}
	if chained != want {
		return fmt.Errorf("%d blocks are in chains, of %d", chained, want)
	}
	return nil
}
