package gputest

import (
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Cells that are computed again where they stand.

// othersUntouched demands that all cells but the changed are as they were.
func (r *rig) othersUntouched(seq engine.Seq, was engine.KV, changed []int) {
	r.Helper()
	n := len(was.K) / r.values()
	now := r.read(seq, 0, n)
	dim := r.g.HeadDim
	for head := range r.g.Layers * r.g.KVHeads {
		for c := range n {
			if slices.Contains(changed, c) {
				continue
			}
			at := (head*n + c) * dim
			r.same("K of a cell not named", now.K[at:at+dim], was.K[at:at+dim], 0)
			r.same("V of a cell not named", now.V[at:at+dim], was.V[at:at+dim], 0)
		}
	}
}

// everySecond lists every second of the integers [from, to).
func everySecond(from, to int) (list []int) {
	for i := from; i < to; i += 2 {
		list = append(list, i)
	}
	return list
}

// at are the tokens of a context at positions.
func at(ctx []engine.Token, positions []int) (tokens []engine.Token) {
	for _, p := range positions {
		tokens = append(tokens, ctx[p])
	}
	return tokens
}

// Whatever was in the cells, to patch all of them is a prefill.
func patchEverything(r *rig) {
	src := r.fed(r.tokens(r.unit + r.g.Granule + 1))
	n := len(r.context(src))
	seq := r.new()
	r.place(engine.Placement{Src: src, From: 3, N: n - 3, Dst: seq, At: 1})
	n = len(r.context(seq))
	r.context(seq)[0] = r.tokens(1)[0]
	r.patch(seq, upTo(0, n), r.context(seq))
	r.fresh("patched", seq)

	n = len(r.context(seq))
	r.patch(seq, upTo(0, n), r.tokens(n))
	r.fresh("patched with other tokens", seq)

	// Every second cell, and then the others: those have the old ones before them, which a
	// second round mends.
	n = len(r.context(seq))
	others := r.tokens(n)
	even := everySecond(0, n)
	r.patch(seq, even, at(others, even))
	r.patch(seq, upTo(0, n), others)
	r.fresh("patched twice", seq)
}

// A context is put together again from its own cells at their own positions: the prefix is
// a fork, the middle is computed in the hole, what follows is copied, and the tail is
// appended, both in one step. It is the context.
func patchFillsHoles(r *rig) {
	ctx := r.tokens(2*r.unit + r.g.Granule + 3)
	src := r.new()
	r.feed(src, ctx[:len(ctx)-2])
	want := r.feed(src, ctx[len(ctx)-2:])
	for _, hole := range [][2]int{{0, 1}, {r.g.Granule - 1, r.unit + 2}, {r.unit, r.unit + r.g.Granule}, {3, 7}} {
		a, b := hole[0], hole[1]
		seq := r.fork(src, a)
		c := min(b+r.unit/2, len(ctx)-2)
		r.place(engine.Placement{Src: src, From: b, N: c - b, Dst: seq, At: b})
		own := a
		if c := r.g.Shared(a); own < c {
			own = c
		}
		// As much as one step takes comes with the tail; the rest is filled before.
		tail := upTo(c, len(ctx))
		positions := upTo(own, b)
		if len(tail) > r.g.MaxStep/2 {
			tail = tail[:r.g.MaxStep/2]
		}
		if n := len(positions) - (r.g.MaxStep - len(tail)); n > 0 {
			r.patch(seq, positions[:n], at(ctx, positions[:n]))
			positions = positions[n:]
		}
		positions = append(positions, tail...)
		r.reserve(seq, len(ctx))
		got := r.step(engine.Item{Seq: seq, Tokens: at(ctx, positions), At: positions, Logits: true})[0].Logits
		if n := len(r.context(seq)); n < len(ctx) {
			got = r.feed(seq, ctx[n:])
		}
		r.same("logits behind a hole that was filled", got, want, r.o.Logits)
		r.sameKV("cells around a hole that was filled", r.readAll(seq), r.readAll(src), r.o.KV, r.o.KV)
		r.fresh("a hole that was filled", seq)
		r.release(seq)
	}
}

// moved is a context of cells from elsewhere: a prefix, a hole, a moved run, a hole, another
// run. broken are the positions of the holes and of the first cells of the runs.
func (r *rig) moved(src engine.Seq, prefix []engine.Token) (seq engine.Seq, broken []int) {
	seq = r.fed(prefix)
	n, gap, run := len(prefix), min(r.g.Granule+3, r.g.MaxStep/4), r.unit/2
	for i := range 2 {
		at := len(r.context(seq)) + gap
		r.place(engine.Placement{Src: src, From: 2 + i*run, N: run, Dst: seq, At: at})
		broken = append(broken, upTo(at-gap, at+2)...)
	}
	second := n + 2*gap + run
	return seq, append(broken, second+3, second+run-1) // and two that are alone
}

// Holes that are patched in several steps are what they are in one; and so are those that
// are patched beside decodes and prefills of others, to which it makes no difference.
func patchInSteps(r *rig) {
	src := r.fed(r.tokens(r.unit + r.g.Granule))
	prefix := r.tokens(r.g.Granule - 1)
	one, broken := r.moved(src, prefix)
	several, _ := r.moved(src, prefix)
	beside, _ := r.moved(src, prefix)
	var tokens []engine.Token
	for range broken {
		tokens = append(tokens, r.tokens(1)[0])
	}
	tail := r.tokens(3)
	n := len(r.context(one))
	whole := engine.Item{Seq: one, Tokens: append(slices.Clone(tokens), tail...), At: append(slices.Clone(broken), n, n+1, n+2), Logits: true}
	if len(whole.At) > r.g.MaxStep {
		r.Fatalf("the suite's item has %d tokens, a step takes %d", len(whole.At), r.g.MaxStep)
	}
	for _, seq := range []engine.Seq{one, several, beside} {
		r.reserve(seq, n+len(tail))
	}
	want := r.step(whole)[0].Logits

	for i := 0; i < len(broken); {
		k := min(1+r.random.IntN(5), len(broken)-i)
		r.patch(several, broken[i:i+k], tokens[i:i+k])
		i += k
	}
	r.same("logits of what was patched in steps", r.feed(several, tail), want, r.o.Logits)
	r.sameKV("cells patched in steps", r.readAll(several), r.readAll(one), r.o.KV, r.o.KV)

	ctx, first := r.tokens(r.unit), r.tokens(1)
	decoding, alone := r.fed(ctx), r.fed(ctx)
	r.reserve(decoding, len(ctx)+1)
	whole.Seq = beside
	room := r.g.MaxStep - len(whole.At) - 1
	other := r.new()
	r.reserve(other, room+1)
	items := []engine.Item{{Seq: decoding, Tokens: first, Logits: true}, whole}
	if room > 0 {
		items = append(items, engine.Item{Seq: other, Tokens: r.tokens(room)})
	}
	out := r.step(items...)
	r.same("logits of what was patched beside others", out[1].Logits, want, r.o.Logits)
	r.sameKV("cells patched beside others", r.readAll(beside), r.readAll(one), r.o.KV, r.o.KV)
	r.same("logits of a decode beside a patch", out[0].Logits, r.feed(alone, first), r.o.Logits)
	r.fresh("a decode beside a patch", decoding)
	if room > 0 {
		r.fresh("a prefill beside a patch", other)
	}
}

func patchChosen(r *rig) {
	src := r.fed(r.tokens(r.unit + 4))
	seq := r.fed(r.tokens(r.g.Granule + 1))
	begin := len(r.context(seq))
	r.place(engine.Placement{Src: src, From: 3, N: r.unit, Dst: seq, At: begin})
	n := len(r.context(seq))
	was := r.readAll(seq)
	chosen := []int{begin, begin + 1, begin + 5, r.unit - 1, r.unit, n - 1}
	slices.Sort(chosen)
	chosen = slices.Compact(slices.DeleteFunc(chosen, func(p int) bool { return p < begin }))
	r.patch(seq, chosen, at(r.context(seq), chosen))
	r.othersUntouched(seq, was, chosen)

	// The cells before the first chosen are a prefill, and so is whatever of
	// the chosen has only such cells before it.
	prefilled := r.fed(r.context(seq))
	r.sameKV("patched behind a prefill", r.read(seq, begin, begin+2), r.read(prefilled, begin, begin+2), r.o.KV, r.o.KV)
	got, _ := r.e.Read(seq, chosen)
	want, _ := r.e.Read(prefilled, chosen)
	r.same("K of the first layer", layer(r.g, got.K, 0), layer(r.g, want.K, 0), r.o.KV)
	r.same("V of the first layer", layer(r.g, got.V, 0), layer(r.g, want.V, 0), r.o.KV)
}

// What stands behind a row makes no difference to it, not by a bit, whether the rows lie
// together or apart.
func patchSeesWhatIsBefore(r *rig) {
	prefix := r.tokens(r.unit)
	a, b := r.fed(append(slices.Clone(prefix), r.tokens(r.g.Granule)...)), r.fed(append(slices.Clone(prefix), r.tokens(r.g.Granule)...))
	for _, positions := range [][]int{{r.unit - 3}, upTo(r.g.Granule/2, r.unit-1), everySecond(1, r.unit-2)} {
		tokens := r.tokens(len(positions))
		r.patch(a, positions, tokens)
		r.patch(b, positions, tokens)
		r.sameBits("patched before other cells", r.read(a, 0, r.unit), r.read(b, 0, r.unit))
	}
}

func patchRefused(r *rig) {
	seq, other := r.fed(r.tokens(r.g.Granule+2)), r.fed(r.tokens(2))
	n := len(r.context(seq))
	r.reserve(other, 4)
	was, others := r.readAll(seq), r.readAll(other)
	good := engine.Item{Seq: other, Tokens: r.tokens(2), At: []int{1, 2}}
	one, two := r.tokens(1), r.tokens(2)
	for _, bad := range []engine.Item{
		{Tokens: one, At: []int{-1}},
		{Tokens: one, At: []int{n + 1}},
		{Tokens: two, At: []int{n, n + 2}},
		{Tokens: two, At: []int{1, n + 1}},
		{Tokens: two, At: []int{1, 1}},
		{Tokens: two, At: []int{2, 1}},
		{Tokens: two, At: []int{n, 1}},
		{Tokens: one, At: []int{1, 2}},
		{Tokens: two, At: []int{1}},
		{Tokens: one, At: []int{}},
		{At: []int{}},
		{Tokens: []engine.Token{engine.Token(r.g.Vocab)}, At: []int{1}},
		{Tokens: []engine.Token{-1}, At: []int{1}},
		{Tokens: one, At: []int{n - 1}, Logits: true},
		{Tokens: two, At: []int{0, n - 1}, Sample: true},
	} {
		bad.Seq = seq
		r.refused(engine.ErrRange, r.stepErr(good, bad))
		r.refused(engine.ErrRange, r.stepErr(bad, good))
	}
	full := r.e.Capacity(seq)
	r.refused(engine.ErrCapacity, r.stepErr(good, engine.Item{Seq: seq, Tokens: r.tokens(full - n + 1), At: upTo(n, full+1)}))
	r.refused(engine.ErrCapacity, r.stepErr(engine.Item{Seq: seq, Tokens: r.tokens(full - n + 2), At: append([]int{1}, upTo(n, full+1)...)}, good))
	r.sameBits("after refused patches", r.readAll(seq), was)
	r.sameBits("beside refused patches", r.readAll(other), others)
	r.fresh("after refused patches", seq)
}

// Cells belong to nobody alone while two sequences hold them, and to the one
// that is left afterwards.
func sharedCellsNotWritten(r *rig) {
	parent := r.fed(r.tokens(r.unit + 3))
	child := r.fork(parent, r.unit+2)
	was := r.readAll(child)
	for _, seq := range []engine.Seq{parent, child} {
		if r.g.Shared(r.unit) == 0 {
			break // each has cells of its own
		}
		for _, positions := range [][]int{{r.unit - 1}, {0, r.unit}, {r.unit - 1, r.unit}} {
			r.refused(engine.ErrRange, r.stepErr(engine.Item{Seq: seq, Tokens: r.tokens(len(positions)), At: positions}))
		}
	}
	own := upTo(r.unit, r.unit+3)
	r.patch(parent, own, r.tokens(3))
	r.sameBits("fork of a sequence that was patched", r.readAll(child), was)
	r.fresh("patched behind what is shared", parent)
	r.patch(child, own[:2], r.tokens(2))
	r.fresh("patched behind what is shared", child)
	r.release(parent)
	n := len(r.context(child))
	r.patch(child, upTo(0, n), r.context(child))
	r.fresh("patched when nobody shares it", child)
}

// A patch that is interrupted has appended nothing and touched no cell but its own. Run
// again, it is as if nothing had happened, to the bit.
func interruptedPatchHeals(r *rig) {
	src := r.fed(r.tokens(r.unit + r.g.Granule))
	prefix := r.tokens(r.g.Granule + 1)
	seq, positions := r.moved(src, prefix)
	twin, _ := r.moved(src, prefix)
	n := len(r.context(seq))
	positions = append(positions, upTo(n, n+r.g.MaxStep-len(positions))...)
	item := engine.Item{Seq: seq, Tokens: r.tokens(len(positions)), At: positions, Logits: true}
	for _, s := range []engine.Seq{seq, twin} {
		r.reserve(s, n+len(positions))
	}
	was := r.readAll(seq)
	err := r.interrupted([]engine.Item{item})
	for range 20 { // where the processors are busy, an interrupt comes too late
		if err != nil {
			break
		}
		r.must(r.e.Truncate(seq, n))
		r.reserve(seq, n+len(positions))
		err = r.interrupted([]engine.Item{item})
	}
	r.refused(engine.ErrInterrupted, err)
	r.othersUntouched(seq, was, positions)

	again := r.step(item)[0].Logits
	item.Seq = twin
	want := r.step(item)[0].Logits
	r.same("logits of a patch that was interrupted and run again", again, want, 0)
	r.sameBits("cells of a patch that was interrupted and run again", r.readAll(seq), r.readAll(twin))
}
