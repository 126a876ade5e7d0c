package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/interlude-run/interlude/examples/codereview"
	"github.com/interlude-run/interlude/sdk"
)

type demoCmd struct {
	engineFlags `embed:""`
	Dir         string `help:"Source tree that the agents examine." type:"existingdir" default:"."`
	JSON        bool   `help:"Print the figures as one JSON object." name:"json"`
}

// Run starts a node of its own, has the workflow done twice, and compares.
func (c *demoCmd) Run(ctx context.Context) error {
	o, err := c.obtain(ctx)
	if err != nil {
		return err
	}
	store, err := os.MkdirTemp("", "interlude-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	h, err := openHost(ctx, o, hostConfig{
		engineFlags: c.engineFlags,
		natsFlags:   natsFlags{Listen: anyLoopback, Store: store},
		nodeFlags:   nodeFlags{MaxQueue: 64, MaxTokens: 256, MaxAge: time.Hour, AckWait: 4 * time.Second},
		log:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	defer h.close()
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- h.run(serving) }()
	defer func() { stop(); <-served }()

	client, err := sdk.Connect(h.url)
	if err != nil {
		return err
	}
	defer client.Close()
	screen := newScreen(os.Stderr)
	fmt.Fprintf(os.Stderr, `
Three agents examine %s: a scout and a reader at the same time, then a writer
with what they hand over. The tools and their output are real. Which tool comes
next is the example's choice, not the model's: a model of this size cannot be
trusted with it. What the agents say is the model's, and worth what it is.

%s, %d threads; turns over NATS at %s

`, c.Dir, h.engine.Device(), h.engine.Threads(), h.url)
	with, err := codereview.Review(ctx, client, codereview.Options{Dir: c.Dir, Run: "reuse", Events: screen})
	if err != nil {
		return err
	}
	screen.flush()
	fmt.Fprintf(os.Stderr, "\nThe same once more, every turn computing its whole context anew ")
	without, err := codereview.Review(ctx, client, codereview.Options{Dir: c.Dir, Run: "anew", NoReuse: true, Events: dots{os.Stderr}})
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{
			"device": h.engine.Device(), "threads": h.engine.Threads(), "model": o.model.Path,
			"reuse": figuresOf(with), "anew": figuresOf(without), "jct_ratio": without.JCT.Seconds() / with.JCT.Seconds(),
		})
	}
	printTable(with, without)
	return nil
}

// figures are what the table shows of one program, or of all.
type figures struct {
	Program   string  `json:"program"`
	Turns     int     `json:"turns"`
	Prompt    int     `json:"prompt_tokens"`
	Prefilled int     `json:"prefilled_tokens"`
	Reused    int     `json:"reused_tokens"`
	Generated int     `json:"generated_tokens"`
	FirstTTFT float64 `json:"ttft_first_seconds"`
	WarmTTFT  float64 `json:"ttft_warm_median_seconds"`
	ToolGaps  float64 `json:"tool_gaps_seconds"`
	JCT       float64 `json:"jct_seconds"`
}

func figuresOf(r *codereview.Report) (all []figures) {
	for _, a := range r.Agents {
		f := figures{Program: a.Name, Turns: len(a.Turns), FirstTTFT: a.Turns[0].TTFT.Seconds(), JCT: a.JCT.Seconds()}
		var warm []time.Duration
		for i, t := range a.Turns {
			f.Prompt += t.Usage.PromptTokens
			f.Prefilled += t.Usage.PrefilledTokens
			f.Reused += t.Usage.ReusedTokens
			f.Generated += t.Usage.CompletionTokens
			if i > 0 {
				warm = append(warm, t.TTFT)
			}
		}
		slices.Sort(warm)
		f.WarmTTFT = warm[len(warm)/2].Seconds()
		for _, g := range a.Gaps {
			f.ToolGaps += g.Seconds()
		}
		all = append(all, f)
	}
	return all
}

