package sim

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/interlude-run/interlude/programs"
)

// Report is what a study found. Times are in seconds, and ratios compare runs with the
// same programs and arrivals. The figures at the top are the worst over the loads.
type Report struct {
	Workload   string          `json:"workload"`
	Source     string          `json:"source"`
	Engine     string          `json:"engine"`
	KVTokens   programs.Tokens `json:"kv_tokens"`
	HostTokens programs.Tokens `json:"host_kv_tokens"`
	DiskTokens programs.Tokens `json:"disk_kv_tokens"`
	Programs   int             `json:"programs"`
	Seeds      int             `json:"seeds"`
	Reference  float64         `json:"reference_programs_per_second"` // load 1

	Figures
	Loads []LoadReport `json:"loads"`

	// Sustainable is the largest load of each arm under which programs are slowed down
	// no more than threefold.
	Sustainable map[string]float64 `json:"sustainable_load,omitempty"`
}

// Figures say how ours did. A ratio above 1 is in favour of what comes second in its
// name; each is a geometric mean over the seeds.
type Figures struct {
	BestMean    float64 `json:"best_baseline_over_ours_mean_jct"`
	BestP95     float64 `json:"best_baseline_over_ours_p95_jct"`
	Clairvoyant float64 `json:"ours_over_clairvoyant_mean_jct"`
	Bound       float64 `json:"ours_over_bound_mean_jct,omitempty"`
	LRUTTFT     float64 `json:"lru_over_ours_ttft_p99"`
}

// LoadReport is a load's part of a report.
type LoadReport struct {
	Load  string  `json:"load"`
	Level float64 `json:"level"`
	CV    float64 `json:"arrivals_cv"`
	Rate  float64 `json:"programs_per_second"`
	Figures
	BestByMean string      `json:"best_baseline_by_mean_jct"`
	BestByP95  string      `json:"best_baseline_by_p95_jct"`
	BoundMean  float64     `json:"bound_mean_jct,omitempty"`
	Arms       []ArmReport `json:"policies"`
}

// ArmReport is how an arm did under a load: means over the seeds.
type ArmReport struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	Says string `json:"says"`

	MeanJCT     float64    `json:"jct_mean"`
	MeanJCTHalf float64    `json:"jct_mean_95"` // half of its confidence interval
	OverOurs    float64    `json:"over_ours_mean_jct"`
	OverOurs95  [2]float64 `json:"over_ours_mean_jct_95"` // paired by seeds
	P50JCT      float64    `json:"jct_p50"`
	P95JCT      float64    `json:"jct_p95"`
	P99JCT      float64    `json:"jct_p99"`
	MeanTTFT    float64    `json:"ttft_mean"`
	P50TTFT     float64    `json:"ttft_p50"`
	P99TTFT     float64    `json:"ttft_p99"`
	MaxTTFT     float64    `json:"ttft_max"`
	NewTTFT     float64    `json:"ttft_first_turn_p99"`
	Throughput  float64    `json:"programs_per_second"`
	HitRate     float64    `json:"hit_rate"`
	Preemptions float64    `json:"preemptions"`
	Evictions   float64    `json:"evictions"`
	Restored    float64    `json:"restored_turns"` // that waited for cells from lower tiers
	Restoring   float64    `json:"restoring_mean"` // how long each of them did
	Ahead       float64    `json:"moved_ahead_bytes"`
	MovedHost   float64    `json:"moved_host_bytes"`
	MovedDisk   float64    `json:"moved_disk_bytes"`
	Digest      string     `json:"digest"` // of all decisions of all seeds
}

// The arms that figures compare with.
const (
	lru         = "program-fcfs"
	clairvoyant = "interlude/both-known"
)

// report sums the runs up.
func (s *Study) report(rate float64, runs []run) (*Report, error) {
	r := &Report{
		Workload: s.Set.Name, Source: s.Set.Source, Engine: s.Engine.Name,
		KVTokens: s.Pool, HostTokens: s.Host, DiskTokens: s.Disk,
		Programs: s.Programs, Seeds: s.Seeds, Reference: rate,
	}
	for l := range s.Loads {
		r.Loads = append(r.Loads, s.loadReport(l, rate, runs))
	}
	r.Figures = r.Loads[0].Figures
	for i := range r.Loads {
		f := &r.Loads[i].Figures
		r.BestMean, r.BestP95 = least(r.BestMean, f.BestMean), least(r.BestP95, f.BestP95)
		r.LRUTTFT = least(r.LRUTTFT, f.LRUTTFT)
		r.Clairvoyant, r.Bound = max(r.Clairvoyant, f.Clairvoyant), max(r.Bound, f.Bound)
	}
	for i := range runs {
		if runs[i].load < 0 {
			if r.Sustainable == nil {
				r.Sustainable = map[string]float64{}
			}
			r.Sustainable[s.Arms[runs[i].arm].Name] = runs[i].sustains
		}
	}
	return r, nil
}

