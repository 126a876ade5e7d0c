package gputest

import (
	"bytes"
	"fmt"
	"math"

	"github.com/interlude-run/interlude/gpu/engine"
)

// What was in a cell is nobody's business but its sequence's. A copy that a disk has
// damaged reads as values that are no numbers, and so may deltas that are too large
// for a cell become; they spread through whatever is computed with them, also where
// a mask hides them.

// damaged are n saved cells of which every bit is set: in every format of floating
// point that is no number.
func (r *rig) damaged(n int) engine.Saved {
	return engine.Saved{Data: bytes.Repeat([]byte{0xff}, n*int(r.g.CellBytes)), Cells: n}
}

// poison fills the pool with such cells, and leaves some of them to hostile deltas.
func (r *rig) poison() (poisoned []engine.Seq) {
	r.Helper()
	src, hostile := r.fed(r.tokens(r.unit)), r.new()
	d := engine.KV{K: make([]float32, r.values()*r.unit), V: make([]float32, r.values()*r.unit)}
	for i := range d.K {
		d.K[i], d.V[i] = math.MaxFloat32, -math.MaxFloat32
	}
	r.place(engine.Placement{Src: src, N: r.unit, Dst: hostile, Delta: &d})
	r.release(src)
	poisoned = append(poisoned, hostile)
	for r.ledger.freeCells() >= r.g.Granule {
		n := min(r.ledger.freeCells(), r.g.MaxContext) / r.g.Granule * r.g.Granule
		seq := r.new()
		r.reserve(seq, n)
		r.load(seq, r.damaged(n-1), r.tokens(n-1))
		r.step(engine.Item{Seq: seq, Tokens: r.tokens(1), Logits: true}) // whatever they are
		poisoned = append(poisoned, seq)
	}
	return poisoned
}

// recycledCellsAreClean computes the same in a fresh pool and in one of which all cells have
// held such values, with all of it to spare and with hardly more than is needed: not a bit
// differs.
func recycledCellsAreClean(r *rig) {
	var contexts [][]engine.Token
	for _, n := range []int{5, r.g.Granule - 1, r.unit - 3, 2*r.unit + r.g.Granule/2 + 1} {
		contexts = append(contexts, r.tokens(n))
	}
	more := r.tokens(r.g.Granule + 3)
	free, most := r.ledger.freeCells(), 0 // cells that computing takes
	compute := func() (logits [][]float32) {
		var seqs []engine.Seq
		for _, ctx := range contexts {
			seq := r.new()
			for at := 0; at < len(ctx); {
				n := min(1+(at*7+3)%r.unit, r.g.MaxStep, len(ctx)-at)
				logits = append(logits, r.feed(seq, ctx[at:at+n])) // the capacity grows
				at += n
			}
			seqs = append(seqs, seq)
		}
		longest := seqs[len(seqs)-1]
		seqs = append(seqs, r.fork(longest, r.unit+3), r.fork(longest, r.unit))
		copied, moved, holed := r.new(), r.new(), r.new()
		r.reserve(copied, 5)
		r.load(copied, r.save(longest, 0, 5), r.context(longest)[:5])
		r.place(engine.Placement{Src: longest, From: r.unit, N: 5, Dst: moved})
		r.place(engine.Placement{Src: longest, From: 3, N: 5, Dst: holed, At: r.g.Granule + 3})
		r.patch(holed, []int{0, 2, r.g.Granule + 3}, more[:3])
		seqs = append(seqs, copied, moved, holed)
		r.truncate(longest, 2*r.unit-5)
		for _, token := range more {
			var items []engine.Item
			for _, seq := range seqs {
				r.reserve(seq, len(r.context(seq))+r.g.Granule) // more than the step fills
				items = append(items, engine.Item{Seq: seq, Tokens: []engine.Token{token}, Logits: true})
			}
			for _, out := range r.step(items...) {
				logits = append(logits, out.Logits)
			}
			most = max(most, free-r.ledger.freeCells())
		}
		for _, seq := range seqs {
			r.release(seq)
		}
		return logits
	}
	want := compute()
	for _, seq := range r.poison() {
		r.release(seq)
	}
	for i, got := range compute() {
		r.same(fmt.Sprintf("logits %d over recycled cells", i), got, want[i], 0)
	}
	for _, seq := range r.poison() {
		r.release(seq)
	}
	r.fill(most)
	for i, got := range compute() {
		r.same(fmt.Sprintf("logits %d over the few cells that are left", i), got, want[i], 0)
	}
}

// damageIsItsOwnersAlone computes beside poisoned sequences, in the same steps.
func damageIsItsOwnersAlone(r *rig) {
	ctx, other := r.tokens(r.unit+5), r.tokens(r.unit)
	tokens := r.tokens(4)
	beside := func(neighbour engine.Seq) (logits [][]float32) {
		seq := r.fed(ctx)
		r.reserve(seq, len(ctx)+len(tokens))
		r.reserve(neighbour, len(other)+len(tokens))
		for _, token := range tokens {
			one := []engine.Token{token}
			out := r.step(engine.Item{Seq: neighbour, Tokens: one, Logits: true}, engine.Item{Seq: seq, Tokens: one, Logits: true})
			logits = append(logits, out[1].Logits)
		}
		r.release(seq)
		r.release(neighbour)
		return logits
	}
	want := beside(r.fed(other))
	bad := r.new()
	r.reserve(bad, len(other))
	r.load(bad, r.damaged(len(other)), other)
	for i, got := range beside(bad) {
		r.same(fmt.Sprintf("logits %d beside a damaged sequence", i), got, want[i], 0)
	}

	// What it keeps of before the damage is as good as new, and so is a fork.
	seq := r.fed(ctx)
	r.reserve(seq, len(ctx)+r.unit)
	r.load(seq, r.damaged(r.unit), other)
	child := r.fork(seq, len(ctx))
	r.fresh("a fork of before the damage", child)
	r.truncate(seq, len(ctx))
	r.fresh("cut before the damage", seq)
}

// deltasAreNumbers: what is no number is refused as deltas.
func deltasAreNumbers(r *rig) {
	src, dst := r.fed(r.tokens(6)), r.new()
	r.reserve(dst, 7)
	before := r.readAll(src)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for i := range 2 {
			d := engine.KV{K: make([]float32, 6*r.values()), V: make([]float32, 6*r.values())}
			[][]float32{d.K, d.V}[i][3*r.values()+1] = float32(bad)
			r.refused(engine.ErrRange, r.e.Place(engine.Placement{Src: src, N: 6, Dst: dst, At: i, Delta: &d}))
		}
	}
	r.sameBits("after refused deltas", r.readAll(src), before)
}
