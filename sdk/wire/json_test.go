package wire_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/sdk/wire"
)

var id = wire.ID{Tenant: "acme", Program: "hello", Turn: 1}

func TestDecodeTurn(t *testing.T) {
	const hi = `"messages":[{"role":"user","content":"Hi"}]`
	for _, c := range []struct {
		name, json string
		code       wire.Code // empty: accepted
		field      string    // that the message names
	}{
		{"least", `{"v":1,` + hi + `}`, "", ""},
		{"ids that agree", `{"v":1,"tenant":"acme","program":"hello","turn":1,` + hi + `}`, "", ""},
		{"parts", `{"v":1,"messages":[{"role":"user","content":[{"type":"text","text":"H"},{"type":"text","text":"i"}]}]}`, "", ""},
		{"tools", `{"v":1,"messages":[
			{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"ls","arguments":"{}"}}]},
			{"role":"tool","tool_call_id":"c1","content":"a b"}],
			"tools":[{"type":"function","function":{"name":"ls","parameters":{"type":"object"}}}]}`, "", ""},
		{"nobody waits", `{"v":1,"class":"background",` + hi + `}`, "", ""},
		{"everything", `{"v":1,"mode":"replace","class":"interactive",` + hi + `,"timeout_ms":1000,
			"sampling":{"max_tokens":9,"temperature":0.7,"top_k":40,"top_p":0.9,"min_p":0.05,"repeat_penalty":1.1,"frequency_penalty":0.1,
			"presence_penalty":0.1,"penalty_window":32,"seed":7,"stop":["\n"],"logit_bias":{"12":-100},"grammar":"root ::= \"a\"","ignore_eos":true},
			"lifecycle":{"last":true,"tool_hint":{"name":"grep","expected_ms":20},"parent":"boss","reuse":"off"}}`, "", ""},
		{"a prompt", `{"v":1,"prompt":"The sea","format":{"kind":"json_object"}}`, "", ""},
		{"a fork", `{"v":1,"mode":"replace","from":{"program":"other","turn":3},` + hi + `}`, "", ""},

		{"empty", ``, wire.CodeInvalidJSON, ""},
		{"null", `null`, wire.CodeUnsupportedVersion, ""},
		{"list", `[]`, wire.CodeInvalidJSON, ""},
		{"cut", `{"v":1,` + hi, wire.CodeInvalidJSON, ""},
		{"two values", `{"v":1,` + hi + `} {}`, wire.CodeInvalidJSON, ""},
		{"not UTF-8", "{\"v\":1,\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", wire.CodeInvalidJSON, "UTF-8"},
		{"unknown field", `{"v":1,` + hi + `,"temprature":1}`, wire.CodeInvalidJSON, "temprature"},
		{"unknown field within", `{"v":1,` + hi + `,"sampling":{"temprature":1}}`, wire.CodeInvalidJSON, "temprature"},
		{"image", `{"v":1,"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, wire.CodeInvalidJSON, "image_url"},
		{"no version", `{` + hi + `}`, wire.CodeUnsupportedVersion, `"v"`},
		{"version 2", `{"v":2,"thoughts":[]}`, wire.CodeUnsupportedVersion, "2"},
		{"other turn", `{"v":1,"turn":2,` + hi + `}`, wire.CodeInvalidSubject, "acme/hello/1"},
		{"no messages", `{"v":1,"messages":[]}`, wire.CodeInvalidTurn, "messages"},
		{"an empty prompt", `{"v":1,"prompt":""}`, wire.CodeInvalidTurn, "messages"},
		{"a prompt and messages", `{"v":1,"prompt":"x",` + hi + `}`, wire.CodeInvalidTurn, "prompt"},
		{"a prompt and tools", `{"v":1,"prompt":"x","tools":[{"type":"function","function":{"name":"ls"}}]}`, wire.CodeInvalidTurn, "prompt"},
		{"a prompt and a choice", `{"v":1,"prompt":"x","tool_choice":{"mode":"none"}}`, wire.CodeInvalidTurn, "prompt"},
		{"a prompt that is added", `{"v":1,"prompt":"x","mode":"append"}`, wire.CodeInvalidTurn, "prompt"},
		{"a prompt behind a turn", `{"v":1,"prompt":"x","from":{"program":"other","turn":3}}`, wire.CodeInvalidTurn, "prompt"},
		{"a fork that is added", `{"v":1,"from":{"program":"other","turn":3},` + hi + `}`, wire.CodeInvalidTurn, "from"},
		{"a fork of nothing", `{"v":1,"mode":"replace","from":{"program":"other","turn":0},` + hi + `}`, wire.CodeInvalidTurn, "from"},
		{"a fork of no name", `{"v":1,"mode":"replace","from":{"program":"a.b","turn":1},` + hi + `}`, wire.CodeInvalidTurn, "from"},
		{"a fork of itself", `{"v":1,"mode":"replace","from":{"program":"hello","turn":1},` + hi + `}`, wire.CodeInvalidTurn, "from"},
		{"role", `{"v":1,"messages":[{"role":"robot","content":""}]}`, wire.CodeInvalidTurn, "messages[0].role"},
		{"tool without a call", `{"v":1,"messages":[{"role":"tool","content":""}]}`, wire.CodeInvalidTurn, "tool_call_id"},
		{"calls of a user", `{"v":1,"messages":[{"role":"user","content":"","tool_calls":[{"type":"function","function":{"name":"ls","arguments":""}}]}]}`, wire.CodeInvalidTurn, "tool_calls"},
		{"mode", `{"v":1,"mode":"prepend",` + hi + `}`, wire.CodeInvalidTurn, "mode"},
		{"class", `{"v":1,"class":"urgent",` + hi + `}`, wire.CodeInvalidTurn, "class"},
		{"a class that is no word", `{"v":1,"class":1,` + hi + `}`, wire.CodeInvalidJSON, "class"},
		{"schema", `{"v":1,` + hi + `,"tools":[{"type":"function","function":{"name":"ls","parameters":[1]}}]}`, wire.CodeInvalidTurn, "parameters"},
		{"temperature", `{"v":1,` + hi + `,"sampling":{"temperature":-1}}`, wire.CodeInvalidTurn, "sampling.temperature"},
		{"stop", `{"v":1,` + hi + `,"sampling":{"stop":[""]}}`, wire.CodeInvalidTurn, "sampling.stop"},
		{"bias", `{"v":1,` + hi + `,"sampling":{"logit_bias":{"-1":1}}}`, wire.CodeInvalidTurn, "sampling.logit_bias"},
		{"seed", `{"v":1,` + hi + `,"sampling":{"seed":-1}}`, wire.CodeInvalidJSON, "seed"},
		{"timeout", `{"v":1,` + hi + `,"timeout_ms":-1}`, wire.CodeInvalidTurn, "timeout_ms"},
		{"parent", `{"v":1,` + hi + `,"lifecycle":{"parent":"a.b"}}`, wire.CodeInvalidTurn, "lifecycle.parent"},
		{"hint", `{"v":1,` + hi + `,"lifecycle":{"tool_hint":{"name":""}}}`, wire.CodeInvalidTurn, "tool_hint.name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			turn, err := wire.DecodeTurn(id, []byte(c.json))
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				if turn.ID() != id {
					t.Errorf("decoded %v, want %v", turn.ID(), id)
				}
				return
			}
			var e *wire.Error
			if !errors.As(err, &e) || e.Code != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if !strings.Contains(e.Message, c.field) || e.Hint == "" {
				t.Errorf("%q should name %q and have a hint", e, c.field)
			}
		})
	}
}

// TestDefaults: a turn that says what is the default is the same as one that says nothing.
func TestDefaults(t *testing.T) {
	const hi = `"messages":[{"role":"user","content":"Hi"}]`
	silent, err := wire.DecodeTurn(id, []byte(`{"v":1,`+hi+`}`))
	if err != nil {
		t.Fatal(err)
	}
	said, err := wire.DecodeTurn(id, []byte(`{"v":1,"mode":"append","class":"interactive",`+hi+`,"lifecycle":{"reuse":"exact"}}`))
	if err != nil || !reflect.DeepEqual(silent, said) {
		t.Errorf("%+v, and said so %+v (%v)", silent, said, err)
	}
	prompt, err := wire.DecodeTurn(id, []byte(`{"v":1,"prompt":"a"}`))
	if err != nil || prompt.Mode != wire.ModeReplace {
		t.Errorf("a prompt is %+v (%v)", prompt, err)
	}
	if silent.Class != wire.ClassInteractive {
		t.Errorf("the class is %q", silent.Class)
	}
}

func TestContentIsJoined(t *testing.T) {
	turn, err := wire.DecodeTurn(id, []byte(`{"v":1,"messages":[{"role":"user","content":[{"type":"text","text":"a<"},{"type":"text","text":"b"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	data, err := wire.Encode(turn)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"content":"a<b"`; !strings.Contains(string(data), want) {
		t.Errorf("%s has no %s", data, want)
	}
}

// FuzzDecodeTurn: whatever comes in, the answer is a turn that is valid, names
// its subject and survives being stored, or an error that says what to do.
func FuzzDecodeTurn(f *testing.F) {
	f.Add([]byte(`{"v":1,"messages":[{"role":"user","content":"Hi"}]}`))
	f.Add([]byte(`{"v":1,"messages":[{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"a"}]}],"sampling":{"seed":1,"logit_bias":{"3":1.5}}}`))
	f.Add([]byte(`{"v":1,"messages":[{"role":"user","content":null}],"tools":[{"type":"function","function":{"name":"f","parameters":{"a":[1e5]}}}],"lifecycle":{"last":true}}`))
	f.Add([]byte(`{"v":1}`))
	f.Add([]byte(`{"v":1,"prompt":"a","format":{"kind":"json_object"}}`))
	f.Add([]byte(`{"v":1,"mode":"replace","from":{"program":"p","turn":1},"messages":[{"role":"user","content":"a"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		turn, err := wire.DecodeTurn(id, data)
		if err != nil {
			var e *wire.Error
			if !errors.As(err, &e) || e.Code == "" || e.Message == "" || e.Hint == "" {
				t.Fatalf("an error without code, message or hint: %#v", err)
			}
			if _, err := wire.Encode(&wire.Reply{Version: wire.Version, Error: e}); err != nil {
				t.Fatalf("an error that cannot be sent: %v", err)
			}
			return
		}
		if turn.ID() != id || turn.Validate() != nil {
			t.Fatalf("decoded an invalid turn %+v: %v", turn, turn.Validate())
		}
		stored, err := wire.Encode(turn)
		if err != nil {
			t.Fatalf("cannot be stored: %v", err)
		}
		again, err := wire.Decode[wire.Turn](stored)
		if err != nil {
			t.Fatalf("cannot be read again: %v", err)
		}
		twice, err := wire.Encode(again)
		if err != nil || string(twice) != string(stored) {
			t.Fatalf("changed by being stored (%v):\n%s\n%s", err, stored, twice)
		}
	})
}

func TestReplyRoundTrip(t *testing.T) {
	want := wire.Reply{Version: wire.Version, Error: &wire.Error{
		Code: wire.CodeQueueFull, Message: "m", Hint: "h", Retryable: true, RetryAfterMS: 250,
	}}
	data, err := wire.Encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.Decode[wire.Reply](append(data[:len(data)-1], `,"more":1}`...)) // a newer node's field
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if !errors.Is(got.Error, &wire.Error{Code: wire.CodeQueueFull}) || errors.Is(got.Error, &wire.Error{Code: wire.CodeConflict}) {
		t.Error("errors.Is must go by the code")
	}
}
