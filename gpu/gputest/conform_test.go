package gputest

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
)

// faulty is a fake with a bug that its own Check does not see.
type faulty struct {
	*Fake
	bug     bug
	stuck   bool // an interrupt came
	dirty   bool // damaged cells came
	scratch []float32
}

type bug struct {
	name   string
	caught string // by this promise, perhaps among others

	fork      func(f *faulty, src, dst engine.Seq, n int) error
	truncate  func(f *faulty, seq engine.Seq, n int) error
	reserve   func(f *faulty, seq engine.Seq, cells int) error
	release   func(f *faulty, seq engine.Seq) error
	sampling  func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error
	step      func(f *faulty, items []engine.Item, out []engine.Output) error
	interrupt func(f *faulty)
	load      func(f *faulty, seq engine.Seq, saved engine.Saved) error
	read      func(f *faulty, seq engine.Seq, cells, layers []int) (engine.KV, error)
	place     func(f *faulty, p engine.Placement) error
}

var bugs = []bug{
	{name: "fork forgets the last cell", caught: "fork continues as a fresh sequence",
		fork: func(f *faulty, src, dst engine.Seq, n int) error {
			err := f.Fake.Fork(src, dst, n)
			if err == nil && n > 1 && !f.seqs[dst].shared(f.geometry, n-1) {
				f.overwrite(dst, n-1, f.cell(dst, n-2))
			}
			return err
		}},
	{name: "a cut span stays shared", caught: "parent is rewritten while the fork lives",
		truncate: func(f *faulty, seq engine.Seq, n int) error {
			spans := slices.Clone(f.seqs[seq].spans)
			err := f.Fake.Truncate(seq, n)
			if k := len(f.seqs[seq].spans) - 1; err == nil && k >= 0 {
				f.seqs[seq].spans[k].cells = spans[k].cells[:len(f.seqs[seq].spans[k].cells)]
			}
			return err
		}},
	{name: "truncate keeps the memory", caught: "truncate gives memory back",
		truncate: func(f *faulty, seq engine.Seq, n int) error {
			capacity := f.Capacity(seq)
			if err := f.Fake.Truncate(seq, n); err != nil {
				return err
			}
			return f.Fake.Reserve(seq, capacity)
		}},
	{name: "reserve takes a granule more", caught: "capacity is what was reserved",
		reserve: func(f *faulty, seq engine.Seq, cells int) error { return f.Fake.Reserve(seq, cells+f.geometry.Granule) }},
	{name: "reserve is refused when the pool is scattered", caught: "room does not depend on fragmentation",
		reserve: func(f *faulty, seq engine.Seq, cells int) error {
			if len(f.seqs) > 6 && cells > 2*f.geometry.Granule {
				return engine.ErrNoRoom
			}
			return f.Fake.Reserve(seq, cells)
		}},
	{name: "making room hurts a cell", caught: "room does not depend on fragmentation",
		reserve: func(f *faulty, seq engine.Seq, cells int) error {
			f.hurt(slices.Min(slices.Collect(maps.Keys(f.seqs))))
			return f.Fake.Reserve(seq, cells)
		}},
	{name: "release leaks", caught: "names",
		release: func(f *faulty, seq engine.Seq) error {
			cells := f.cells
			err := f.Fake.Release(seq)
			f.cells = cells
			return err
		}},
	{name: "a step does half", caught: "a step is all or nothing",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			for i := range items {
				if err := f.Fake.Step(items[i:i+1], out[i:i+1]); err != nil {
					return err
				}
			}
			return nil
		}},
	{name: "a chunk does not see itself", caught: "prefill in any chunks",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			for _, item := range items {
				if err == nil && len(item.Tokens) > 1 {
					s := f.seqs[item.Seq]
					f.overwrite(item.Seq, s.len-1, f.model.write(item.Tokens[len(item.Tokens)-1], s.len-1, s.digest(f.model, s.len-len(item.Tokens))))
				}
			}
			return err
		}},
	{name: "outputs are swapped", caught: "a step of many equals one by one",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			if len(out) > 2 {
				out[0].Logits, out[2].Logits = out[2].Logits, out[0].Logits
			}
			return err
		}},
	{name: "a step hurts an idle sequence", caught: "idle sequences are untouched",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			f.hurt(slices.Min(slices.Collect(maps.Keys(f.seqs))))
			return f.Fake.Step(items, out)
		}},
	{name: "logits are overwritten by the next step", caught: "logits are the caller's to keep",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			for i := range out {
				if out[i].Logits != nil {
					f.scratch = append(f.scratch[:0], out[i].Logits...)
					out[i].Logits = f.scratch
				}
			}
			return err
		}},
	{name: "an interrupted step stays", caught: "interrupt undoes the step",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			if f.Counters().Interrupted == 1 && err != nil {
				f.Fake.Step(items, out)
			}
			return err
		}},
	{name: "an interrupt is kept for later", caught: "interrupt without a step is nothing",
		interrupt: func(f *faulty) { f.stuck = true; f.Fake.Interrupt() },
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			if f.stuck {
				f.stuck = false
				return engine.ErrInterrupted
			}
			return f.Fake.Step(items, out)
		}},
	{name: "sampling goes by the step, not by the sequence", caught: "bias forces a token",
		sampling: func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error {
			for other := range f.seqs {
				if err := f.Fake.SetSampling(other, s, history); err != nil {
					return err
				}
			}
			return f.Fake.SetSampling(seq, s, history)
		}},
	{name: "ends are not ignored", caught: "ends are told and can be ignored",
		sampling: func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error {
			s.IgnoreEOS = false
			return f.Fake.SetSampling(seq, s, history)
		}},
	{name: "the seed is ignored", caught: "a seed repeats itself",
		sampling: func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error {
			s.Seed = 1
			return f.Fake.SetSampling(seq, s, history)
		}},
	{name: "the seed is not all", caught: "a seed repeats itself",
		sampling: func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error {
			s.Seed += uint32(seq)
			return f.Fake.SetSampling(seq, s, history)
		}},
	{name: "filters are ignored", caught: "filters that leave one token are greedy",
		sampling: func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error {
			s.TopK, s.TopP, s.MinP = 0, 0, 0
			return f.Fake.SetSampling(seq, s, history)
		}},
	{name: "the history is ignored", caught: "history seeds the penalties",
		sampling: func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error {
			return f.Fake.SetSampling(seq, s, nil)
		}},
	{name: "the window is ignored", caught: "history seeds the penalties",
		sampling: func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error {
			s.PenaltyWindow = 0
			return f.Fake.SetSampling(seq, s, history)
		}},
	{name: "a bad grammar takes the sampling away", caught: "a sampling that cannot be is refused",
		sampling: func(f *faulty, seq engine.Seq, s engine.Sampling, history []engine.Token) error {
			err := f.Fake.SetSampling(seq, s, history)
			if err != nil {
				f.seqs[seq].sampler = sampler{}
			}
			return err
		}},
	{name: "load takes the first cells instead of the part's", caught: "save and load",
		load: func(f *faulty, seq engine.Seq, saved engine.Saved) error {
			if saved.From >= 0 {
				saved.From = min(saved.From, 0)
			}
			return f.Fake.Load(seq, saved)
		}},
	{name: "load puts cells in the wrong order", caught: "save and load",
		load: func(f *faulty, seq engine.Seq, saved engine.Saved) error {
			n := f.Len(seq)
			err := f.Fake.Load(seq, saved)
			if err == nil && f.Len(seq) > n+1 {
				a, b := f.cell(seq, n), f.cell(seq, n+1)
				f.overwrite(seq, n, b)
				f.overwrite(seq, n+1, a)
			}
			return err
		}},
	{name: "read sorts the cells", caught: "read",
		read: func(f *faulty, seq engine.Seq, cells, layers []int) (engine.KV, error) {
			return f.Fake.Read(seq, slices.Sorted(slices.Values(cells)), layers...)
		}},
	{name: "read sorts the layers", caught: "read",
		read: func(f *faulty, seq engine.Seq, cells, layers []int) (engine.KV, error) {
			return f.Fake.Read(seq, cells, slices.Sorted(slices.Values(layers))...)
		}},
	{name: "place does not rotate", caught: "place rotates",
		place: func(f *faulty, p engine.Placement) error {
			err := f.Fake.Place(p)
			for i := range p.N {
				if err == nil && p.Saved == nil && p.Delta == nil {
					f.overwrite(p.Dst, p.At+i, f.cell(p.Src, p.From+i))
				}
			}
			return err
		}},
	{name: "place rotates V", caught: "place without the middle",
		place: func(f *faulty, p engine.Placement) error {
			err := f.Fake.Place(p)
			for i := range p.N {
				if err == nil {
					c := f.cell(p.Dst, p.At+i)
					half := f.model.values() / 2
					turned := f.model.rotate(append(slices.Clone(c.kv[half:]), c.kv[half:]...), p.At-p.From)
					c.kv = append(slices.Clone(c.kv[:half]), turned[:half]...)
					f.overwrite(p.Dst, p.At+i, c)
				}
			}
			return err
		}},
	{name: "place adds deltas after the rotation", caught: "place adds deltas",
		place: func(f *faulty, p engine.Placement) error {
			if d := p.Delta; d != nil && len(d.K) == f.model.values()/2*p.N && len(d.V) == len(d.K) {
				back := engine.KV{K: slices.Clone(d.K), V: d.V}
				for i := range p.N {
					kv := make([]float32, f.model.values())
					f.eachValue(p.N, i, func(inCell, inKV int) { kv[inCell] = d.K[inKV] })
					kv = f.model.rotate(kv, p.From-p.At)
					f.eachValue(p.N, i, func(inCell, inKV int) { back.K[inKV] = kv[inCell] })
				}
				p.Delta = &back
			}
			return f.Fake.Place(p)
		}},
	{name: "place takes the cell before", caught: "place in place is a copy",
		place: func(f *faulty, p engine.Placement) error {
			if p.From > 0 && p.N > 1 {
				p.From, p.At = p.From-1, p.At-1
				if p.At < f.Len(p.Dst) {
					p.From, p.At = p.From+1, p.At+1
					err := f.Fake.Place(p)
					if err == nil {
						f.overwrite(p.Dst, p.At, f.cell(p.Src, p.From-1))
					}
					return err
				}
			}
			return f.Fake.Place(p)
		}},
	{name: "place takes the first saved cells instead of the part's", caught: "place from a saved copy",
		place: func(f *faulty, p engine.Placement) error {
			if p.Saved != nil && p.Saved.Valid(f.geometry) {
				p.Saved = &engine.Saved{Data: p.Saved.Data, Cells: p.Saved.Cells}
			}
			return f.Fake.Place(p)
		}},
	{name: "place rotates saved cells as if from the beginning", caught: "place from a saved copy",
		place: func(f *faulty, p engine.Placement) error {
			if p.Saved != nil && p.From >= 0 && p.From < f.geometry.MaxContext/2 {
				p.From = 0
			}
			return f.Fake.Place(p)
		}},
	{name: "holes keep what was there", caught: "place leaves holes",
		place: func(f *faulty, p engine.Placement) error {
			n := f.Len(p.Dst)
			err := f.Fake.Place(p)
			for i := n; err == nil && i < p.At; i++ {
				f.hurtCell(p.Dst, i)
			}
			return err
		}},
	{name: "place closes up holes", caught: "place leaves holes",
		place: func(f *faulty, p engine.Placement) error {
			err := f.Fake.Place(p)
			if n := f.Len(p.Dst) - p.N; err == nil && p.N > 0 && p.At > 0 && f.cell(p.Dst, p.At-1).token == hole {
				f.overwrite(p.Dst, n-1, f.cell(p.Dst, n))
			}
			return err
		}},
	{name: "a refused place leaves a hole", caught: "place is refused",
		place: func(f *faulty, p engine.Placement) error {
			err := f.Fake.Place(p)
			if err != nil && f.seqs[p.Dst] != nil {
				f.Fake.Place(engine.Placement{Src: p.Dst, Dst: p.Dst, At: f.Len(p.Dst) + 1})
			}
			return err
		}},
	{name: "patches are written to shared cells", caught: "shared cells are not written",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			for _, item := range items {
				for _, sp := range f.seqs[item.Seq].spans {
					holders := sp.holders
					sp.holders = 1
					defer func() { sp.holders = holders }()
				}
			}
			return f.Fake.Step(items, out)
		}},
	{name: "a patched row has logits", caught: "a patch is refused",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			for i, item := range items {
				if n := len(item.At); n > 0 && item.At[n-1] < f.Len(item.Seq) {
					items = slices.Clone(items)
					items[i].Sample, items[i].Logits = false, false
				}
			}
			return f.Fake.Step(items, out)
		}},
	{name: "a refused patch patches", caught: "a patch is refused",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			if err != nil && len(items) > 1 && items[0].At != nil {
				f.hurt(items[0].Seq)
			}
			return err
		}},
	{name: "an interrupted patch hurts its neighbour", caught: "an interrupted patch heals",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			if errors.Is(err, engine.ErrInterrupted) && len(items[0].At) > 0 {
				f.hurtCell(items[0].Seq, items[0].At[0]-1)
			}
			return err
		}},
	{name: "an interrupted patch is not run again", caught: "an interrupted patch heals",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			if items[0].At != nil && f.stuck { // only what is appended
				f.stuck = false
				n := f.Len(items[0].Seq)
				for len(items[0].At) > 0 && items[0].At[0] < n {
					items = slices.Clone(items)
					items[0].At, items[0].Tokens = items[0].At[1:], items[0].Tokens[1:]
				}
			}
			err := f.Fake.Step(items, out)
			f.stuck = f.stuck || errors.Is(err, engine.ErrInterrupted)
			return err
		}},
	{name: "cells are handed out as they were", caught: "recycled cells are clean",
		load: func(f *faulty, seq engine.Seq, saved engine.Saved) error {
			f.dirty = f.dirty || saved.Cells > 0 && saved.Data[0] == 0xff
			return f.Fake.Load(seq, saved)
		},
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			for i := range out {
				if f.dirty && out[i].Logits != nil {
					out[i].Logits[0]++
				}
			}
			return err
		}},
	{name: "damage spreads within a step", caught: "damage is its owner's alone",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			for i := range items {
				if first := f.cell(items[i].Seq, 0).kv[0]; err == nil && first != first && out[len(out)-1].Logits != nil {
					out[len(out)-1].Logits[0] = first
				}
			}
			return err
		}},
	{name: "truncate keeps the damage behind the cut", caught: "damage is its owner's alone",
		truncate: func(f *faulty, seq engine.Seq, n int) error {
			last := f.cell(seq, f.Len(seq)-1).kv[0]
			err := f.Fake.Truncate(seq, n)
			if last != last && n > 0 {
				f.hurt(seq)
			}
			return err
		}},
	{name: "deltas may be anything", caught: "deltas are numbers",
		place: func(f *faulty, p engine.Placement) error {
			if d := p.Delta; d != nil && len(d.K) == f.model.values()/2*p.N && len(d.V) == len(d.K) {
				return nil
			}
			return f.Fake.Place(p)
		}},
	{name: "a patch sees the old cells", caught: "patch everything",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			return f.patched(items, out, func(s *sequence, item engine.Item) {
				n := s.len
				for i := len(item.At) - 1; i >= 0; i-- {
					if p := item.At[i]; p < n {
						f.overwrite(item.Seq, p, f.model.write(item.Tokens[i], p, s.digest(f.model, p)))
					}
				}
			})
		}},
	{name: "a patch goes on to the end", caught: "patch chosen positions",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			for _, item := range items {
				if err == nil && len(item.At) > 0 {
					s := f.seqs[item.Seq]
					for i := item.At[0]; i < s.len && !s.shared(f.geometry, i); i++ {
						f.overwrite(item.Seq, i, f.model.write(s.at(f.geometry, i).token, i, s.digest(f.model, i)))
					}
				}
			}
			return err
		}},
	{name: "a patch sees what is behind it", caught: "a patch sees what is before it",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			return f.patched(items, out, func(s *sequence, item engine.Item) {
				for i, p := range item.At {
					if p < s.len {
						f.overwrite(item.Seq, p, f.model.write(item.Tokens[i], p, s.digest(f.model, s.len)))
					}
				}
			})
		}},
	{name: "a patch is computed as a chunk behind the end", caught: "patch fills holes",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			err := f.Fake.Step(items, out)
			for _, item := range items {
				for i, p := range item.At {
					if s := f.seqs[item.Seq]; err == nil && p < s.len-1 {
						f.overwrite(item.Seq, p, f.model.write(item.Tokens[i], p+1, s.digest(f.model, p)))
					}
				}
			}
			return err
		}},
	{name: "a patch beside others sees none of its own", caught: "patch in steps",
		step: func(f *faulty, items []engine.Item, out []engine.Output) error {
			if len(items) > 1 {
				return f.patched(items, out, func(s *sequence, item engine.Item) {
					for i := len(item.At) - 1; i >= 0; i-- {
						f.overwrite(item.Seq, item.At[i], f.model.write(item.Tokens[i], item.At[i], s.digest(f.model, item.At[i])))
					}
				})
			}
			return f.Fake.Step(items, out)
		}},
}

