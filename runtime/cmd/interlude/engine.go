package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/runtime/doctor"
	"github.com/interlude-run/interlude/runtime/pull"
)

// modelFlags name what is computed with, on what.
type modelFlags struct {
	Model  string `predictor:"model" help:"GGUF model: a path, URL, hf:OWNER/REPO/FILE.gguf, or name. Default: SmolLM2-135M-Instruct, which is fetched." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Device string `help:"What computes: ${enum}." enum:"auto,cpu,cuda,vulkan" default:"auto" env:"INTERLUDE_DEVICE"`
	Verify bool   `help:"Hash every file that is used, even where nothing hints at damage." env:"INTERLUDE_VERIFY"`
}

// engineFlags configure the engine.
type engineFlags struct {
	modelFlags    `embed:""`
	Weights       string   `help:"How matrices are stored: ${enum}. auto takes what runs fastest on this machine, file what the model file has, repacked what libllama makes of it." enum:"auto,file,repacked,q8_0,packed" default:"auto" env:"INTERLUDE_WEIGHTS"`
	KVBytes       byteSize `help:"Memory for the KV cache of all programs." default:"1GiB" name:"kv-bytes" env:"INTERLUDE_KV_BYTES"`
	KVType        string   `help:"Type of cached keys: ${enum}." enum:"auto,q8_0,f16" default:"auto" name:"kv-type" env:"INTERLUDE_KV_TYPE"`
	Context       int      `help:"Longest context in tokens; 0: the model's." default:"0" env:"INTERLUDE_CONTEXT"`
	MaxStep       int      `help:"Most tokens computed in one step. Fewer let tokens flow more evenly, more prefill faster." default:"512" env:"INTERLUDE_MAX_STEP"`
	Threads       int      `help:"Compute threads; 0: one per processor." default:"0" env:"INTERLUDE_THREADS"`
	Deterministic bool     `help:"Compute every token the same way whatever else is computed with it: greedy texts depend on the prompt alone. Long prompts take longer." env:"INTERLUDE_DETERMINISTIC"`
}

// obtained is what a model's use needs on disk.
type obtained struct {
	engine pull.Engine
	model  pull.Model
	device string
}

// obtain fetches what is not in the cache yet.
func (f *modelFlags) obtain(ctx context.Context) (*obtained, error) {
	p, err := pull.New(pull.Options{Verify: f.Verify, Progress: pull.Show(os.Stderr)})
	if err != nil {
		return nil, err
	}
	kind := pull.Device(f.Device)
	if f.Device == "auto" {
		kind, _ = doctor.Auto()
	}
	if missing := doctor.Missing(kind); len(missing) > 0 {
		return nil, fmt.Errorf("device %s is not usable here:\n  %s\n`interlude doctor` shows what there is; --device cpu always works", kind, strings.Join(missing, "\n  "))
	}
	o := &obtained{device: string(kind)}
	if o.engine, err = p.Engine(ctx, kind); err != nil {
		return nil, err
	}
	if o.model, err = p.Model(ctx, f.Model); err != nil {
		return nil, err
	}
	return o, nil
}

// open loads the model into the engine.
func (f *engineFlags) open(o *obtained) (*gpu.Engine, error) {
	opts := gpu.Options{
		Libraries: o.engine.Dir, Model: o.model.Path, Device: o.device,
		Weights: f.Weights, KVBytes: int64(f.KVBytes), Context: f.Context, MaxStep: f.MaxStep, Threads: f.Threads,
		Deterministic: f.Deterministic, TuneFile: tuneFile(),
	}
	if f.KVType != "auto" {
		opts.KType = f.KVType
	}
	return gpu.Open(opts)
}

// tuneFile is where this machine's measurements are kept; nowhere, if there is no
// cache directory.
func tuneFile() string {
	dir, err := pull.DefaultDir()
	if err != nil || os.MkdirAll(dir, 0o755) != nil {
		return ""
	}
	return filepath.Join(dir, "tuning.json")
}
