package gguf

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// sentencePiece is a vocabulary of a token for each byte and one word.
func sentencePiece() map[string]any {
	tokens := []string{"word"}
	for b := range 256 {
		tokens = append(tokens, fmt.Sprintf("<0x%02X>", b))
	}
	return map[string]any{
		"tokenizer.ggml.model":      "llama",
		"tokenizer.ggml.tokens":     tokens,
		"tokenizer.ggml.scores":     make([]float32, len(tokens)),
		"tokenizer.ggml.token_type": make([]int32, len(tokens)),
	}
}

func bytePairs() map[string]any {
	return map[string]any{
		"tokenizer.ggml.model":  "gpt2",
		"tokenizer.ggml.tokens": []string{"a", "b", "ab", ""},
		"tokenizer.ggml.merges": []string{"a b"},
	}
}

func TestCheckTokenizer(t *testing.T) {
	for name, meta := range map[string]map[string]any{"SentencePiece": sentencePiece(), "BPE": bytePairs()} {
		if err := (&File{Meta: meta}).CheckTokenizer(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tt := range map[string]struct {
		of, change map[string]any // nil removes a key
		say        string
	}{
		"no tokenizer":       {bytePairs(), map[string]any{"model": nil}, "supported are"},
		"another tokenizer":  {bytePairs(), map[string]any{"model": "bert"}, "bert"},
		"no tokens":          {bytePairs(), map[string]any{"tokens": nil}, "no list of tokens"},
		"tokens of numbers":  {bytePairs(), map[string]any{"tokens": []int32{1}}, "no list of tokens"},
		"no merges":          {bytePairs(), map[string]any{"merges": nil}, "merges"},
		"merges of numbers":  {bytePairs(), map[string]any{"merges": []int32{1}}, "merges"},
		"a token twice":      {bytePairs(), map[string]any{"tokens": []string{"a", "b", "a"}}, "tokens 0 and 2"},
		"twice, cut at NUL":  {bytePairs(), map[string]any{"tokens": []string{"a", "a\x00b"}}, "tokens 0 and 1"},
		"twice, empty":       {bytePairs(), map[string]any{"tokens": []string{"", "[EMPTY_0]"}}, "tokens 0 and 1"},
		"types too few":      {bytePairs(), map[string]any{"token_type": []int32{1}}, "token_type"},
		"types of strings":   {bytePairs(), map[string]any{"token_type": []string{"a", "b", "c", "d"}}, "token_type"},
		"no scores":          {sentencePiece(), map[string]any{"scores": nil}, "scores"},
		"scores too few":     {sentencePiece(), map[string]any{"scores": make([]float32, 3)}, "scores"},
		"a byte is missing":  {sentencePiece(), map[string]any{"tokens": sentencePiece()["tokenizer.ggml.tokens"].([]string)[:256]}, "byte 0xFF"},
		"bytes of the model": {sentencePiece(), map[string]any{"model": 7}, "supported are"},
	} {
		meta := maps.Clone(tt.of)
		for key, value := range tt.change {
			if meta["tokenizer.ggml."+key] = value; value == nil {
				delete(meta, "tokenizer.ggml."+key)
			}
		}
		err := (&File{Meta: meta}).CheckTokenizer()
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s: got %v, want ErrFormat that says %q", name, err, tt.say)
		}
	}
}
