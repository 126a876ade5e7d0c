package gguf

import "github.com/interlude-run/interlude/gpu/internal/ggml"

// block is the unit that a tensor type packs its elements in.
type block struct{ elements, bytes int64 }

// blocks are the tensor types of the pinned ggml release, by the numbers of enum
// ggml_type. A test compares them with the library's own.
var blocks = map[ggml.Type]block{
	ggml.F32:  {1, 4},
	ggml.F16:  {1, 2},
	ggml.Q4_0: {32, 18},
	ggml.Q4_1: {32, 20},
	ggml.Q5_0: {32, 22},
	ggml.Q5_1: {32, 24},
	ggml.Q8_0: {32, 34},
	9:         {32, 36}, // Q8_1
	ggml.Q2_K: {256, 84},
	ggml.Q3_K: {256, 110},
	ggml.Q4_K: {256, 144},
	ggml.Q5_K: {256, 176},
	ggml.Q6_K: {256, 210},
	15:        {256, 292}, // Q8_K
	16:        {256, 66},  // IQ2_XXS
	17:        {256, 74},  // IQ2_XS
	18:        {256, 98},  // IQ3_XXS
	19:        {256, 50},  // IQ1_S
	20:        {32, 18},   // IQ4_NL
	21:        {256, 110}, // IQ3_S
	22:        {256, 82},  // IQ2_S
	23:        {256, 136}, // IQ4_XS
	24:        {1, 1},     // I8
	25:        {1, 2},     // I16
	ggml.I32:  {1, 4},
	ggml.I64:  {1, 8},
	28:        {1, 8},    // F64
	29:        {256, 56}, // IQ1_M
	ggml.BF16: {1, 2},
	34:        {256, 54}, // TQ1_0
	35:        {256, 66}, // TQ2_0
	39:        {32, 17},  // MXFP4
	40:        {64, 36},  // NVFP4
	41:        {128, 18}, // Q1_0
	42:        {64, 18},  // Q2_0
}
