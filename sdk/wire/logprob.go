package wire

// Logprob is a sampled token, how likely the model thought it, and what it thought of others in
// its place.
//
// Of a turn that asks (Sampling.Logprobs), a result has those of the sampled tokens in their
// order, whatever they are a part of, but not of the one that ends the answer. It has no more
// than MaxLogprobs, those in Top counted: of a longer answer, those of its beginning.
type Logprob struct {
	TokenLogprob
	Top []TokenLogprob `json:"top,omitempty"` // the likeliest tokens, the likeliest first
}

// TokenLogprob is how likely the model thought a token, by the natural logarithm of its
// probability. It is that of the model itself: before biases, penalties, temperature, filters
// and grammars.
type TokenLogprob struct {
	Token   int32   `json:"token"`
	Text    string  `json:"text"`            // what it adds to a text; parts of a character are U+FFFD
	Bytes   []byte  `json:"bytes,omitempty"` // what it adds, where that is part of a character; in base64
	Logprob float64 `json:"logprob"`         // no less than -9999
}

// MaxLogprobs keeps a result within a message.
const MaxLogprobs = 32_768

// Raw is what the token adds to a text, byte by byte.
func (l *TokenLogprob) Raw() []byte {
	if l.Bytes != nil {
		return l.Bytes
	}
	return []byte(l.Text)
}
