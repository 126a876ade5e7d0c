package llama

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// FileType is enum llama_ftype: how the matrices of a file are stored, each of
// them by what a rule of libllama gives it.
type FileType int32

// The file types that are made here.
const (
	MostlyQ4_0   FileType = 2
	MostlyQ4_1   FileType = 3
	MostlyQ8_0   FileType = 7
	MostlyQ4_K_M FileType = 15
)

// quantizeParams mirrors struct llama_model_quantize_params.
type quantizeParams struct {
	threads         int32
	fileType        FileType
	outputType      ggml.Type
	embeddingType   ggml.Type
	allowRequantize bool
	quantizeOutput  bool
	onlyCopy        bool
	pure            bool
	keepSplit       bool
	dryRun          bool
	importance      unsafe.Pointer
	kvOverrides     unsafe.Pointer
	typeOverrides   unsafe.Pointer
	pruneLayers     unsafe.Pointer
	maxBuffer       uint64
}

// anyType is GGML_TYPE_COUNT, which leaves a tensor's type to the file type's rule.
const anyType ggml.Type = 43

// quantizeLayout is what the pinned release's defaults are; what is not named is zero.
var quantizeLayout = quantizeParams{
	fileType: MostlyQ8_0, outputType: anyType, embeddingType: anyType, quantizeOutput: true, maxBuffer: 8 << 30,
}

// quantizeFuncs quantise files.
type quantizeFuncs struct {
	defaults func() quantizeParams                           `c:"llama_model_quantize_default_params"`
	quantize func(from, to string, p *quantizeParams) uint32 `c:"llama_model_quantize"`
}

// verify is verifyLayouts for what quantises.
func (f *quantizeFuncs) verify() error {
	const want = 64
	if got := unsafe.Sizeof(quantizeParams{}); got != want {
		return fmt.Errorf("%w: sizeof(llama_model_quantize_params) is %d here, expected %d", ggml.ErrMismatch, got, want)
	}
	if got := f.defaults(); got != quantizeLayout {
		return fmt.Errorf("%w: llama_model_quantize_default_params() reads %+v, expected %+v", ggml.ErrMismatch, got, quantizeLayout)
	}
	return nil
}

// ErrQuantize is what libllama's refusals to quantise wrap.
var ErrQuantize = errors.New("libllama does not quantise it (INTERLUDE_ENGINE_LOG=1 shows why)")

// Quantize writes the model at from, quantised as libllama's own tool does it, to
// the file to, with so many threads. A file that is quantised already is quantised
// anew, which adds to what it lost. After an error a part of the file may be there.
func (l *Lib) Quantize(from, to string, t FileType, threads int) error {
	if threads < 1 || threads > 512 {
		return fmt.Errorf("quantise with %d threads; there can be 1 to 512", threads)
	}
	file, err := gguf.Inspect(from)
	if err != nil {
		return err
	}
	if err := checkNetwork(file); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	var f quantizeFuncs
	if err := l.ggml.Llama(&f); err != nil {
		return err
	}
	if err := f.verify(); err != nil {
		return err
	}
	p := new(quantizeParams)
	*p = quantizeLayout
	p.threads, p.fileType, p.allowRequantize = int32(threads), t, true
	status := f.quantize(from, to, p)
	runtime.KeepAlive(p)
	if status != 0 {
		return fmt.Errorf("%s as file type %d: %w", from, t, ErrQuantize)
	}
	return nil
}
