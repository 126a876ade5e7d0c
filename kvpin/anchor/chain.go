package anchor

import "slices"

// Blocks of equal hash are a chain within their tenant, the one that was listed last at
// its head.

// bounds keep the work linear, whatever texts are like.
type bounds struct {
	looked  int // blocks of a chain that a look-up sees, from its head: a text that thousands have costs no more than one that few have; the rest is there for when those go
	ofOne   int // of those, how many may be of one source: a text that repeats itself hides nobody else's
	perStep int // of all blocks that a Find meets, how many it compares for each token that it is past: a query made of pieces too short to be given wastes no more
	ahead   int // and how many more than that
}

var usual = bounds{looked: 8, ofOne: 4, perStep: 2, ahead: 256}

// block is a whole block of a source, aligned in it.
type block struct {
	hash       uint64 // with the mark of those that are in no chain
	prev, next place
}

// place is where a block is.
type place struct{ source, block uint32 }

// nowhere is the end of a chain. No source has number 0.
var nowhere place

// unlisted marks the hash of a block that is in no chain. Hashes are of 61 bits.
const unlisted = 1 << 63

// list hashes the tokens of the source that have no block yet.
func (x *Index[T]) list(s *source[T]) {
	s.blocks = slices.Grow(s.blocks, len(s.tokens)/x.block-len(s.blocks))
	for at := len(s.blocks) * x.block; at+x.block <= len(s.tokens); at += x.block {
		b := block{hash: hash(&x.field, s.tokens[at:at+x.block])}
		head := s.heads[b.hash]
		if x.crowds(s, head) {
			b.hash |= unlisted
			s.blocks = append(s.blocks, b)
			continue
		}
		here := place{s.number, uint32(len(s.blocks))}
		if head != nowhere {
			x.at(head).prev = here
			b.next = head
		}
		s.blocks = append(s.blocks, b)
		s.heads[b.hash] = here
	}
}

// crowds tells whether the source has as much of the chain's beginning as one may have.
// What it has there is before what is to be listed, so the longest of its runs begin there.
func (x *Index[T]) crowds(s *source[T], head place) bool {
	own := 0
	for k := 0; k < x.looked && head != nowhere; k++ {
		if head.source == s.number {
			own++
		}
		head = x.at(head).next
	}
	return own >= x.ofOne
}

// unlist forgets the blocks of the source but the first n.
func (x *Index[T]) unlist(s *source[T], n int) {
	for k := len(s.blocks) - 1; k >= n; k-- {
		b := s.blocks[k]
		if b.hash&unlisted != 0 {
			continue
		}
		switch {
		case b.prev != nowhere:
			x.at(b.prev).next = b.next
		case b.next != nowhere:
			s.heads[b.hash] = b.next
		default:
			delete(s.heads, b.hash)
		}
		if b.next != nowhere {
			x.at(b.next).prev = b.prev
		}
	}
	s.blocks = s.blocks[:min(n, len(s.blocks))]
}

func (x *Index[T]) at(p place) *block { return &x.sources[p.source].blocks[p.block] }
