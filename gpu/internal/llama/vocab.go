package llama

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// NoToken stands for a special token that a vocabulary does not have.
const NoToken engine.Token = -1

// Vocab turns text into tokens and back. What can be asked of a single token is
// read once, so that only Tokenize calls into libllama. Many goroutines may use
// a Vocab at once.
type Vocab struct {
	lib    *Lib
	handle vocab

	BOS, EOS, EOT engine.Token // NoToken where there is none
	AddBOS        bool         // Tokenize with special begins a text with BOS

	addEOS    bool
	recursive bool // see recurses

	text  []byte // the pieces of all tokens, one after the other
	at    []int32
	flags []tokenFlags

	orderOnce sync.Once
	spellings spellingOrder // see order
}

type tokenFlags uint8

const (
	flagControl tokenFlags = 1 << iota // a control or unknown token: no text of its own
	flagEnd                            // ends a generation
)

// newVocab reads the table of tokens.
func newVocab(l *Lib, handle vocab) (*Vocab, error) {
	v := &Vocab{
		lib: l, handle: handle,
		BOS: l.vocabBOS(handle), EOS: l.vocabEOS(handle), EOT: l.vocabEOT(handle),
		AddBOS: l.vocabAddBOS(handle), addEOS: l.vocabAddEOS(handle),
	}
	if v.AddBOS && v.BOS < 0 || v.addEOS && v.EOS < 0 {
		return nil, fmt.Errorf("%w: a text is to begin or end with a token that the vocabulary lacks", gguf.ErrFormat)
	}
	n := int(l.vocabSize(handle))
	v.at, v.flags = make([]int32, n+1), make([]tokenFlags, n)
	for t := range v.flags {
		v.flags[t] = v.readFlags(engine.Token(t))
		v.text = v.appendPiece(v.text, engine.Token(t))
		v.at[t+1] = int32(len(v.text))
	}
	return v, nil
}

func (v *Vocab) readFlags(t engine.Token) (f tokenFlags) {
	const unknown, control = 1 << 0, 1 << 3 // enum llama_token_attr
	attr, _, _ := purego.SyscallN(v.lib.tokenAttr, uintptr(v.handle), uintptr(t))
	if attr&(unknown|control) != 0 {
		f |= flagControl
	}
	end, _, _ := purego.SyscallN(v.lib.tokenIsEnd, uintptr(v.handle), uintptr(t))
	if end&0xff != 0 {
		f |= flagEnd
	}
	return f
}

// appendPiece asks libllama for the text of a token, that of a control token too.
func (v *Vocab) appendPiece(to []byte, t engine.Token) []byte {
	for room := 64; ; {
		buf := make([]byte, room)
		n, _, _ := purego.SyscallN(v.lib.tokenPiece, uintptr(v.handle), uintptr(t), uintptr(unsafe.Pointer(&buf[0])), uintptr(room), 0, 1)
		runtime.KeepAlive(buf)
		if got := int(int32(n)); got >= 0 {
			return append(to, buf[:got]...)
		} else {
			room = -got
		}
	}
}

// Size is the number of tokens.
func (v *Vocab) Size() int { return len(v.flags) }

// IsEnd tells whether t ends a generation. A token that the vocabulary does not
// have does not.
func (v *Vocab) IsEnd(t engine.Token) bool { return v.has(t, flagEnd) }

// IsControl tells whether t is a control token, which stands for no text and
// becomes of text only where that is asked for.
func (v *Vocab) IsControl(t engine.Token) bool { return v.has(t, flagControl) }

func (v *Vocab) has(t engine.Token, f tokenFlags) bool {
	return t >= 0 && int(t) < len(v.flags) && v.flags[t]&f != 0
}

// Ends are the tokens that end a generation, in order.
func (v *Vocab) Ends() []engine.Token {
	var ends []engine.Token
	for t := range v.flags {
		if v.flags[t]&flagEnd != 0 {
			ends = append(ends, engine.Token(t))
		}
	}
	return ends
}

// end is a token that ends a generation, the end of the text before others.
func (v *Vocab) end() engine.Token {
	if ends := v.Ends(); len(ends) > 0 && !v.IsEnd(v.EOS) {
		return ends[0]
	}
	return max(v.EOS, 0)
}

// Piece is what t adds to a text, a part of a UTF-8 character where a token is
// one; a control token adds nothing, a token that the vocabulary does not have
// neither. It must not be written to.
func (v *Vocab) Piece(t engine.Token) []byte {
	if v.IsControl(t) {
		return nil
	}
	return v.Spelling(t)
}

// Spelling is Piece with control tokens as the names that they have in a text.
func (v *Vocab) Spelling(t engine.Token) []byte {
	if t < 0 || int(t) >= len(v.flags) {
		return nil
	}
	return v.text[v.at[t]:v.at[t+1]:v.at[t+1]]
}
