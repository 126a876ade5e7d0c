package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk"
)

// TestKill kills a node at random moments under load, with its NATS server in
// it, and starts it again each time. Every turn that was accepted is answered,
// once, and every greedy text is that of an undisturbed run: --deterministic
// makes texts depend on nothing but the conversation.
//
// -kills 200 is the full test; `task kill-full` runs it.
func TestKill(t *testing.T) {
	fetched(t)
	address := freePort(t)
	args := []string{
		"--listen", address, "--store", t.TempDir(), "--deterministic", "--device", "cpu",
		"--kv-bytes", "64MiB", "--context", "1024", "--ack-wait", "700ms", "--log-level", "warn",
	}
	node := serve(t, args...)
	defer func() { node.kill() }()
	client, err := sdk.Connect(node.url, sdk.SubmitTimeout(2*time.Minute), sdk.NATS(nats.ReconnectWait(50*time.Millisecond)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+time.Duration(*kills)*15*time.Second)
	defer cancel()

	expected := make([][]string, loads)
	for i := range expected {
		if expected[i], err = converse(ctx, client, fmt.Sprintf("calm-%d", i), i); err != nil {
			t.Fatal(err)
		}
	}

	// The load: conversations, one after the other in every worker, until all
	// kills are done.
	var (
		workers sync.WaitGroup
		stop    atomic.Bool
		answers atomic.Int64
	)
	for i := range loads {
		workers.Go(func() {
			for round := 0; !stop.Load(); round++ {
				program := fmt.Sprintf("storm-%d-%d", i, round)
				texts, err := converse(ctx, client, program, i)
				if err != nil {
					t.Errorf("%s: %v", program, err)
					return
				}
				for turn, text := range texts {
					if text != expected[i][turn] {
						t.Errorf("%s turn %d says %q, undisturbed %q", program, turn+1, text, expected[i][turn])
					}
					if r, err := readAgain(ctx, client, program, int64(turn+1)); err != nil || r.Text != text {
						t.Errorf("%s turn %d, read again: %v, %v", program, turn+1, r, err)
					}
					answers.Add(1)
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(7, 11))
	for i := range *kills {
		time.Sleep(50*time.Millisecond + time.Duration(random.Int64N(int64(1500*time.Millisecond))))
		node.kill()
		next, err := tryServe(args...)
		if err != nil {
			t.Errorf("start after kill %d: %v", i+1, err)
			break
		}
		node = next
		if t.Failed() {
			break
		}
	}
	stop.Store(true)
	workers.Wait()
	if answers.Load() == 0 {
		t.Error("nothing was answered")
	}
	t.Logf("%d kills, %d answers", *kills, answers.Load())
	if t.Failed() {
		t.Logf("the node's last words:\n%s", node.logs)
	}
}

// readAgain reads a result, however often the node dies over it.
func readAgain(ctx context.Context, client *sdk.Client, program string, turn int64) (r *sdk.Result, err error) {
	for ctx.Err() == nil {
		if r, err = client.Result(ctx, program, turn); err == nil {
			return r, nil
		}
		var refused *sdk.Error
		if errors.As(err, &refused) && !refused.Retryable {
			return nil, err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, err
}

const loads = 4

// talks are what is asked.
var talks = [loads][]string{
	{"Name three rivers.", "Which of them is the longest?", "Where does it end?"},
	{"Write a line of a poem about rain.", "Another line.", "And a last one."},
	{"What is a compiler?", "Name one.", "Who uses it?"},
	{"Count from one to five.", "Now backwards.", "And in French?"},
}

// converse has a conversation of a few turns and returns the answers.
func converse(ctx context.Context, client *sdk.Client, program string, kind int) (texts []string, err error) {
	p := client.Program(program)
	questions := talks[kind]
	for i, q := range questions {
		a, err := p.Turn(ctx, sdk.Turn{
			Messages: []sdk.Message{sdk.User(q)},
			Sampling: sdk.Sampling{MaxTokens: 24},
			Last:     i == len(questions)-1,
		})
		if err != nil {
			return nil, err
		}
		text := ""
		for piece, err := range a.Text() {
			if err != nil && !errors.Is(err, sdk.ErrDiverged) {
				return nil, err
			}
			text += piece
		}
		r, err := a.Result(ctx)
		if err != nil {
			return nil, err
		}
		if r.Text != text {
			return nil, fmt.Errorf("turn %d streamed %q, its result is %q", i+1, text, r.Text)
		}
		texts = append(texts, text)
	}
	return texts, nil
}
