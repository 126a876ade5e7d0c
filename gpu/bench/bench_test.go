package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestRun measures a tiny model in two quantisations, of which one is made, and looks
// at all that comes of it.
func TestRun(t *testing.T) {
	lib := fixture.Libraries(t)
	busy, steps, last := 0, 0, 0
	r, err := Run(t.Context(), Options{
		Libraries: fixture.Dir(t), Model: synth.File(t, lib, synth.Options{Embd: 256, Heads: 4, FFN: 512}), Cache: t.TempDir(),
		Quantisations: []string{"q8_0", "q4_k_m"}, Threads: 1, Quick: true,
		Busy: func(context.Context) (func(), error) { busy++; return func() { busy += 10 }, nil },
		Progress: func(_ string, done, of int) {
			if done < last || of != len((&measurement{}).steps(true))+len((&measurement{}).steps(false)) {
				t.Errorf("step %d of %d after %d", done, of, last)
			}
			steps, last = of, done
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != steps || steps == 0 {
		t.Errorf("it ends at step %d of %d", last, steps)
	}
	if busy != 11 {
		t.Errorf("the busy process: %d, want one start and one stop", busy)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	q8, _ := all["q8_0"].(map[string]any)
	q4, _ := all["q4_k_m"].(map[string]any)
	figures := []string{
		"decode_b1_ratio", "decode_b8_ratio", "decode_b8_ratio_unified", "prefill_ratio",
		"decode_b1_ratio_same_kernels", "decode_b8_ratio_same_kernels", "prefill_ratio_same_kernels",
		"bandwidth_share_b1", "bandwidth_share_b1_libllama", "peak_share_prefill", "peak_share_prefill_libllama",
		"read_gb_per_second", "shipped_top1_to_libllama", "top1_libllama_noise", "weight_bytes",
	}
	for _, key := range figures {
		for name, of := range map[string]map[string]any{"": all, "q8_0": q8, "q4_k_m": q4} {
			if v, ok := of[key].(float64); !ok || !(v > 0) || math.IsInf(v, 0) {
				t.Errorf("%s %s is %v", name, key, of[key])
			}
		}
	}
	for _, key := range []string{"shipped_kl_to_libllama", "kl_libllama_noise"} {
		for name, of := range map[string]map[string]any{"": all, "q8_0": q8, "q4_k_m": q4} {
			if v, ok := of[key].(float64); !ok || math.Abs(v) > 0.1 {
				t.Errorf("%s %s is %v", name, key, of[key])
			}
		}
	}
	for _, key := range []string{
		"contended_decode_ratio", "idle_residents_decode_ratio", "top1_auto_to_file",
		"memory_gb_per_second", "peak_gflop_per_second", "threads", "repetitions", "prefill_repetitions", "seconds",
		"min_decode_b1_ratio", "min_decode_b8_ratio", "min_prefill_ratio",
		"min_decode_b1_ratio_same_kernels", "min_decode_b8_ratio_same_kernels", "min_prefill_ratio_same_kernels",
	} {
		if v, ok := all[key].(float64); !ok || !(v > 0) {
			t.Errorf("%s is %v", key, all[key])
		}
	}
	for _, name := range []string{"libllama", "ours", "same_kernels"} {
		for _, row := range []string{"decode_b1", "decode_b8", "prefill"} {
			s := r.Quantisations[1].TokensPerSecond[row+"_"+name]
			if !(0 < s.Min && s.Min <= s.Median && s.Median <= s.Max) {
				t.Errorf("tokens per second of %s by %s: %+v", row, name, s)
			}
		}
	}
	if all["quantisation"] != "q8_0" || all["decode_b1_ratio"] != q8["decode_b1_ratio"] {
		t.Error("the figures at the top are not those of the first quantisation")
	}

	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Q8_0, weights", "Q4_K_M, weights", "with a unified cache", "least prefill_ratio", " %, libllama ", "GFLOP/s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "!") {
		t.Errorf("the table is\n%s", out.String())
	}
}

func TestRunRefuses(t *testing.T) {
	if _, err := Run(t.Context(), Options{Quantisations: []string{"q3"}}); err == nil || !strings.Contains(err.Error(), "q3") {
		t.Errorf("an unknown quantisation: %v", err)
	}
	lib := fixture.Libraries(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{
		Libraries: fixture.Dir(t), Model: synth.File(t, lib, synth.Options{}), Cache: t.TempDir(), Threads: 1, Quick: true,
		Progress: func(what string, _, _ int) {
			if strings.Contains(what, "decode, one") {
				cancel()
			}
		},
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it decodes: %v", err)
	}
}

// TestMinimum: the least of every figure is found by name, and the top has it.
func TestMinimum(t *testing.T) {
	speeds := func(ours float64) map[string]Spread {
		return map[string]Spread{"decode_b1_ours": {Median: ours}, "decode_b1_libllama": {Median: 1}, "prefill_ours": {Median: ours}, "prefill_libllama": {Median: 1}}
	}
	r := &Result{
		Summary: Summary{PeakSpeed: 1},
		Quantisations: []*Figures{
			{Name: "a", DecodeB1: 3, DecodeB8: 1.5, Prefill: 2, DecodeB1SameKernels: 1, ReadSpeed: 1, bytes: 1, flops: 1, TokensPerSecond: speeds(2)},
			{Name: "b", DecodeB1: 2, DecodeB8: 1.5, Prefill: 4, DecodeB1SameKernels: 0.5, ReadSpeed: 1, bytes: 1, flops: 1, TokensPerSecond: speeds(1)},
		},
	}
	r.sum()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{
		"min_decode_b1_ratio": 2, "min_decode_b8_ratio": 1.5, "min_prefill_ratio": 2, "min_decode_b1_ratio_same_kernels": 0.5,
		"decode_b1_ratio": 3, "prefill_ratio": 2, "bandwidth_share_b1": 1e-9, "peak_share_prefill": 1e-9,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	for key, want := range map[string]string{"decode_b1_ratio": "b", "decode_b8_ratio": "a", "prefill_ratio": "a", "peak_share_prefill": "b"} {
		if r.Worst[key] != want {
			t.Errorf("the worst of %s is %s, want %s", key, r.Worst[key], want)
		}
	}
	if a, ok := got["a"].(map[string]any); !ok || a["decode_b1_ratio"] != 3.0 || a["bandwidth_share_b1"] != 2e-9 {
		t.Errorf("the object of a is %v", got["a"])
	}
}

func TestMerge(t *testing.T) {
	got, err := Merge(struct {
		A int `json:"a"`
		B int `json:"b"`
	}{1, 2}, map[string]int{"b": 3, "c": 4})
	if err != nil || string(got) != `{"a":1,"b":3,"c":4}` {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := Merge(3); err == nil {
		t.Error("a number is no object")
	}
	if _, err := Merge(map[string]float64{"x": math.NaN()}); err == nil {
		t.Error("NaN is written")
	}
}
