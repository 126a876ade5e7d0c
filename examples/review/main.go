// Command review has the three agents of package codereview examine a source tree
// on a node that is running:
//
//	go run ./runtime/cmd/interlude serve      # in another terminal
//	go run ./examples/review .
//
// It prints what the agents say as a transcript, one line for each turn.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/interlude-run/interlude/examples/codereview"
	"github.com/interlude-run/interlude/sdk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := review(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, "review:", err)
		os.Exit(1)
	}
}

func review(ctx context.Context, dir string) error {
	url := os.Getenv("NATS_URL")
	if url == "" {
		url = "nats://127.0.0.1:4222"
	}
	client, err := sdk.Connect(url)
	if err != nil {
		return err
	}
	defer client.Close()
	run := fmt.Sprint(time.Now().UnixNano()) // a program's turns are numbered once for all
	report, err := codereview.Review(ctx, client, codereview.Options{Dir: dir, Run: run, Events: transcript{}})
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n\n%.1f s\n", report.Summary, report.JCT.Seconds())
	return nil
}

// transcript prints whole turns, since agents that speak at once would fall into
// each other's words.
type transcript struct{}

func (transcript) Text(string, string) {}

func (transcript) Tool(agent, command string, took time.Duration) {
	fmt.Printf("%-7s$ %s\n", agent, command)
}

func (transcript) Done(agent string, t codereview.Turn) {
	fmt.Printf("%-7s%s\n", agent, strings.Join(strings.Fields(t.Text), " "))
}
