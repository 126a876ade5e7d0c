// Package chattest has a vocabulary for tests of what is said to a model.
package chattest

import (
	"strings"
	"unicode/utf8"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Tokens of Tokenizer. A vocabulary of 320 tokens holds them all, and its last
// one ends a generation, as that of the fake engine does.
const (
	ImStart   engine.Token = 300 // <|im_start|>
	EndOfText engine.Token = 301 // <|endoftext|>, ends a generation too
	BOS       engine.Token = 302 // <s>
	EOS       engine.Token = 303 // </s>, ends a generation too
	ImEnd     engine.Token = 319 // <|im_end|>
)

// ChatML is a small chat template in the style of many models.
const ChatML = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`

var controls = map[string]engine.Token{
	"<|im_start|>":  ImStart,
	"<|endoftext|>": EndOfText,
	"<s>":           BOS,
	"</s>":          EOS,
	"<|im_end|>":    ImEnd,
}

// words are the tokens from 256 on. A text is cut greedily, longest word first,
// so that a cut in the wrong place gives other tokens, as in a real vocabulary.
var words = []string{
	"\n\n", "  ", " the", "the", "he", "ll", "Hello", " world", "world", "user", "assistant", "system", "tool",
	"STOP", "TOP", "op", "é", "日", "🙂",
}

const firstWord = 256

// Tokenizer has a token for each byte, for a few words, and for control. The
// zero Tokenizer is ready for use, by any number of goroutines.
type Tokenizer struct {
	AddBOS bool // contexts begin with <s>
}

// Tokenize implements chat.Tokenizer.
func (t Tokenizer) Tokenize(text string, addSpecial, parseSpecial bool) (tokens []engine.Token) {
	if addSpecial && t.AddBOS {
		tokens = append(tokens, BOS)
	}
	for text != "" {
		token, n := next(text, parseSpecial)
		tokens = append(tokens, token)
		text = text[n:]
	}
	return tokens
}

func next(text string, parseSpecial bool) (engine.Token, int) {
	if parseSpecial {
		for spelling, token := range controls {
			if strings.HasPrefix(text, spelling) { // none begins another
				return token, len(spelling)
			}
		}
	}
	token, length := engine.Token(text[0]), 1
	for i, word := range words {
		if len(word) > length && strings.HasPrefix(text, word) {
			token, length = engine.Token(firstWord+i), len(word)
		}
	}
	return token, length
}

// Piece implements chat.Tokenizer.
func (Tokenizer) Piece(t engine.Token) []byte {
	switch {
	case t >= 0 && t < firstWord:
		return []byte{byte(t)}
	case t >= firstWord && int(t-firstWord) < len(words):
		return []byte(words[t-firstWord])
	}
	return nil
}

// IsEnd implements chat.Tokenizer.
func (Tokenizer) IsEnd(t engine.Token) bool { return t == ImEnd || t == EndOfText || t == EOS }

// Controls implements chat.Tokenizer.
func (Tokenizer) Controls() map[string]engine.Token { return controls }

// BOS implements chat.Tokenizer.
func (t Tokenizer) BOS() (engine.Token, bool) { return BOS, t.AddBOS }

// EOS implements chat.Tokenizer.
func (Tokenizer) EOS() engine.Token { return EOS }

// Spell writes tokens out, control tokens in brackets: "‹<|im_end|>›".
func Spell(tokens []engine.Token) string {
	var b strings.Builder
	for _, token := range tokens {
		b.Write(Tokenizer{}.Piece(token))
		for spelling, control := range controls {
			if control == token {
				b.WriteString("‹" + spelling + "›")
			}
		}
	}
	return b.String()
}

// Cut writes tokens out with a bar between every two.
func Cut(tokens []engine.Token) string {
	parts := make([]string, len(tokens))
	for i, token := range tokens {
		parts[i] = Spell([]engine.Token{token})
		if !utf8.ValidString(parts[i]) {
			parts[i] = "�"
		}
	}
	return strings.Join(parts, "|")
}
