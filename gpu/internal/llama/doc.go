// Package llama is libllama as far as the engine uses it: the vocabulary of a
// model and its tokenizer, the sampler chain, and, as the oracle of tests and
// the opponent of benchmarks, its own decoding and its quantisations.
//
//	ggml.Lib ── Of ──▶ Lib ── Load ──▶ Model ─┬─ Vocab ──▶ Sampler chains
//	                                          └─ NewContext ──▶ Context
//
// libllama ends the process where it is given what it does not expect, so this
// package stands in front of it: a file goes through package gguf, a grammar
// through package gbnf, tokens, positions and parameters through checks of their
// own. Of verifies that libllama's structs lie in memory as their Go mirrors say.
//
// A Model and its Vocab may be used by many goroutines at once. A Context and a
// Sampler have one owner. What a Model gave out must be freed before it.
package llama
