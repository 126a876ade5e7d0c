package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// DecodeTurn reads a turn as a client submitted it on a subject that names id. It
// fills in what the subject says and what is the default, and validates the
// whole. It refuses fields that it does not know. An error is an *Error.
func DecodeTurn(id ID, data []byte) (*Turn, error) {
	t, err := decodeSubmitted[Turn](data, "wire.Turn")
	if err != nil {
		return nil, err
	}
	if err := t.fillIn(id); err != nil {
		return nil, err
	}
	return t, t.Validate()
}

// decodeSubmitted reads a message that a client wrote, of that shape.
func decodeSubmitted[M Turn | Signal](data []byte, shape string) (*M, error) {
	if !utf8.Valid(data) {
		return nil, invalidJSON(errors.New("the message is not UTF-8"), shape)
	}
	var head struct {
		Version *int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, invalidJSON(err, shape)
	}
	if err := checkVersion(head.Version); err != nil {
		return nil, err
	}
	m := new(M)
	if err := decodeStrictly(data, m); err != nil {
		return nil, invalidJSON(err, shape)
	}
	return m, nil
}

// message is what Decode reads.
type message interface {
	Turn | Result | Chunk | Reply | Signal
}

// Decode reads a message that a node wrote. It ignores fields that it does not
// know. An error is an *Error.
func Decode[M message](data []byte) (*M, error) {
	var head struct {
		Version *int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, invalidJSON(err, "package wire")
	}
	if err := checkVersion(head.Version); err != nil {
		return nil, err
	}
	var m M
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, invalidJSON(err, "package wire")
	}
	return &m, nil
}

// Encode writes a message. It cannot fail on messages that Decode or DecodeTurn
// gave or that Validate accepts.
func Encode[M message](m *M) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // "<" is one byte, not six
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// UnmarshalJSON reads a string, null, or a list of text parts.
func (c *Content) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		return json.Unmarshal(data, (*string)(c)) // null leaves it empty
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := decodeStrictly(data, &parts); err != nil {
		return err
	}
	var text strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return fmt.Errorf("a content part has type %q; only \"text\" can be served", clip(p.Type))
		}
		text.WriteString(p.Text)
	}
	*c = Content(text.String())
	return nil
}

// decodeStrictly reads one JSON value, all of whose fields are known.
func decodeStrictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func checkVersion(v *int) error {
	switch {
	case v == nil:
		return &Error{
			Code:    CodeUnsupportedVersion,
			Message: `the message has no "v"`,
			Hint:    fmt.Sprintf(`send "v": %d`, Version),
		}
	case *v != Version:
		return &Error{
			Code:    CodeUnsupportedVersion,
			Message: fmt.Sprintf("the message has version %d; this side speaks version %d", *v, Version),
			Hint:    "use a client and a node of the same version",
		}
	}
	return nil
}

func invalidJSON(err error, shape string) *Error {
	return &Error{
		Code:    CodeInvalidJSON,
		Message: clip(strings.ToValidUTF8(err.Error(), "�")),
		Hint:    "send one JSON object in the shape of " + shape,
	}
}
