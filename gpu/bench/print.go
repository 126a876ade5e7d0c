package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Print shows the result to a person.
func (r *Result) Print(out io.Writer) error {
	fmt.Fprintf(out, "%s, %d threads; tokens/s, and ours over libllama's: medians of %d repetitions (prefill: %d), least–most\n",
		r.Device, r.Threads, r.Repetitions, r.PrefillRepetitions)
	for _, f := range r.Quantisations {
		fmt.Fprintf(out, "\n%s, weights stored as %s, %.0f MB\n", strings.ToUpper(f.Name), f.Weights, float64(f.WeightBytes)/1e6)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "\tlibllama\tours\tratio\tleast–most\tsame kernels\tratio\t")
		row := func(what, name, theirs string) {
			fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%s\t", what, f.TokensPerSecond[theirs].Median, f.TokensPerSecond[name+"_ours"].Median, f.ratio(name))
			fmt.Fprintf(w, "%.1f\t%.2f\t\n", f.TokensPerSecond[name+"_same_kernels"].Median, f.RatioSpread[name+"_same_kernels"].Median)
		}
		row("decode, 1 sequence", "decode_b1", "decode_b1_libllama")
		row("decode, 8 sequences", "decode_b8", "decode_b8_libllama")
		fmt.Fprintf(w, "with a unified cache\t%.1f\t%.1f\t%s\t\t\t\n", f.TokensPerSecond["decode_b8_libllama_unified"].Median,
			f.TokensPerSecond["decode_b8_ours"].Median, f.ratio("decode_b8_unified"))
		row(fmt.Sprintf("prefill, %d after %d", chunkLength, contextLength), "prefill", "prefill_libllama")
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(out, "of the bandwidth (%.1f GB/s): %.0f %%, libllama %.0f %%; of the peak: %.0f %%, libllama %.0f %%; KL to libllama %.1e, libllama to itself %.1e\n",
			f.ReadSpeed, 100*f.BandwidthShare, 100*f.BandwidthShareLibllama, 100*f.PeakShare, 100*f.PeakShareLibllama, f.KLShipped, f.KLNoise)
	}
	fmt.Fprintf(out, "\nmemory %.1f GB/s, peak %.0f GFLOP/s (%s)\n", r.MemorySpeed, r.PeakSpeed, r.PeakKind)
	for _, l := range leasts {
		v, name := r.minimum(l)
		fmt.Fprintf(out, "least %s: %.2f, %s\n", l.key, v, strings.ToUpper(name))
	}
	if r.Others > 0.05 {
		fmt.Fprintf(out, "other processes had %.0f %% of the processors meanwhile: ratios under such a load say how threads share, not how fast kernels are\n", 100*r.Others)
	}
	_, err := fmt.Fprintf(out, "%s: decode beside a busy process %.2f; with %d idle sequences resident, over without, %.2f; KL of converted weights to the file's %.1e\n",
		strings.ToUpper(r.Quantisations[0].Name), r.Contended, residents, r.IdleResidents, r.KLWeights)
	return err
}

// ratio is a ratio with its spread, in two columns.
func (f *Figures) ratio(name string) string {
	s := f.RatioSpread[name]
	return fmt.Sprintf("%.2f\t%.2f–%.2f", s.Median, s.Min, s.Max)
}
