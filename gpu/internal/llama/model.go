package llama

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// ErrLoad is what libllama's refusals wrap; it tells no reason but in its log.
var ErrLoad = errors.New("libllama does not load it (INTERLUDE_ENGINE_LOG=1 shows why)")

// ModelOptions say how much of a model is loaded and where.
type ModelOptions struct {
	VocabOnly bool // the vocabulary without the network
	GPULayers int  // layers on graphics cards; −1: all, 0: the CPU alone
	Repack    bool // let the CPU lay out weights anew for its fastest kernels, as llama-server does
}

// Model is a model as libllama loaded it.
type Model struct {
	lib    *Lib
	handle model
	vocab  *Vocab
}

// Load loads the model at path, after checking that libllama survives it. The
// caller frees it.
func (l *Lib) Load(path string, o ModelOptions) (*Model, error) {
	file, err := gguf.Inspect(path)
	if err != nil {
		return nil, err
	}
	if err := file.CheckTokenizer(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !o.VocabOnly {
		if err := checkNetwork(file); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	p := l.modelDefaults()
	p.vocabOnly = o.VocabOnly
	p.gpuLayers = int32(o.GPULayers)
	p.useExtraBufferTypes = o.Repack
	noDevices := new(ggml.Device)
	if o.GPULayers == 0 {
		p.devices = unsafe.Pointer(noDevices)
	}
	m := &Model{lib: l, handle: l.modelLoad(path, p)}
	runtime.KeepAlive(noDevices)
	if m.handle == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrLoad)
	}
	if m.vocab, err = newVocab(l, l.modelVocab(m.handle)); err != nil {
		m.Free()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	kind, _ := file.String("tokenizer.ggml.model")
	splitter, _ := file.String("tokenizer.ggml.pre")
	m.vocab.recursive = recurses(kind, splitter)
	return m, nil
}

// checkNetwork checks the hyper-parameters that libllama asserts instead of
// refusing. The shapes of tensors it checks itself.
func checkNetwork(f *gguf.File) error {
	arch, _ := f.String("general.architecture")
	within := func(key string, least, most uint64) error {
		if n, ok := f.Uint(arch + "." + key); !ok || n < least || n > most {
			return fmt.Errorf("%w: %s.%s is %v, not a number from %d to %d", gguf.ErrFormat, arch, key, f.Meta[arch+"."+key], least, most)
		}
		return nil
	}
	for _, key := range []string{"expert_count", "expert_used_count", "nextn_predict_layers", "expert_group_count"} {
		if v, ok := f.Meta[arch+"."+key]; ok {
			if n, ok := f.Uint(arch + "." + key); !ok || n > 0 {
				return fmt.Errorf("%w: %s.%s is %v; dense models are supported", gguf.ErrFormat, arch, key, v)
			}
		}
	}
	if eps, ok := f.Float(arch + ".attention.layer_norm_rms_epsilon"); !ok || !(eps >= 0) {
		return fmt.Errorf("%w: %s.attention.layer_norm_rms_epsilon is %v", gguf.ErrFormat, arch, f.Meta[arch+".attention.layer_norm_rms_epsilon"])
	}
	scaling, given := f.String(arch + ".rope.scaling.type")
	if given && !slices.Contains([]string{"none", "linear", "yarn", "longrope"}, scaling) {
		return fmt.Errorf("%w: %s.rope.scaling.type is %q", gguf.ErrFormat, arch, scaling)
	}
	if err := errors.Join(
		within("block_count", 1, 512),
		within("embedding_length", 1, 1<<20),
		within("context_length", 1, 1<<30),
		within("attention.head_count", 1, 1<<16),
	); err != nil {
		return err
	}
	or := func(key string, otherwise uint64) uint64 {
		if n, ok := f.Uint(arch + "." + key); ok {
			return n
		}
		return otherwise
	}
	width := or("embedding_length", 0) / or("attention.head_count", 1)
	k := or("attention.key_length", width)
	v := or("attention.value_length", width)
	if rotated := or("rope.dimension_count", k); k != v || rotated != k {
		return fmt.Errorf("%w: heads of %d values for K, %d for V and %d to rotate; they must be equal", gguf.ErrFormat, k, v, rotated)
	}
	return nil
}

// Vocab is the model's vocabulary. It lives as long as the model.
func (m *Model) Vocab() *Vocab { return m.vocab }

// ChatTemplate is the model's own Jinja template, empty where it has none.
func (m *Model) ChatTemplate() string {
	return ggml.GoString(m.lib.modelTemplate(m.handle, nil))
}

// Free gives the model's memory back.
func (m *Model) Free() {
	if m.handle != 0 {
		m.lib.modelFree(m.handle)
		m.handle = 0
	}
}
