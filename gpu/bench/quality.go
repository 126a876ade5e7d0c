package bench

import (
	_ "embed"
	"math"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/llama"
)

//go:embed prose.txt
var prose string

// nearness compares next-token distributions over a piece of prose: the engine as it
// ships against libllama, both token by token, and, as the noise that any rounding
// makes, libllama in one batch against libllama token by token.
func (m *measurement) nearness() error {
	tokens := m.prose()
	single, err := m.single.distributions(tokens, 1)
	if err != nil {
		return err
	}
	batch, err := m.single.distributions(tokens, len(tokens))
	if err != nil {
		return err
	}
	m.f.KLNoise, m.f.Top1Noise = divergence(batch, single)
	ours, err := m.ours.distributions(tokens)
	if err != nil {
		return err
	}
	m.f.KLShipped, m.f.Top1Shipped = divergence(single, ours)
	return nil
}

// conversion compares the engine with converted weights with the same with the file's.
func (m *measurement) conversion() error {
	tokens := m.prose()
	tokens = tokens[:min(256, len(tokens))]
	file, err := openOwn(m.o, m.f.Path, gpu.Options{Weights: "file"})
	if err != nil {
		return err
	}
	defer file.close()
	original, err := file.distributions(tokens)
	if err != nil {
		return err
	}
	converted, err := m.ours.distributions(tokens)
	if err != nil {
		return err
	}
	m.r.KLWeights, m.r.Top1Weights = divergence(original, converted)
	return nil
}

// prose is the text that distributions are compared on.
func (m *measurement) prose() []engine.Token {
	tokens := m.opponent.model.Vocab().Tokenize(prose, true, false)
	return tokens[:min(m.effort.prose, len(tokens))]
}

// distributions are the log-probabilities after each of the tokens.
func (a *own) distributions(tokens []engine.Token) (ds [][]float32, err error) {
	const seq = engine.Seq(999)
	err = awake(a, func() error {
		if err := a.engine.New(seq); err != nil {
			return err
		}
		defer a.engine.Release(seq)
		if err := a.engine.Reserve(seq, len(tokens)); err != nil {
			return err
		}
		out := make([]engine.Output, 1)
		for i := range tokens {
			if err := a.engine.Step([]engine.Item{{Seq: seq, Tokens: tokens[i : i+1], Logits: true}}, out); err != nil {
				return err
			}
			ds = append(ds, logSoftmax(out[0].Logits))
		}
		return nil
	})
	return ds, err
}

func (a *libllama) distributions(tokens []engine.Token, batch int) (ds [][]float32, err error) {
	err = awake(a, func() error {
		a.context.Clear()
		for at := 0; at < len(tokens); at += batch {
			a.batch = a.batch[:0]
			for i, t := range tokens[at:min(at+batch, len(tokens))] {
				a.batch = append(a.batch, llama.Entry{Token: t, Pos: at + i, Logits: true})
			}
			if err := a.context.Decode(a.batch); err != nil {
				return err
			}
			for i := range a.batch {
				ds = append(ds, logSoftmax(a.context.Logits(i)))
			}
		}
		return nil
	})
	return ds, err
}

// divergence is the mean Kullback-Leibler divergence of q from p in nats, and
// the share of positions whose likeliest token is the same.
func divergence(p, q [][]float32) (kl, top1 float64) {
	for i := range p {
		for j := range p[i] {
			kl += math.Exp(float64(p[i][j])) * float64(p[i][j]-q[i][j])
		}
		if llama.Greedy(p[i], nil) == llama.Greedy(q[i], nil) {
			top1++
		}
	}
	return kl / float64(len(p)), top1 / float64(len(p))
}

func logSoftmax(logits []float32) []float32 {
	most := float64(logits[llama.Greedy(logits, nil)])
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - most)
	}
	out := make([]float32, len(logits))
	for i, l := range logits {
		out[i] = float32(float64(l) - most - math.Log(sum))
	}
	return out
}
