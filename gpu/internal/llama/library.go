package llama

import (
	"sync"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// Handles of C objects.
type (
	model   uintptr // struct llama_model *
	vocab   uintptr // const struct llama_vocab *
	context uintptr // struct llama_context *
	memory  uintptr // llama_memory_t
	sampler uintptr // struct llama_sampler *
)

// Lib is libllama: its fields are C functions, the header documents each. Those
// of type uintptr are called in loops, without the cost of a registered function.
type Lib struct {
	ggml *ggml.Lib

	backendInit     func()                                                                                          `c:"llama_backend_init"`
	modelDefaults   func() modelParams                                                                              `c:"llama_model_default_params"`
	contextDefaults func() contextParams                                                                            `c:"llama_context_default_params"`
	chainDefaults   func() chainParams                                                                              `c:"llama_sampler_chain_default_params"`
	batchInit       func(tokens, embd, seqs int32) batch                                                            `c:"llama_batch_init"`
	batchFree       func(b batch)                                                                                   `c:"llama_batch_free"`
	modelLoad       func(path string, p modelParams) model                                                          `c:"llama_model_load_from_file"`
	modelFree       func(m model)                                                                                   `c:"llama_model_free"`
	modelVocab      func(m model) vocab                                                                             `c:"llama_model_get_vocab"`
	modelTemplate   func(m model, name *byte) *byte                                                                 `c:"llama_model_chat_template"`
	contextNew      func(m model, p contextParams) context                                                          `c:"llama_init_from_model"`
	contextFree     func(c context)                                                                                 `c:"llama_free"`
	contextMemory   func(c context) memory                                                                          `c:"llama_get_memory"`
	attachPool      func(c context, pool, batch ggml.Threadpool)                                                    `c:"llama_attach_threadpool"`
	setThreads      func(c context, n, batch int32)                                                                 `c:"llama_set_n_threads"`
	decode          func(c context, b batch) int32                                                                  `c:"llama_decode"`
	logits          func(c context, i int32) *float32                                                               `c:"llama_get_logits_ith"`
	memoryClear     func(m memory, data bool)                                                                       `c:"llama_memory_clear"`
	memoryRemove    func(m memory, seq, from, to int32) bool                                                        `c:"llama_memory_seq_rm"`
	memoryCopy      func(m memory, src, dst, from, to int32)                                                        `c:"llama_memory_seq_cp"`
	vocabSize       func(v vocab) int32                                                                             `c:"llama_vocab_n_tokens"`
	vocabBOS        func(v vocab) engine.Token                                                                      `c:"llama_vocab_bos"`
	vocabEOS        func(v vocab) engine.Token                                                                      `c:"llama_vocab_eos"`
	vocabEOT        func(v vocab) engine.Token                                                                      `c:"llama_vocab_eot"`
	vocabAddBOS     func(v vocab) bool                                                                              `c:"llama_vocab_get_add_bos"`
	vocabAddEOS     func(v vocab) bool                                                                              `c:"llama_vocab_get_add_eos"`
	tokenAttr       uintptr                                                                                         `c:"llama_vocab_get_attr"`
	tokenIsEnd      uintptr                                                                                         `c:"llama_vocab_is_eog"`
	tokenPiece      uintptr                                                                                         `c:"llama_token_to_piece"`
	tokenize        func(v vocab, text *byte, n int32, tokens *engine.Token, most int32, special, parse bool) int32 `c:"llama_tokenize"`

	chainInit    func(p chainParams) sampler                                            `c:"llama_sampler_chain_init"`
	chainAdd     func(chain, s sampler)                                                 `c:"llama_sampler_chain_add"`
	samplerFree  func(s sampler)                                                        `c:"llama_sampler_free"`
	samplerApply uintptr                                                                `c:"llama_sampler_apply"`
	samplerTake  uintptr                                                                `c:"llama_sampler_accept"`
	newBias      func(vocab, n int32, biases unsafe.Pointer) sampler                    `c:"llama_sampler_init_logit_bias"`
	newPenalties func(vocab, window int32, repeat, frequency, presence float32) sampler `c:"llama_sampler_init_penalties"`
	newTopK      func(k int32) sampler                                                  `c:"llama_sampler_init_top_k"`
	newMinP      func(p float32, keep uint64) sampler                                   `c:"llama_sampler_init_min_p"`
	newTemp      func(t float32) sampler                                                `c:"llama_sampler_init_temp"`
	newDist      func(seed uint32) sampler                                              `c:"llama_sampler_init_dist"`
}

var (
	openMu sync.Mutex
	opened *Lib // of the one ggml.Lib that a process has
)

// Of returns the libllama that belongs to the ggml libraries. A struct that does
// not lie in memory as expected is ggml.ErrMismatch.
func Of(lib *ggml.Lib) (*Lib, error) {
	openMu.Lock()
	defer openMu.Unlock()
	if opened != nil {
		return opened, nil
	}
	l := &Lib{ggml: lib}
	if err := lib.Llama(l); err != nil {
		return nil, err
	}
	if err := l.verifyLayouts(); err != nil {
		return nil, err
	}
	l.backendInit()
	opened = l
	return l, nil
}
