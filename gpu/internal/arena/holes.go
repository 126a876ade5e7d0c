package arena

// Hole i lies before range i; the hole after the last range is hole
// len(ranges). A window of holes lo..hi has the ranges lo..hi-1 between them.

// holeStart is where hole i begins.
func (a *Arena) holeStart(i int) int64 {
	if i == 0 {
		return 0
	}
	return a.ranges[i-1].end()
}

// holeEnd is where hole i ends.
func (a *Arena) holeEnd(i int) int64 {
	if i == len(a.ranges) {
		return a.size
	}
	return a.ranges[i].off
}

// hole is the size of hole i.
func (a *Arena) hole(i int) int64 { return a.holeEnd(i) - a.holeStart(i) }

// bestHole finds the smallest hole of at least n bytes, the lowest of equals.
func (a *Arena) bestHole(n int64) (at int, found bool) {
	var best int64
	for i := range len(a.ranges) + 1 {
		if size := a.hole(i); size >= n && (!found || size < best) {
			at, best, found = i, size, true
		}
	}
	return at, found
}

// cheapestWindow finds the holes lo..hi that have n bytes together with the
// fewest bytes between them, the lowest of equals. So many bytes must be free.
func (a *Arena) cheapestWindow(n int64) (lo, hi int) {
	var free, cost int64 // of the window l..h
	best := int64(-1)
	l := 0
	for h := range len(a.ranges) + 1 {
		if h > 0 {
			cost += a.ranges[h-1].size
		}
		free += a.hole(h)
		for l < h && free-a.hole(l) >= n {
			free -= a.hole(l)
			cost -= a.ranges[l].size
			l++
		}
		if free >= n && (best < 0 || cost < best) {
			lo, hi, best = l, h, cost
		}
	}
	return lo, hi
}

// cheapestWindowAround is cheapestWindow among the windows that contain the
// hole at: as hi comes nearer from the far end, lo has to go farther.
func (a *Arena) cheapestWindowAround(at int, n int64) (lo, hi int) {
	var free, cost int64 // of the window l..h
	for h := at; h <= len(a.ranges); h++ {
		free += a.hole(h)
		if h > at {
			cost += a.ranges[h-1].size
		}
	}
	best := int64(-1)
	l := at
	for h := len(a.ranges); h >= at; h-- {
		for free < n && l > 0 {
			l--
			free += a.hole(l)
			cost += a.ranges[l].size
		}
		if free < n {
			break
		}
		if best < 0 || cost <= best {
			lo, hi, best = l, h, cost
		}
		free -= a.hole(h)
		if h > at {
			cost -= a.ranges[h-1].size
		}
	}
	return lo, hi
}

// bytesBetween is what sliding the window lo..hi moves at most.
func (a *Arena) bytesBetween(lo, hi int) (n int64) {
	for _, s := range a.ranges[lo:hi] {
		n += s.size
	}
	return n
}

// gather joins the holes lo..hi into the one at index at: the ranges before it
// slide down, those behind it slide up. Each moves into bytes that are free or
// its own by then.
func (a *Arena) gather(lo, hi, at int) (moves []Move) {
	for i := lo; i < at; i++ {
		moves = a.shift(moves, a.ranges[i], a.holeStart(i))
	}
	for i := hi - 1; i >= at; i-- {
		s := a.ranges[i]
		moves = a.shift(moves, s, a.holeEnd(i+1)-s.size)
	}
	return moves
}

// shift moves one range and adds that to moves, as part of the last move where
// the two make one.
func (a *Arena) shift(moves []Move, s *span, to int64) []Move {
	m := Move{From: s.off, To: to, N: s.size}
	s.off = to
	if m.From == m.To {
		return moves
	}
	a.moved += m.N
	if len(moves) > 0 {
		last := &moves[len(moves)-1]
		if last.To-last.From == m.To-m.From {
			switch {
			case last.From+last.N == m.From:
				last.N += m.N
				return moves
			case m.From+m.N == last.From:
				last.From, last.To, last.N = m.From, m.To, last.N+m.N
				return moves
			}
		}
	}
	return append(moves, m)
}
