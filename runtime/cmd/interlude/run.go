package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/interlude-run/interlude/sdk"
)

// runCmd is a chat with a model: at a terminal, or of one prompt.
type runCmd struct {
	Words       []string `arg:"" optional:"" predictor:"model" name:"model-or-prompt" help:"MODEL (see --model of serve), PROMPT, or both. Without a prompt: a chat at a terminal; else the standard input is the prompt."`
	engineFlags `embed:""`
	System      string  `help:"What the model is told first." placeholder:"TEXT"`
	MaxTokens   int     `help:"Longest answer." default:"1024"`
	Temperature float64 `help:"0 is greedy." default:"0.7"`
	Verbose     bool    `help:"Say behind each answer how long it took." short:"v"`
	JSON        bool    `help:"Print each answer as one line of JSON, when it is whole." name:"json"`
}

// Run answers one prompt, or holds a conversation.
func (c *runCmd) Run(ctx context.Context) error {
	prompt, err := c.words()
	if err != nil {
		return misused(err)
	}
	o, err := c.obtain(ctx)
	if err != nil {
		return err
	}
	return c.ownNode(ctx, o, "error", c.MaxTokens, func(ctx context.Context, _ *host, client *sdk.Client) error {
		t := talk{client: client, cmd: c, in: bufio.NewReader(os.Stdin), out: os.Stdout, notes: os.Stderr}
		t.begin()
		if prompt != "" {
			return t.say(ctx, prompt)
		}
		fmt.Fprintf(os.Stderr, "%s. /clear begins anew, /bye ends.\n", modelName(o.model.Path))
		return t.converse(ctx)
	})
}

// words finds out which of the words is the model, and gives the prompt; "" is a
// conversation at the terminal.
func (c *runCmd) words() (prompt string, err error) {
	words := c.Words
	if len(words) > 0 && (len(words) > 1 || namesModel(words[0])) {
		if c.Model != "" {
			return "", errors.New("the model is named twice: by --model and before the prompt")
		}
		c.Model, words = words[0], words[1:]
	}
	if len(words) > 1 {
		return "", fmt.Errorf("%d words behind the model; put the prompt in quotation marks", len(words))
	}
	if len(words) == 1 {
		return words[0], nil
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return "", nil
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 16<<20))
	if err == nil && strings.TrimSpace(string(text)) == "" {
		err = errors.New("the standard input has no prompt")
	}
	return string(text), err
}

// namesModel tells a model's name from a prompt.
func namesModel(word string) bool {
	if strings.ContainsAny(word, " \n") {
		return false
	}
	_, err := os.Stat(word)
	return err == nil || strings.HasSuffix(word, ".gguf") || strings.HasPrefix(word, "hf:") || strings.Contains(word, "://")
}

// talk is a conversation at a terminal.
type talk struct {
	client *sdk.Client
	cmd    *runCmd
	in     *bufio.Reader
	out    io.Writer
	notes  io.Writer

	program *sdk.Program
	number  int
	begun   bool // something has been said
}

// begin begins a conversation anew.
func (t *talk) begin() {
	t.number++
	t.program, t.begun = t.client.Program(fmt.Sprintf("run-%d", t.number)), false
}

func (t *talk) converse(ctx context.Context) error {
	for ctx.Err() == nil {
		fmt.Fprint(t.notes, ">>> ")
		line, err := t.in.ReadString('\n')
		switch line = strings.TrimSpace(line); {
		case line == "/bye", line == "" && err != nil:
			fmt.Fprintln(t.notes)
			return nil
		case line == "":
		case line == "/clear":
			t.begin()
		case strings.HasPrefix(line, "/"):
			fmt.Fprintln(t.notes, "There is /bye and /clear.")
		default:
			var refused *sdk.Error
			if err := t.say(ctx, line); errors.As(err, &refused) {
				fmt.Fprintln(t.notes, "interlude:", err)
			} else if err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// say has a prompt answered, and writes the answer while it comes.
func (t *talk) say(ctx context.Context, prompt string) error {
	turn := sdk.Turn{
		Messages: []sdk.Message{sdk.User(prompt)},
		Sampling: sdk.Sampling{MaxTokens: t.cmd.MaxTokens, Temperature: t.cmd.Temperature},
	}
	if !t.begun && t.cmd.System != "" {
		turn.Messages = append([]sdk.Message{sdk.System(t.cmd.System)}, turn.Messages...)
	}
	answer, err := t.program.Turn(ctx, turn)
	if err != nil {
		return err
	}
	for p, err := range answer.Pieces() {
		if err != nil {
			if !t.cmd.JSON {
				fmt.Fprintln(t.out)
			}
			return err
		}
		if !t.cmd.JSON {
			fmt.Fprint(t.out, p.Text)
		}
	}
	t.begun = true
	r, err := answer.Result(ctx)
	switch {
	case !t.cmd.JSON:
		fmt.Fprintln(t.out)
	case err == nil:
		err = json.NewEncoder(t.out).Encode(r)
	}
	if err == nil && t.cmd.Verbose {
		u, m := r.Usage, r.Timing
		fmt.Fprintf(t.notes, "%d tokens of prompt, %d of them computed, in %.0f ms; %d tokens of answer, %.1f a second\n",
			u.PromptTokens, u.PrefilledTokens, m.TTFTMS, u.CompletionTokens, float64(max(u.CompletionTokens-1, 0))/max(m.TotalMS-m.TTFTMS, 1)*1e3)
	}
	return err
}
