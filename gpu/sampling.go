package gpu

import (
	"github.com/interlude-run/interlude/gpu/engine"
	libllama "github.com/interlude-run/interlude/gpu/internal/llama"
)

// SetSampling replaces how the tokens of a sequence are chosen: see package
// gpu/engine. Its history is what the penalties begin with.
func (e *Engine) SetSampling(seq engine.Seq, s engine.Sampling, history []engine.Token) error {
	q, err := e.get("set sampling of", seq)
	if err != nil {
		return err
	}
	next, err := newSampler(e.vocab, s, history)
	if err != nil {
		return engine.Wrap("set sampling of", seq, err)
	}
	q.sampler.free()
	q.sampler = next
	return nil
}

// sampler chooses the tokens of one sequence and remembers them. A nil sampler
// is greedy. It has one owner.
type sampler struct{ chain *libllama.Sampler }

// newSampler makes a sampler; history is the end of the text so far, which
// penalties look back on. Errors wrap engine.ErrRange or engine.ErrGrammar.
func newSampler(v *Vocab, s engine.Sampling, history []engine.Token) (*sampler, error) {
	chain, err := v.vocab.NewSampler(s, history)
	if err != nil {
		return nil, err
	}
	return &sampler{chain}, nil
}

// sample chooses by the logits of all tokens of the vocabulary, which it leaves
// as they are. Where bias and grammar leave nothing to choose, it is a token that
// ends the generation.
func (s *sampler) sample(logits []float32) engine.Token {
	if s == nil {
		return libllama.Greedy(logits, nil)
	}
	return s.chain.Sample(logits)
}

func (s *sampler) free() {
	if s != nil {
		s.chain.Free()
	}
}