// least is the smaller of two figures, of which 0 is none.
func least(a, b float64) float64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func (s *Study) loadReport(l int, rate float64, runs []run) LoadReport {
	r := LoadReport{Load: s.Loads[l].String(), Level: s.Loads[l].Level, CV: max(s.Loads[l].CV, 1), Rate: rate * s.Loads[l].Level}
	results := make([][]*Result, len(s.Arms))
	var bounds []float64
	for i := range runs {
		if runs[i].load == l {
			results[runs[i].arm] = append(results[runs[i].arm], runs[i].result)
			if runs[i].arm == 0 {
				bounds = append(bounds, runs[i].bound.Seconds())
			}
		}
	}
	ours := meanJCTs(results[0])
	p95 := func(arm int) []float64 { return quantiles(results[arm], jcts, 0.95) }
	for a := range s.Arms {
		r.Arms = append(r.Arms, s.armReport(a, results[a], ours))
		if s.Arms[a].Kind == Baseline {
			if ratio, _ := paired(meanJCTs(results[a]), ours); r.BestMean == 0 || ratio < r.BestMean {
				r.BestMean, r.BestByMean = ratio, s.Arms[a].Name
			}
			if ratio, _ := paired(p95(a), p95(0)); r.BestP95 == 0 || ratio < r.BestP95 {
				r.BestP95, r.BestByP95 = ratio, s.Arms[a].Name
			}
		}
		switch s.Arms[a].Name {
		case clairvoyant:
			r.Clairvoyant, _ = paired(ours, meanJCTs(results[a]))
		case lru:
			r.LRUTTFT, _ = paired(quantiles(results[a], ttfts, 0.99), quantiles(results[0], ttfts, 0.99))
		}
	}
	if r.BoundMean = stat.Mean(bounds, nil); r.BoundMean > 0 {
		r.Bound, _ = paired(ours, bounds)
	}
	return r
}

func (s *Study) armReport(a int, rs []*Result, ours []float64) ArmReport {
	arm := &s.Arms[a]
	r := ArmReport{Name: arm.Name, Kind: arm.Kind, Says: arm.Says}
	r.MeanJCT, r.MeanJCTHalf = interval(meanJCTs(rs))
	r.OverOurs, r.OverOurs95 = paired(meanJCTs(rs), ours)
	r.P50JCT = stat.Mean(quantiles(rs, jcts, 0.5), nil)
	r.P95JCT = stat.Mean(quantiles(rs, jcts, 0.95), nil)
	r.P99JCT = stat.Mean(quantiles(rs, jcts, 0.99), nil)
	r.P50TTFT = stat.Mean(quantiles(rs, ttfts, 0.5), nil)
	r.P99TTFT = stat.Mean(quantiles(rs, ttfts, 0.99), nil)
	r.MaxTTFT = stat.Mean(quantiles(rs, ttfts, 1), nil)
	r.NewTTFT = stat.Mean(quantiles(rs, func(r *Result) []programs.Duration { return r.New }, 0.99), nil)
	d := newDigest()
	for _, one := range rs {
		n := float64(len(rs))
		r.MeanTTFT += mean(one.TTFT) / n
		r.Throughput += one.Throughput() / n
		r.HitRate += one.HitRate() / n
		r.Preemptions += float64(one.Preemptions) / n
		r.Evictions += float64(one.Evictions) / n
		r.Restored += float64(one.Restores) / n
		r.Restoring += one.Restoring.Seconds() / float64(max(1, one.Restores)) / n
		r.Ahead += float64(one.Ahead) / n
		r.MovedHost += float64(one.MovedHost) / n
		r.MovedDisk += float64(one.MovedDisk) / n
		d.add(one.Digest)
	}
	r.Digest = fmt.Sprintf("%016x", d.h)
	return r
}

func jcts(r *Result) []programs.Duration  { return r.JCT }
func ttfts(r *Result) []programs.Duration { return r.TTFT }

func meanJCTs(rs []*Result) (means []float64) {
	for _, r := range rs {
		means = append(means, r.MeanJCT())
	}
	return means
}

func quantiles(rs []*Result, of func(*Result) []programs.Duration, q float64) (values []float64) {
	for _, r := range rs {
		values = append(values, Quantile(of(r), q).Seconds())
	}
	return values
}

// interval is the mean of the values and half of its 95 % confidence interval, by
// Student's t; the half is 0 for a single value.
func interval(values []float64) (mean, half float64) {
	if len(values) == 1 {
		return values[0], 0
	}
	mean, deviation := stat.MeanStdDev(values, nil)
	n := float64(len(values))
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975)
	return mean, t * deviation / math.Sqrt(n)
}

// paired is the geometric mean of a over b, and its 95 % confidence interval. The
// shortest wait that counts is a millisecond, so that no ratio is of nothing.
func paired(a, b []float64) (ratio float64, within [2]float64) {
	logs := make([]float64, len(a))
	for i := range a {
		logs[i] = math.Log(max(a[i], 1e-3) / max(b[i], 1e-3))
	}
	mean, half := interval(logs)
	return math.Exp(mean), [2]float64{math.Exp(mean - half), math.Exp(mean + half)}
}

// Ranked gives the arms of a load by their mean times, the shortest first.
func (l *LoadReport) Ranked() []ArmReport {
	return slices.SortedStableFunc(slices.Values(l.Arms), func(a, b ArmReport) int { return cmp.Compare(a.MeanJCT, b.MeanJCT) })
}
