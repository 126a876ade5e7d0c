package gateway

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// respond sends a request to the Responses API, and gives the response.
func (r *rig) respond(body object, headers ...string) (answer struct {
	ID           string
	Status       string
	Conversation struct{ ID string }
}) {
	r.t.Helper()
	w := r.post("/v1/responses", body, headers...)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		r.t.Fatalf("%v: %d %s", body, w.Code, w.Body)
	}
	return answer
}

// TestResponsesFork: from a response that was gone on from, another conversation goes on.
func TestResponsesFork(t *testing.T) {
	r := newRig(t)
	first := r.respond(object{"input": "one", "instructions": "Count."})
	second := r.respond(object{"input": "two", "previous_response_id": first.ID, "instructions": "Count."})
	old := *r.last()
	fork := r.respond(object{"input": "other", "previous_response_id": first.ID, "instructions": "Count."})
	turn := r.last()
	want := []sdk.Message{sdk.User("other")} // the instructions stood there already
	if turn.Program == old.Program || turn.Turn != 1 || turn.Mode != wire.ModeReplace || turn.Lifecycle.Parent != old.Program ||
		!reflect.DeepEqual(turn.From, &wire.Spot{Program: old.Program, Turn: 1}) || !reflect.DeepEqual(turn.Messages, want) {
		t.Errorf("the fork is %+v", turn)
	}
	r.respond(object{"input": "more", "previous_response_id": fork.ID, "instructions": "Count."})
	if next := r.last(); next.Program != turn.Program || next.Turn != 2 || next.Mode != wire.ModeAppend || next.From != nil || len(next.Messages) != 1 {
		t.Errorf("behind the fork: %+v", next)
	}
	// What was said in the old conversation later is not in the fork, instructions among it.
	r.respond(object{"input": "three", "previous_response_id": second.ID, "instructions": "Count backwards."})
	r.respond(object{"input": "third", "previous_response_id": second.ID, "instructions": "Count backwards."})
	if turn := r.last(); turn.From == nil || turn.From.Turn != 2 || len(turn.Messages) != 2 || turn.Messages[0].Content != "Count backwards." {
		t.Errorf("a fork with other instructions: %+v", turn)
	}
}

// TestAForkThatFailed is tried once more as itself.
func TestAForkThatFailed(t *testing.T) {
	script, _, url := serveResponses(t, map[string]scriptedAnswer{
		"one": text("1"), "two": text("2"), "other": {pieces: text("3").pieces, once: &wire.Error{Code: wire.CodeEngine, Message: "it broke"}}, "more": text("4"),
	})
	ask := func(body string, headers ...string) (int, string) {
		a, answer := post(t, url+"/v1/responses", body, headers...)
		var r struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &r); err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, r.ID
	}
	_, first := ask(`{"input":"one"}`)
	ask(`{"input":"two","previous_response_id":"` + first + `"}`)
	body := `{"input":"other","previous_response_id":"` + first + `"}`
	if code, _ := ask(body); code != 500 {
		t.Fatalf("it did not fail: %d", code)
	}
	code, fork := ask(body, "X-Stainless-Retry-Count", "1")
	if code != 200 {
		t.Fatalf("the retry has %d", code)
	}
	if code, _ := ask(`{"input":"more","previous_response_id":"` + fork + `"}`); code != 200 {
		t.Fatalf("behind it: %d", code)
	}
	taken := script.taken()
	for _, turn := range taken[2:4] {
		if turn.From == nil || turn.From.Turn != 1 || turn.Mode != wire.ModeReplace {
			t.Errorf("%+v", turn)
		}
	}
	if last := taken[4]; last.Program != taken[3].Program || last.Turn != taken[3].Turn+1 || last.Mode != wire.ModeAppend {
		t.Errorf("behind the fork: %+v", last)
	}
}

// TestResponsesConversation: a conversation goes on by its name, and by nothing else.
func TestResponsesConversation(t *testing.T) {
	r := newRig(t)
	first := r.respond(object{"input": "one", "conversation": "conv_1"})
	one := *r.last()
	if first.Conversation.ID != "conv_1" || one.Turn != 1 || len(one.Messages) != 1 {
		t.Errorf("%+v: %+v", first, one)
	}
	r.respond(object{"input": "two", "conversation": object{"id": "conv_1"}})
	if two := r.last(); two.Program != one.Program || two.Turn != 2 || two.Mode != wire.ModeAppend || len(two.Messages) != 1 {
		t.Errorf("the second turn is %+v", two)
	}
	r.respond(object{"input": "two", "conversation": "conv_1"}) // the same words again are said again
	if three := r.last(); three.Program != one.Program || three.Turn != 3 {
		t.Errorf("the third turn is %+v", three)
	}
	r.respond(object{"input": "one", "conversation": "conv_2"})
	if other := r.last(); other.Program == one.Program || other.Turn != 1 {
		t.Errorf("another conversation is %+v", other)
	}
	// Who says the same without the name has a conversation of its own.
	r.post("/v1/chat/completions", object{"messages": []object{message("user", "one"), message("assistant", "re: one"), message("user", "three")}})
	if chat := r.last(); chat.Program == one.Program || len(chat.Messages) != 3 {
		t.Errorf("a chat joined it: %+v", chat)
	}
	talk := r.talk(one.Program)
	if len(talk) != 6 || talk[4].Content != "two" {
		t.Errorf("it is %+v", talk)
	}
}

// TestResponsesConversationAtOnce: what is said at once is said one after the other, by
// whichever gateway.
func TestResponsesConversationAtOnce(t *testing.T) {
	r := newRig(t)
	other := r.another(Config{Model: "m"})
	const each = 6
	codes := make(chan int, 2*each)
	for i := range each {
		for _, g := range []*Gateway{r.gateway, other} {
			go func() {
				w := send(t, g, "POST", "/v1/responses", object{"input": strings.Repeat("x", 2*i+1), "conversation": "c"})
				codes <- w.Code
			}()
		}
	}
	ok := 0
	for range 2 * each {
		switch code := <-codes; code {
		case http.StatusOK:
			ok++
		case http.StatusServiceUnavailable: // to be sent again
		default:
			t.Errorf("status %d", code)
		}
	}
	seen := map[int64]bool{}
	for _, turn := range r.turns {
		if seen[turn.Turn] || turn.Program != r.turns[0].Program || turn.Mode != wire.ModeAppend {
			t.Errorf("turn %+v", turn)
		}
		seen[turn.Turn] = true
	}
	if ok == 0 {
		t.Error("none was answered")
	}
}