// A suite is worth what it catches, with the tolerances that real engines have too.
func TestConformCatches(t *testing.T) {
	for name, tolerances := range map[string]Options{"": {}, ", rounded": Rounded} {
		for _, b := range bugs {
			t.Run(b.name+name, func(t *testing.T) {
				i := slices.IndexFunc(promises(), func(p promise) bool { return p.name == b.caught })
				if i < 0 {
					t.Fatalf("there is no promise %q", b.caught)
				}
				if judge(promises()[i], &faulty{Fake: NewFake(Small()), bug: b}, tolerances) == "" {
					t.Errorf("not caught by %q", b.caught)
				}
			})
		}
	}
}

// judge returns what is wrong with an engine, by one promise.
func judge(p promise, f *faulty, o Options) (said string) {
	v := &verdict{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil { // a bug that hurts the fake itself
				v.Errorf("%v", p)
			}
		}()
		o.End, o.Stall = f.End(), func(Engine) <-chan struct{} { return f.Block(1) }
		p.hold(newRig(v, f, o))
		v.cleanup()
	}()
	<-done
	return v.said
}

// verdict is a testing.T whose failure is no failure.
type verdict struct {
	said    string
	cleanup func()
}

func (v *verdict) Helper()                           {}
func (v *verdict) Errorf(format string, args ...any) { v.said += fmt.Sprintf(format, args...) }
func (v *verdict) Cleanup(f func())                  { v.cleanup = f }
func (v *verdict) Fatalf(format string, args ...any) {
	v.Errorf(format, args...)
	runtime.Goexit()
}

