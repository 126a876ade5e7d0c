package codereview

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/interlude-run/interlude/sdk"
)

// Options say what to examine and how.
type Options struct {
	Dir       string // of the source tree
	Run       string // makes the names of the programs unique
	MaxTokens int    // of an answer; 0: 48
	NoReuse   bool   // every turn computes its context anew
	Events    Events
}

// Events hears what happens. Methods are called from several goroutines.
type Events interface {
	Tool(agent, command string, took time.Duration) // a command was run
	Text(agent, piece string)                       // a piece of an answer has come
	Done(agent string, turn Turn)                   // an answer is complete
}

// Turn is what one turn was measured to be.
type Turn struct {
	Number int64
	TTFT   time.Duration // from the call to the first piece of text, as the client sees it
	Total  time.Duration
	Usage  sdk.Usage
	Miss   *sdk.Miss
	Text   string
}

// Report is what came of the workflow.
type Report struct {
	Agents  []Agent
	Summary string
	JCT     time.Duration // of the whole workflow
}

// Agent is one program in the report.
type Agent struct {
	Name  string
	Turns []Turn
	Gaps  []time.Duration // tool runs between the turns
	JCT   time.Duration   // from the first call to the last answer
}

// persona is short: a model of this size follows the first sentence of any.
const persona = "You explain software projects in plain words."

// Review runs the workflow.
func Review(ctx context.Context, client *sdk.Client, o Options) (*Report, error) {
	began := time.Now()
	if o.MaxTokens == 0 {
		o.MaxTokens = 48
	}
	if o.Events == nil {
		o.Events = quiet{}
	}
	shell := shell{dir: o.Dir}
	if err := shell.check(); err != nil {
		return nil, err
	}
	files, err := shell.largest(ctx, 4)
	if err != nil {
		return nil, err
	}
	scout, reader, writer := o.agent(client, "scout"), o.agent(client, "reader"), o.agent(client, "writer")

	var around, inside string
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) { around, err = lookAround(both, scout, shell); return err })
	group.Go(func() (err error) { inside, err = lookInside(both, reader, shell, files); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	summary, err := write(ctx, writer, shell, around, inside)
	if err != nil {
		return nil, err
	}
	return &Report{
		Agents:  []Agent{scout.Agent, reader.Agent, writer.Agent},
		Summary: summary, JCT: time.Since(began),
	}, nil
}

// lookAround is the scout's work.
func lookAround(ctx context.Context, a *agent, sh shell) (string, error) {
	for _, s := range []step{
		{"The top folder holds:", "ls -p", "What kind of project could this be?"},
		{"Number of files of each type:", "find . -type f -not -path '*/.*' | sed 's/.*\\.//' | sort | uniq -c | sort -rn | head -8", "Which programming language is it written in?"},
		{"Its folders:", "find . -type d -not -path '*/.*' | sort | head -40", "What parts does it have?"},
		{"Its README begins:", "head -n 14 README* 2>/dev/null", "What is it for?"},
		{"It imports most often:", "grep -rhoE '\"[a-z]+(/[a-z]+)*\"$|^(import|use|from|#include) .*' . 2>/dev/null | sort | uniq -c | sort -rn | head -12", "What does it need to run?"},
	} {
		if err := a.use(ctx, sh, s); err != nil {
			return "", err
		}
	}
	return a.say(ctx, "Sum up in two sentences: what is this project, and what is it made of?", true)
}

// lookInside is the reader's work.
func lookInside(ctx context.Context, a *agent, sh shell, files []string) (string, error) {
	if err := a.use(ctx, sh, step{"The largest files, by lines:", "wc -l " + quote(files...), "What could they be for, by their names?"}); err != nil {
		return "", err
	}
	for _, f := range files {
		if err := a.use(ctx, sh, step{"The file " + f + " begins:", "head -n 30 " + quote(f), "What does this file do?"}); err != nil {
			return "", err
		}
	}
	return a.say(ctx, "Sum up in two sentences what these files are for.", true)
}

// write is the writer's work. It knows what the others handed over, and asks
// the tree for what they did not.
func write(ctx context.Context, a *agent, sh shell, around, inside string) (string, error) {
	notes := fmt.Sprintf("These are notes on a software project.\n\nIts folders: %s\n\nIts largest files: %s\n\nWhat is the project for? Answer in one sentence.", around, inside)
	if _, err := a.say(ctx, notes, false); err != nil {
		return "", err
	}
	for _, s := range []step{
		{"The project in lines, words and bytes:", "find . -type f -not -path '*/.*' -size -200k -exec cat {} + | wc", "Is that a small or a large project?"},
		{"The files of its tests:", "find . -name '*test*' -type f -not -path '*/.*' | sort | head -12", "How is it tested?"},
		{"What its files say is missing:", "grep -rnE 'TODO|FIXME|not yet' . 2>/dev/null | cut -c 1-120 | head -6", "What is missing?"},
	} {
		if err := a.use(ctx, sh, s); err != nil {
			return "", err
		}
	}
	return a.say(ctx, "Sum up the project in two sentences for a new colleague.", true)
}

// step is a tool run and the turn about its output.
type step struct{ label, command, question string }

// agent is one program under way.
type agent struct {
	Agent
	program *sdk.Program
	o       *Options
	began   time.Time
}

func (o *Options) agent(client *sdk.Client, name string) *agent {
	return &agent{Agent: Agent{Name: name}, program: client.Program(name + "-" + o.Run), o: o}
}

// use runs a command and asks about its output.
func (a *agent) use(ctx context.Context, sh shell, s step) error {
	start := time.Now()
	out, err := sh.run(ctx, s.command)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Name, err)
	}
	took := time.Since(start)
	a.o.Events.Tool(a.Name, s.command, took)
	if len(a.Turns) > 0 {
		a.Gaps = append(a.Gaps, took)
	}
	_, err = a.say(ctx, s.label+"\n"+out+"\n"+s.question+" Answer in one sentence.", false)
	return err
}

