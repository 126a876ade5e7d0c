package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"

	"github.com/interlude-run/interlude/sdk"
)

// Clients do not send back what they got: they write arguments anew, trim texts, drop names
// and reasoning. So conversations are compared by what they say.

// digest stands for a conversation: what was said, in its order.
type digest [16]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

// beginning is the conversation in which nothing was said, which differs by tenant and by
// what a client groups its requests by.
func beginning(a *ask) digest {
	return sum([]byte("conversation"), a.tenant, a.session, a.program)
}

// then is the conversation d with a message behind it.
func (d digest) then(m sdk.Message) digest {
	role := m.Role
	if role == "developer" {
		role = "system"
	}
	parts := []string{role, strings.TrimSpace(string(m.Content)), m.ToolCallID}
	for _, c := range m.ToolCalls {
		parts = append(parts, c.ID, c.Function.Name, canonicalJSON(c.Function.Arguments))
	}
	return sum(d[:], parts...)
}

// of is the digest of a whole request: two with the same ask for the same.
func (a *ask) digest() digest {
	if a.known == (digest{}) {
		a.known = a.sum()
	}
	return a.known
}

func (a *ask) sum() digest {
	rest, err := json.Marshal(struct {
		Messages any
		Tools    any
		Choice   any
		Format   any
		Sampling any
		Previous any
		Index    int
		Prompt   string `json:",omitempty"`
		Named    string `json:",omitempty"`
	}{a.messages, a.tools, a.choice, a.format, a.sampling, a.previousName(), a.choiceIndex, a.prompt, a.named})
	if err != nil {
		panic("gateway: a decoded request cannot be written: " + err.Error())
	}
	return sum([]byte("request"), a.tenant, a.session, a.program, string(rest))
}

func (a *ask) previousName() string {
	if a.previous == nil {
		return ""
	}
	return a.previous.String()
}

// sum hashes parts so that no two lists of parts are the same.
func sum(seed []byte, parts ...string) (d digest) {
	h := sha256.New()
	h.Write(seed)
	for _, p := range parts {
		var size [8]byte
		for i := range size {
			size[i] = byte(len(p) >> (8 * i))
		}
		h.Write(size[:])
		io.WriteString(h, p)
	}
	copy(d[:], h.Sum(nil))
	return d
}

// canonicalJSON is a JSON text without white space, with the keys of objects in order and
// numbers as float64 has them: clients in JavaScript write 1.0 as 1. A text that is no JSON,
// or has numbers that are too large, is as it is.
func canonicalJSON(text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	var v any
	if d.Decode(&v) != nil || d.More() {
		return text
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return text
	}
	return strings.TrimSuffix(b.String(), "\n")
}