func (f *faulty) cell(seq engine.Seq, i int) cell { return *f.seqs[seq].at(f.geometry, i) }

// hurt changes a value of the first cell, if there is one.
func (f *faulty) hurt(seq engine.Seq) {
	if f.Len(seq) > 0 {
		f.hurtCell(seq, 0)
	}
}

func (f *faulty) hurtCell(seq engine.Seq, i int) {
	c := f.cell(seq, i)
	c.kv = slices.Clone(c.kv)
	c.kv[0]++
	f.overwrite(seq, i, c)
}

// patched is a step whose patched cells write computes instead, before anything else is.
func (f *faulty) patched(items []engine.Item, out []engine.Output, write func(s *sequence, item engine.Item)) error {
	var wrong []func()
	err := f.Fake.admit(items, out)
	for _, item := range items {
		if err == nil && item.At != nil {
			s := f.seqs[item.Seq]
			write(s, item)
			for _, p := range item.At {
				if p < s.len {
					c := f.cell(item.Seq, p)
					wrong = append(wrong, func() { f.overwrite(item.Seq, p, c) })
				}
			}
		}
	}
	err = f.Fake.Step(items, out)
	for _, put := range wrong {
		put()
	}
	return err
}

func (f *faulty) overwrite(seq engine.Seq, i int, c cell) {
	*f.seqs[seq].at(f.geometry, i) = c
	f.seqs[seq].touch(i)
}

