package score

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/interlude-run/interlude/runtime/sim/workload"
	"github.com/interlude-run/interlude/toolpredict"
)

// Predictor forecasts gaps. It learns from gaps that are over, in the order in which
// they end.
type Predictor interface {
	Forecast(c toolpredict.Call) Forecast
	Observe(c toolpredict.Call, took toolpredict.Seconds)
}

// Named is a predictor with a name for the table.
type Named struct {
	Name string
	Predictor
}

// Predictors are the model of package toolpredict, first, and what it is compared
// with. None has learnt anything.
func Predictors() []Named {
	return []Named{
		{"toolpredict", &model{toolpredict.New(toolpredict.Config{})}},
		{"one histogram", newHistogram()},
		{"per tool", newPerTool()},
		{"log-normal", new(logNormal)},
		{"Continuum", newContinuum()},
	}
}

// Report is how predictors did on the same gaps.
type Report struct {
	Workload string  `json:"workload"`
	Source   string  `json:"source"`
	Mode     string  `json:"mode"`
	Gaps     int     `json:"gaps"`     // that count
	Programs int     `json:"programs"` // that they are of
	Scores   []Score `json:"scores"`
}

// Score is how one predictor did; less is better.
type Score struct {
	Predictor string   `json:"predictor"`
	Log       Interval `json:"log_score"` // nats
	CRPS      Interval `json:"crps"`      // seconds

	// Behind is by how much it did worse than the first predictor, gap by gap.
	Behind struct {
		Log  Interval `json:"log_score"`
		CRPS Interval `json:"crps"`
	} `json:"behind"`
}

// Online scores predictors that start from nothing, on all gaps.
func Online(s *workload.Set, seed uint64) Report {
	r := evaluate(s, seed, Timeline(s, seed), func(int) bool { return true })
	r.Mode = "online"
	return r
}

// Unseen scores predictors that have learnt from four fifths of the programs, on the
// gaps of the others. A subagent goes with the program that started it.
func Unseen(s *workload.Set, seed uint64) Report {
	held := func(program int) bool {
		for s.Programs[program].Parent >= 0 {
			program = s.Programs[program].Parent
		}
		h := sha256.Sum256([]byte(s.Programs[program].ID))
		mod := 0
		for _, b := range h {
			mod = (mod*256 + int(b)) % 5
		}
		return mod == 1
	}
	var train, test []Gap
	for _, g := range Timeline(s, seed) {
		if held(g.Program) {
			test = append(test, g)
		} else {
			train = append(train, g)
		}
	}
	after := 0.0
	for _, g := range train {
		after = max(after, g.End)
	}
	for i := range test {
		test[i].Begin += after
		test[i].End += after
	}
	r := evaluate(s, seed, append(train, test...), held)
	r.Mode = "unseen programs"
	return r
}

func evaluate(s *workload.Set, seed uint64, gaps []Gap, counts func(program int) bool) Report {
	r := Report{Workload: s.Name, Source: s.Source}
	var first sums
	for i, p := range Predictors() {
		all := make(sums, len(s.Programs))
		Play(gaps, p, func(g Gap, f *Forecast) {
			if counts(g.Program) {
				at := &all[g.Program]
				at.gaps++
				at.log += f.LogScore(float64(g.Took))
				at.crps += f.CRPS(float64(g.Took))
			}
		})
		if i == 0 {
			first = all
			for _, p := range all {
				r.Gaps += int(p.gaps)
				r.Programs += int(min(p.gaps, 1))
			}
		}
		score := Score{Predictor: p.Name}
		score.Log, score.CRPS = all.intervals(seed)
		score.Behind.Log, score.Behind.CRPS = all.minus(first).intervals(seed)
		r.Scores = append(r.Scores, score)
	}
	return r
}

// String is a table.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: %d gaps of %d programs; %s\n", r.Workload, r.Mode, r.Gaps, r.Programs, r.Source)
	fmt.Fprintf(&b, "  %-14s %-17s %-19s %-21s %s\n", "", "log score, nats", "behind", "CRPS, s", "behind")
	for _, s := range r.Scores {
		fmt.Fprintf(&b, "  %-14s %7.3f ± %-7.3f %+7.3f ± %-7.3f %9.3f ± %-9.3f %+9.3f ± %.3f\n", s.Predictor,
			s.Log.Mean, s.Log.Half, s.Behind.Log.Mean, s.Behind.Log.Half, s.CRPS.Mean, s.CRPS.Half, s.Behind.CRPS.Mean, s.Behind.CRPS.Half)
	}
	return b.String()
}
