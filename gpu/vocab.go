package gpu

import (
	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	libllama "github.com/interlude-run/interlude/gpu/internal/llama"
)

// Vocab is a model's vocabulary: text to tokens and back, and the chat template.
// libllama tokenises; what concerns single tokens was read when it was opened.
// Many goroutines may use a Vocab at once. What its methods return must not be
// written to.
type Vocab struct {
	model    *libllama.Model
	vocab    *libllama.Vocab
	template string
	controls map[string]engine.Token
}

// OpenVocab reads the vocabulary of the GGUF file at path, and none of its
// weights. The caller closes it.
func OpenVocab(lib *ggml.Lib, path string) (*Vocab, error) {
	l, err := libllama.Of(lib)
	if err != nil {
		return nil, err
	}
	m, err := l.Load(path, libllama.ModelOptions{VocabOnly: true})
	if err != nil {
		return nil, err
	}
	v := &Vocab{model: m, vocab: m.Vocab(), template: m.ChatTemplate(), controls: map[string]engine.Token{}}
	for t := range engine.Token(v.Size()) {
		if v.vocab.IsControl(t) {
			v.controls[string(v.vocab.Spelling(t))] = t
		}
	}
	return v, nil
}

// Tokenize turns text into tokens. With addSpecial the tokens that the model
// wants around a text are added. With parseSpecial the name of a control token
// becomes that token; without it is text like any other.
func (v *Vocab) Tokenize(text string, addSpecial, parseSpecial bool) []engine.Token {
	return v.vocab.Tokenize(text, addSpecial, parseSpecial)
}

// Piece is what t adds to a text: whole characters or a part of one. A control
// token adds nothing.
func (v *Vocab) Piece(t engine.Token) []byte { return v.vocab.Piece(t) }

// Spelling is Piece with control tokens as the names that they have in a text.
func (v *Vocab) Spelling(t engine.Token) []byte { return v.vocab.Spelling(t) }

// Controls are the control tokens by their names.
func (v *Vocab) Controls() map[string]engine.Token { return v.controls }

// IsEnd tells whether t ends a generation.
func (v *Vocab) IsEnd(t engine.Token) bool { return v.vocab.IsEnd(t) }

// BOS is the token that begins a text, −1 where there is none; add tells whether
// the model wants every text to begin with it.
func (v *Vocab) BOS() (t engine.Token, add bool) { return v.vocab.BOS, v.vocab.AddBOS }

// EOS is the token that ends a text, −1 where there is none.
func (v *Vocab) EOS() engine.Token { return v.vocab.EOS }

// Size is the number of tokens.
func (v *Vocab) Size() int { return v.vocab.Size() }

// ChatTemplate is the model's own Jinja template, empty where it has none.
func (v *Vocab) ChatTemplate() string { return v.template }

// Close gives the vocabulary's memory back. Nothing may use it, nor a sampler
// made from it, any more.
func (v *Vocab) Close() { v.model.Free() }