func (f *faulty) Check() error { return nil }

func (f *faulty) Fork(src, dst engine.Seq, n int) error {
	if f.bug.fork != nil {
		return f.bug.fork(f, src, dst, n)
	}
	return f.Fake.Fork(src, dst, n)
}

func (f *faulty) Truncate(seq engine.Seq, n int) error {
	if f.bug.truncate != nil && f.seqs[seq] != nil {
		return f.bug.truncate(f, seq, n)
	}
	return f.Fake.Truncate(seq, n)
}

func (f *faulty) Reserve(seq engine.Seq, cells int) error {
	if f.bug.reserve != nil && f.seqs[seq] != nil {
		return f.bug.reserve(f, seq, cells)
	}
	return f.Fake.Reserve(seq, cells)
}

func (f *faulty) Release(seq engine.Seq) error {
	if f.bug.release != nil {
		return f.bug.release(f, seq)
	}
	return f.Fake.Release(seq)
}

func (f *faulty) SetSampling(seq engine.Seq, s engine.Sampling, history []engine.Token) error {
	if f.bug.sampling != nil && f.seqs[seq] != nil {
		return f.bug.sampling(f, seq, s, history)
	}
	return f.Fake.SetSampling(seq, s, history)
}

func (f *faulty) Step(items []engine.Item, out []engine.Output) error {
	if f.bug.step != nil && len(items) == len(out) {
		return f.bug.step(f, items, out)
	}
	return f.Fake.Step(items, out)
}

func (f *faulty) Interrupt() {
	if f.bug.interrupt != nil {
		f.bug.interrupt(f)
		return
	}
	f.Fake.Interrupt()
}

func (f *faulty) Load(seq engine.Seq, saved engine.Saved) error {
	if f.bug.load != nil {
		return f.bug.load(f, seq, saved)
	}
	return f.Fake.Load(seq, saved)
}

func (f *faulty) Read(seq engine.Seq, cells []int, layers ...int) (engine.KV, error) {
	if f.bug.read != nil {
		return f.bug.read(f, seq, cells, layers)
	}
	return f.Fake.Read(seq, cells, layers...)
}

func (f *faulty) Place(p engine.Placement) error {
	if f.bug.place != nil && f.seqs[p.Dst] != nil {
		return f.bug.place(f, p)
	}
	return f.Fake.Place(p)
}
