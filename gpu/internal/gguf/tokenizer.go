package gguf

import (
	"fmt"
	"slices"
	"strings"
)

// tokenizers are the kinds that supported models have: byte-level BPE and
// SentencePiece.
var tokenizers = []string{"gpt2", "llama"}

// CheckTokenizer checks what libllama relies on in a vocabulary: it asserts that
// tokens differ, and looks up the 256 byte tokens of a SentencePiece vocabulary
// wherever a text needs one.
func (f *File) CheckTokenizer() error {
	const prefix = "tokenizer.ggml."
	model, ok := f.String(prefix + "model")
	if !ok || !slices.Contains(tokenizers, model) {
		return bad("tokenizer %v; supported are %v", f.Meta[prefix+"model"], tokenizers)
	}
	tokens, ok := f.Strings(prefix + "tokens")
	if !ok || len(tokens) == 0 || len(tokens) > 1<<24 {
		return bad("%stokens is no list of tokens", prefix)
	}
	ids := make(map[string]int, len(tokens))
	for i, t := range tokens {
		t, _, _ = strings.Cut(t, "\x00") // libllama reads C strings
		if t == "" {
			t = fmt.Sprintf("[EMPTY_%d]", i) // and calls empty ones so
		}
		if first, twice := ids[t]; twice {
			return bad("tokens %d and %d are both %q", first, i, t)
		}
		ids[t] = i
	}
	if err := f.checkArray(prefix+"scores", len(tokens), model == "llama"); err != nil {
		return err
	}
	if err := f.checkArray(prefix+"token_type", len(tokens), model == "llama"); err != nil {
		return err
	}
	if model == "gpt2" {
		if _, ok := f.Strings(prefix + "merges"); !ok {
			return bad("%smerges is no list of merges", prefix)
		}
		return nil
	}
	for b := range 256 {
		_, named := ids[fmt.Sprintf("<0x%02X>", b)]
		if _, plain := ids[string([]byte{byte(b)})]; !named && !plain {
			return bad("the vocabulary lacks a token for byte 0x%02X", b)
		}
	}
	return nil
}

// checkArray checks an array of numbers that has one for every token.
func (f *File) checkArray(key string, tokens int, needed bool) error {
	n := -1
	switch v := f.Meta[key].(type) {
	case []float32:
		n = len(v)
	case []int32:
		n = len(v)
	case nil:
		if !needed {
			return nil
		}
	}
	if n < tokens {
		return bad("%s has not a number for each of %d tokens", key, tokens)
	}
	return nil
}
