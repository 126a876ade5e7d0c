package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// probable answers with two tokens, the second of which is the first byte of a character.
func probable(_ context.Context, _ *turns.Job, turn *wire.Turn) wire.Result {
	r := wire.Result{Outcome: wire.Completed, FinishReason: wire.FinishLength, Text: "no\uFFFD"}
	if turn.Sampling.Logprobs {
		r.Logprobs = []wire.Logprob{
			{TokenLogprob: wire.TokenLogprob{Token: 5, Text: "no", Logprob: -0.5}, Top: []wire.TokenLogprob{{Token: 5, Text: "no", Logprob: -0.5}, {Token: 6, Text: "yes", Logprob: -1}}},
			{TokenLogprob: wire.TokenLogprob{Token: 7, Text: "\uFFFD", Bytes: []byte{0xf0}, Logprob: -2}, Top: []wire.TokenLogprob{{Token: 8, Text: "\uFFFD", Bytes: []byte{0xe2}, Logprob: -0.25}, {Token: 7, Text: "\uFFFD", Bytes: []byte{0xf0}, Logprob: -2}}},
		}
	}
	return r
}

const (
	chatProbs = `{"content":[` +
		`{"token":"no","logprob":-0.5,"bytes":[110,111],"top_logprobs":[{"token":"no","logprob":-0.5,"bytes":[110,111]},{"token":"yes","logprob":-1,"bytes":[121,101,115]}]},` +
		`{"token":"\uFFFD","logprob":-2,"bytes":[240],"top_logprobs":[{"token":"\uFFFD","logprob":-0.25,"bytes":[226]},{"token":"\uFFFD","logprob":-2,"bytes":[240]}]}` +
		`],"refusal":null}`
	completionProbs = `{"tokens":["no","\uFFFD"],"token_logprobs":[-0.5,-2],"text_offset":[0,2],"top_logprobs":[{"no":-0.5,"yes":-1},{"\uFFFD":-0.25}]}`
)

// TestLogprobs: whoever asks has them, whole and in streams, in both shapes; others have none.
func TestLogprobs(t *testing.T) {
	r := newRig(t)
	r.answer = probable
	for _, c := range []struct {
		path string
		body object
		want string
		top  int
	}{
		{"/v1/chat/completions", object{"messages": []object{message("user", "a")}, "logprobs": true, "top_logprobs": 2}, chatProbs, 2},
		{"/v1/chat/completions", object{"messages": []object{message("user", "b")}}, "", 0},
		{"/v1/completions", object{"prompt": "c", "logprobs": 2}, completionProbs, 2},
		{"/v1/completions", object{"prompt": "d", "logprobs": 0}, completionProbs, 0},
		{"/v1/completions", object{"prompt": "e"}, "", 0},
	} {
		for _, stream := range []bool{false, true} {
			c.body["stream"] = stream
			w := r.post(c.path, c.body)
			if w.Code != http.StatusOK {
				t.Fatalf("%s %v: %d %s", c.path, c.body, w.Code, w.Body)
			}
			if s := r.last().Sampling; s.Logprobs != (c.want != "") || s.TopLogprobs != c.top {
				t.Errorf("%s %v: the turn has %v, %d", c.path, c.body, s.Logprobs, s.TopLogprobs)
			}
			var found []any
			for line := range strings.Lines(w.Body.String()) {
				line, _ := strings.CutPrefix(line, "data: ")
				var m struct{ Choices []struct{ Logprobs any } }
				if json.Unmarshal([]byte(line), &m) != nil {
					continue // [DONE], or empty
				}
				for _, choice := range m.Choices {
					if choice.Logprobs != nil {
						found = append(found, choice.Logprobs)
					}
				}
			}
			var want []any
			if c.want != "" {
				want = make([]any, 1)
				if err := json.Unmarshal([]byte(c.want), &want[0]); err != nil {
					t.Fatal(err)
				}
			}
			if !reflect.DeepEqual(found, want) {
				t.Errorf("%s, streamed %v: %v, want %v", c.path, stream, found, want)
			}
		}
	}
}
