// Package synth writes small models with random weights for tests: GGUF files
// that libllama loads, of every architecture and storage type that the engine
// supports, in milliseconds and a few hundred kilobytes.
//
// The same Options write the same bytes. Weights are scaled so that logits
// spread over several units and depend on the whole context: a wrong rotation,
// mask or bias shows.
//
// The vocabulary is real, if small: every byte, pairs of letters that merge, and
// the control tokens of ChatML with its template.
package synth
