package bench

import (
	"encoding/json"
	"maps"
)

// Result is what was measured. As JSON it is one object with the summary's keys, the
// figures of the first quantisation, the least ratios of all as min_…, the least shares
// of all under their own keys, and each quantisation's figures as an object under its
// name.
type Result struct {
	Summary
	Quantisations []*Figures // in the order in which they were measured
}

// Figures are those of one quantisation. A ratio above 1 means that ours is faster.
type Figures struct {
	Name string `json:"quantisation"`
	Path string `json:"file"`

	DecodeB1            float64 `json:"decode_b1_ratio"`
	DecodeB8            float64 `json:"decode_b8_ratio"`         // against eight streams
	DecodeB8Unified     float64 `json:"decode_b8_ratio_unified"` // against one cache for all eight
	Prefill             float64 `json:"prefill_ratio"`
	DecodeB1SameKernels float64 `json:"decode_b1_ratio_same_kernels"`
	DecodeB8SameKernels float64 `json:"decode_b8_ratio_same_kernels"`
	PrefillSameKernels  float64 `json:"prefill_ratio_same_kernels"`

	BandwidthShare         float64 `json:"bandwidth_share_b1"`
	BandwidthShareLibllama float64 `json:"bandwidth_share_b1_libllama"`
	PeakShare              float64 `json:"peak_share_prefill"`
	PeakShareLibllama      float64 `json:"peak_share_prefill_libllama"`
	ReadSpeed              float64 `json:"read_gb_per_second"` // of as many bytes as ours reads for a token

	KLShipped   float64 `json:"shipped_kl_to_libllama"`
	Top1Shipped float64 `json:"shipped_top1_to_libllama"`
	KLNoise     float64 `json:"kl_libllama_noise"`
	Top1Noise   float64 `json:"top1_libllama_noise"`

	Weights     string `json:"weights"`
	WeightBytes int64  `json:"weight_bytes"`

	TokensPerSecond map[string]Spread `json:"tokens_per_second"`
	RatioSpread     map[string]Spread `json:"ratio_spread"`

	bytes, bytesLibllama, flops float64 // per token, of a decode and of a prefill
}

// share fills in the shares of what the machine can do: of the speed that memory of
// that size is read at, and of peak floating-point operations a second.
func (f *Figures) share(peak float64) {
	rate := func(name string) float64 { return f.TokensPerSecond[name].Median }
	f.BandwidthShare = f.bytes * rate("decode_b1_ours") / (f.ReadSpeed * 1e9)
	f.BandwidthShareLibllama = f.bytesLibllama * rate("decode_b1_libllama") / (f.ReadSpeed * 1e9)
	f.PeakShare = f.flops * rate("prefill_ours") / peak
	f.PeakShareLibllama = f.flops * rate("prefill_libllama") / peak
}

// Summary is what a run has once.
type Summary struct {
	Contended     float64 `json:"contended_decode_ratio"`
	IdleResidents float64 `json:"idle_residents_decode_ratio"`
	KLWeights     float64 `json:"kl_auto_to_file"`
	Top1Weights   float64 `json:"top1_auto_to_file"`

	Worst map[string]string `json:"worst"` // by key, the quantisation that has the least

	MemorySpeed float64 `json:"memory_gb_per_second"` // of 512 MiB
	PeakSpeed   float64 `json:"peak_gflop_per_second"`
	PeakKind    string  `json:"peak_product"`

	Others float64 `json:"others_processor_share"` // of all processors' time: what others had while this ran

	Device             string  `json:"device"`
	Model              string  `json:"model"`
	Threads            int     `json:"threads"`
	Repetitions        int     `json:"repetitions"`
	PrefillRepetitions int     `json:"prefill_repetitions"`
	Quick              bool    `json:"quick"`
	Seconds            float64 `json:"seconds"`
}

// least is a figure whose minimum over quantisations is a figure of the whole.
type least struct {
	key   string
	of    func(*Figures) float64
	share bool // has its own key at the top, too, instead of min_
}

var leasts = []least{
	{"decode_b1_ratio", func(f *Figures) float64 { return f.DecodeB1 }, false},
	{"decode_b8_ratio", func(f *Figures) float64 { return f.DecodeB8 }, false},
	{"prefill_ratio", func(f *Figures) float64 { return f.Prefill }, false},
	{"decode_b1_ratio_same_kernels", func(f *Figures) float64 { return f.DecodeB1SameKernels }, false},
	{"decode_b8_ratio_same_kernels", func(f *Figures) float64 { return f.DecodeB8SameKernels }, false},
	{"prefill_ratio_same_kernels", func(f *Figures) float64 { return f.PrefillSameKernels }, false},
	{"bandwidth_share_b1", func(f *Figures) float64 { return f.BandwidthShare }, true},
	{"peak_share_prefill", func(f *Figures) float64 { return f.PeakShare }, true},
}

// minimum is the least value over all quantisations, and the first that has it.
func (r *Result) minimum(l least) (value float64, name string) {
	for _, f := range r.Quantisations {
		if v := l.of(f); name == "" || v < value {
			value, name = v, f.Name
		}
	}
	return value, name
}

// sum fills in what follows from all quantisations.
func (r *Result) sum() {
	for _, f := range r.Quantisations {
		f.share(r.PeakSpeed * 1e9)
	}
	r.Worst = map[string]string{}
	for _, l := range leasts {
		_, r.Worst[l.key] = r.minimum(l)
	}
}

// MarshalJSON implements json.Marshaler.
func (r *Result) MarshalJSON() ([]byte, error) {
	also := map[string]any{}
	for _, l := range leasts {
		key := l.key
		if !l.share {
			key = "min_" + key
		}
		also[key], _ = r.minimum(l)
	}
	for _, f := range r.Quantisations {
		also[f.Name] = f
	}
	return Merge(r.Quantisations[0], r.Summary, also)
}

// Merge is the JSON object with the keys of all objects, of equal ones the last.
func Merge(objects ...any) ([]byte, error) {
	all := map[string]json.RawMessage{}
	for _, o := range objects {
		data, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		one := map[string]json.RawMessage{}
		if err := json.Unmarshal(data, &one); err != nil {
			return nil, err
		}
		maps.Copy(all, one)
	}
	return json.Marshal(all)
}
