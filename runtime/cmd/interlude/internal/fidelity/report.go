package fidelity

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/sim"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// Goals of the errors, absolute: what a simulator of language model servers is taken to
// reach.
const (
	GoalMean = 0.06
	GoalP95  = 0.12
)

// Report holds simulations against runs.
type Report struct {
	Setup       replay.Report `json:"setup"`
	EngineModel string        `json:"engine_model"`
	Steps       []StepErrors  `json:"step_errors"` // of the model, on the steps that were measured apart
	HostBytes   float64       `json:"moves_bytes_per_second"`
	In          float64       `json:"client_to_core_seconds"`
	Out         float64       `json:"core_to_client_seconds"`
	Between     float64       `json:"between_steps_seconds"`
	Seeds       int           `json:"seeds"`

	Policies []Policy `json:"policies"`

	WorstMean     float64  `json:"jct_mean_error"` // the largest of the policies', absolute
	WorstP95      float64  `json:"jct_p95_error"`
	WorstMeanOwn  float64  `json:"jct_mean_error_at_own_speed"`
	WorstP95Own   float64  `json:"jct_p95_error_at_own_speed"`
	WithinGoals   bool     `json:"within_goals"`
	Ranking       []string `json:"ranking"` // by real mean JCT, the shortest first
	SimRanking    []string `json:"ranking_simulated"`
	RankingsEqual bool     `json:"rankings_equal"`
	Noise         Noise    `json:"noise"`
}

// Noise is how far ours is from itself: the median over the repetitions of the absolute
// differences, in parts.
type Noise struct {
	Mean float64 `json:"jct_mean"`
	P95  float64 `json:"jct_p95"`
}

// Policy is a policy's part. Lists have an entry for each repetition. Errors are of the
// median of the simulated figures in parts of that of the real ones, above 0 where the
// simulation takes longer.
type Policy struct {
	Name       string    `json:"name"`
	Real       []Times   `json:"real"`
	Simulated  []Times   `json:"simulated"`
	AtOwnSpeed []Times   `json:"simulated_at_own_speed"`
	Around     []float64 `json:"slowness_around"` // of the machine: steps measured right before and behind over the model's
	Own        []float64 `json:"slowness_own"`    // the same of the run's steps

	MeanError    float64      `json:"jct_mean_error"`
	P95Error     float64      `json:"jct_p95_error"`
	MeanErrorOwn float64      `json:"jct_mean_error_at_own_speed"`
	P95ErrorOwn  float64      `json:"jct_p95_error_at_own_speed"`
	Steps        []StepErrors `json:"step_errors"` // of the model on the very steps of the real runs
}

// Times are a run's figures, in seconds.
type Times struct {
	MeanJCT   float64 `json:"jct_mean"`
	P95JCT    float64 `json:"jct_p95"`
	Steps     int     `json:"steps"`
	Busy      float64 `json:"steps_seconds"`
	Prefilled int     `json:"prefilled_tokens"`
}

// Measured are those of a real run.
func Measured(o *replay.Outcome, r *Recording) Times {
	t := Times{Steps: len(r.Steps), Prefilled: o.Used.Prefilled}
	var jct []float64
	for _, d := range o.JCT {
		jct = append(jct, d.Seconds())
	}
	t.jct(jct)
	for i := range r.Steps {
		t.Busy += r.Steps[i].Took.Seconds()
	}
	return t
}

// Simulated are those of a simulation of programs, of which the first are runs, and the
// others warm the engine up, all of their contexts to be computed.
func Simulated(r *sim.Result, ps []workload.Program, runs int) Times {
	t := Times{Steps: r.Steps, Busy: r.Busy.Seconds(), Prefilled: int(r.Prefilled)}
	for i := range ps[runs:] {
		t.Prefilled -= int(ps[runs+i].Turns[0].Context())
	}
	t.jct(seconds(r.JCT[:runs]))
	return t
}

func seconds(ds []programs.Duration) (s []float64) {
	for _, d := range ds {
		s = append(s, d.Seconds())
	}
	return s
}

func (t *Times) jct(of []float64) {
	for _, s := range of {
		t.MeanJCT += s / float64(len(of))
	}
	slices.Sort(of)
	t.P95JCT = of[max(int(math.Ceil(0.95*float64(len(of))))-1, 0)]
}

// Medians are the medians, figure by figure.
func Medians(all []Times) Times {
	return Times{
		MeanJCT: medianOf(all, meanJCT), P95JCT: medianOf(all, p95JCT),
		Busy:      medianOf(all, func(t *Times) float64 { return t.Busy }),
		Steps:     int(medianOf(all, func(t *Times) float64 { return float64(t.Steps) })),
		Prefilled: int(medianOf(all, func(t *Times) float64 { return float64(t.Prefilled) })),
	}
}

func medianOf(all []Times, figure func(*Times) float64) float64 {
	var fs []float64
	for i := range all {
		fs = append(fs, figure(&all[i]))
	}
	return median(fs)
}

