package gateway

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"

	"github.com/interlude-run/interlude/sdk/wire"
)

// TestCountTokens: Anthropic's client asks, and nothing is run.
func TestCountTokens(t *testing.T) {
	s := newMessagesRig(t)
	s.count = func(turn *wire.Turn, before []wire.Exchange) int {
		return 100*len(before) + 10*len(turn.Messages) + len(turn.Tools)
	}
	n, err := s.client().Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{
		Model: "m", Messages: []anthropic.MessageParam{user(block("Hi"))}, System: anthropic.MessageCountTokensParamsSystemUnion{OfString: anthropic.String("Be brief.")},
	})
	if err != nil || n.InputTokens != 20 {
		t.Errorf("%+v, %v", n, err)
	}
	if s.ran() != 0 {
		t.Error("a turn was run")
	}
	for _, path := range []string{"/v1/messages/count_tokens", "/messages/count_tokens"} {
		if w := s.rig.post(path, []byte(`{"messages":[{"role":"narrator"}]}`)); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	s.count = nil
	if w := s.rig.post("/v1/messages/count_tokens", object{"messages": []object{message("user", "Hi")}}); w.Code != http.StatusInternalServerError {
		t.Errorf("a node that cannot: %d %s", w.Code, w.Body)
	}
}

// TestCountInputTokens: what was said before counts, too.
func TestCountInputTokens(t *testing.T) {
	r := newRig(t)
	r.count = func(turn *wire.Turn, before []wire.Exchange) int { return 100*len(before) + len(turn.Messages) }
	count := func(body object) (n int) {
		t.Helper()
		var answer struct {
			InputTokens int `json:"input_tokens"`
		}
		w := r.post("/v1/responses/input_tokens", body)
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return answer.InputTokens
	}
	if n := count(object{"input": "one", "instructions": "Count."}); n != 2 {
		t.Errorf("alone it has %d", n)
	}
	first := r.respond(object{"input": "one"})
	second := r.respond(object{"input": "two", "previous_response_id": first.ID})
	if n := count(object{"input": "three", "previous_response_id": second.ID}); n != 201 {
		t.Errorf("behind two it has %d", n)
	}
	if n := count(object{"input": "three", "previous_response_id": first.ID}); n != 101 {
		t.Errorf("behind one it has %d", n)
	}
	if n := count(object{"input": "x", "conversation": "c"}); n != 1 {
		t.Errorf("in a new conversation it has %d", n)
	}
	r.respond(object{"input": "x", "conversation": "c"})
	if n := count(object{"input": "y", "conversation": "c"}); n != 101 {
		t.Errorf("in a conversation it has %d", n)
	}
	if w := r.post("/v1/responses/input_tokens", object{"input": "x", "previous_response_id": "resp_nobody-1"}); w.Code != http.StatusNotFound {
		t.Errorf("behind nothing: %d %s", w.Code, w.Body)
	}
	if r.ran() != 3 {
		t.Errorf("%d turns were run", r.ran())
	}
}
