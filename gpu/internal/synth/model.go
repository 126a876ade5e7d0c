package synth

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// Options shape a model. A field that is zero has the default in parentheses.
type Options struct {
	Arch      string    // llama (default), qwen2 or qwen3
	Type      ggml.Type // of matrices; F32 is the zero value
	Layers    int       // (2)
	Embd      int       // (64)
	Heads     int       // (4)
	KVHeads   int       // (2)
	HeadDim   int       // (Embd/Heads; llama and qwen2 know no other)
	FFN       int       // (2·Embd)
	Vocab     int       // tokens (384), at least 300
	Context   int       // (4096)
	Tied      bool      // the embedding is the output matrix too
	RopeBase  float32   // (10000)
	RopeScale float32   // linear scaling: positions are divided by it (1)
	Factors   bool      // frequency factors, as Llama 3 has them
	Tokenizer string    // gpt2 (default), byte-level BPE, or llama, SentencePiece
	Splitter  string    // how BPE splits texts into words (gpt-2)
	AddBOS    bool      // texts begin with BOS
	Seed      uint64

	// Extra is further metadata, by key within the architecture's. It is written
	// last and says what the network is not.
	Extra map[string]any
}

func (o Options) withDefaults() Options {
	or := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	text := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	text(&o.Arch, "llama")
	text(&o.Tokenizer, "gpt2")
	text(&o.Splitter, "gpt-2")
	or(&o.Layers, 2)
	or(&o.Embd, 64)
	or(&o.Heads, 4)
	or(&o.KVHeads, 2)
	or(&o.HeadDim, o.Embd/o.Heads)
	or(&o.FFN, 2*o.Embd)
	or(&o.Vocab, 384)
	or(&o.Context, 4096)
	if o.RopeBase == 0 {
		o.RopeBase = 10000
	}
	return o
}

// Write writes the model to path.
func Write(lib *ggml.Lib, path string, o Options) error {
	o = o.withDefaults()
	m := &model{Options: o, lib: lib, random: rand.New(rand.NewPCG(o.Seed, 1))}
	m.metadata()
	if err := m.vocabulary(); err != nil {
		return fmt.Errorf("synthetic model: %w", err)
	}
	if err := m.weights(); err != nil {
		return fmt.Errorf("synthetic model: %w", err)
	}
	return os.WriteFile(path, m.bytes(), 0o644)
}

// model is a file in the making.
type model struct {
	Options
	container
	lib    *ggml.Lib
	random *rand.Rand
}

func (m *model) metadata() {
	m.key("general.architecture", m.Arch)
	m.key("general.name", "synthetic "+m.Arch)
	own := func(name string, value any) { m.key(m.Arch+"."+name, value) }
	own("context_length", uint32(m.Context))
	own("embedding_length", uint32(m.Embd))
	own("block_count", uint32(m.Layers))
	own("feed_forward_length", uint32(m.FFN))
	own("attention.head_count", uint32(m.Heads))
	own("attention.head_count_kv", uint32(m.KVHeads))
	own("attention.layer_norm_rms_epsilon", float32(1e-5))
	own("rope.freq_base", m.RopeBase)
	own("rope.dimension_count", uint32(m.HeadDim))
	own("vocab_size", uint32(m.Vocab))
	if m.HeadDim*m.Heads != m.Embd || m.Arch == "qwen3" {
		own("attention.key_length", uint32(m.HeadDim))
		own("attention.value_length", uint32(m.HeadDim))
	}
	if m.RopeScale != 0 {
		own("rope.scaling.type", "linear")
		own("rope.scaling.factor", m.RopeScale)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		own(name, m.Extra[name])
	}
}

// weights adds the tensors of the network.
func (m *model) weights() error {
	q, kv := m.Heads*m.HeadDim, m.KVHeads*m.HeadDim
	// Logits of a standard deviation of about 3: neither flat nor certain.
	const spread = 3
	scale := spread / math.Sqrt(float64(m.Embd))
	m.matrix("token_embd", m.Embd, m.Vocab, scale)
	if !m.Tied {
		m.matrix("output", m.Embd, m.Vocab, scale)
	}
	m.vector("output_norm.weight", m.Embd, 1, 0.1)
	if m.Factors {
		m.factors()
	}
	for i := range m.Layers {
		name := func(part string) string { return fmt.Sprintf("blk.%d.%s", i, part) }
		linear := func(part string, in, out int) { m.matrix(name(part), in, out, 1/math.Sqrt(float64(in))) }
		m.vector(name("attn_norm.weight"), m.Embd, 1, 0.1)
		linear("attn_q", m.Embd, q)
		linear("attn_k", m.Embd, kv)
		linear("attn_v", m.Embd, kv)
		linear("attn_output", q, m.Embd)
		m.vector(name("ffn_norm.weight"), m.Embd, 1, 0.1)
		linear("ffn_gate", m.Embd, m.FFN)
		linear("ffn_up", m.Embd, m.FFN)
		linear("ffn_down", m.FFN, m.Embd)
		switch m.Arch {
		case "qwen2":
			m.vector(name("attn_q.bias"), q, 0, 0.5)
			m.vector(name("attn_k.bias"), kv, 0, 0.5)
			m.vector(name("attn_v.bias"), kv, 0, 0.5)
		case "qwen3":
			m.vector(name("attn_q_norm.weight"), m.HeadDim, 1, 0.1)
			m.vector(name("attn_k_norm.weight"), m.HeadDim, 1, 0.1)
		}
	}
	return m.err
}

// matrix adds a matrix of normally distributed weights in the model's type.
func (m *model) matrix(name string, in, out int, deviation float64) {
	block := int(m.lib.BlockSize(m.Type))
	if block == 0 || in%block != 0 {
		m.fail(fmt.Errorf("rows of %d weights in %s are not whole blocks of type %s", in, name, ggml.GoString(m.lib.TypeName(m.Type))))
		return
	}
	values := m.normal(in*out, 0, deviation)
	data := make([]byte, m.lib.RowSize(m.Type, int64(in))*uint64(out))
	m.lib.QuantizeChunk(m.Type, unsafe.Pointer(&values[0]), unsafe.Pointer(&data[0]), 0, int64(out), int64(in), nil)
	m.tensor(name+".weight", m.Type, data, in, out)
}

// vector adds normally distributed numbers, which stay F32 in every model.
func (m *model) vector(name string, n int, mean, deviation float64) {
	m.floats(name, m.normal(n, mean, deviation))
}

// factors adds divisors of the rotary frequencies: 1 for the fast ones, 8 for
// the slow ones, as Llama 3.1 has them.
func (m *model) factors() {
	f := make([]float32, m.HeadDim/2)
	for i := range f {
		f[i] = 1 + 7*float32(i)/float32(len(f))
	}
	m.floats("rope_freqs.weight", f)
}

func (m *model) floats(name string, values []float32) {
	m.tensor(name, ggml.F32, unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), 4*len(values)), len(values))
}

func (m *model) normal(n int, mean, deviation float64) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(mean + deviation*m.random.NormFloat64())
	}
	return values
}
