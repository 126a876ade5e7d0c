package gputest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// SetSampling replaces the sampler of the sequence.
func (f *Fake) SetSampling(seq engine.Seq, sampling engine.Sampling, history []engine.Token) error {
	return engine.Wrap("set sampling of", seq, f.setSampling(seq, sampling, history))
}

func (f *Fake) setSampling(seq engine.Seq, sampling engine.Sampling, history []engine.Token) error {
	s, err := f.lookup(seq)
	if err != nil {
		return err
	}
	if err := f.known(history); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if err := f.known(slices.Sorted(maps.Keys(sampling.Bias))); err != nil {
		return fmt.Errorf("bias: %w", err)
	}
	if sampling.Grammar != "" && !wellFormed(sampling.Grammar) {
		return engine.ErrGrammar
	}
	s.sampler = newSampler(sampling, history)
	return nil
}

// Step appends and patches the tokens of every item, or appends none. What an
// interrupted step was to patch is half done: the first layer is new.
func (f *Fake) Step(items []engine.Item, out []engine.Output) error {
	if err := f.admit(items, out); err != nil {
		return fmt.Errorf("step: %w", err)
	}
	if err := f.wait(items); err != nil {
		if errors.Is(err, engine.ErrInterrupted) {
			f.patchHalf(items)
		}
		return fmt.Errorf("step: %w", err)
	}
	appended := make([]int, len(items))
	for i, item := range items {
		before := f.seqs[item.Seq].len
		out[i] = f.run(item)
		appended[i] = f.seqs[item.Seq].len - before
	}
	f.countStep(items, appended)
	return nil
}

// admit finds out whether the step is legal, before anything is changed.
func (f *Fake) admit(items []engine.Item, out []engine.Output) error {
	if len(items) != len(out) {
		return fmt.Errorf("%d items and %d outputs: %w", len(items), len(out), engine.ErrRange)
	}
	seen := map[engine.Seq]bool{}
	total := 0
	for _, item := range items {
		s, err := f.lookup(item.Seq)
		if err == nil {
			err = f.admitItem(s, item, seen[item.Seq])
		}
		if err != nil {
			return engine.Wrap("append to", item.Seq, err)
		}
		seen[item.Seq] = true
		total += len(item.Tokens)
	}
	if total > f.geometry.MaxStep {
		return fmt.Errorf("%d tokens of at most %d: %w", total, f.geometry.MaxStep, engine.ErrRange)
	}
	return f.dead
}

func (f *Fake) admitItem(s *sequence, item engine.Item, twice bool) error {
	switch {
	case twice:
		return fmt.Errorf("twice in one step: %w", engine.ErrRange)
	case len(item.Tokens) == 0:
		return fmt.Errorf("no tokens: %w", engine.ErrRange)
	}
	if err := f.known(item.Tokens); err != nil {
		return err
	}
	end, err := item.End(s.len)
	if err != nil {
		return err
	}
	for _, p := range item.At {
		if p < s.len && s.shared(f.geometry, p) {
			return fmt.Errorf("cell %d is shared: %w", p, engine.ErrRange)
		}
	}
	return f.capacityFor(s, end-s.len)
}

// capacityFor tells whether n more cells may be written. The capacity is
// rounded up and may be longer than the model's context.
func (f *Fake) capacityFor(s *sequence, n int) error {
	switch after := s.len + n; {
	case after > f.geometry.MaxContext:
		return fmt.Errorf("%d cells of at most %d: %w", after, f.geometry.MaxContext, engine.ErrTooLong)
	case after > s.capacity():
		return fmt.Errorf("%d cells of %d: %w", after, s.capacity(), engine.ErrCapacity)
	}
	return nil
}

func (f *Fake) known(tokens []engine.Token) error {
	for _, token := range tokens {
		if token < 0 || int(token) >= f.geometry.Vocab {
			return fmt.Errorf("token %d of %d: %w", token, f.geometry.Vocab, engine.ErrRange)
		}
	}
	return nil
}

// run writes the tokens of one item, each over what stands before it then, and answers
// what the item asks for.
func (f *Fake) run(item engine.Item) (out engine.Output) {
	s := f.seqs[item.Seq]
	for i, token := range item.Tokens {
		at := s.len
		if item.At != nil {
			at = item.At[i]
		}
		*s.at(f.geometry, at) = f.model.write(token, at, s.digest(f.model, at))
		s.touch(at)
		s.len = max(s.len, at+1)
	}
	if !item.Sample && !item.Logits {
		return out
	}
	digest := s.digest(f.model, s.len)
	logits := f.model.logits(digest, f.likeliest(s, digest))
	if item.Sample {
		out.Token = s.sampler.choose(logits, f.End())
		out.End = out.Token == f.End()
	}
	if item.Logits {
		out.Logits = logits
	}
	return out
}

// patchHalf writes the first layer of what the items were to patch.
func (f *Fake) patchHalf(items []engine.Item) {
	first, half := f.geometry.KVHeads*f.geometry.HeadDim, f.model.values()/2
	for _, item := range items {
		s := f.seqs[item.Seq]
		for i, at := range item.At {
			if at >= s.len {
				break
			}
			c := s.at(f.geometry, at)
			kv := slices.Clone(c.kv)
			anew := f.model.write(item.Tokens[i], at, 0).kv
			copy(kv[:first], anew)
			copy(kv[half:half+first], anew[half:])
			*c = cell{token: item.Tokens[i], kv: kv}
			s.touch(at)
		}
	}
}

func (f *Fake) likeliest(s *sequence, digest uint64) engine.Token {
	if script := f.script(); script != nil {
		return script(s.tokens(f.geometry))
	}
	return f.model.next(digest)
}
