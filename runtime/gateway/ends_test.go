package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// heard are the signals so far, sorted.
func (r *rig) heard() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(r.signals))
}

// session asks within a session, and gives the program that answered.
func (r *rig) session(name string, messages ...any) string {
	r.t.Helper()
	w := r.post("/v1/chat/completions", object{"messages": messages}, "X-Dynamo-Session-Id", name)
	if w.Code != http.StatusOK {
		r.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Header().Get("X-Interlude-Program")
}

// TestRelease: a session ends with all its programs, each at its last turn; others stay.
func TestRelease(t *testing.T) {
	r := newRig(t)
	one := r.session("s/1", message("user", "u1"))
	r.session("s/1", message("user", "u1"), message("assistant", "re: u1"), message("user", "u2"))
	two := r.session("s/1", message("user", "a title"))
	r.session("other", message("user", "u1"))
	release := func(name string, released bool) {
		t.Helper()
		w := r.post("/programs/release", object{"program_id": name})
		var said struct {
			ProgramID string `json:"program_id"`
			Released  bool
		}
		if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || w.Code != http.StatusOK || said.ProgramID != name || said.Released != released {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	release("s/1", true)
	want := []string{one + "/2: ended", two + "/1: ended"}
	slices.Sort(want)
	if got := r.heard(); !slices.Equal(got, want) {
		t.Errorf("heard %q, not %q", got, want)
	}
	release("s/1", false)
	if got := r.heard(); !slices.Equal(got, want) {
		t.Errorf("then heard %q, not %q", got, want)
	}
	release("never was", false)

	// What is gone on with is in the session again.
	r.session("s/1", message("user", "u1"), message("assistant", "re: u1"), message("user", "u2"), message("assistant", "re: u2"), message("user", "u3"))
	release("s/1", true)
	if got := r.heard(); !slices.Contains(got, one+"/3: ended") {
		t.Errorf("at last heard %q", got)
	}
	if w := r.post("/v1/programs/release", object{"program_id": ""}); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestReleaseOfAProgram that the client has named itself.
func TestReleaseOfAProgram(t *testing.T) {
	r := newRig(t)
	r.post("/v1/chat/completions", object{"messages": []any{message("user", "u1")}}, "X-Interlude-Program", "mine")
	r.post("/v1/programs/release", object{"program_id": "mine"})
	if got, want := r.heard(), []string{"mine/1: ended"}; !slices.Equal(got, want) {
		t.Errorf("heard %q, not %q", got, want)
	}
}

// TestReleaseWhileATurnRuns: it goes on, and its program ends when that is said again.
func TestReleaseWhileATurnRuns(t *testing.T) {
	r := newRig(t)
	came, goOn := make(chan struct{}), make(chan struct{})
	r.answer = func(context.Context, *turns.Job, *wire.Turn) wire.Result {
		close(came)
		<-goOn
		return wire.Result{Text: "done"}
	}
	answered := make(chan string, 1)
	go func() { answered <- r.session("s", message("user", "u1")) }()
	<-came
	if w := r.post("/programs/release", object{"program_id": "s"}); !strings.Contains(w.Body.String(), `"released":false`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	close(goOn)
	program := <-answered
	r.post("/programs/release", object{"program_id": "s"})
	if got, want := r.heard(), []string{program + "/1: ended"}; !slices.Equal(got, want) {
		t.Errorf("heard %q, not %q", got, want)
	}
}

// TestSessionFinal: a request that only ends its session is answered with nothing, in the
// shape of every API, whether it is streamed or not, and no turn is run.
func TestSessionFinal(t *testing.T) {
	r := newRig(t)
	final := []string{"X-Dynamo-Session-Final", "true", "X-Dynamo-Session-Id", "s"}
	for path, body := range map[string]object{
		"/v1/chat/completions": {"messages": []any{message("user", "the end")}, "max_tokens": 1},
		"/v1/completions":      {"prompt": "x", "max_tokens": 1},
		"/v1/messages":         {"messages": []any{message("user", "the end")}, "max_tokens": 1},
		"/v1/responses":        {"input": "the end"},
	} {
		for _, stream := range []bool{false, true} {
			program := r.session("s", message("user", path))
			ran := r.ran()
			body["stream"] = stream
			w := r.post(path, body, final...)
			if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "re: ") || r.ran() != ran {
				t.Errorf("%s: %d %s, after %d turns", path, w.Code, w.Body, r.ran()-ran)
			}
			if got := r.heard(); !slices.Contains(got, program+"/1: ended") && !slices.Contains(got, program+"/2: ended") {
				t.Errorf("%s: heard %q", path, got)
			}
		}
	}
	// verl sends tokens, which mean nothing here, and takes choices for a model's answer.
	w := httptest.NewRecorder()
	q := httptest.NewRequest("POST", "http://127.0.0.1/v1/completions", strings.NewReader(`{"model":"m","prompt":[0],"max_tokens":1,"stream":false}`))
	q.Header.Set("X-Dynamo-Session-Id", "s")
	q.Header.Set("X-Dynamo-Session-Final", "true")
	r.gateway.ServeHTTP(w, q)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"choices":[]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// "false" is what others say with every request.
	if w := r.post("/v1/completions", object{"prompt": "x"}, "X-Dynamo-Session-Final", "false"); !strings.Contains(w.Body.String(), "re: x") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := r.post("/v1/completions", object{"prompt": "x"}, "X-Dynamo-Session-Final", "true"); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
