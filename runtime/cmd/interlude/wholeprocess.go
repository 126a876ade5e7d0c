package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/interlude-run/interlude/gpu/bench"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/sdk"
)

// wholeFigures are a node beside a llama-server, each in a process of its own, on one
// model. A ratio above 1 means that ours is faster.
type wholeFigures struct {
	Decode          float64                 `json:"decode_ratio"`
	Prefill         float64                 `json:"prefill_ratio"`
	TokensPerSecond map[string]bench.Spread `json:"tokens_per_second"`
	RatioSpread     map[string]bench.Spread `json:"ratio_spread"`
}

// wholeProcess compares the two.
type wholeProcess struct {
	llamaServer string // path
	threads     int
	repetitions int
	interlude   func(ctx context.Context, args ...string) *exec.Cmd
}

const (
	wholePrompt = 510 // words, of about a token each
	wholeAnswer = 64  // tokens
)

// measure has both continue prompts of random words, one after the other in turns, each
// prompt said once. Both keep time themselves: from when they begin with a prompt to the
// first token of the answer, and from that to the last.
func (w *wholeProcess) measure(ctx context.Context, model string) (*wholeFigures, error) {
	rival, err := replay.StartLlamaServer(ctx, replay.LlamaOptions{Path: w.llamaServer, Model: model, Threads: w.threads})
	if err != nil {
		return nil, err
	}
	defer rival.Close()
	ours, err := startNode(ctx, w.interlude, model, w.threads)
	if err != nil {
		return nil, err
	}
	defer ours.close()
	theirs := func(ctx context.Context, prompt string) (prefill, decode float64, err error) {
		t, err := rival.Complete(ctx, prompt, wholeAnswer)
		return float64(t.Prompt) / t.PromptMS * 1e3, float64(t.Predicted-1) / t.PredictedMS * 1e3, err
	}
	asks := []func(context.Context, string) (prefill, decode float64, err error){theirs, ours.ask}
	var prefills, decodes [2][]float64
	for rep := -1; rep < w.repetitions; rep++ { // the first warms up
		for k := range asks {
			i := (k + rep + 1) % 2
			time.Sleep(200 * time.Millisecond) // until the other's threads no longer poll
			prefill, decode, err := asks[i](ctx, randomWords(uint64(2*(rep+1)+i)))
			if err != nil {
				return nil, err
			}
			if rep >= 0 {
				prefills[i], decodes[i] = append(prefills[i], prefill), append(decodes[i], decode)
			}
		}
	}
	f := &wholeFigures{
		TokensPerSecond: map[string]bench.Spread{
			"prefill_llama_server": bench.SpreadOf(prefills[0]), "prefill_ours": bench.SpreadOf(prefills[1]),
			"decode_llama_server": bench.SpreadOf(decodes[0]), "decode_ours": bench.SpreadOf(decodes[1]),
		},
		RatioSpread: map[string]bench.Spread{
			"prefill": bench.SpreadOf(bench.Ratios(prefills[1], prefills[0])), "decode": bench.SpreadOf(bench.Ratios(decodes[1], decodes[0])),
		},
	}
	f.Prefill, f.Decode = f.RatioSpread["prefill"].Median, f.RatioSpread["decode"].Median
	return f, nil
}

// randomWords is a prompt that no other seed gives.
func randomWords(seed uint64) string {
	words := strings.Fields(`time year people way day man thing woman life child world school state family student group
		country problem hand part place case week company system program question work government number night point home
		water room mother area money story fact month lot right study book eye job word business issue side kind head house
		service friend father power hour game line end member law car city name team minute idea body back face`)
	random := rand.New(rand.NewPCG(seed, 510))
	said := make([]string, wholePrompt)
	for i := range said {
		said[i] = words[random.IntN(len(words))]
	}
	return strings.Join(said, " ")
}

// apartNode is a node in a process of its own, with its NATS server in it.
type apartNode struct {
	cmd    *exec.Cmd
	folder string
	client *sdk.Client
	asked  int
}

// startNode starts one as it ships, but for the number of threads, and connects to it.
func startNode(ctx context.Context, interlude func(context.Context, ...string) *exec.Cmd, model string, threads int) (_ *apartNode, err error) {
	n := &apartNode{}
	defer func() {
		if err != nil {
			n.close()
			err = fmt.Errorf("start a node: %w", err)
		}
	}()
	if n.folder, err = os.MkdirTemp("", "interlude-bench-"); err != nil {
		return nil, err
	}
	config := filepath.Join(n.folder, "config.yaml") // instead of the user's
	if err := os.WriteFile(config, []byte("{}\n"), 0o600); err != nil {
		return nil, err
	}
	cmd := interlude(ctx, "--config", config, "serve", "--model", model, "--device", "cpu", "--threads", strconv.Itoa(threads),
		"--listen", "127.0.0.1:0", "--store", filepath.Join(n.folder, "store"), "--http", "none", "--log-level", "warn")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n.cmd = cmd
	said := bufio.NewScanner(stderr)
	var last []string
	for said.Scan() {
		if url, ok := strings.CutPrefix(said.Text(), "turns    "); ok {
			go io.Copy(io.Discard, stderr) // ends with the process
			n.client, err = sdk.Connect(url)
			return n, err
		}
		last = append(last, said.Text())
	}
	return nil, errors.New("it ended: " + strings.Join(last, "\n"))
}

// ask has the prompt continued, and returns tokens per second.
func (n *apartNode) ask(ctx context.Context, prompt string) (prefill, decode float64, err error) {
	n.asked++
	answer, err := n.client.Program(fmt.Sprintf("whole-%d", n.asked)).Turn(ctx, sdk.Turn{
		Messages: []sdk.Message{sdk.User(prompt)},
		Sampling: sdk.Sampling{MaxTokens: wholeAnswer, IgnoreEOS: true},
		Last:     true,
	})
	if err != nil {
		return 0, 0, err
	}
	r, err := answer.Result(ctx)
	switch {
	case err != nil:
		return 0, 0, err
	case r.Error != nil:
		return 0, 0, r.Error
	case r.Usage.CompletionTokens != wholeAnswer:
		return 0, 0, fmt.Errorf("the answer has %d tokens, want %d", r.Usage.CompletionTokens, wholeAnswer)
	}
	t := r.Timing
	return float64(r.Usage.PrefilledTokens) / (t.TTFTMS - t.ScheduledMS) * 1e3, (wholeAnswer - 1) / (t.TotalMS - t.TTFTMS) * 1e3, nil
}

// close ends the process and removes what it stored.
func (n *apartNode) close() {
	if n.client != nil {
		n.client.Close()
	}
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = n.cmd.Wait()
	}
	os.RemoveAll(n.folder)
}

// itself is this program in a process of its own, without the settings that the
// environment has for it: only what is fetched is where it says.
func itself(ctx context.Context, args ...string) *exec.Cmd {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	cmd := exec.CommandContext(ctx, path, args...)
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "INTERLUDE_") || name == "INTERLUDE_CACHE" || name == "INTERLUDE_ENGINE_DIR" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}
