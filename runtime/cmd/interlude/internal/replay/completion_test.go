package replay

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestComplete reads what a server that answers as llama-server does says of its time.
func TestComplete(t *testing.T) {
	var asked map[string]any
	status, answer := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = nil
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != "/completion" {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	defer server.Close()
	s := &LlamaServer{url: server.URL}
	answer = `{"content":" a b","timings":{"cache_n":3,"prompt_n":510,"prompt_ms":1020.5,"predicted_n":64,"predicted_ms":900}}`
	got, err := s.Complete(t.Context(), "time year", 64)
	if want := (LlamaTimings{Prompt: 510, PromptMS: 1020.5, Predicted: 64, PredictedMS: 900}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if asked["prompt"] != "time year" || asked["n_predict"] != 64.0 || asked["temperature"] != 0.0 || asked["ignore_eos"] != true {
		t.Errorf("it asks %v", asked)
	}
	for _, c := range []struct {
		name, answer, says string
		status             int
	}{
		{"an error", `{"error":{"message":"no slot"}}`, "no slot", 503},
		{"no timings", `{"content":"a"}`, "for 64 tokens", 200},
		{"fewer tokens", `{"timings":{"prompt_n":5,"prompt_ms":1,"predicted_n":63,"predicted_ms":9}}`, "Predicted:63", 200},
		{"no time", `{"timings":{"prompt_n":5,"prompt_ms":0,"predicted_n":64,"predicted_ms":9}}`, "PromptMS:0", 200},
		{"no JSON", `hello`, "invalid character", 200},
	} {
		status, answer = c.status, c.answer
		if _, err := s.Complete(t.Context(), "time", 64); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.says)
		}
	}
}
