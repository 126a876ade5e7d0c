package sched

import (
	"cmp"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Thunder is our reading of ThunderAgent's scheduler (arXiv 2602.13692, section 4):
// a test of capacity over whole programs. While the contexts of the programs that
// are not paused exceed the pool, programs are paused, the shortest of those whose
// tool runs first, then the shortest of those that wait; when there is room again,
// the longest that fits is resumed. A paused program lends its memory, and its
// turns wait; the others' memory is safe.
type Thunder struct {
	queues
	env    Env
	active programs.Tokens // contexts of the programs that are not paused
	all    []*Program      // in the order of their contexts
}

// NewThunder makes the policy.
func NewThunder(env Env) Policy { return &Thunder{queues: newQueues(), env: env} }

// Put implements Policy. A program begins paused.
func (t *Thunder) Put(_ programs.Time, p *Program) {
	t.forget(p)
	if p.Turns == 0 && p.waits() && !p.Turn.Preempted && !p.notes.outside {
		p.notes.paused, p.notes.outside = true, true // outside notes that it was seen
	}
	p.notes.context = max(p.Turn.Context-max(p.Shared, p.Turn.Forkable), 1)
	at, _ := slices.BinarySearchFunc(t.all, p, byContext)
	t.all = slices.Insert(t.all, at, p)
	if !p.notes.paused {
		t.active += p.notes.context
	}
	t.place(p)
}

// Drop implements Policy.
func (t *Thunder) Drop(p *Program) {
	t.forget(p)
	t.queues.Drop(p)
}

// Rank implements Policy.
func (t *Thunder) Rank(p *Program) programs.Rank { return p.rank(0, p.Arrived) }

// Lapse implements Policy: the test of capacity. It gives the idle programs that
// are paused by it, one after the other.
func (t *Thunder) Lapse(programs.Time) *Program {
	for t.active > t.env.Pool() {
		i := slices.IndexFunc(t.all, func(p *Program) bool { return !p.notes.paused && p.Phase == programs.Interlude })
		if i >= 0 {
			t.pause(t.all[i], true)
			return t.all[i]
		}
		if i = slices.IndexFunc(t.all, func(p *Program) bool { return !p.notes.paused && p.waits() }); i < 0 {
			return nil
		}
		t.pause(t.all[i], true)
	}
	return nil
}

// Next implements Policy: it resumes what fits, the longest first, and gives the
// first that is not paused.
func (t *Thunder) Next(_ programs.Time, alone bool) *Program {
	pool := t.env.Pool()
	for i := len(t.all) - 1; i >= 0; i-- {
		if p := t.all[i]; p.notes.paused && p.waits() && t.active+p.notes.context <= pool {
			t.pause(p, false)
		}
	}
	if next := first(&t.waiting); next != nil || !alone {
		return next
	}
	for _, p := range t.all { // nothing fits, nothing runs: the shortest
		if p.waits() {
			t.pause(p, false)
			return p
		}
	}
	return nil
}

// Blocked implements Policy: when nothing runs, the memory of idle programs is not
// safe any longer.
func (t *Thunder) Blocked(_ programs.Time, _ *Program, alone bool) *Program {
	if !alone {
		return nil
	}
	p := t.lendLast()
	if p != nil {
		p.notes.evicted = true
	}
	return p
}

func (t *Thunder) pause(p *Program, paused bool) {
	p.notes.paused = paused
	if paused {
		t.active -= p.notes.context
	} else {
		t.active += p.notes.context
	}
	t.place(p)
}

// place puts p where it belongs; a paused one does not count as waiting.
func (t *Thunder) place(p *Program) {
	p.Retention = Lend
	p.notes.evicted = p.notes.evicted && p.Phase == programs.Interlude
	if !p.notes.paused && p.Phase == programs.Interlude && !p.notes.evicted {
		p.Retention = Hold
	}
	t.put(p, t.Rank(p), leastRecent(p))
	if p.notes.paused {
		t.waiting.Remove(&p.wait)
	}
}

func (t *Thunder) forget(p *Program) {
	at, known := slices.BinarySearchFunc(t.all, p, byContext)
	if !known {
		return
	}
	t.all = slices.Delete(t.all, at, at+1)
	if !p.notes.paused {
		t.active -= p.notes.context
	}
}

func byContext(a, b *Program) int {
	return cmp.Or(cmp.Compare(a.notes.context, b.notes.context), cmp.Compare(a.ID, b.ID))
}
