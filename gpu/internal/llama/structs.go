package llama

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// modelParams mirrors struct llama_model_params.
type modelParams struct {
	devices             unsafe.Pointer // NULL-terminated list of ggml.Device
	tensorBufOverrides  unsafe.Pointer
	gpuLayers           int32
	splitMode           int32
	loadMode            int32
	lazyMode            int32
	mainGPU             int32
	tensorSplit         unsafe.Pointer
	progressCallback    uintptr
	progressData        unsafe.Pointer
	kvOverrides         unsafe.Pointer
	vocabOnly           bool
	checkTensors        bool
	useExtraBufferTypes bool
	noHost              bool
	noAlloc             bool
	loadMTP             bool
}

// contextParams mirrors struct llama_context_params.
type contextParams struct {
	ctx              uint32
	batch            uint32
	ubatch           uint32
	seqMax           uint32
	rsSeq            uint32
	outputsMax       uint32
	outputsMaxPerSeq uint32
	threads          int32
	threadsBatch     int32
	ctxType          int32
	ropeScaling      int32
	pooling          int32
	attention        int32
	flashAttn        FlashAttention
	ropeFreqBase     float32
	ropeFreqScale    float32
	yarnExtFactor    float32
	yarnAttnFactor   float32
	yarnBetaFast     float32
	yarnBetaSlow     float32
	yarnOrigCtx      uint32
	defragThreshold  float32
	evalCallback     uintptr
	evalData         unsafe.Pointer
	typeK            ggml.Type
	typeV            ggml.Type
	abortCallback    uintptr
	abortData        unsafe.Pointer
	embeddings       bool
	offloadKQV       bool
	noPerf           bool
	opOffload        bool
	swaFull          bool
	kvUnified        bool
	samplers         unsafe.Pointer
	samplerCount     uint64
	other            uintptr
}

// batch mirrors struct llama_batch.
type batch struct {
	n      int32
	token  unsafe.Pointer // engine.Token
	embd   unsafe.Pointer
	pos    unsafe.Pointer // int32
	seqs   unsafe.Pointer // int32: number of sequences of each token
	seqID  unsafe.Pointer // pointers to int32
	logits unsafe.Pointer // int8
}

// Candidate mirrors struct llama_token_data.
type Candidate struct {
	Token       engine.Token
	Logit       float32
	Probability float32
}

// candidates mirrors struct llama_token_data_array.
type candidates struct {
	data     *Candidate
	size     uint64
	selected int64
	sorted   bool
}

// logitBias mirrors struct llama_logit_bias.
type logitBias struct {
	token engine.Token
	bias  float32
}

// chainParams mirrors struct llama_sampler_chain_params.
type chainParams struct{ noPerf bool }

// verifyLayouts compares what the mirrors read of libllama's default parameters
// and of an empty batch with what they are documented to be. The defaults differ
// from zero in fields near the beginning, in the middle and at the end of either
// struct, so that a field more or less anywhere shows.
func (l *Lib) verifyLayouts() error {
	var wrong []string
	size := func(name string, got, want uintptr) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("sizeof(%s) is %d here, expected %d", name, got, want))
		}
	}
	size("llama_model_params", unsafe.Sizeof(modelParams{}), 80)
	size("llama_context_params", unsafe.Sizeof(contextParams{}), 160)
	size("llama_batch", unsafe.Sizeof(batch{}), 56)
	size("llama_token_data", unsafe.Sizeof(Candidate{}), 12)
	size("llama_token_data_array", unsafe.Sizeof(candidates{}), 32)
	size("llama_logit_bias", unsafe.Sizeof(logitBias{}), 8)

	if got := l.modelDefaults(); got != modelLayout {
		wrong = append(wrong, fmt.Sprintf("llama_model_default_params() reads %+v, expected %+v", got, modelLayout))
	}
	if got := l.contextDefaults(); got != contextLayout {
		wrong = append(wrong, fmt.Sprintf("llama_context_default_params() reads %+v, expected %+v", got, contextLayout))
	}
	b := l.batchInit(3, 0, 1)
	if b.n != 0 || b.token == nil || b.embd != nil || b.pos == nil || b.seqs == nil || b.seqID == nil || b.logits == nil {
		wrong = append(wrong, fmt.Sprintf("llama_batch_init(3, 0, 1) reads %+v, expected pointers in all fields but embd", b))
	}
	l.batchFree(b)
	if p := l.chainDefaults(); !p.noPerf {
		wrong = append(wrong, "llama_sampler_chain_default_params() reads no_perf = false, expected true")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: struct layouts of libllama differ: %s", ggml.ErrMismatch, strings.Join(wrong, "; "))
	}
	return nil
}

// The default parameters of the pinned release; what is not named is zero.
var (
	modelLayout   = modelParams{gpuLayers: -1, splitMode: 1, loadMode: -1, lazyMode: 1, useExtraBufferTypes: true}
	contextLayout = contextParams{
		ctx: 512, batch: 2048, ubatch: 512, seqMax: 1, outputsMaxPerSeq: 1, threads: 4, threadsBatch: 4,
		ropeScaling: -1, pooling: -1, attention: -1, flashAttn: FlashAuto,
		yarnExtFactor: -1, yarnAttnFactor: -1, yarnBetaFast: -1, yarnBetaSlow: -1, defragThreshold: -1,
		typeK: ggml.F16, typeV: ggml.F16, offloadKQV: true, noPerf: true, opOffload: true, swaFull: true,
	}
)