func printTable(with, without *codereview.Report) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...any) {
		for _, c := range cells {
			fmt.Fprintf(w, "%v\t", c)
		}
		fmt.Fprintln(w)
	}
	seconds := func(s float64) string { return fmt.Sprintf("%.2f s", s) }
	fmt.Println()
	row("program", "turns", "prefilled", "reused", "generated", "first token,", "first token,", "tool", "done")
	row("", "", "tokens", "tokens", "tokens", "first turn", "later turns", "gaps", "after")
	for _, pass := range []struct {
		name   string
		report *codereview.Report
	}{{"reuse between turns", with}, {"every turn anew", without}} {
		row("", "", "", "", "", "", "", "", "")
		row(pass.name, "", "", "", "", "", "", "", seconds(pass.report.JCT.Seconds()))
		for _, f := range figuresOf(pass.report) {
			row(f.Program, f.Turns, f.Prefilled, f.Reused, f.Generated, seconds(f.FirstTTFT), seconds(f.WarmTTFT), seconds(f.ToolGaps), seconds(f.JCT))
		}
	}
	w.Flush()
	a, b := figuresOf(with), figuresOf(without)
	var prefilled, prefilledAnew int
	var warm, warmAnew float64
	for i := range a {
		prefilled, prefilledAnew = prefilled+a[i].Prefilled, prefilledAnew+b[i].Prefilled
		warm, warmAnew = warm+a[i].WarmTTFT, warmAnew+b[i].WarmTTFT
	}
	fmt.Printf("\nWith reuse, %.1f× fewer tokens were prefilled, later turns began %.1f× sooner, and the workflow was done %.2f× sooner.\n",
		float64(prefilledAnew)/float64(prefilled), warmAnew/warm, without.JCT.Seconds()/with.JCT.Seconds())
}

// screen shows agents at work, each line under the name of who says it: several
// speak at once, so a piece waits until its line is full.
type screen struct {
	mu    sync.Mutex
	w     *os.File
	lines map[string]*strings.Builder
}

const screenWidth = 88

func newScreen(w *os.File) *screen { return &screen{w: w, lines: map[string]*strings.Builder{}} }

func (s *screen) say(agent, mark, text string) { fmt.Fprintf(s.w, "%-7s%s %s\n", agent, mark, text) }

func (s *screen) line(agent string) *strings.Builder {
	if s.lines[agent] == nil {
		s.lines[agent] = &strings.Builder{}
	}
	return s.lines[agent]
}

func (s *screen) Tool(agent, command string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(command) > screenWidth-12 {
		command = command[:screenWidth-12] + " …"
	}
	s.say(agent, "$", fmt.Sprintf("%s  (%v)", command, took.Round(time.Millisecond)))
}

// Text shows what fills a line and keeps the rest.
func (s *screen) Text(agent, piece string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.line(agent)
	line.WriteString(strings.ReplaceAll(piece, "\n", " "))
	if text := line.String(); len(text) > screenWidth {
		if cut := strings.LastIndexByte(text[:screenWidth], ' '); cut > 0 {
			s.say(agent, "│", text[:cut])
			line.Reset()
			line.WriteString(text[cut+1:])
		}
	}
}

func (s *screen) Done(agent string, t codereview.Turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(agent)
	s.say(agent, "└", fmt.Sprintf("turn %d: first token after %.2f s; %d tokens read, %d of them known; %d written",
		t.Number, t.TTFT.Seconds(), t.Usage.PromptTokens, t.Usage.ReusedTokens, t.Usage.CompletionTokens))
}

func (s *screen) finish(agent string) {
	if line := s.line(agent); line.Len() > 0 {
		s.say(agent, "│", line.String())
		line.Reset()
	}
}

func (s *screen) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for agent := range s.lines {
		s.finish(agent)
	}
}

// dots shows that there is progress.
type dots struct{ w *os.File }

func (dots) Text(string, string)                {}
func (dots) Tool(string, string, time.Duration) {}
func (d dots) Done(string, codereview.Turn)     { fmt.Fprint(d.w, ".") }
