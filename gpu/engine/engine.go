package engine

import (
	"errors"
	"fmt"
)

// Token is an entry of the model's vocabulary, 0 ≤ Token < Geometry.Vocab.
type Token int32

// Seq names a sequence. The caller chooses it; 0 is not a name.
type Seq uint64

// Geometry is what a caller must know of a model to account for its memory and
// to keep its contexts legal. It does not change while the engine lives.
type Geometry struct {
	Layers     int   // transformer blocks
	KVHeads    int   // K and V heads per layer
	HeadDim    int   // values in one head of K and of V
	Vocab      int   // logits per position
	MaxContext int   // the longest sequence the model was trained for, in cells
	CellBytes  int64 // bytes of one cell over all layers, K and V
	Granule    int   // capacity comes in multiples of so many cells
	Span       int   // a fork shares whole spans only (see Shared); a multiple of Granule
	PoolBytes  int64 // what all sequences together may reserve
	MaxStep    int   // the most tokens that one Step takes
	Tile       int   // tokens of a Step that take about as long as one does; 0 is 1
}

// Cells rounds n up to the capacity that the engine reserves for it.
func (g Geometry) Cells(n int) int {
	return (n + g.Granule - 1) / g.Granule * g.Granule
}

// Bytes is what a sequence with capacity for n cells costs, nothing shared.
func (g Geometry) Bytes(n int) int64 { return int64(g.Cells(n)) * g.CellBytes }

// Shared tells how many of the first n cells of a sequence a fork of them
// shares by reference; the fork gets its own copy of the other n − Shared(n).
// Spans double, [0, Span) [Span, 2·Span) [2·Span, 4·Span) …, so that a long
// sequence is a handful of contiguous runs, and where they begin depends on
// nothing but the position: attention then sums in the same order whatever the
// sequence has been through.
func (g Geometry) Shared(n int) int {
	if n < g.Span {
		return 0
	}
	end := g.Span
	for end*2 <= n {
		end *= 2
	}
	return end
}

// Item is one sequence's part of a step.
type Item struct {
	Seq    Seq
	Tokens []Token // one for a decode, more for a prefill chunk; never empty
	At     []int   // the position of each token, ascending; nil: they are appended. See package, Patches
	Sample bool    // sample the token after the last of Tokens, which is appended
	Logits bool    // return the logits after the last of Tokens, which is appended
}

// Output is what a step found out for the item at the same index.
type Output struct {
	Token  Token     // the sampled token, when Item.Sample
	End    bool      // Token ends the generation (EOS, EOT …); it has not been appended
	Logits []float32 // [Vocab], when Item.Logits; the caller's to keep
}

// Sampling says how the tokens of a sequence are chosen. The zero value is
// greedy. Filters apply in the order of the fields.
type Sampling struct {
	Bias             map[Token]float32 // added to the logits
	Grammar          string            // GBNF; its start symbol is "root"
	RepeatPenalty    float32           // 1 or 0: none
	FrequencyPenalty float32
	PresencePenalty  float32
	PenaltyWindow    int     // tokens looked back for the penalties; 0: 64
	TopK             int     // 0: all
	TopP             float32 // 0 or 1: all
	MinP             float32 // 0: all
	Temperature      float32 // 0: greedy
	Seed             uint32
	IgnoreEOS        bool // tokens that end a generation are never chosen
}

// KV is the K and V of some cells in the clear, row-major
// [layers][KVHeads][cells][HeadDim]. K carries the rotary rotation of its position.
type KV struct{ K, V []float32 }

// Memory is the pool as the engine sees it. Used counts reserved cells, shared
// ones once; Free is what a Reserve can still have, whatever the fragmentation.
type Memory struct {
	Pool, Used, Free int64
	LargestHole      int64 // the largest contiguous free range before any compaction
	Moved            int64 // bytes moved by compaction since the start
	Sequences        int
}

// Errors that callers branch on. They come wrapped with the operation and the
// sequence.
var (
	ErrNoSuchSequence = errors.New("no such sequence")
	ErrSequenceExists = errors.New("sequence exists already")
	ErrNoRoom         = errors.New("the pool has not enough free bytes")
	ErrCapacity       = errors.New("beyond the reserved cells")
	ErrTooLong        = errors.New("longer than the model's context")
	ErrRange          = errors.New("out of range")
	ErrInterrupted    = errors.New("step interrupted")
	ErrGrammar        = errors.New("grammar does not parse")
	ErrBroken         = errors.New("engine is broken; restart the process")
)

// Wrap names the operation and the sequence that err happened to.
func Wrap(op string, seq Seq, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s sequence %d: %w", op, seq, err)
}
