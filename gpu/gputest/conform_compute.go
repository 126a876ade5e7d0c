package gputest

import (
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// What a step computes does not depend on its shape, and touches nothing else.

func prefillInAnyChunks(r *rig) {
	ctx := r.tokens(2*r.unit + r.g.Granule/2 + 1)
	whole, single, ragged := r.new(), r.new(), r.new()
	want := r.feed(whole, ctx)
	kv := r.readAll(whole)

	var last []float32
	for _, token := range ctx {
		last = r.feed(single, []engine.Token{token})
	}
	r.same("logits token by token", last, want, r.o.Logits)
	r.sameKV("cells token by token", r.readAll(single), kv, r.o.KV, r.o.KV)

	for at := 0; at < len(ctx); {
		n := min(1+r.random.IntN(r.g.MaxStep), 1+r.random.IntN(r.unit), len(ctx)-at)
		last = r.feed(ragged, ctx[at:at+n])
		at += n
	}
	r.same("logits in ragged chunks", last, want, r.o.Logits)
	r.sameKV("cells in ragged chunks", r.readAll(ragged), kv, r.o.KV, r.o.KV)

	other := slices.Clone(ctx)
	other[0] = (other[0] + 1) % engine.Token(r.g.Vocab)
	r.differ("logits of another first token", want, r.feed(r.new(), other))
}

// Steps mix decodes and prefill chunks of sequences of different lengths.
func stepOfManyEqualsOneByOne(r *rig) {
	lengths := []int{1, 2, r.g.Granule, r.unit - 1, r.unit, r.unit + r.g.Granule + 1, 2*r.unit - 1}
	chunks := []int{1, 1, 3, 1, 2, 1, 1}
	var together, alone []engine.Seq
	for _, n := range lengths {
		ctx := r.tokens(n)
		together, alone = append(together, r.fed(ctx)), append(alone, r.fed(ctx))
	}
	for round := range 3 {
		var items []engine.Item
		for i, seq := range together {
			r.reserve(seq, len(r.context(seq))+chunks[i])
			items = append(items, engine.Item{Seq: seq, Tokens: r.tokens(chunks[i]), Logits: (i+round)%2 == 0})
		}
		for i, out := range r.step(items...) {
			logits := r.feed(alone[i], items[i].Tokens)
			if items[i].Logits {
				r.same(fmt.Sprintf("logits of item %d", i), out.Logits, logits, r.o.Logits)
			}
		}
	}
	for i := range together {
		r.sameKV(fmt.Sprintf("cells of item %d", i), r.readAll(together[i]), r.readAll(alone[i]), r.o.KV, r.o.KV)
	}
}

func logitsAreKept(r *rig) {
	seq := r.new()
	first := r.feed(seq, r.tokens(3))
	kept := slices.Clone(first)
	second := r.feed(seq, r.tokens(1))
	r.same("logits kept over a step", first, kept, 0)
	r.differ("logits of two steps", first, second)
}

func idleUntouched(r *rig) {
	var idle []engine.Seq
	var before []engine.KV
	for i := range 20 {
		seq := r.fed(r.tokens(1 + i*r.g.Granule/3%r.unit))
		idle, before = append(idle, seq), append(before, r.readAll(seq))
	}
	busy := r.fed(r.tokens(r.unit - 3))
	for range 6 {
		r.feed(busy, r.tokens(1))
	}
	r.truncate(busy, 2)
	r.feed(busy, r.tokens(r.g.Granule))
	for i, seq := range idle {
		r.sameBits("idle cells", r.readAll(seq), before[i])
	}
	r.fresh("among idle sequences", busy)
	r.fresh("after idling", idle[7])
}
