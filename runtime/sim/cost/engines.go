package cost

import (
	"fmt"
	"strings"

	"github.com/interlude-run/interlude/programs"
)

// ByName gives a copy of a known engine.
func ByName(name string) (*Engine, error) {
	for i := range engines {
		if engines[i].Name == name {
			e := engines[i]
			return &e, nil
		}
	}
	return nil, fmt.Errorf("no engine is named %q; there are %s", name, strings.Join(Names(), ", "))
}

// Names lists the known engines.
func Names() []string {
	names := make([]string, len(engines))
	for i := range engines {
		names[i] = engines[i].Name
	}
	return names
}

// Shapes of the models, as published with their weights. A token costs two
// operations a parameter; a token and a cell that it attends to four a layer and
// channel, two in the scores and two in the sum of values.
const (
	llama8bFlops = 16e9
	llama8bAttn  = 4 * 32 * 4096
	llama8bKV    = 2 * 32 * 8 * 128 * 2 // bytes, bf16, 8 heads of 128 in 32 layers

	llama70bParams = 70.6e9
	llama70bAttn   = 4 * 80 * 8192
	llama70bKV     = 2 * 80 * 8 * 128 * 2

	smol135mParams = 134.5e6
	smol135mAttn   = 4 * 30 * 576
	smol135mKV     = 2 * 30 * 3 * 64 * 2
)

// An H100 SXM: data sheet peaks of 989 TFLOPS dense bf16 and 3.35 TB/s, with the
// same part of them sustained as on the A100: a half, and four fifths.
const (
	h100Flops     = 0.5 * 989e12
	h100Bandwidth = 0.8 * 3.35e12
)

// Tensor parallelism over four H100, two all-reduces in each of 80 layers. A step
// waits for each of the 160 to begin, 15 µs. A token moves 2·3/4 of its 8192 bf16
// channels through each, at 450 GB/s a direction: 8.7 µs, next to 71 µs of
// arithmetic. The first is overhead, the second takes a ninth of the arithmetic.
const (
	tensorParallelWait = 160 * 15e-6
	tensorParallelPart = 0.89
)

// kernels is what kernels are taken to cost, on any of the GPU engines: tiles of 64 rows,
// the smallest with which libraries come close to a device's rate; see the package's
// comment for Ramp. A layer is some ten kernels, each of which begins 3 µs after the one
// before it has ended, as the next waits for all of its blocks. An item takes 10 µs of
// input tables, sampling and text. None of these is measured.
func kernels(layers float64) Kernels {
	return Kernels{Tile: 64, Ramp: 32, Launch: layers * 10 * 3e-6, Item: 10e-6}
}

// pages of 16 cells are moved in pieces of some KB, one for each layer, which a kernel
// packs or a driver copies one by one: half of a link's rate is left, and each page takes
// a little beside. On an A100 long moves run at 9.5 GB/s. None of it is measured.
var pages = Paging{Cells: 16, Latency: 10 * programs.Microsecond, Packing: 0.5}

var engines = []Engine{
	{
		// Llama 3.1 8B in bf16 on an A100 with 80 GB: half of the data sheet's 312
		// TFLOPS in steps of 512 tokens, four fifths of its 2 TB/s. The pool is what weights and
		// activations leave; links are PCIe 4.0 and one NVMe drive.
		Name:  "a100-8b",
		Flops: 156e12, Bandwidth: 1.6e12,
		TokenFlops: llama8bFlops, AttnFlops: llama8bAttn,
		WeightBytes: 16e9, KVBytes: llama8bKV,
		Model: Serial, Overhead: 2e-3, Kernels: kernels(32),
		HostBytes: 20e9, DiskBytes: 2e9, MoveLatency: 100 * programs.Microsecond, Paging: pages,
		StepTokens: 512, Pool: 430_000, MaxContext: 200_000,
	},
	{
		// The same model on an H100 with 80 GB, PCIe 5.0 and a drive for it.
		Name:  "h100-8b",
		Flops: h100Flops, Bandwidth: h100Bandwidth,
		TokenFlops: llama8bFlops, AttnFlops: llama8bAttn,
		WeightBytes: 16e9, KVBytes: llama8bKV,
		Model: Serial, Overhead: 2e-3, Kernels: kernels(32),
		HostBytes: 40e9, DiskBytes: 5e9, MoveLatency: 100 * programs.Microsecond, Paging: pages,
		StepTokens: 512, Pool: 430_000, MaxContext: 200_000,
	},
	{
		// Llama 3.1 70B in bf16 on four of them. Of 320 GB, 90 % are used, 141 GB
		// for weights and 10 GB for activations. Each has a link of its own.
		Name:  "h100x4-70b",
		Flops: 4 * h100Flops * tensorParallelPart, Bandwidth: 4 * h100Bandwidth,
		TokenFlops: 2 * llama70bParams, AttnFlops: llama70bAttn,
		WeightBytes: 2 * llama70bParams, KVBytes: llama70bKV,
		Model: Serial, Overhead: 2e-3 + tensorParallelWait, Kernels: kernels(80),
		HostBytes: 4 * 40e9, DiskBytes: 5e9, MoveLatency: 100 * programs.Microsecond, Paging: pages,
		StepTokens: 512, Pool: 415_000, MaxContext: 200_000,
	},
	{
		// SmolLM2 135M with 4-bit weights on two processor cores: what `interlude bench
		// steps` fits to this module's own engine, the mean of two runs whose steps it
		// misses by 8 and 10 % in the mean: 1230 tokens/s prefilled in steps of 128, and
		// behind 512 cells 179 decoded alone and 395 by eight. Weights are read in Overhead,
		// and attention runs at a quarter of the matrices' rate. Token counts of workloads
		// are to be divided by 16.
		Name: "cpu-135m", Fitted: true,
		Flops: 437e9, Bandwidth: 32e9,
		TokenFlops: 2 * smol135mParams, AttnFlops: 4 * smol135mAttn,
		KVBytes:  smol135mKV,
		Overhead: 3.6e-3, ItemOverhead: 0.77e-3,
		HostBytes: 5e9, DiskBytes: 1e9, MoveLatency: 100 * programs.Microsecond,
		StepTokens: 128, Pool: 32_000, MaxContext: 8_192, Span: 1024,
	},
}
