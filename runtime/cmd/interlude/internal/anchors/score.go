package anchors

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Summary is an arm's over cases.
type Summary struct {
	Case     string     `json:"case"` // "" of all
	Arm      string     `json:"arm"`
	Programs int        `json:"programs"`
	Samples  int        `json:"samples"`
	Moved    int        `json:"moved_tokens"` // of all samples
	Mean     float64    `json:"kl_mean"`
	Between  [2]float64 `json:"kl_mean_90"` // 5 % and 95 % of the mean over programs drawn again
	P99      float64    `json:"kl_p99"`     // over tokens
	Max      float64    `json:"kl_max"`
	Top1     float64    `json:"top1"`
}

// Summarise sums samples up by case and arm, in the order of their first appearance.
func Summarise(samples []Sample) (all []Summary) {
	var keys [][2]string
	groups := map[[2]string][]Sample{}
	for _, s := range samples {
		k := [2]string{s.Case, s.Arm}
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], s)
	}
	for _, k := range keys {
		s := Pool(groups[k])
		s.Case, s.Arm = k[0], k[1]
		all = append(all, s)
	}
	return all
}

// Pool sums samples up, whatever they are of.
func Pool(samples []Sample) (s Summary) {
	var kl []float64
	means := map[int][]float64{} // of each program, by sample
	var order []int
	for i := range samples {
		x := &samples[i]
		kl = append(kl, x.KL...)
		s.Top1 += float64(x.Top1)
		s.Moved += x.Moved
		if means[x.Program] == nil {
			order = append(order, x.Program)
		}
		means[x.Program] = append(means[x.Program], mean(x.KL))
	}
	if len(kl) == 0 {
		return s
	}
	slices.Sort(kl)
	s.Samples, s.Programs = len(samples), len(order)
	s.Mean, s.P99, s.Max = mean(kl), quantile(kl, .99), kl[len(kl)-1]
	s.Top1 /= float64(len(kl))
	var byProgram []float64
	for _, p := range order {
		byProgram = append(byProgram, mean(means[p]))
	}
	s.Between = bootstrap(byProgram)
	return s
}

// bootstrap is where 90 % of the means lie of as many values drawn from these again and again.
func bootstrap(values []float64) [2]float64 {
	const draws = 2000
	random := rand.New(rand.NewPCG(1, 2))
	means := make([]float64, draws)
	for i := range means {
		for range values {
			means[i] += values[random.IntN(len(values))]
		}
		means[i] /= float64(len(values))
	}
	slices.Sort(means)
	return [2]float64{quantile(means, .05), quantile(means, .95)}
}

// quantile of sorted values is the smallest that so large a share of them does not exceed.
func quantile(sorted []float64, share float64) float64 {
	return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)]
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// logProbabilities are those of the logits, in 64 bits: in 32 their sum is off by enough to
// show in small divergences.
func logProbabilities(logits []float32) []float64 {
	most, sum := float64(slices.Max(logits)), 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - most)
	}
	p := make([]float64, len(logits))
	for i, l := range logits {
		p[i] = float64(l) - most - math.Log(sum)
	}
	return p
}

// divergence is KL(p ‖ q) in nats.
func divergence(p, q []float64) (kl float64) {
	for i := range p {
		kl += math.Exp(p[i]) * (p[i] - q[i])
	}
	return max(kl, 0)
}

// likeliest is the first of the likeliest tokens.
func likeliest(p []float64) (t engine.Token) {
	for i := range p {
		if p[i] > p[t] {
			t = engine.Token(i)
		}
	}
	return t
}
