package llama

import (
	"fmt"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
)

// MaxText is the longest text that Tokenize takes, in bytes.
const MaxText = 1 << 28

// Tokenize turns text into tokens. special adds the tokens that the model wants
// around a text; parse reads the names of control tokens in the text as those
// tokens. Any bytes are a text. More than MaxText of them is a broken invariant.
func (v *Vocab) Tokenize(text string, special, parse bool) []engine.Token {
	if len(text) > MaxText {
		panic(fmt.Sprintf("llama: a text of %d bytes; the most is %d", len(text), MaxText))
	}
	if !v.recursive || len(text) <= maxRun {
		return v.tokenize(text, special, parse)
	}
	var tokens []engine.Token
	if special && v.AddBOS {
		tokens = append(tokens, v.BOS)
	}
	for len(text) > 0 {
		n := cut(text, maxRun)
		tokens = append(tokens, v.tokenize(text[:n], false, parse)...)
		text = text[n:]
	}
	if special && v.addEOS {
		tokens = append(tokens, v.EOS)
	}
	return tokens
}

func (v *Vocab) tokenize(text string, special, parse bool) []engine.Token {
	if text == "" && !special {
		return nil
	}
	bytes := unsafe.StringData(text)
	if text == "" {
		bytes = new(byte)
	}
	// Most tokens stand for several bytes, none for less than one but those added.
	tokens := make([]engine.Token, len(text)/3+16)
	for {
		n := v.lib.tokenize(v.handle, bytes, int32(len(text)), &tokens[0], int32(len(tokens)), special, parse)
		if n >= 0 {
			return tokens[:n:n]
		}
		tokens = make([]engine.Token, -n)
	}
}

// iterative are the splitters of byte-level BPE that libllama has loops for. The
// others are regular expressions that recurse for every character of a match,
// and end the process on some 20,000 letters in a row.
var iterative = []string{
	"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "dbrx", "smaug-bpe",
	"glm4", "chatglm-bpe",
	"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "qwen35", "grok-2", "solar-open",
	"gpt-2", "phi-2", "gigachat", "a.x-4.0", "mellum", "roberta-bpe", "mpt", "olmo", "jais", "trillion", "exaone4", "granite-docling",
	"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2",
}

// recurses tells whether the tokenizer is one whose texts must be cut.
func recurses(model, splitter string) bool {
	return model == "gpt2" && !slices.Contains(iterative, splitter)
}

// maxRun is the most bytes of text that go to a recursive splitter at once.
const maxRun = 2048

// cut returns how much of a text to take, at most most: up to the last place where
// any splitter would split (letter, space, letter), else up to the last space,
// else whole characters.
func cut(text string, most int) int {
	if len(text) <= most {
		return len(text)
	}
	space := 0
	for i := most; i > 1; i-- {
		if text[i] != ' ' {
			continue
		}
		if letter(text[i-1]) && i+1 < len(text) && letter(text[i+1]) {
			return i
		}
		if space == 0 {
			space = i
		}
	}
	if space > 0 {
		return space
	}
	for i := most; i > most-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return most
}

func letter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }
