package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/interlude-run/interlude/examples/codereview"
)

// comparison is what the demo found.
type comparison struct {
	Device  string `json:"device"`
	Threads int    `json:"threads"`
	Model   string `json:"model"`
	Reuse   pass   `json:"reuse"` // every turn continues the context of the one before
	Anew    pass   `json:"anew"`  // every turn computes its whole context

	// Of the same run, anew over reuse.
	PrefilledRatio float64 `json:"prefilled_ratio"`
	WarmTTFTRatio  float64 `json:"ttft_warm_ratio"`
	JCTRatio       float64 `json:"jct_ratio"`
}

// pass is one run of the workflow.
type pass struct {
	Programs []figures `json:"programs"`
	Total    figures   `json:"total"`
}

// figures are what is shown of one program, or of all. Times are in seconds, as
// the client sees them.
type figures struct {
	Program   string  `json:"program"`
	Turns     int     `json:"turns"`
	Prompt    int     `json:"prompt_tokens"`
	Prefilled int     `json:"prefilled_tokens"`
	Reused    int     `json:"reused_tokens"`
	Restored  int     `json:"restored_tokens"`
	Generated int     `json:"generated_tokens"`
	FirstTTFT float64 `json:"ttft_first_seconds"`       // of a first turn; of all programs the median
	WarmTTFT  float64 `json:"ttft_warm_median_seconds"` // of later turns
	ToolGaps  float64 `json:"tool_gaps_seconds"`
	JCT       float64 `json:"jct_seconds"` // of all programs: of the workflow
}

func figuresOf(r *codereview.Report) pass {
	p := pass{Total: figures{Program: "all", JCT: r.JCT.Seconds()}}
	var first, warm []time.Duration
	for _, a := range r.Agents {
		f := figures{Program: a.Name, Turns: len(a.Turns), JCT: a.JCT.Seconds()}
		var mine []time.Duration
		for i, t := range a.Turns {
			f.Prompt += t.Usage.PromptTokens
			f.Prefilled += t.Usage.PrefilledTokens
			f.Reused += t.Usage.ReusedTokens
			f.Restored += t.Usage.RestoredTokens
			f.Generated += t.Usage.CompletionTokens
			if i > 0 {
				mine = append(mine, t.TTFT)
			}
		}
		for _, g := range a.Gaps {
			f.ToolGaps += g.Seconds()
		}
		first, warm = append(first, a.Turns[0].TTFT), append(warm, mine...)
		f.FirstTTFT, f.WarmTTFT = a.Turns[0].TTFT.Seconds(), medianSeconds(mine)
		p.Programs = append(p.Programs, f)
		p.Total.add(f)
	}
	p.Total.FirstTTFT, p.Total.WarmTTFT = medianSeconds(first), medianSeconds(warm)
	return p
}

// add sums what can be summed.
func (f *figures) add(g figures) {
	f.Turns += g.Turns
	f.Prompt += g.Prompt
	f.Prefilled += g.Prefilled
	f.Reused += g.Reused
	f.Restored += g.Restored
	f.Generated += g.Generated
	f.ToolGaps += g.ToolGaps
}

// medianSeconds of an even number is the mean of the middle two.
func medianSeconds(ds []time.Duration) float64 {
	if len(ds) == 0 {
		return 0
	}
	slices.Sort(ds)
	return (ds[(len(ds)-1)/2] + ds[len(ds)/2]).Seconds() / 2
}

func (c comparison) rated() comparison {
	a, b := c.Anew.Total, c.Reuse.Total
	c.PrefilledRatio = float64(a.Prefilled) / float64(b.Prefilled)
	c.WarmTTFTRatio = a.WarmTTFT / b.WarmTTFT
	c.JCTRatio = a.JCT / b.JCT
	return c
}

// print shows the comparison to a person.
func (c comparison) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\n",
		"\tturns\tprefilled\treused\twritten\tfirst token,\tfirst token,\ttool\tdone\t\n",
		"\t\ttokens\ttokens\ttokens\tfirst turn\tlater turns\tgaps\tafter\t\n")
	for _, p := range []struct {
		name string
		pass
	}{{"with reuse", c.Reuse}, {"every turn anew", c.Anew}} {
		for _, f := range p.Programs {
			f.row(w, f.Program)
		}
		p.Total.row(w, p.name)
		fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\t")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, `With reuse %.1f× fewer tokens were prefilled, later turns began %.1f× sooner (medians),
and the workflow took %.1f s instead of %.1f s (%.1f×).
`, c.PrefilledRatio, c.WarmTTFTRatio, c.Reuse.Total.JCT, c.Anew.Total.JCT, c.JCTRatio)
	return err
}

func (f figures) row(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.2f s\t%.2f s\t%.2f s\t%.1f s\t\n",
		name, f.Turns, f.Prefilled, f.Reused, f.Generated, f.FirstTTFT, f.WarmTTFT, f.ToolGaps, f.JCT)
}