// median of an even number is the mean of the middle two.
func median(all []float64) float64 {
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

func meanJCT(t *Times) float64 { return t.MeanJCT }
func p95JCT(t *Times) float64  { return t.P95JCT }

// Sum works the figures out. The policy of the name again is the first once more.
func (r *Report) Sum(again string) {
	var noise [2][]float64
	var twice *Policy
	for i := range r.Policies {
		p := &r.Policies[i]
		p.MeanError, p.P95Error = p.errors(p.Simulated)
		p.MeanErrorOwn, p.P95ErrorOwn = p.errors(p.AtOwnSpeed)
		r.WorstMean, r.WorstP95 = max(r.WorstMean, math.Abs(p.MeanError)), max(r.WorstP95, math.Abs(p.P95Error))
		r.WorstMeanOwn, r.WorstP95Own = max(r.WorstMeanOwn, math.Abs(p.MeanErrorOwn)), max(r.WorstP95Own, math.Abs(p.P95ErrorOwn))
		if p.Name == again {
			twice = p
		}
	}
	if twice != nil {
		for k := range twice.Real {
			a, b := &r.Policies[0].Real[k], &twice.Real[k]
			noise[0] = append(noise[0], math.Abs(b.MeanJCT/a.MeanJCT-1))
			noise[1] = append(noise[1], math.Abs(b.P95JCT/a.P95JCT-1))
		}
		r.Noise = Noise{median(noise[0]), median(noise[1])}
	}
	r.WithinGoals = r.WorstMean <= GoalMean && r.WorstP95 <= GoalP95
	r.Ranking = r.ranking(again, func(p *Policy) float64 { return medianOf(p.Real, meanJCT) })
	r.SimRanking = r.ranking(again, func(p *Policy) float64 { return medianOf(p.Simulated, meanJCT) })
	r.RankingsEqual = slices.Equal(r.Ranking, r.SimRanking)
}

// errors are those of simulated times.
func (p *Policy) errors(simulated []Times) (mean, p95 float64) {
	return medianOf(simulated, meanJCT)/medianOf(p.Real, meanJCT) - 1, medianOf(simulated, p95JCT)/medianOf(p.Real, p95JCT) - 1
}

// ranking is the policies' names by a figure.
func (r *Report) ranking(again string, by func(*Policy) float64) (names []string) {
	var ps []*Policy
	for i := range r.Policies {
		if r.Policies[i].Name != again {
			ps = append(ps, &r.Policies[i])
		}
	}
	slices.SortStableFunc(ps, func(a, b *Policy) int { return cmp.Compare(by(a), by(b)) })
	for _, p := range ps {
		names = append(names, p.Name)
	}
	return names
}

// Print writes tables.
func (r *Report) Print(out io.Writer) error {
	s := &r.Setup
	fmt.Fprintf(out, "%d agent runs, %d turns (%s) on %s, answers of at most %d tokens, tool outputs of at most %d characters\n", s.Runs, s.Turns, s.Source, s.Model, s.Tokens, s.Chars)
	fmt.Fprintf(out, "a cache of %d tokens, %d threads, %s; %d repetitions; times in seconds\n\n", s.KVTokens, s.Threads, s.Machine, s.Repetitions)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tmean JCT\tsimulated\terror\tat own speed\tp95 JCT\tsimulated\terror\tat own speed\tsteps\tsimulated\tprefilled\tsimulated\t")
	for i := range r.Policies {
		p := &r.Policies[i]
		is, was := Medians(p.Simulated), Medians(p.Real)
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%+.1f%%\t%+.1f%%\t%.2f\t%.2f\t%+.1f%%\t%+.1f%%\t%d\t%d\t%d\t%d\t\n", p.Name,
			was.MeanJCT, is.MeanJCT, 100*p.MeanError, 100*p.MeanErrorOwn, was.P95JCT, is.P95JCT, 100*p.P95Error, 100*p.P95ErrorOwn,
			was.Steps, is.Steps, was.Prefilled, is.Prefilled)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nthe engine's model (%s) on steps measured apart, and on those of the runs: its time over the measured one\n\n", r.EngineModel)
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tkind\tsteps\tseconds\tin all\tmedian\tmean |error|\tworst\t")
	PrintErrors(w, "apart", r.Steps)
	for i := range r.Policies {
		PrintErrors(w, r.Policies[i].Name, r.Policies[i].Steps)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nworst errors: mean JCT %.1f %% (goal %.0f), p95 JCT %.1f %% (goal %.0f); at the runs' own speed %.1f and %.1f %%\nours against itself, of noise: %.1f and %.1f %%\n",
		100*r.WorstMean, 100*GoalMean, 100*r.WorstP95, 100*GoalP95, 100*r.WorstMeanOwn, 100*r.WorstP95Own, 100*r.Noise.Mean, 100*r.Noise.P95)
	_, err := fmt.Fprintf(out, "ranking by mean JCT: %v, simulated %v\n", r.Ranking, r.SimRanking)
	return err
}

// PrintErrors writes rows of steps' errors.
func PrintErrors(w io.Writer, of string, by []StepErrors) {
	for _, e := range by {
		fmt.Fprintf(w, "%s\t%s\t%d\t%.2f\t%+.1f%%\t%+.1f%%\t%.1f%%\t%.1f%%\t\n", of, e.Kind, e.Steps, e.Measured, 100*e.InAll, 100*e.Median, 100*e.Mean, 100*e.Worst)
	}
}
