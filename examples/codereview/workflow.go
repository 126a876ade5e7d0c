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
	Turn(agent string, turn int, task string)
	Text(agent, piece string)
	Tool(agent, command string, took time.Duration)
	Done(agent string, turn Turn)
}

// Turn is what one turn was measured to be.
type Turn struct {
	Number int64
	TTFT   time.Duration // from the call to the first piece of text, as the client sees it
	Total  time.Duration
	Usage  sdk.Usage
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

// seed makes two runs of the workflow comparable.
var seed uint32 = 17

const persona = "You are a careful software engineer. You read the output of shell commands and say in plain words what it shows. Answer in one or two short sentences."

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
	scout, reader, writer := o.agent(client, "scout"), o.agent(client, "reader"), o.agent(client, "writer")

	var around, inside string
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) { around, err = lookAround(both, scout, shell); return err })
	group.Go(func() (err error) { inside, err = lookInside(both, reader, shell); return err })
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

func lookAround(ctx context.Context, a *agent, sh shell) (string, error) {
	for _, step := range []struct{ command, question string }{
		{"ls -p", "What kind of project is this?"},
		{"find . -type f -not -path '*/.*' | sed 's/.*\\.//' | sort | uniq -c | sort -rn | head -12", "Which file types are there most of?"},
		{"find . -type d -not -path '*/.*' | sort | head -40", "How is the project divided into folders?"},
		{"head -n 24 README* 2>/dev/null || true", "What does the project say about itself?"},
		{"grep -rhoE '^(import|use|from|require|#include) .*' --include=* . 2>/dev/null | sort | uniq -c | sort -rn | head -15", "What does the code build on?"},
	} {
		if err := a.use(ctx, sh, step.command, step.question); err != nil {
			return "", err
		}
	}
	return a.say(ctx, "Tell the writer in three sentences what you have found.", true)
}

func lookInside(ctx context.Context, a *agent, sh shell) (string, error) {
	if err := a.use(ctx, sh, "find . -type f -not -path '*/.*' -size -200k \\( -name '*.go' -o -name '*.py' -o -name '*.c' -o -name '*.rs' -o -name '*.js' -o -name '*.md' \\) -exec wc -l {} + | sort -rn | sed -n '2,9p'", "Which files are the largest?"); err != nil {
		return "", err
	}
	files, err := sh.largest(ctx, 4)
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if err := a.use(ctx, sh, "head -n 30 "+quote(f), "What is this file for?"); err != nil {
			return "", err
		}
	}
	return a.say(ctx, "Tell the writer in three sentences what these files do.", true)
}

func write(ctx context.Context, a *agent, sh shell, around, inside string) (string, error) {
	notes := fmt.Sprintf("Two colleagues have examined a project.\nThe scout says: %s\nThe reader says: %s\nWhat is the project about?", around, inside)
	if _, err := a.say(ctx, notes, false); err != nil {
		return "", err
	}
	for _, step := range []struct{ command, question string }{
		{"find . -type f -not -path '*/.*' -exec cat {} + | wc", "How large is the project?"},
		{"grep -rnE 'TODO|FIXME' --include=*.* . 2>/dev/null | head -8 || true", "What is still to be done?"},
		{"find . -name '*test*' -type f -not -path '*/.*' | head -12", "How is it tested?"},
	} {
		if err := a.use(ctx, sh, step.command, step.question); err != nil {
			return "", err
		}
	}
	return a.say(ctx, "Now write a short summary of the project for somebody who has never seen it.", true)
}

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
func (a *agent) use(ctx context.Context, sh shell, command, question string) error {
	start := time.Now()
	out, err := sh.run(ctx, command)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Name, err)
	}
	took := time.Since(start)
	a.o.Events.Tool(a.Name, command, took)
	if len(a.Turns) > 0 {
		a.Gaps = append(a.Gaps, took)
	}
	_, err = a.say(ctx, "$ "+command+"\n"+out+"\n"+question, false)
	return err
}

// say is one turn.
func (a *agent) say(ctx context.Context, text string, last bool) (string, error) {
	t := sdk.Turn{
		Messages: []sdk.Message{sdk.User(text)},
		Sampling: sdk.Sampling{MaxTokens: a.o.MaxTokens, Temperature: 0.5, MinP: 0.1, RepeatPenalty: 1.1, Seed: &seed},
		Last:     last,
	}
	if len(a.Turns) == 0 {
		t.Messages = append([]sdk.Message{sdk.System(persona)}, t.Messages...)
	}
	if a.o.NoReuse {
		t.Cache = sdk.NoCache
	}
	start := time.Now()
	if a.began.IsZero() {
		a.began = start
	}
	a.o.Events.Turn(a.Name, len(a.Turns)+1, text)
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
	m.Total, m.Usage, m.Text = time.Since(start), result.Usage, strings.TrimSpace(result.Text)
	a.Turns = append(a.Turns, m)
	a.JCT = time.Since(a.began)
	a.o.Events.Done(a.Name, m)
	return m.Text, nil
}

// quiet hears nothing.
type quiet struct{}

func (quiet) Turn(string, int, string)           {}
func (quiet) Text(string, string)                {}
func (quiet) Tool(string, string, time.Duration) {}
func (quiet) Done(string, Turn)                  {}
