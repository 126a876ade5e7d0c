package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// Limits that no real model comes near.
const (
	maxHead   = 1 << 30 // bytes of metadata and tensor infos
	maxString = 1 << 26
	maxName   = 63 // bytes of a tensor's name, as ggml holds it

	maxTensors = 1 << 16
)

// decoder reads the head of a file piece by piece. The first error stays in err
// and everything read after it is zero.
type decoder struct {
	r    *bufio.Reader
	size int64 // of the file
	left int64 // bytes that may still be read
	what string
	err  error
	buf  [8]byte
}

func newDecoder(r io.Reader, size int64) *decoder {
	return &decoder{r: bufio.NewReaderSize(r, 1<<18), size: size, left: size}
}

// pos is the number of bytes read.
func (d *decoder) pos() int64 { return d.size - d.left }

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w (%s at byte %d)", bad(format, args...), d.what, d.pos())
	}
}

// header reads what stands before the metadata: how many tensors and keys there
// are.
func (d *decoder) header() (tensors, keys uint64) {
	d.what = "header"
	if magic := d.bytes(4); d.err == nil && string(magic) != "GGUF" {
		d.fail("it begins with %q, not with GGUF", magic)
	}
	if v := d.uint32(); d.err == nil && v != 2 && v != 3 {
		d.fail("version %d; 2 and 3 are supported, little-endian", v)
	}
	return d.uint64(), d.uint64()
}

// metadata reads n keys with their values.
func (d *decoder) metadata(n uint64) map[string]any {
	meta := map[string]any{}
	for i := uint64(0); i < n && d.err == nil; i++ {
		d.what = fmt.Sprintf("key %d", i)
		key := d.string()
		d.what = fmt.Sprintf("key %q", key)
		if _, twice := meta[key]; twice || key == "" {
			d.fail("the key is empty or occurs twice")
		}
		meta[key] = d.value(valueType(d.uint32()))
	}
	return meta
}

// tensors reads n tensor infos. Their offsets are still those of the file.
func (d *decoder) tensors(n uint64) []Tensor {
	if n > maxTensors {
		d.fail("%d tensors; there can be %d", n, maxTensors)
	}
	var ts []Tensor
	seen := map[string]bool{}
	for i := uint64(0); i < n && d.err == nil; i++ {
		d.what = fmt.Sprintf("tensor %d", i)
		name := d.string()
		d.what = fmt.Sprintf("tensor %q", name)
		if seen[name] || name == "" || len(name) > maxName {
			d.fail("the name is empty, longer than %d bytes or occurs twice", maxName)
		}
		seen[name] = true
		ts = append(ts, d.tensor(name))
	}
	return ts
}

func (d *decoder) tensor(name string) Tensor {
	t := Tensor{Name: name}
	dims := d.uint32()
	if dims < 1 || dims > 4 {
		d.fail("%d dimensions; there are 1 to 4", dims)
		return t
	}
	elements := int64(1)
	for range dims {
		n := int64(d.uint64())
		if n < 1 || n > math.MaxInt32*64/elements {
			d.fail("dimension of %d elements", n)
			return t
		}
		elements *= n
		t.Dims = append(t.Dims, n)
	}
	t.Type = ggml.Type(d.uint32())
	b, ok := blocks[t.Type]
	switch {
	case !ok:
		d.fail("unknown tensor type %d", t.Type)
		return t
	case t.Dims[0]%b.elements != 0:
		d.fail("rows of %d elements, not a multiple of the %d in a block of type %d", t.Dims[0], b.elements, t.Type)
	}
	t.Size = elements / b.elements * b.bytes
	offset := d.uint64()
	if offset > math.MaxInt64/2 {
		d.fail("offset %d", offset)
	}
	t.Offset = int64(offset)
	return t
}

// valueType is enum gguf_type.
type valueType uint32

