package gputest

import (
	"math"

	"github.com/interlude-run/interlude/gpu/engine"
)

// same demands equal values up to the tolerance (see Options).
func (r *rig) same(what string, got, want []float32, tolerance float32) {
	r.Helper()
	if len(got) != len(want) {
		r.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	bound := tolerance * magnitude(want)
	for i := range want {
		if got[i] == want[i] || tolerance > 0 && math.Abs(float64(got[i]-want[i])) <= float64(bound) {
			continue
		}
		r.Fatalf("%s: value %d of %d is %v, want %v within %v", what, i, len(want), got[i], want[i], bound)
	}
}

// sameKV compares layer by layer.
func (r *rig) sameKV(what string, got, want engine.KV, k, v float32) {
	r.Helper()
	if len(got.K) != len(want.K) || len(got.V) != len(want.V) {
		r.Fatalf("%s: K and V have %d and %d values, want %d and %d", what, len(got.K), len(got.V), len(want.K), len(want.V))
	}
	for l := range r.g.Layers {
		r.same(what+": K", layer(r.g, got.K, l), layer(r.g, want.K, l), k)
		r.same(what+": V", layer(r.g, got.V, l), layer(r.g, want.V, l), v)
	}
}

// sameBits is for cells that were copied, moved or left alone.
func (r *rig) sameBits(what string, got, want engine.KV) {
	r.Helper()
	r.sameKV(what, got, want, 0, 0)
}

// differ demands that something has an effect at all.
func (r *rig) differ(what string, a, b []float32) {
	r.Helper()
	for i := range a {
		if a[i] != b[i] {
			return
		}
	}
	r.Fatalf("%s: no difference", what)
}

// fresh demands that the sequence is what its context makes of a new one: every
// cell, and the logits of one more token, which is appended.
func (r *rig) fresh(what string, seq engine.Seq) {
	r.Helper()
	ctx := r.context(seq)
	twin := r.fed(ctx)
	r.sameKV(what, r.readAll(seq), r.readAll(twin), r.o.KV, r.o.KV)
	probe := r.tokens(1)
	r.same(what+": logits", r.feed(seq, probe), r.feed(twin, probe), r.o.Logits)
	r.release(twin)
}

// layer is the part of K or V that one layer has.
func layer(g engine.Geometry, values []float32, l int) []float32 {
	n := len(values) / g.Layers
	return values[l*n : (l+1)*n]
}

func magnitude(values []float32) (m float32) {
	for _, v := range values {
		m = max(m, float32(math.Abs(float64(v))))
	}
	return m
}

// plus is the sum of two of the same shape.
func plus(a, b engine.KV) engine.KV {
	sum := func(a, b []float32) []float32 {
		c := make([]float32, len(a))
		for i := range a {
			c[i] = a[i] + b[i]
		}
		return c
	}
	return engine.KV{K: sum(a.K, b.K), V: sum(a.V, b.V)}
}
