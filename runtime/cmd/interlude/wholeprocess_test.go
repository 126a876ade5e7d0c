package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/bench"
)

// A test that needs a llama-server runs itself as one that answers without a model. The
// real one is in no package that tests could have: bench engine --llama-server meets it.
const beLlamaServer = "INTERLUDE_TEST_IS_LLAMA_SERVER"

func runLlamaServer(args []string) int {
	flags := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		flags[args[i]] = args[i+1]
	}
	if _, err := os.Stat(flags["--model"]); err != nil || flags["--threads"] != "1" || len(flags) != 6 {
		fmt.Fprintln(os.Stderr, "unexpected arguments", args, err)
		return 1
	}
	http.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/completion", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Prompt  string `json:"prompt"`
			Predict int    `json:"n_predict"`
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		// 100 tokens a second of a prompt, 10 of an answer.
		n := len(strings.Fields(asked.Prompt))
		fmt.Fprintf(w, `{"timings":{"prompt_n":%d,"prompt_ms":%d,"predicted_n":%d,"predicted_ms":%d}}`, n, 10*n, asked.Predict, 100*(asked.Predict-1))
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(net.JoinHostPort(flags["--host"], flags["--port"]), nil))
	return 1
}

// TestWholeProcess has a node in a process of its own measured beside a llama-server
// whose speeds are known.
func TestWholeProcess(t *testing.T) {
	fetched(t)
	o, err := (&modelFlags{Device: "cpu"}).obtain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(t.TempDir(), "llama-server")
	if err := os.WriteFile(fake, fmt.Appendf(nil, "#!/bin/sh\n%s=1 exec %q \"$@\"\n", beLlamaServer, self), 0o700); err != nil {
		t.Fatal(err)
	}
	w := &wholeProcess{llamaServer: fake, threads: 1, repetitions: 2, interlude: func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, self, args...)
		cmd.Env = append(os.Environ(), beInterlude+"=1")
		return cmd
	}}
	f, err := w.measure(t.Context(), o.model.Path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"prefill_llama_server": 100, "decode_llama_server": 10} {
		if got := f.TokensPerSecond[name]; math.Abs(got.Min-want) > 1e-9*want || math.Abs(got.Max-want) > 1e-9*want {
			t.Errorf("%s is %+v, want %v", name, got, want)
		}
	}
	prefill, decode := f.TokensPerSecond["prefill_ours"], f.TokensPerSecond["decode_ours"]
	if !(prefill.Min > 0) || !(decode.Min > 0) || math.IsInf(prefill.Max, 0) || math.IsInf(decode.Max, 0) {
		t.Errorf("ours: prefill %+v, decode %+v", prefill, decode)
	}
	if math.Abs(f.Prefill-prefill.Median/100) > 1e-9*f.Prefill || math.Abs(f.Decode-decode.Median/10) > 1e-9*f.Decode {
		t.Errorf("ratios %v and %v of %v and %v to 100 and 10", f.Prefill, f.Decode, prefill.Median, decode.Median)
	}

	// The report has it under its key and in its table, and none without it.
	figures := &bench.Figures{Name: "q4_1"}
	report := &engineReport{Result: &bench.Result{Quantisations: []*bench.Figures{figures}}, Whole: map[string]*wholeFigures{"q4_1": f}}
	var got struct {
		Whole map[string]struct {
			Decode float64 `json:"decode_ratio"`
		} `json:"whole_process"`
		Turns *int `json:"warm_turns"`
	}
	data, err := json.Marshal(report)
	if err := errors.Join(err, json.Unmarshal(data, &got)); err != nil || got.Whole["q4_1"].Decode != f.Decode || got.Turns == nil {
		t.Errorf("the report is %s, %v", data, err)
	}
	var table bytes.Buffer
	if err := report.print(&table); err != nil || !strings.Contains(table.String(), "whole processes") || !strings.Contains(table.String(), "100.0") {
		t.Errorf("the table is %s, %v", table.String(), err)
	}
	report.Whole = nil
	if data, err = json.Marshal(report); err != nil || strings.Contains(string(data), "whole_process") {
		t.Errorf("the report is %s, %v", data, err)
	}
}

// TestWholeProcessFails says which of the two does not start, and why.
func TestWholeProcessFails(t *testing.T) {
	w := &wholeProcess{llamaServer: "/none/llama-server", threads: 1}
	if _, err := w.measure(t.Context(), "m.gguf"); err == nil || !strings.Contains(err.Error(), "llama-server") {
		t.Errorf("error %v", err)
	}
	_, err := startNode(t.Context(), func(ctx context.Context, _ ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", "echo the model is bad >&2; exit 1")
	}, "m.gguf", 1)
	if err == nil || !strings.Contains(err.Error(), "the model is bad") {
		t.Errorf("a node that ends: %v", err)
	}
}

// TestRandomWords: the same seed says the same, another something else from the start,
// so that nothing is found in a cache.
func TestRandomWords(t *testing.T) {
	a, b := randomWords(1), randomWords(2)
	if a != randomWords(1) || len(strings.Fields(a)) != wholePrompt {
		t.Errorf("%d words", len(strings.Fields(a)))
	}
	if a[:20] == b[:20] {
		t.Errorf("two prompts begin with %q", a[:20])
	}
}

// TestItself leaves out the user's settings.
func TestItself(t *testing.T) {
	t.Setenv("INTERLUDE_POLICY", "request-fcfs")
	t.Setenv("INTERLUDE_CACHE", "/somewhere")
	env := strings.Join(itself(t.Context(), "serve").Env, "\n")
	if strings.Contains(env, "INTERLUDE_POLICY") || !strings.Contains(env, "INTERLUDE_CACHE=/somewhere") || !strings.Contains(env, "PATH=") {
		t.Errorf("the environment is\n%s", env)
	}
}
