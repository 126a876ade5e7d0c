// Command scripted is a node without a model, for coding agents whose prompts are longer than a
// small model's context. It runs a NATS server with the real intake of turns, answers by a script,
// and prints each turn that comes as a line of JSON; the first line says where it listens.
//
// The script: a first turn that has a shell among its tools is answered with a call of it, which
// runs the command that -command says; any other with a text that -text says. It ends when its
// standard input does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

func main() {
	s := script{out: json.NewEncoder(os.Stdout)}
	flag.StringVar(&s.command, "command", "true", "what the shell is to run")
	flag.StringVar(&s.text, "text", "done", "what every other turn is answered with")
	flag.Parse()
	if err := s.serve(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "scripted:", err)
		os.Exit(1)
	}
}

// serve answers turns until the standard input ends.
func (s *script) serve(ctx context.Context) error {
	store, err := os.MkdirTemp("", "scripted-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	b, err := broker.Start(broker.Config{StoreDir: store, Port: broker.RandomPort})
	if err != nil {
		return err
	}
	defer b.Shutdown()
	conn, err := b.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	node, err := turns.New(ctx, conn, turns.Config{Node: "scripted"})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := s.out.Encode(map[string]string{"nats": b.URL()}); err != nil {
		return err
	}
	return node.Run(ctx, turns.RunnerFunc(s.run))
}

// script is what the node says, and where it tells what it was asked.
type script struct {
	command, text string

	mu  sync.Mutex
	out *json.Encoder
}

// came is a turn as it came.
type came struct {
	Program  string    `json:"program"`
	Turn     int64     `json:"turn"`
	Mode     wire.Mode `json:"mode"`
	Parent   string    `json:"parent,omitempty"`
	Roles    []string  `json:"roles"` // of its messages
	Bytes    int       `json:"bytes"` // of their text
	Tools    []string  `json:"tools"`
	Called   string    `json:"called,omitempty"` // the tool that it is answered with
	Messages []string  `json:"messages"`         // the beginnings of their texts
}

func (s *script) run(ctx context.Context, job *turns.Job) {
	turn, err := job.Turn(ctx)
	if err != nil {
		return // it is looked at again
	}
	answer := wire.Piece{Kind: wire.PieceText, Text: s.text}
	if at := slices.IndexFunc(turn.Tools, isShell); at >= 0 && turn.Turn == 1 {
		answer = s.call(&turn.Tools[at])
	}
	s.tell(turn, answer.Name)
	r := wire.Result{
		Outcome: wire.Completed, FinishReason: wire.FinishStop, Text: answer.Text, Pieces: []wire.Piece{answer},
		Usage: wire.Usage{PromptTokens: 100, PrefilledTokens: 100, CompletionTokens: 10},
	}
	_ = job.Stream(wire.Chunk{Text: answer.Text, Pieces: r.Pieces})
	_ = job.Finish(ctx, r) // who asked is gone, where it cannot
}

func (s *script) tell(t *wire.Turn, called string) {
	c := came{Program: t.Program, Turn: t.Turn, Mode: t.Mode, Parent: t.Lifecycle.Parent, Called: called, Roles: []string{}, Tools: []string{}}
	for _, m := range t.Messages {
		text := string(m.Content)
		c.Roles = append(c.Roles, m.Role)
		c.Bytes += len(text)
		c.Messages = append(c.Messages, text[:min(len(text), 80)])
	}
	for _, tool := range t.Tools {
		c.Tools = append(c.Tools, tool.Function.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.out.Encode(c)
}

// shells are what agents call the tool that runs a command.
var shells = []string{"bash", "Bash", "shell", "shell_command", "exec_command", "local_shell"}

func isShell(t wire.Tool) bool { return slices.Contains(shells, t.Function.Name) }

// call calls the tool with the command, as the tool's own schema wants it.
func (s *script) call(t *wire.Tool) wire.Piece {
	var schema struct {
		Properties map[string]struct {
			Type json.RawMessage `json:"type"`
		} `json:"properties"`
		Required []string `json:"required"`
	}
	_ = json.Unmarshal(t.Function.Parameters, &schema) // an agent that has no schema gets no arguments, and says so
	arguments := map[string]any{}
	for name, property := range schema.Properties {
		switch {
		case name == "command" || name == "cmd":
			if arguments[name] = s.command; string(property.Type) == `"array"` {
				arguments[name] = []string{"sh", "-c", s.command}
			}
		case slices.Contains(schema.Required, name) && string(property.Type) == `"string"`:
			arguments[name] = "Write a file"
		}
	}
	text, err := json.Marshal(arguments)
	if err != nil {
		panic(err) // of strings
	}
	return wire.Piece{Kind: wire.PieceToolCall, ID: "call00001", Name: t.Function.Name, Text: string(text), Done: true}
}
