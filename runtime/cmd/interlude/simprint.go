package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/interlude-run/interlude/runtime/sim"
)

func printJSON(v any) error {
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// printStudy prints a table for each load.
func printStudy(out io.Writer, r *sim.Report) error {
	fmt.Fprintf(out, "%s (%s) on %s, cost model %s, pool of %d tokens, host %d, disk %d; %d programs, %s",
		r.Workload, r.Source, r.EngineLabel(), r.CostModel, r.KVTokens, r.HostTokens, r.DiskTokens, r.Programs, counted(r.Seeds, "seed"))
	if r.Reference > 0 {
		fmt.Fprintf(out, "; load 1 is %.5f programs/s", r.Reference)
	}
	fmt.Fprintln(out, "\n\nworst over the loads")
	printFigures(out, &r.Figures)
	for i := range r.Loads {
		l := &r.Loads[i]
		if r.Reference > 0 {
			fmt.Fprintf(out, "\nload %s\n", l.Load)
		} else {
			fmt.Fprintln(out)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "policy\tkind\tJCT mean s\t±\tover ours\tp50\tp95\tp99\tTTFT mean\tp99\tmax\tprograms/s\thit\tpreempt\tGB moved\t")
		for _, a := range l.Ranked() {
			half := fmt.Sprintf("%.1f", a.MeanJCTHalf)
			if r.Seeds == 1 {
				half = "-"
			}
			fmt.Fprintf(w, "%s\t%s\t%.1f\t%s\t%.3f\t%.1f\t%.1f\t%.1f\t%.3f\t%.2f\t%.1f\t%.5f\t%.3f\t%.1f\t%.1f\t\n",
				a.Name, a.Kind, a.MeanJCT, half, a.OverOurs, a.P50JCT, a.P95JCT, a.P99JCT,
				a.MeanTTFT, a.P99TTFT, a.MaxTTFT, a.Throughput, a.HitRate, a.Preemptions, (a.MovedHost+a.MovedDisk)/1e9)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		printGroups(out, l)
		if l.BoundMean > 0 {
			fmt.Fprintf(out, "no policy with ours' steps stays below a mean of %.1f s\n", l.BoundMean)
		}
	}
	for _, a := range sim.Arms() {
		if load, ok := r.Sustainable[a.Name]; ok {
			fmt.Fprintf(out, "%s sustains a load of %.2f\n", a.Name, load)
		}
	}
	return nil
}

// printGroups prints how each group of programs did.
func printGroups(out io.Writer, l *sim.LoadReport) {
	if l.Arms[0].Groups == nil {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "policy\tgroup\tprograms\tJCT mean s\tp95\tTTFT p99\tmax\tworst of all seeds\t")
	for _, a := range l.Ranked() {
		var names []string
		for name := range a.Groups {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			g := a.Groups[name]
			fmt.Fprintf(w, "%s\t%s\t%d\t%.1f\t%.1f\t%.2f\t%.1f\t%.1f\t\n", a.Name, name, g.Programs, g.MeanJCT, g.P95JCT, g.P99TTFT, g.MaxTTFT, g.WorstTTFT)
		}
	}
	w.Flush()
}

// printFigures prints what compares, that with the same steps first.
func printFigures(out io.Writer, f *sim.Figures) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, figure := range []struct {
		says  string
		value float64
	}{
		{"best rival with our steps over ours, mean JCT", f.SameSteps},
		{"the same, p95 JCT", f.SameStepsP95},
		{"the same, p99 TTFT", f.SameStepsTTFT},
		{"best rival with everything but set and prediction over ours, mean JCT", f.SameAll},
		{"one rival with our steps for all workloads over ours, mean JCT", f.OneRival},
		{"best rival as published over ours, mean JCT", f.BestMean},
		{"the same, p95 JCT", f.BestP95},
		{"best rival as published, in its best chunk, over ours, mean JCT", f.BestChunk},
		{"ours over ours told the future, mean JCT", f.Told},
		{"ours over ours in an endless pool, mean JCT", f.Endless},
		{"ours over the bound, mean JCT", f.Bound},
	} {
		if figure.value > 0 { // what is compared with was simulated
			fmt.Fprintf(w, "%s\t%.3f\n", figure.says, figure.value)
		}
	}
	if f.MaxWait > 0 {
		fmt.Fprintf(w, "no turn of the %.1f %% that are promised it waits longer than %.0f s\t%v\n", 100*f.BoundShare, f.MaxWait, f.BoundKept)
	}
	w.Flush()
}

// printSurvey prints each arm over all workloads, for each load.
func printSurvey(out io.Writer, r *sim.SurveyReport) error {
	fmt.Fprintf(out, "%s on %s, cost model %s, pool of %d tokens; %d programs, %s\n\ngeometric means over the workloads, the worst of the loads\n",
		strings.Join(r.Workloads, ", "), r.EngineLabel(), r.CostModel, r.KVTokens, r.Programs, counted(r.Seeds, "seed"))
	printFigures(out, &r.Figures)
	for i := range r.Loads {
		l := &r.Loads[i]
		fmt.Fprintf(out, "\nload %s\n", l.Load)
		printFigures(out, &l.Figures)
		if l.OneRivalName != "" {
			fmt.Fprintf(out, "that rival is %s; ours is at worst %.3f of the best rival with our steps\n", l.OneRivalName, l.Regret)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(w, "mean JCT over ours\tkind\tgeometric mean\tworst\t%s\t\n", strings.Join(r.Workloads, "\t"))
		for _, a := range l.Arms {
			fmt.Fprintf(w, "%s\t%s\t%.3f\t%.3f\t", a.Name, a.Kind, a.Mean, a.Worst)
			for _, ratio := range a.Ratios {
				fmt.Fprintf(w, "%.3f\t", ratio)
			}
			fmt.Fprintln(w)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// tablesHead is tables and what they were made of.
type tablesHead struct {
	Workloads  []string    `json:"workloads"`
	Engine     string      `json:"engine"`
	Calibrated bool        `json:"engine_calibrated"`
	CostModel  string      `json:"cost_model"`
	Split      string      `json:"split"`
	Programs   int         `json:"programs"`
	Seeds      int         `json:"seeds"`
	Tables     []sim.Table `json:"tables"`
}

// printTables prints tables.
func printTables(out io.Writer, h *tablesHead) error {
	fmt.Fprintf(out, "%s on %s, cost model %s; programs: %s, %d a simulation\n", strings.Join(h.Workloads, ", "), sim.EngineLabel(h.Engine, h.Calibrated), h.CostModel, h.Split, h.Programs)
	for _, t := range h.Tables {
		fmt.Fprintf(out, "\n%s. %s\n", t.Name, t.Says)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "\t%s\n", strings.Join(t.Columns, "\t"))
		for _, row := range t.Rows {
			fmt.Fprint(w, row.Name)
			for _, cell := range row.Cells {
				if cell == 0 {
					fmt.Fprint(w, "\t-")
				} else {
					fmt.Fprintf(w, "\t%.3f", cell)
				}
			}
			fmt.Fprintf(w, "\t%s\n", row.Note)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
