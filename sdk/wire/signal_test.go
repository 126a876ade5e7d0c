package wire_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/sdk/wire"
)

func TestDecodeSignal(t *testing.T) {
	long := strings.Repeat("x", 257)
	for _, c := range []struct {
		name, json string
		code       wire.Code // empty: accepted
		field      string    // that the message names
	}{
		{"a call", `{"v":1,"calls":[{"name":"pytest","arguments":"{}","class":"unit","expected_ms":60000}]}`, "", ""},
		{"calls", `{"v":1,"calls":[{"name":"ls"},{"name":"grep"}]}`, "", ""},
		{"a person without a name", `{"v":1,"calls":[{"human":true}]}`, "", ""},
		{"progress", `{"v":1,"progress":{"expected_ms":0}}`, "", ""},
		{"rewrite", `{"v":1,"rewrite":{"keep_messages":2}}`, "", ""},
		{"ended", `{"v":1,"ended":true}`, "", ""},

		{"nothing", `{"v":1}`, wire.CodeInvalidSignal, "0 of"},
		{"two things", `{"v":1,"ended":true,"progress":{"expected_ms":5}}`, wire.CodeInvalidSignal, "2 of"},
		{"no version", `{"ended":true}`, wire.CodeUnsupportedVersion, `"v"`},
		{"unknown field", `{"v":1,"ended":true,"when":1}`, wire.CodeInvalidJSON, "when"},
		{"not UTF-8", "{\"v\":1,\"calls\":[{\"name\":\"\xff\"}]}", wire.CodeInvalidJSON, "UTF-8"},
		{"two values", `{"v":1,"ended":true} {}`, wire.CodeInvalidJSON, ""},
		{"no name", `{"v":1,"calls":[{"name":"ls"},{"expected_ms":5}]}`, wire.CodeInvalidSignal, "calls[1].name"},
		{"long name", `{"v":1,"calls":[{"name":"` + long + `"}]}`, wire.CodeInvalidSignal, "calls[0].name"},
		{"long class", `{"v":1,"calls":[{"name":"ls","class":"` + long + `"}]}`, wire.CodeInvalidSignal, "calls[0].class"},
		{"the past", `{"v":1,"calls":[{"name":"ls","expected_ms":-1}]}`, wire.CodeInvalidSignal, "expected_ms"},
		{"many calls", `{"v":1,"calls":[{"name":"ls"}` + strings.Repeat(`,{"name":"ls"}`, 64) + `]}`, wire.CodeInvalidSignal, "calls"},
		{"progress of the past", `{"v":1,"progress":{"expected_ms":-1}}`, wire.CodeInvalidSignal, "progress.expected_ms"},
		{"progress beyond all", `{"v":1,"progress":{"expected_ms":1000000000000000000}}`, wire.CodeInvalidSignal, "progress.expected_ms"},
		{"a part of a message", `{"v":1,"rewrite":{"keep_messages":1.5}}`, wire.CodeInvalidJSON, "1.5"},
		{"less than nothing", `{"v":1,"rewrite":{"keep_messages":-1}}`, wire.CodeInvalidSignal, "keep_messages"},
		{"large", `{"v":1,"calls":[{"name":"ls","arguments":"` + strings.Repeat("x", 512<<10) + `"}]}`, wire.CodeTooLarge, "bytes"},
	} {
		s, err := wire.DecodeSignal([]byte(c.json))
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			data, err := wire.Encode(s)
			again, err2 := wire.DecodeSignal(data)
			if err != nil || err2 != nil || !reflect.DeepEqual(s, again) {
				t.Errorf("%s: written and read again it is %+v, %v, %v", c.name, again, err, err2)
			}
			continue
		}
		var e *wire.Error
		if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Message, c.field) || e.Hint == "" {
			t.Errorf("%s: %v, want %s about %q", c.name, err, c.code, c.field)
		}
	}
}
