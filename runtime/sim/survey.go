package sim

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/interlude-run/interlude/programs"
)

// Survey is studies of several workloads that are alike in all else: the same arms and
// loads, and as many programs and seeds.
type Survey []*Study

// SurveyReport is what a survey found. The figures are geometric means over the
// workloads, those at the top the worst of the loads.
type SurveyReport struct {
	Workloads  []string        `json:"workloads"`
	Engine     string          `json:"engine"`
	Calibrated bool            `json:"engine_calibrated"`
	CostModel  string          `json:"cost_model"`
	KVTokens   programs.Tokens `json:"kv_tokens"`
	Programs   int             `json:"programs"`
	Seeds      int             `json:"seeds"`

	Figures
	Loads   []SurveyLoad `json:"loads"`
	Studies []*Report    `json:"studies"`
}

// SurveyLoad is a load's part of it.
type SurveyLoad struct {
	Load string `json:"load"`
	Figures

	OneRivalName string  `json:"one_rival_for_all,omitempty"`
	Regret       float64 `json:"ours_worst_regret,omitempty"` // ours over the best rival with our steps, where ours is worst

	Arms []Across `json:"policies"` // in the order of the studies' arms
}

// Across is an arm in all workloads: its mean JCT over ours.
type Across struct {
	Name    string  `json:"name"`
	Kind    Kind    `json:"kind"`
	Mean    float64 `json:"over_ours_mean_jct"`       // geometric, over the workloads
	Worst   float64 `json:"over_ours_mean_jct_worst"` // over the workloads
	WorstIn string  `json:"worst_in"`

	Ratios []float64 `json:"over_ours_mean_jct_by_workload"`
}

// Run runs the studies one after the other.
func (s Survey) Run(ctx context.Context) (*SurveyReport, error) {
	if len(s) == 0 {
		return nil, errors.New("a survey without workloads")
	}
	r := &SurveyReport{}
	for _, study := range s {
		report, err := study.Run(ctx)
		if err != nil {
			return nil, err
		}
		r.Studies = append(r.Studies, report)
		r.Workloads = append(r.Workloads, report.Workload)
	}
	first := r.Studies[0]
	r.Engine, r.Calibrated, r.CostModel = first.Engine, first.Calibrated, first.CostModel
	r.KVTokens, r.Programs, r.Seeds = first.KVTokens, first.Programs, first.Seeds
	for l := range first.Loads {
		r.Loads = append(r.Loads, r.load(l))
	}
	r.Figures = r.Loads[0].Figures
	for i := range r.Loads {
		r.Figures.worse(&r.Loads[i].Figures)
	}
	return r, nil
}

// EngineLabel is the engine's name for a reader, with what stands behind it.
func (r *SurveyReport) EngineLabel() string { return r.Studies[0].EngineLabel() }

func (r *SurveyReport) load(l int) SurveyLoad {
	out := SurveyLoad{Load: r.Studies[0].Loads[l].Load}
	out.BoundKept, out.BoundShare = true, 1
	ratios := out.ratios()
	for i, to := range ratios {
		var of []float64
		for _, study := range r.Studies {
			of = append(of, *study.Loads[l].ratios()[i])
		}
		*to = geometric(of)
	}
	for _, study := range r.Studies {
		f := &study.Loads[l].Figures
		out.MaxWait, out.BoundKept = max(out.MaxWait, f.MaxWait), out.BoundKept && f.BoundKept
		out.BoundShare = min(out.BoundShare, f.BoundShare)
		if f.SameSteps > 0 {
			out.Regret = max(out.Regret, 1/f.SameSteps)
		}
	}
	out.OneRival = 0
	for a, arm := range r.Studies[0].Loads[l].Arms {
		x := Across{Name: arm.Name, Kind: arm.Kind}
		for _, study := range r.Studies {
			ratio := study.Loads[l].Arms[a].OverOurs
			x.Ratios = append(x.Ratios, ratio)
			if ratio > x.Worst {
				x.Worst, x.WorstIn = ratio, study.Workload
			}
		}
		x.Mean = geometric(x.Ratios)
		if x.Kind == SameSteps && (out.OneRival == 0 || x.Mean < out.OneRival) {
			out.OneRival, out.OneRivalName = x.Mean, x.Name
		}
		out.Arms = append(out.Arms, x)
	}
	return out
}

// geometric is the geometric mean, 0 where one of the values is none.
func geometric(values []float64) float64 {
	if slices.Contains(values, 0) {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}
