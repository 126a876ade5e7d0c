package anchors

import (
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Engine is what the lab computes with.
type Engine interface {
	Geometry() engine.Geometry
	New(engine.Seq) error
	Reserve(seq engine.Seq, cells int) error
	Fork(src, dst engine.Seq, n int) error
	Release(engine.Seq) error
	Len(engine.Seq) int
	Step([]engine.Item, []engine.Output) error
	Place(engine.Placement) error
	Save(seq engine.Seq, from, n int) (engine.Saved, error)
	Read(seq engine.Seq, cells []int, layers ...int) (engine.KV, error)
}

// Lab measures arms. Its engine has no other user, and belongs to the goroutine that calls.
type Lab struct {
	Engine Engine
	Answer int // tokens of the dense answer that are compared
}

// Sample is what an arm made of a case.
type Sample struct {
	Program int
	Case    string
	Arm     string
	Moved   int       // tokens that were not computed
	KL      []float64 // of the arm's distribution from the dense one, at each token of the answer
	Top1    int       // at how many the likeliest token is the same
}

// bench is a case with what it needs in the engine. Sources are kept for the next case.
type bench struct {
	lab           *Lab
	c             *Case
	source, other engine.Seq
	sourceOf      []engine.Token
	truth         engine.Seq
	last          engine.Seq   // that was named
	seqs          []engine.Seq // of the case alone
}

// Measure has every arm compute the target of each of a program's cases, and scores them on the
// dense answer.
func (l *Lab) Measure(cases []Case, arms []Arm) (samples []Sample, err error) {
	b := &bench{lab: l}
	defer b.close()
	for i := range cases {
		b.c = &cases[i]
		more, err := b.measure(arms)
		if err != nil {
			return nil, fmt.Errorf("program %d, %s: %w", b.c.Program, b.c.Name, err)
		}
		samples = append(samples, more...)
		b.release()
	}
	return samples, nil
}

func (b *bench) measure(arms []Arm) (samples []Sample, err error) {
	if err := b.prepare(); err != nil {
		return nil, err
	}
	seqs := []engine.Seq{b.truth}
	for _, a := range arms {
		seq, err := b.prefixed()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		moved, err := a.make(b, seq)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		seqs = append(seqs, seq)
		samples = append(samples, Sample{Program: b.c.Program, Case: b.c.Name, Arm: a.Name, Moved: moved})
	}
	return samples, b.answer(seqs, samples)
}

// prepare computes what is moved from, and the target as it should be.
func (b *bench) prepare() (err error) {
	if b.sourceOf == nil || !slices.Equal(b.sourceOf, b.c.Source) {
		if err := b.sources(); err != nil {
			return err
		}
	}
	if b.truth, err = b.prefixed(); err != nil {
		return err
	}
	return b.dense(b.truth, b.lab.Engine.Geometry().MaxStep)
}

// sources computes the contexts that are moved from.
func (b *bench) sources() (err error) {
	b.close()
	if b.source, err = b.fed(b.c.Source); err != nil {
		return err
	}
	other := slices.Clone(b.c.Other)
	for len(other) < len(b.c.Source) {
		other = append(other, b.c.Other...)
	}
	b.sourceOf = b.c.Source
	b.other, err = b.fed(other[:len(b.c.Source)])
	return err
}

// name is a sequence's that there is not yet.
func (b *bench) name() engine.Seq {
	b.last++
	return b.last
}

func (b *bench) fed(tokens []engine.Token) (engine.Seq, error) {
	seq := b.name()
	if err := b.lab.Engine.New(seq); err != nil {
		return 0, err
	}
	if err := b.lab.Engine.Reserve(seq, len(tokens)); err != nil {
		return 0, err
	}
	return seq, b.append(seq, tokens, b.lab.Engine.Geometry().MaxStep)
}

// prefixed has what the target begins with of the source, and room for all of it and the answer.
func (b *bench) prefixed() (engine.Seq, error) {
	seq := b.name()
	if err := b.lab.Engine.Fork(b.source, seq, agree(b.c.Source, b.c.Target)); err != nil {
		return 0, err
	}
	b.seqs = append(b.seqs, seq)
	return seq, b.lab.Engine.Reserve(seq, len(b.c.Target)+b.lab.Answer)
}

// dense computes the target but for its last token, in steps of so many.
func (b *bench) dense(seq engine.Seq, step int) error {
	return b.append(seq, b.c.Target[b.lab.Engine.Len(seq):len(b.c.Target)-1], step)
}

// rest is what stands behind the cells.
func (b *bench) rest(seq engine.Seq) error { return b.dense(seq, b.lab.Engine.Geometry().MaxStep) }

func (b *bench) append(seq engine.Seq, tokens []engine.Token, step int) error {
	for chunk := range slices.Chunk(tokens, step) {
		if err := b.step(engine.Item{Seq: seq, Tokens: chunk}); err != nil {
			return err
		}
	}
	return nil
}

// fill computes cells where they stand, from the first to the last.
func (b *bench) fill(seq engine.Seq, at []int) error {
	for chunk := range slices.Chunk(at, b.lab.Engine.Geometry().MaxStep) {
		item := engine.Item{Seq: seq, At: chunk}
		for _, p := range chunk {
			item.Tokens = append(item.Tokens, b.c.Target[p])
		}
		if err := b.step(item); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) step(item engine.Item) error {
	return b.lab.Engine.Step([]engine.Item{item}, make([]engine.Output, 1))
}

// answer lets the first of the sequences answer greedily and all others read that, and scores
// them.
func (b *bench) answer(seqs []engine.Seq, samples []Sample) error {
	next := b.c.Target[len(b.c.Target)-1]
	for range b.lab.Answer {
		items, out := make([]engine.Item, len(seqs)), make([]engine.Output, len(seqs))
		for i, seq := range seqs {
			items[i] = engine.Item{Seq: seq, Tokens: []engine.Token{next}, Logits: true}
		}
		if err := b.lab.Engine.Step(items, out); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		truth := logProbabilities(out[0].Logits)
		next = likeliest(truth)
		for i := range samples {
			arm := logProbabilities(out[1+i].Logits)
			samples[i].KL = append(samples[i].KL, divergence(truth, arm))
			if likeliest(arm) == next {
				samples[i].Top1++
			}
		}
	}
	return nil
}

// release lets go of the case's sequences.
func (b *bench) release() {
	for _, seq := range b.seqs {
		_ = b.lab.Engine.Release(seq) // there is one of that name
	}
	b.seqs = nil
}

// close lets go of all.
func (b *bench) close() {
	b.release()
	for _, seq := range []engine.Seq{b.source, b.other} {
		if seq != 0 {
			_ = b.lab.Engine.Release(seq)
		}
	}
	b.source, b.other, b.sourceOf = 0, 0, nil
}
