package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat"
)

// constrainedBench decodes answers with and without their grammar.
type constrainedBench struct {
	engine      *gpu.Engine
	template    *chat.Template
	most        int // tokens of an answer
	questions   int // of each case
	repetitions int // even, so that each arm is first as often
}

// arms are what both took for the same tokens.
type arms struct {
	free, held time.Duration
	making     time.Duration // of held: to make the grammar of the schema and take it in
}

// measured is what came of a case with one way of choosing.
type measured struct {
	choice      constrainedChoice
	repetitions []arms
	answers     int
	tokens      int // in each repetition, of each arm
	otherwise   int // of these, what the model would have chosen without the grammar is another token
}

const benchSequence engine.Seq = 1

// measure has each question answered under the grammar, in every way of choosing, and decodes that text
// again and again in both ways, in the order A B B A. What the model chooses without the grammar is looked
// at and put aside.
func (b *constrainedBench) measure(ctx context.Context, c *constrainedCase) ([]measured, error) {
	all := make([]measured, len(constrainedChoices))
	for i, choice := range constrainedChoices {
		all[i] = measured{choice: choice, repetitions: make([]arms, b.repetitions)}
	}
	for _, question := range c.questions[:min(b.questions, len(c.questions))] {
		prompt, err := b.prefill(c.system, question)
		if err != nil {
			return nil, err
		}
		for i := range all {
			if err := b.answer(ctx, c, prompt, &all[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].choice.name, err)
			}
		}
		if err := b.engine.Release(benchSequence); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// answer adds the answer to one question.
func (b *constrainedBench) answer(ctx context.Context, c *constrainedCase, prompt []engine.Token, m *measured) error {
	text, _, err := b.held(c, m.choice.sampling, prompt, nil)
	if err != nil {
		return err
	}
	var wished []engine.Token
	for r := range m.repetitions {
		if err := ctx.Err(); err != nil {
			return err
		}
		if wished, err = b.repeat(c, m.choice.sampling, prompt, text, r%2 == 1, &m.repetitions[r]); err != nil {
			return err
		}
	}
	m.answers++
	m.tokens += len(text)
	m.otherwise += differing(text, wished)
	return nil
}

// repeat decodes a text in both ways once, and gives what the free one would have chosen.
func (b *constrainedBench) repeat(c *constrainedCase, s engine.Sampling, prompt, text []engine.Token, heldFirst bool, to *arms) (wished []engine.Token, err error) {
	free := func() error {
		start := time.Now()
		wished, err = b.free(s, prompt, text)
		to.free += time.Since(start)
		return err
	}
	held := func() error {
		start := time.Now()
		again, making, err := b.held(c, s, prompt, text)
		to.held += time.Since(start)
		to.making += making
		if err == nil && !slices.Equal(again, text) {
			err = errors.New("the same answer came out as another text")
		}
		return err
	}
	order := []func() error{free, held}
	if heldFirst {
		slices.Reverse(order)
	}
	for _, arm := range order {
		if err := arm(); err != nil {
			return nil, err
		}
	}
	return wished, nil
}

// held decodes under the case's grammar, which is made first, as it is for every turn.
func (b *constrainedBench) held(c *constrainedCase, s engine.Sampling, prompt, text []engine.Token) (chosen []engine.Token, making time.Duration, err error) {
	start := time.Now()
	if s.Grammar, err = c.grammar(); err != nil {
		return nil, 0, err
	}
	if err := b.engine.SetSampling(benchSequence, s, prompt); err != nil {
		return nil, 0, err
	}
	making = time.Since(start)
	chosen, err = b.decode(prompt, text)
	return chosen, making, err
}

// free decodes a text without a grammar.
func (b *constrainedBench) free(s engine.Sampling, prompt, text []engine.Token) (chosen []engine.Token, err error) {
	if err := b.engine.SetSampling(benchSequence, s, prompt); err != nil {
		return nil, err
	}
	return b.decode(prompt, text)
}

// decode goes on from the prompt, token by token, with the given text, or without one with what is
// chosen, to its end. It gives what was chosen in each place.
func (b *constrainedBench) decode(prompt, text []engine.Token) (chosen []engine.Token, err error) {
	if err := b.engine.Truncate(benchSequence, len(prompt)-1); err != nil {
		return nil, err
	}
	if err := b.engine.Reserve(benchSequence, len(prompt)+b.most); err != nil {
		return nil, err
	}
	most, out := b.most, make([]engine.Output, 1)
	if text != nil {
		most = len(text)
	}
	next := prompt[len(prompt)-1]
	for i := range most {
		if err := b.engine.Step([]engine.Item{{Seq: benchSequence, Tokens: []engine.Token{next}, Sample: true}}, out); err != nil {
			return nil, err
		}
		chosen = append(chosen, out[0].Token)
		switch {
		case text != nil:
			next = text[i]
		case out[0].End:
			return chosen, nil
		default:
			next = out[0].Token
		}
	}
	return chosen, nil
}

// prefill computes a question's prompt, but for its last token.
func (b *constrainedBench) prefill(system, question string) (prompt []engine.Token, err error) {
	p, err := b.template.Begin(time.Now()).Prepare(chat.Turn{Messages: []chat.Message{
		{Role: "system", Content: system}, {Role: "user", Content: question},
	}})
	if err != nil {
		return nil, err
	}
	g := b.engine.Geometry()
	if most := g.MaxContext - b.most; len(p.Tokens) > most {
		return nil, fmt.Errorf("a prompt has %d tokens; with this model's context there is room for %d", len(p.Tokens), most)
	}
	if err := b.engine.New(benchSequence); err != nil {
		return nil, err
	}
	if err := b.engine.Reserve(benchSequence, len(p.Tokens)+b.most); err != nil {
		return nil, err
	}
	for chunk := range slices.Chunk(p.Tokens[:len(p.Tokens)-1], g.MaxStep) {
		if err := b.engine.Step([]engine.Item{{Seq: benchSequence, Tokens: chunk}}, make([]engine.Output, 1)); err != nil {
			return nil, err
		}
	}
	return p.Tokens, nil
}

// differing counts the places where two texts of one length differ.
func differing(a, b []engine.Token) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
