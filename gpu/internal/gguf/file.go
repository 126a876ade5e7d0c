package gguf

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// ErrFormat is what every error about the contents of a file wraps.
var ErrFormat = errors.New("not a usable GGUF file")

// File is the head of a GGUF file.
type File struct {
	Path string
	Size int64 // of the whole file, in bytes

	// Meta holds the values by key: uint8 … int64, float32, float64, bool or
	// string, or a slice of one of these.
	Meta map[string]any

	Tensors    []Tensor // in the order of the file
	DataOffset int64    // where the tensors begin
}

// Tensor says where a tensor lies.
type Tensor struct {
	Name   string
	Type   ggml.Type
	Dims   []int64 // 1 to 4, the fastest first, as ggml counts them
	Offset int64   // of the first byte, from the beginning of the file
	Size   int64   // in bytes
}

// Inspect reads the head of the file at path and checks it. Errors about its
// contents wrap ErrFormat and say what is wrong where.
func Inspect(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", path, ErrFormat)
	}
	file, err := read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file.Path = path
	return file, nil
}

// read is Inspect without a file system.
func read(r io.Reader, size int64) (*File, error) {
	d := newDecoder(r, size)
	f := &File{Size: size}
	tensors, keys := d.header()
	f.Meta = d.metadata(keys)
	if d.err == nil {
		f.Tensors = d.tensors(tensors)
	}
	if d.err != nil {
		return nil, d.err
	}
	if err := f.layOut(d.pos()); err != nil {
		return nil, err
	}
	if n, ok := f.Uint("split.count"); ok && n > 1 {
		return nil, bad("it is one of %d parts of a model; join them into one file first (llama-gguf-split --merge)", n)
	}
	return f, nil
}

// layOut turns the offsets of the tensors, which count from the end of the
// padded head, into those of the file.
func (f *File) layOut(head int64) error {
	const defaultAlignment = 32
	align := int64(defaultAlignment)
	if v, ok := f.Meta["general.alignment"]; ok {
		n, ok := v.(uint32)
		if !ok || n < 8 || n&(n-1) != 0 || n > 1<<20 {
			return bad("general.alignment is %v, not a power of two from 8 to 2^20", v)
		}
		align = int64(n)
	}
	f.DataOffset = padded(head, align)
	next := int64(0) // where the format wants the next tensor
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if t.Offset != next {
			return bad("tensor %s lies at %d of the data, expected %d", t.Name, t.Offset, next)
		}
		t.Offset += f.DataOffset
		if t.Size > f.Size-t.Offset {
			return bad("tensor %s ends at byte %d of a file of %d: the file is cut short", t.Name, t.Offset+t.Size, f.Size)
		}
		next += padded(t.Size, align)
	}
	return nil
}

func padded(n, align int64) int64 { return (n + align - 1) / align * align }

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

// Uint is the value of an integer key; false where the key is missing, negative
// or no integer.
func (f *File) Uint(key string) (uint64, bool) {
	switch v := f.Meta[key].(type) {
	case uint8:
		return uint64(v), true
	case uint16:
		return uint64(v), true
	case uint32:
		return uint64(v), true
	case uint64:
		return v, true
	case int8:
		return uint64(v), v >= 0
	case int16:
		return uint64(v), v >= 0
	case int32:
		return uint64(v), v >= 0
	case int64:
		return uint64(v), v >= 0
	}
	return 0, false
}

// Float is the value of a floating-point key; false where the key is missing or
// of another type.
func (f *File) Float(key string) (float64, bool) {
	switch v := f.Meta[key].(type) {
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	return math.NaN(), false
}

// String is the value of a string key; false where the key is missing or of
// another type. Bool and Strings are alike.
func (f *File) String(key string) (string, bool) {
	v, ok := f.Meta[key].(string)
	return v, ok
}

func (f *File) Bool(key string) (value, ok bool) {
	value, ok = f.Meta[key].(bool)
	return value, ok
}

func (f *File) Strings(key string) ([]string, bool) {
	v, ok := f.Meta[key].([]string)
	return v, ok
}
