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
	Calibrated bool            `json:"engine_calibrated"` // its rates are fitted to measured steps
	CostModel  string          `json:"cost_model"`
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

// EngineLabel is the engine's name for a reader.
func (r *Report) EngineLabel() string { return EngineLabel(r.Engine, r.Calibrated) }

// EngineLabel is an engine's name for a reader, with what stands behind its figures.
func EngineLabel(engine string, calibrated bool) string {
	if calibrated {
		return engine
	}
	return engine + " (uncalibrated)"
}

// Figures say how ours did. A ratio above 1 is in favour of what comes second in its
// name; each is a geometric mean over the seeds, and 0 or absent where what it compares
// with was not simulated. "Best" is the best with hindsight, in each cell by itself.
type Figures struct {
	// SameSteps compares with rivals that have our steps: what is left is who is in
	// memory, and in which order.
	SameSteps     float64 `json:"same_steps_best_baseline_over_ours_mean_jct,omitempty"`
	SameStepsP95  float64 `json:"same_steps_best_baseline_over_ours_p95_jct,omitempty"`
	SameStepsTTFT float64 `json:"same_steps_best_baseline_over_ours_ttft_p99,omitempty"`

	// SameAll compares with rivals that have everything of ours but the set and the
	// prediction.
	SameAll float64 `json:"same_all_best_baseline_over_ours_mean_jct,omitempty"`

	// OneRival is SameSteps with one rival for all workloads of a survey, the best for
	// all of them; of one workload it is SameSteps.
	OneRival float64 `json:"one_rival_for_all_over_ours_mean_jct,omitempty"`

	BestMean  float64 `json:"best_baseline_over_ours_mean_jct,omitempty"` // as published
	BestP95   float64 `json:"best_baseline_over_ours_p95_jct,omitempty"`
	BestChunk float64 `json:"best_chunk_best_baseline_over_ours_mean_jct,omitempty"` // in steps of the best size

	Told        float64 `json:"ours_over_ours_told_the_future_mean_jct,omitempty"`
	Clairvoyant float64 `json:"ours_over_clairvoyant_mean_jct,omitempty"` // the same, by its earlier name
	Endless     float64 `json:"ours_over_endless_pool_mean_jct,omitempty"`
	Bound       float64 `json:"ours_over_bound_mean_jct,omitempty"`
	LRUTTFT     float64 `json:"lru_over_ours_ttft_p99,omitempty"`

	// BoundKept tells that ours promised a bound on waits (MaxWait, in seconds; 0: none),
	// and that no turn that it was promised to waited longer for its first token. It is
	// not promised to turns that come when too many are promised it already: BoundShare
	// is the part of turns that it was.
	MaxWait    float64 `json:"max_ttft_bound"`
	BoundShare float64 `json:"max_ttft_bound_promised"`
	BoundKept  bool    `json:"max_ttft_bound_kept"`
}

// rivals are the ratios of rivals to ours: the smaller, the worse for ours.
func (f *Figures) rivals() []*float64 {
	return []*float64{
		&f.SameSteps, &f.SameStepsP95, &f.SameStepsTTFT, &f.SameAll, &f.OneRival,
		&f.BestMean, &f.BestP95, &f.BestChunk, &f.LRUTTFT,
	}
}

// ratios are all ratios: those of rivals, and those of ours to what nobody can have.
func (f *Figures) ratios() []*float64 {
	return append(f.rivals(), &f.Told, &f.Clairvoyant, &f.Endless, &f.Bound)
}

// worse takes in the figures of another load: of each, the one that is worse for ours
// stays.
func (f *Figures) worse(o *Figures) {
	to, from := f.ratios(), o.ratios()
	for i := range to {
		switch {
		case i >= len(f.rivals()):
			*to[i] = max(*to[i], *from[i])
		case *to[i] == 0 || *from[i] != 0 && *from[i] < *to[i]:
			*to[i] = *from[i]
		}
	}
	f.MaxWait, f.BoundKept = max(f.MaxWait, o.MaxWait), f.BoundKept && o.BoundKept
	f.BoundShare = min(f.BoundShare, o.BoundShare)
}

// LoadReport is a load's part of a report.
type LoadReport struct {
	Load  string  `json:"load"`
	Level float64 `json:"level"`
	CV    float64 `json:"arrivals_cv"`
	Rate  float64 `json:"programs_per_second"`
	Figures
	BestBySameSteps string      `json:"same_steps_best_baseline,omitempty"`
	BestBySameAll   string      `json:"same_all_best_baseline,omitempty"`
	BestByMean      string      `json:"best_baseline_by_mean_jct,omitempty"`
	BestByP95       string      `json:"best_baseline_by_p95_jct,omitempty"`
	BestByChunk     string      `json:"best_chunk_best_baseline,omitempty"`
	BoundMean       float64     `json:"bound_mean_jct,omitempty"`
	Arms            []ArmReport `json:"policies"`
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

	Groups map[string]GroupReport `json:"groups,omitempty"`
}

// GroupReport is how a group of programs did: means over the seeds, but for the last.
type GroupReport struct {
	Programs  int     `json:"programs"` // of a seed
	MeanJCT   float64 `json:"jct_mean"`
	P95JCT    float64 `json:"jct_p95"`
	P99TTFT   float64 `json:"ttft_p99"`
	MaxTTFT   float64 `json:"ttft_max"`
	WorstTTFT float64 `json:"ttft_worst"` // of all seeds
}