const (
	typeUint8 valueType = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

func (d *decoder) value(t valueType) any {
	switch t {
	case typeUint8:
		return d.uint8()
	case typeInt8:
		return int8(d.uint8())
	case typeUint16:
		return d.uint16()
	case typeInt16:
		return int16(d.uint16())
	case typeUint32:
		return d.uint32()
	case typeInt32:
		return int32(d.uint32())
	case typeFloat32:
		return d.float32()
	case typeBool:
		return d.bool()
	case typeString:
		return d.string()
	case typeUint64:
		return d.uint64()
	case typeInt64:
		return int64(d.uint64())
	case typeFloat64:
		return math.Float64frombits(d.uint64())
	case typeArray:
		return d.array(valueType(d.uint32()), d.uint64())
	}
	d.fail("unknown value type %d", t)
	return nil
}

func (d *decoder) array(t valueType, n uint64) any {
	switch t {
	case typeUint8:
		return list(d, n, 1, d.uint8)
	case typeInt8:
		return list(d, n, 1, func() int8 { return int8(d.uint8()) })
	case typeUint16:
		return list(d, n, 2, d.uint16)
	case typeInt16:
		return list(d, n, 2, func() int16 { return int16(d.uint16()) })
	case typeUint32:
		return list(d, n, 4, d.uint32)
	case typeInt32:
		return list(d, n, 4, func() int32 { return int32(d.uint32()) })
	case typeFloat32:
		return list(d, n, 4, d.float32)
	case typeBool:
		return list(d, n, 1, d.bool)
	case typeString:
		return list(d, n, 8, d.string)
	case typeUint64:
		return list(d, n, 8, d.uint64)
	case typeInt64:
		return list(d, n, 8, func() int64 { return int64(d.uint64()) })
	case typeFloat64:
		return list(d, n, 8, func() float64 { return math.Float64frombits(d.uint64()) })
	}
	d.fail("an array of value type %d", t)
	return nil
}

// list reads n elements of at least size bytes each. No memory is taken for more
// elements than the file has room for.
func list[T any](d *decoder, n uint64, size int64, next func() T) []T {
	if n > uint64(d.left/size) {
		d.fail("an array of %d elements with %d bytes left: the file is cut short", n, d.left)
		return nil
	}
	var values []T
	for i := uint64(0); i < n && d.err == nil; i++ {
		if i == uint64(len(values)) && len(values) == cap(values) {
			values = slices.Grow(values, int(min(n-i, 1<<16)))
		}
		values = append(values, next())
	}
	return values
}

// bytes reads the next n ≤ 8 bytes, valid until the next call.
func (d *decoder) bytes(n int) []byte {
	b := d.buf[:n]
	if d.err == nil && int64(n) > d.left {
		d.fail("the file is cut short")
	}
	if d.err == nil && d.pos() > maxHead {
		d.fail("more than %d bytes of metadata", maxHead)
	}
	if d.err == nil {
		d.readFull(b)
	}
	if d.err != nil {
		clear(b)
	}
	return b
}

func (d *decoder) readFull(b []byte) {
	n, err := io.ReadFull(d.r, b)
	d.left -= int64(n)
	if err != nil {
		d.err = fmt.Errorf("read %s at byte %d: %w", d.what, d.pos(), err)
	}
}

func (d *decoder) uint8() uint8     { return d.bytes(1)[0] }
func (d *decoder) uint16() uint16   { return binary.LittleEndian.Uint16(d.bytes(2)) }
func (d *decoder) uint32() uint32   { return binary.LittleEndian.Uint32(d.bytes(4)) }
func (d *decoder) uint64() uint64   { return binary.LittleEndian.Uint64(d.bytes(8)) }
func (d *decoder) float32() float32 { return math.Float32frombits(d.uint32()) }
func (d *decoder) bool() bool       { return d.uint8() != 0 }

func (d *decoder) string() string {
	n := d.uint64()
	if n > uint64(d.left) || n > maxString {
		d.fail("a string of %d bytes with %d bytes left", n, d.left)
	}
	if d.err != nil {
		return ""
	}
	b := make([]byte, n)
	d.readFull(b)
	return string(b)
}
