// Command oneturn asks a node one question and prints the answer while it comes:
//
//	go run ./runtime/cmd/interlude serve      # in another terminal
//	go run ./examples/oneturn "What is the capital of France?"
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/interlude-run/interlude/sdk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := ask(ctx, strings.Join(os.Args[1:], " ")); err != nil {
		fmt.Fprintln(os.Stderr, "oneturn:", err)
		os.Exit(1)
	}
}

func ask(ctx context.Context, question string) error {
	if question == "" {
		question = "What is the capital of France?"
	}
	url := os.Getenv("NATS_URL")
	if url == "" {
		url = "nats://127.0.0.1:4222"
	}
	client, err := sdk.Connect(url)
	if err != nil {
		return err
	}
	defer client.Close()

	program := client.Program(fmt.Sprintf("oneturn-%d", time.Now().UnixNano()))
	answer, err := program.Turn(ctx, sdk.Turn{
		Messages: []sdk.Message{sdk.User(question)},
		Sampling: sdk.Sampling{MaxTokens: 128},
		Last:     true,
	})
	if err != nil {
		return err
	}
	for text, err := range answer.Text() {
		if err != nil {
			return err
		}
		fmt.Print(text)
	}
	result, err := answer.Result(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n[%d tokens read, %d written, first after %.0f ms]\n", result.Usage.PromptTokens, result.Usage.CompletionTokens, result.Timing.TTFTMS)
	return nil
}