// The arms that figures compare with.
const (
	lru     = "program-fcfs"
	told    = "interlude/both-known"
	endless = "endless-pool"
)

// report sums the runs up.
func (s *Study) report(rate float64, runs []run) (*Report, error) {
	r := &Report{
		Workload: s.name(), Source: s.source(), Engine: s.Engine.Name,
		Calibrated: s.Engine.Fitted, CostModel: s.Engine.Model.String(),
		KVTokens: s.Pool, HostTokens: s.Host, DiskTokens: s.Disk,
		Programs: s.Programs, Seeds: s.Seeds, Reference: rate,
	}
	for l := range s.Loads {
		r.Loads = append(r.Loads, s.loadReport(l, rate, runs))
	}
	r.Figures = r.Loads[0].Figures
	for i := range r.Loads {
		r.Figures.worse(&r.Loads[i].Figures)
	}
	for i := range runs {
		for _, a := range runs[i].arms {
			if runs[i].load < 0 {
				if r.Sustainable == nil {
					r.Sustainable = map[string]float64{}
				}
				r.Sustainable[s.Arms[a].Name] = runs[i].sustains
			}
		}
	}
	return r, nil
}

func (s *Study) loadReport(l int, rate float64, runs []run) LoadReport {
	r := LoadReport{Load: s.Loads[l].String(), Level: s.Loads[l].Level, CV: max(s.Loads[l].CV, 1), Rate: rate * s.Loads[l].Level}
	results := make([][]*Result, len(s.Arms))
	var bounds []float64
	for i := range runs {
		if runs[i].load != l {
			continue
		}
		for _, a := range runs[i].arms {
			results[a] = append(results[a], runs[i].result)
		}
		if runs[i].arms[0] == 0 {
			bounds = append(bounds, runs[i].bound.Seconds())
		}
	}
	ours := meanJCTs(results[0])
	for a := range s.Arms {
		r.Arms = append(r.Arms, s.armReport(a, results[a], ours))
	}
	s.compare(&r, results)
	if r.BoundMean = stat.Mean(bounds, nil); r.BoundMean > 0 {
		r.Bound, _ = paired(ours, bounds)
	}
	return r
}

// compare fills a load's figures in.
func (s *Study) compare(r *LoadReport, results [][]*Result) {
	p95 := func(rs []*Result) []float64 { return quantiles(rs, jcts, 0.95) }
	p99 := func(rs []*Result) []float64 { return quantiles(rs, ttfts, 0.99) }
	best := func(of func([]*Result) []float64, kinds ...Kind) (least float64, name string) {
		for a := range s.Arms {
			if !slices.Contains(kinds, s.Arms[a].Kind) {
				continue
			}
			if ratio, _ := paired(of(results[a]), of(results[0])); least == 0 || ratio < least {
				least, name = ratio, s.Arms[a].Name
			}
		}
		return least, name
	}
	r.SameSteps, r.BestBySameSteps = best(meanJCTs, SameSteps)
	r.SameStepsP95, _ = best(p95, SameSteps)
	r.SameStepsTTFT, _ = best(p99, SameSteps)
	r.OneRival = r.SameSteps
	r.SameAll, r.BestBySameAll = best(meanJCTs, SameAll)
	r.BestMean, r.BestByMean = best(meanJCTs, Baseline)
	r.BestP95, r.BestByP95 = best(p95, Baseline)
	if slices.ContainsFunc(s.Arms, func(a Arm) bool { return a.Kind == BestChunk }) {
		r.BestChunk, r.BestByChunk = best(meanJCTs, Baseline, BestChunk)
	}
	for a := range s.Arms {
		switch s.Arms[a].Name {
		case told:
			r.Told, _ = paired(meanJCTs(results[0]), meanJCTs(results[a]))
			r.Clairvoyant = r.Told
		case endless:
			r.Endless, _ = paired(meanJCTs(results[0]), meanJCTs(results[a]))
		case lru:
			r.LRUTTFT, _ = paired(p99(results[a]), p99(results[0]))
		}
	}
	turns, broken, promised := 0, 0, 0
	for _, one := range results[0] {
		turns, promised, broken = turns+one.Turns, promised+one.Promised, broken+one.Broken
	}
	r.MaxWait = s.Rules.MaxWait().Seconds()
	r.BoundShare = float64(promised) / float64(turns)
	r.BoundKept = promised > 0 && broken == 0
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
	r.Groups = groups(rs)
	return r
}

// groups sums up each group of programs.
func groups(rs []*Result) map[string]GroupReport {
	if rs[0].Groups == nil {
		return nil
	}
	reports := map[string]GroupReport{}
	for _, r := range rs {
		n := float64(len(rs))
		for name, g := range r.Groups {
			sum := reports[name]
			longest := Quantile(g.TTFT, 1).Seconds()
			sum.Programs = len(g.JCT)
			sum.MeanJCT += mean(g.JCT) / n
			sum.P95JCT += Quantile(g.JCT, 0.95).Seconds() / n
			sum.P99TTFT += Quantile(g.TTFT, 0.99).Seconds() / n
			sum.MaxTTFT += longest / n
			sum.WorstTTFT = max(sum.WorstTTFT, longest)
			reports[name] = sum
		}
	}
	return reports
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
