package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestChat talks to a server that answers as llama-server does. The real one is in no
// package that tests could have: bench replay --llama-server meets it.
func TestChat(t *testing.T) {
	var asked []completion
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c completion
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil || r.URL.Path != "/v1/chat/completions" {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		asked = append(asked, c)
		for _, piece := range []string{"", "Hel", "lo"} {
			fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%q}}]}\n\n", piece)
		}
		io.WriteString(w, "data: {\"choices\":[],\"timings\":{\"prompt_n\":12,\"cache_n\":30,\"predicted_n\":3}}\n\ndata: [DONE]\n\n")
	}))
	defer server.Close()
	talk := (&LlamaServer{url: server.URL}).Begin(&Run{System: "Be brief."})
	firsts := 0
	for _, says := range []string{"Hi", "Again"} {
		a, err := talk.Turn(t.Context(), &Turn{Says: says, Tokens: 3}, false, func() { firsts++ })
		if err != nil {
			t.Fatal(err)
		}
		if want := (Answer{Text: "Hello", Prefilled: 12, Reused: 30, Generated: 3}); a != want {
			t.Errorf("answer %+v, want %+v", a, want)
		}
	}
	last := asked[1]
	want := []message{{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello"}, {"user", "Again"}}
	if fmt.Sprint(last.Messages) != fmt.Sprint(want) || last.MaxTokens != 3 || !last.IgnoreEOS || !last.Stream || firsts != 2 {
		t.Errorf("it asks %+v; %d first texts", last, firsts)
	}
}

// TestChatRefuses what is no whole answer.
func TestChatRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, body, says string
		status           int
	}{
		{"an error before", `{"error":{"message":"the request exceeds the context"}}`, "exceeds the context", 400},
		{"an error between", "data: {\"choices\":[{\"delta\":{\"content\":\"He\"}}]}\n\ndata: {\"error\":{\"message\":\"no room\"}}\n\n", "no room", 200},
		{"an end between", "data: {\"choices\":[{\"delta\":{\"content\":\"He\"}}]}\n\n", "before its last part", 200},
		{"no JSON", "data: hello\n\n", "hello", 200},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tc.status)
			io.WriteString(w, tc.body)
		}))
		_, err := (&LlamaServer{url: server.URL}).Begin(&Run{}).Turn(t.Context(), &Turn{Says: "Hi"}, false, func() {})
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.says)
		}
		server.Close()
	}
}

// TestStartLlamaServer has the program be none, end at once, and never have a model: the
// error tells what it says, and no process stays behind.
func TestStartLlamaServer(t *testing.T) {
	script := func(lines string) string {
		path := filepath.Join(t.TempDir(), "llama-server")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	start := func(ctx context.Context, path string) error {
		s, err := StartLlamaServer(ctx, LlamaOptions{Path: path, Threads: 1, Cache: &LlamaCache{Cells: 10, Slots: 1}})
		if err == nil {
			s.Close()
		}
		return err
	}
	if err := start(t.Context(), "/none/llama-server"); err == nil {
		t.Error("what is not there starts")
	}
	if err := start(t.Context(), script("echo cannot load $2 >&2; exit 3")); err == nil || !strings.Contains(err.Error(), "cannot load") || !strings.Contains(err.Error(), "status 3") {
		t.Errorf("one that ends at once: error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	begun := filepath.Join(t.TempDir(), "begun")
	go func() {
		for _, err := os.Stat(begun); err != nil; _, err = os.Stat(begun) {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	if err := start(ctx, script("echo loading; touch "+begun+"; exec sleep 100")); err == nil || !strings.Contains(err.Error(), "loading") {
		t.Errorf("one without a model: error %v", err)
	}
}
