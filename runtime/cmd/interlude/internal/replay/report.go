package replay

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// Report compares servers that had the same runs. The first arm is ours.
type Report struct {
	Model       string  `json:"model"`
	Threads     int     `json:"threads"`
	Machine     string  `json:"machine"`
	KVBytes     int64   `json:"kv_bytes"`
	KVTokens    int64   `json:"kv_tokens"`
	KVTokensF16 int64   `json:"kv_tokens_f16"` // as many bytes, with keys and values in f16
	Source      string  `json:"source"`
	Runs        int     `json:"runs"`
	Turns       int     `json:"turns"`
	Longest     int     `json:"longest_context_tokens"`
	Gaps        float64 `json:"gaps_factor"`
	Repetitions int     `json:"repetitions"`
	Chars       int     `json:"tool_output_characters_at_most"`
	Tokens      int     `json:"answer_tokens_at_most"`

	LRU       float64 `json:"lru_over_ours_mean_jct,omitempty"`          // program FCFS with LRU
	Request   float64 `json:"request_fcfs_over_ours_mean_jct,omitempty"` // request FCFS with LRU
	Identical bool    `json:"texts_identical"`                           // of all arms on our nodes

	SLO *SLO `json:"slo,omitempty"`

	Arms []Arm `json:"arms"`

	answers [][]string // of ours, the first time
}

// Arm is a server's part: times in seconds, over the runs and turns of all repetitions.
type Arm struct {
	Name      string     `json:"name"`
	OverOurs  float64    `json:"over_ours_mean_jct"` // the median of the repetitions' ratios
	Spread    [2]float64 `json:"over_ours_spread"`   // the least and the largest
	MeanJCT   float64    `json:"jct_mean"`
	P95JCT    float64    `json:"jct_p95"`
	MaxJCT    float64    `json:"jct_max"`
	MeanTTFT  float64    `json:"ttft_mean"`
	P99TTFT   float64    `json:"ttft_p99"`
	MaxTTFT   float64    `json:"ttft_max"`
	Prefilled int        `json:"prefilled_tokens"` // these are of a repetition, on average
	Reused    int        `json:"reused_tokens"`
	Generated int        `json:"generated_tokens"`
	HitRate   float64    `json:"hit_rate"` // part of the prompt tokens computed before that were not computed again
	Restored  int64      `json:"restored_cells"`
	Suspended int64      `json:"suspended"`

	WithinSLO *int `json:"agents_within_slo,omitempty"` // the most that were served within Report.SLO

	// Differ counts answers that are not those of ours in the first repetition; -1
	// where the server is another one, whose arithmetic and templates are its own.
	Differ int `json:"answers_other_than_ours"`

	means     []float64 // mean JCT of each repetition
	jct, ttft []float64
	used      Answer
	reusable  int
	restored  int64
	suspended int64
}

// Counts are what a node counts beside what its clients see.
type Counts struct{ Restored, Suspended int64 }

// Add adds a repetition of an arm. The first that is added is of ours.
func (r *Report) Add(arm int, o *Outcome, c Counts, otherServer bool) {
	a := &r.Arms[arm]
	jct := seconds(o.JCT)
	a.means = append(a.means, mean(jct))
	a.jct = append(a.jct, jct...)
	a.ttft = append(a.ttft, seconds(o.TTFT)...)
	a.used.Prefilled += o.Used.Prefilled
	a.used.Reused += o.Used.Reused
	a.used.Restored += o.Used.Restored
	a.used.Generated += o.Used.Generated
	a.reusable += o.Reusable
	a.restored += c.Restored
	a.suspended += c.Suspended
	r.Longest = max(r.Longest, o.Longest)
	if r.answers == nil {
		r.answers = o.Answers
	}
	if otherServer {
		a.Differ = -1
	} else {
		a.Differ += others(r.answers, o.Answers)
	}
}

