package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"

	"github.com/interlude-run/interlude/gpu/bench"
	"github.com/interlude-run/interlude/runtime/chat"
)

type benchConstrainedCmd struct {
	Model   string `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Threads int    `help:"Compute threads; 0: one per processor." default:"0"`
	Quick   bool   `help:"Fewer questions, shorter answers, fewer repetitions: within 50 s on two quiet cores."`
	JSON    bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*benchConstrainedCmd) Help() string {
	return `Measures how fast answers are decoded under a grammar, over the same without one, on the engine alone and one answer at a time: a call of one tool by its JSON schema, a call of any of 20 tools by one schema (anyOf), and a JSON object (json_object); greedy and at temperature 1.

The model answers each question once under the grammar. Both arms then decode that text, each as often, in turns: the same tokens in the same cells, chosen by the same sampling but for the grammar. What the free arm chooses is put aside. The arm with the grammar includes the time to make it of the schema and to take it in, as every turn has it. The ratio is the median over the repetitions.`
}

// constrainedReport is all that is measured.
type constrainedReport struct {
	Machine     string `json:"machine"`
	Model       string `json:"model"`
	Threads     int    `json:"threads"`
	Quick       bool   `json:"quick"`
	Repetitions int    `json:"repetitions"`

	Ratio       float64 `json:"constrained_tps_ratio"` // the least of the cases
	ToolCall    float64 `json:"tool_call_tps_ratio"`
	TwentyTools float64 `json:"twenty_tools_tps_ratio"`
	JSONObject  float64 `json:"json_object_tps_ratio"`

	Cases []constrainedFigures `json:"cases"`
}

// constrainedFigures are of a case with one way of choosing.
type constrainedFigures struct {
	Case      string       `json:"case"`
	Choice    string       `json:"choice"`
	Tokens    int          `json:"tokens"` // in a repetition, of each arm
	Free      float64      `json:"free_tps"`
	Held      float64      `json:"constrained_tps"`
	Ratio     bench.Spread `json:"tps_ratio"`
	Making    float64      `json:"grammar_ms"`          // for each answer, to make the grammar and take it in
	Otherwise *float64     `json:"otherwise,omitempty"` // greedy: share of the tokens that the model would not have chosen by itself
}

// Run measures.
func (c *benchConstrainedCmd) Run(ctx context.Context) error {
	if c.Threads == 0 {
		c.Threads = runtime.NumCPU()
	}
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	r, err := c.measure(ctx, o)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.print(os.Stdout)
}

func (c *benchConstrainedCmd) measure(ctx context.Context, o *obtained) (*constrainedReport, error) {
	runtime.LockOSThread() // a node has a thread for its engine, too
	defer runtime.UnlockOSThread()
	raisePriority()
	e, err := (&engineFlags{Weights: "auto", KVType: replayKVType, KVBytes: 512 << 20, MaxStep: 512, Threads: c.Threads}).open(o)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	template, err := chat.Compile(e.Vocab().ChatTemplate(), e.Vocab())
	if err != nil {
		return nil, err
	}
	cases, err := constrainedCases()
	if err != nil {
		return nil, err
	}
	b := &constrainedBench{engine: e, template: template, most: 160, questions: 4, repetitions: 6}
	if c.Quick {
		b.most, b.questions, b.repetitions = 48, 2, 4
	}
	r := &constrainedReport{
		Machine: fmt.Sprintf("%s/%s with %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Model:   o.model.Name, Threads: c.Threads, Quick: c.Quick, Repetitions: b.repetitions,
	}
	for i := range cases {
		fmt.Fprintln(os.Stderr, cases[i].name)
		all, err := b.measure(ctx, &cases[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cases[i].name, err)
		}
		for _, m := range all {
			r.Cases = append(r.Cases, m.figures(cases[i].name))
		}
	}
	r.sum()
	return r, nil
}

// figures works them out.
func (m *measured) figures(name string) constrainedFigures {
	var free, held, making []float64
	for _, a := range m.repetitions {
		free = append(free, a.free.Seconds())
		held = append(held, a.held.Seconds())
		making = append(making, a.making.Seconds()*1e3/float64(m.answers))
	}
	n := float64(m.tokens)
	f := constrainedFigures{
		Case: name, Choice: m.choice.name, Tokens: m.tokens,
		Free: n / bench.SpreadOf(free).Median, Held: n / bench.SpreadOf(held).Median,
		Ratio: bench.SpreadOf(bench.Ratios(free, held)), Making: bench.SpreadOf(making).Median,
	}
	if m.choice.sampling.Temperature == 0 {
		share := float64(m.otherwise) / n
		f.Otherwise = &share
	}
	return f
}

// sum has the least ratio of each case, and of all.
func (r *constrainedReport) sum() {
	of := func(name string) float64 {
		least := 0.0
		for _, f := range r.Cases {
			if f.Case == name && (least == 0 || f.Ratio.Median < least) {
				least = f.Ratio.Median
			}
		}
		return least
	}
	r.ToolCall, r.TwentyTools, r.JSONObject = of("tool_call"), of("twenty_tools"), of("json_object")
	r.Ratio = min(r.ToolCall, r.TwentyTools, r.JSONObject)
}

// print shows the report to a person.
func (r *constrainedReport) print(out io.Writer) error {
	quick := ""
	if r.Quick {
		quick = ", quick"
	}
	fmt.Fprintf(out, "%s, %d threads, %s%s; %d repetitions, medians\n\n", r.Model, r.Threads, r.Machine, quick, r.Repetitions)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\ttokens\tfree, tokens/s\tunder a grammar\tratio\tleast\tmost\tgrammar, ms\tagainst the model\t")
	for _, f := range r.Cases {
		against := ""
		if f.Otherwise != nil {
			against = fmt.Sprintf("%.0f %%", 100**f.Otherwise)
		}
		fmt.Fprintf(w, "%s, %s\t%d\t%.1f\t%.1f\t%.3f\t%.3f\t%.3f\t%.2f\t%s\t\n",
			f.Case, f.Choice, f.Tokens, f.Free, f.Held, f.Ratio.Median, f.Ratio.Min, f.Ratio.Max, f.Making, against)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nthe least ratio is %.3f\n", r.Ratio)
	return err
}
