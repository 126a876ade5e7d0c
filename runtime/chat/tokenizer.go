package chat

import "github.com/interlude-run/interlude/gpu/engine"

// Tokenizer is the model's vocabulary. Its methods answer the same for ever and
// may be called by several goroutines at once. What they return is not changed
// by anyone.
type Tokenizer interface {
	// Tokenize splits text. With parseSpecial, the spelling of a control token
	// becomes that token; without, it is text like any other. With addSpecial,
	// the model's customary tokens are put around it; this package does without.
	Tokenize(text string, addSpecial, parseSpecial bool) []engine.Token

	// Piece is what the token adds to a text: part of a rune, or several. A
	// control token adds nothing.
	Piece(t engine.Token) []byte

	// IsEnd tells whether the token ends a generation.
	IsEnd(t engine.Token) bool

	// Controls lists the control tokens by their spelling: what Tokenize makes
	// tokens of only with parseSpecial.
	Controls() map[string]engine.Token

	// BOS and EOS are the tokens that templates know as bos_token and
	// eos_token; −1 where the model has none. addBOS says that the model expects
	// its contexts to begin with BOS.
	BOS() (t engine.Token, addBOS bool)
	EOS() engine.Token
}