// others counts the answers that are not the same in both.
func others(a, b [][]string) (n int) {
	for i := range a {
		for k := range a[i] {
			if a[i][k] != b[i][k] {
				n++
			}
		}
	}
	return n
}

// Sum works out the figures, arms against ours repetition by repetition.
func (r *Report) Sum() {
	r.Identical = true
	for i := range r.Arms {
		a := &r.Arms[i]
		var ratios []float64
		for k := range a.means {
			ratios = append(ratios, a.means[k]/r.Arms[0].means[k])
		}
		slices.Sort(ratios)
		a.OverOurs, a.Spread = quantile(ratios, 0.5), [2]float64{ratios[0], ratios[len(ratios)-1]}
		slices.Sort(a.jct)
		slices.Sort(a.ttft)
		a.MeanJCT, a.P95JCT, a.MaxJCT = mean(a.jct), quantile(a.jct, 0.95), quantile(a.jct, 1)
		a.MeanTTFT, a.P99TTFT, a.MaxTTFT = mean(a.ttft), quantile(a.ttft, 0.99), quantile(a.ttft, 1)
		n := len(a.means)
		a.Prefilled, a.Reused, a.Generated = a.used.Prefilled/n, a.used.Reused/n, a.used.Generated/n
		a.HitRate = 1
		if a.reusable > 0 {
			a.HitRate = min(float64(a.used.Reused+a.used.Restored)/float64(a.reusable), 1)
		}
		a.Restored, a.Suspended = a.restored/int64(n), a.suspended/int64(n)
		r.Identical = r.Identical && a.Differ <= 0
		switch a.Name {
		case "program-fcfs":
			r.LRU = a.OverOurs
		case "request-fcfs":
			r.Request = a.OverOurs
		}
	}
}

func seconds(ds []time.Duration) (s []float64) {
	for _, d := range ds {
		s = append(s, d.Seconds())
	}
	return s
}

func mean(s []float64) (m float64) {
	for _, v := range s {
		m += v / float64(len(s))
	}
	return m
}

// quantile is by nearest rank, of sorted values; the median of two is the lower one.
func quantile(sorted []float64, q float64) float64 {
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// Print writes a table.
func (r *Report) Print(out io.Writer) error {
	fmt.Fprintf(out, "%d agent runs, %d turns (%s), contexts of up to %d tokens, on %s\n", r.Runs, r.Turns, r.Source, r.Longest, r.Model)
	fmt.Fprintf(out, "answers of at most %d tokens, tool outputs of at most %d characters\n", r.Tokens, r.Chars)
	fmt.Fprintf(out, "a cache of %d tokens, %d threads, %s; %d repetitions; times in seconds\n\n", r.KVTokens, r.Threads, r.Machine, r.Repetitions)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tJCT mean\tover ours\tspread\tp95\tmax\tTTFT mean\tp99\tmax\thit rate\tprefilled\treused\trestored\tsuspended\t")
	for i := range r.Arms {
		a := &r.Arms[i]
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f–%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%d\t%d\t\n",
			a.Name, a.MeanJCT, a.OverOurs, a.Spread[0], a.Spread[1], a.P95JCT, a.MaxJCT,
			a.MeanTTFT, a.P99TTFT, a.MaxTTFT, a.HitRate, a.Prefilled, a.Reused, a.Restored, a.Suspended)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if r.SLO != nil {
		fmt.Fprintf(out, "agents of which %g %% have %s:\n", 100*r.SLO.Share, r.SLO)
		for i := range r.Arms {
			if most := r.Arms[i].WithinSLO; most != nil {
				fmt.Fprintf(out, "  %-24s %d\n", r.Arms[i].Name, *most)
			}
		}
	}
	for i := range r.Arms {
		if a := &r.Arms[i]; a.Differ > 0 {
			fmt.Fprintf(out, "%d answers of %s are NOT those of %s\n", a.Differ, a.Name, r.Arms[0].Name)
		}
	}
	if r.Identical {
		fmt.Fprintln(out, "the answers are the same under all policies")
	}
	return nil
}
