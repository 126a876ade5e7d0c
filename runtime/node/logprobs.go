package node

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/sdk/wire"
)

// logprobs are those of the tokens that a turn has sampled, where it asks for them.
type logprobs struct {
	top  int // tokens beside each
	left int // how many more there is room for, those beside others counted
	all  []wire.Logprob
}

func newLogprobs(s wire.Sampling) *logprobs {
	if !s.Logprobs {
		return nil
	}
	return &logprobs{top: s.TopLogprobs, left: wire.MaxLogprobs}
}

// wanted tells whether the next token is to be noted.
func (l *logprobs) wanted() bool { return l != nil && l.left >= 1+l.top }

// note adds a token, chosen where the model gave these logits.
func (l *logprobs) note(token engine.Token, logits []float32, vocabulary chat.Tokenizer) {
	l.left -= 1 + l.top
	norm := logSumExp(logits)
	of := func(t engine.Token) wire.TokenLogprob {
		p := wire.TokenLogprob{Token: int32(t), Logprob: max(float64(logits[t])-norm, leastLogprob)}
		p.Text, p.Bytes = textOf(vocabulary.Piece(t))
		return p
	}
	p := wire.Logprob{TokenLogprob: of(token)}
	for _, t := range largest(logits, l.top) {
		p.Top = append(p.Top, of(t))
	}
	l.all = append(l.all, p)
}

// leastLogprob stands for what cannot be: JSON has no infinity. Others have the same.
const leastLogprob = -9999

// logSumExp is ln Σ exp(x), without overflow.
func logSumExp(x []float32) float64 {
	most := math.Inf(-1)
	for _, v := range x {
		most = max(most, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - most)
	}
	return most + math.Log(sum)
}

// largest are the n tokens of the largest logits, in descending order; of equal ones, that with the
// smaller number first.
func largest(logits []float32, n int) []engine.Token {
	top := make([]engine.Token, 0, n+1)
	for i, v := range logits {
		if len(top) == n && (n == 0 || v <= logits[top[n-1]]) {
			continue
		}
		at := len(top)
		for at > 0 && v > logits[top[at-1]] {
			at--
		}
		top = append(top, 0)
		copy(top[at+1:], top[at:])
		top[at] = engine.Token(i)
		top = top[:min(len(top), n)]
	}
	return top
}

// textOf is a token's text, and its bytes where they are no text.
func textOf(piece []byte) (string, []byte) {
	if utf8.Valid(piece) {
		return string(piece), nil
	}
	return strings.ToValidUTF8(string(piece), "\uFFFD"), piece
}