// say is one turn. Its seed is its number, so that two runs of the workflow say
// much the same.
func (a *agent) say(ctx context.Context, text string, last bool) (string, error) {
	seed := uint32(len(a.Turns) + 1)
	t := sdk.Turn{
		Messages: []sdk.Message{sdk.User(text)},
		Sampling: sdk.Sampling{
			MaxTokens: a.o.MaxTokens, Temperature: 0.4, MinP: 0.1, Seed: &seed,
			RepeatPenalty: 1.1, PenaltyWindow: 128, // or it repeats its last answer
		},
		Last: last,
	}
	if len(a.Turns) == 0 {
		t.Messages = append([]sdk.Message{sdk.System(persona)}, t.Messages...)
	}
	if a.o.NoReuse {
		t.Reuse = sdk.ReuseOff
	}
	start := time.Now()
	if a.began.IsZero() {
		a.began = start
	}
	answer, err := a.program.Turn(ctx, t)
	if err != nil {
		return "", err
	}
	m := Turn{Number: answer.Number()}
	for piece, err := range answer.Text() {
		if err != nil {
			return "", err
		}
		if m.TTFT == 0 {
			m.TTFT = time.Since(start)
		}
		a.o.Events.Text(a.Name, piece)
	}
	result, err := answer.Result(ctx)
	if err != nil {
		return "", err
	}
	m.Total, m.Usage, m.Miss, m.Text = time.Since(start), result.Usage, result.Miss, strings.TrimSpace(result.Text)
	a.Turns = append(a.Turns, m)
	a.JCT = time.Since(a.began)
	a.o.Events.Done(a.Name, m)
	return m.Text, nil
}

// quiet hears nothing.
type quiet struct{}

func (quiet) Text(string, string)                {}
func (quiet) Tool(string, string, time.Duration) {}
func (quiet) Done(string, Turn)                  {}
