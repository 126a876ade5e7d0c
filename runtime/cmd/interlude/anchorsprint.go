package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/anchors"
)

// print shows the report to a person.
func (r *anchorsReport) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if f := r.qualityFigures; f != nil {
		fmt.Fprintf(out, "answers over moved cells beside dense ones: %d programs, contexts of about %d tokens, %d tokens of answers\n", f.Programs, f.Length, f.Answer)
		fmt.Fprint(w, "case\tway\tKL mean\t5 %\t95 %\tp99\tmax\ttop-1\tmoved tokens\t\n")
		for _, s := range f.Arms {
			fmt.Fprintf(w, "%s\t%s\t%.4f\t%.4f\t%.4f\t%.3f\t%.3f\t%.1f %%\t%d\t\n", s.Case, s.Arm, s.Mean, s.Between[0], s.Between[1], s.P99, s.Max, 100*s.Top1, s.Moved/s.Samples)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, a := range anchors.Arms() {
			fmt.Fprintf(out, "  %s: %s\n", a.Name, a.About)
		}
	}
	if f := r.editFigures; f != nil {
		fmt.Fprintf(out, "\nfirst token after an edit in the middle of %d tokens: %.0f ms, announced %.0f ms, approximate %.0f ms (%.1f×); warm, without an edit, %.0f ms\n",
			f.Prompt, f.Exact, f.Announced, f.Approximate, f.Speedup, f.Warm)
	}
	if f := r.agentFigures; f != nil {
		fmt.Fprintf(out, "\nfive agents, each reads all before it: the fifth's first token %.1f× sooner with approximate reuse; %.0f %% of calls and %.0f %% of tokens reused\n",
			f.Speedup, 100*f.ReuseCalls, 100*f.ReuseTokens)
		fmt.Fprint(w, "agent\tprompt\texact\tapproximate\t\n")
		for i, a := range f.Agents {
			fmt.Fprintf(w, "%d\t%d\t%.0f ms\t%.0f ms\t\n", i+1, a.Prompt, a.Exact, a.Approximate)
		}
	}
	return w.Flush()
}
