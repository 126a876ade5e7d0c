package gguf

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

func parse(b []byte) (*File, error) { return read(bytes.NewReader(b), int64(len(b))) }

func TestReadsEveryType(t *testing.T) {
	s := whole().build()
	f, err := parse(s.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	data := int64(s.Len()) - 256 - 20
	want := &File{
		Size: int64(s.Len()), DataOffset: data,
		Meta: map[string]any{
			"general.alignment": uint32(64), "u8": uint8(250), "i8": int8(-2), "u16": uint16(65000), "i16": int16(-300),
			"u32": uint32(1 << 31), "i32": int32(-70000), "u64": uint64(1 << 63), "i64": int64(-1 << 40),
			"f32": float32(0.5), "f64": 3.141592653589793, "bool": true, "text": "grüße",
			"texts": []string{"a", "", "ccc"}, "floats": []float32{1, -2}, "none": []int32(nil), "extra": true,
		},
		Tensors: []Tensor{
			{Name: "a", Type: ggml.Q8_0, Dims: []int64{64, 3}, Offset: data, Size: 204},
			{Name: "b", Type: ggml.F32, Dims: []int64{5}, Offset: data + 256, Size: 20},
		},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got  %+v\nwant %+v", f, want)
	}
}

func TestHelpersTellTheType(t *testing.T) {
	f := &File{Meta: map[string]any{"n": int64(7), "minus": int8(-1), "x": float32(0.25), "s": "v", "l": []string{"p"}, "b": true}}
	if n, ok := f.Uint("n"); n != 7 || !ok {
		t.Errorf("Uint = %d, %v", n, ok)
	}
	for _, key := range []string{"minus", "x", "s", "absent"} {
		if n, ok := f.Uint(key); ok {
			t.Errorf("Uint(%s) = %d", key, n)
		}
	}
	if x, ok := f.Float("x"); x != 0.25 || !ok {
		t.Errorf("Float = %v, %v", x, ok)
	}
	if _, ok := f.Float("n"); ok {
		t.Errorf("an integer is a float")
	}
	if s, ok := f.String("s"); s != "v" || !ok {
		t.Errorf("String = %q, %v", s, ok)
	}
	if l, ok := f.Strings("l"); len(l) != 1 || !ok {
		t.Errorf("Strings = %q, %v", l, ok)
	}
	if b, ok := f.Bool("b"); !b || !ok {
		t.Errorf("Bool = %v, %v", b, ok)
	}
}

func TestRefuses(t *testing.T) {
	key := func(k string, t valueType, v any) func(*sample) { return func(s *sample) { s.key(k, t, v) } }
	tests := map[string]struct {
		change func(*parts)
		say    string
	}{
		"another format":      {func(p *parts) { p.magic = "GGML" }, "GGML"},
		"version 1":           {func(p *parts) { p.version = 1 }, "version 1"},
		"big-endian":          {func(p *parts) { p.version = 3 << 24 }, "version"},
		"too many keys":       {func(p *parts) { p.keys = 1 << 60 }, "key"},
		"too many tensors":    {func(p *parts) { p.tensors = 1 << 60 }, "tensor"},
		"a million tensors":   {func(p *parts) { p.tensors = 1 << 20 }, "1048576 tensors"},
		"alignment 48":        {func(p *parts) { p.alignment = uint32(48) }, "general.alignment"},
		"alignment 0":         {func(p *parts) { p.alignment = uint32(0) }, "general.alignment"},
		"alignment signed":    {func(p *parts) { p.alignment = int32(64) }, "general.alignment"},
		"key twice":           {func(p *parts) { p.extra = key("u8", typeUint8, uint8(1)) }, `"u8"`},
		"key without name":    {func(p *parts) { p.extra = key("", typeUint8, uint8(1)) }, "empty"},
		"unknown value type":  {func(p *parts) { p.extra = key("k", 13, uint8(1)) }, "value type 13"},
		"array of arrays":     {func(p *parts) { p.extra = func(s *sample) { s.array("k", typeArray) } }, "array of value type"},
		"endless array":       {func(p *parts) { p.extra = func(s *sample) { s.key("k", typeArray, uint32(4)); s.put(uint64(1 << 61)) } }, "array of 2305843009213693952"},
		"endless string":      {func(p *parts) { p.extra = func(s *sample) { s.key("k", typeString, uint64(1<<63)) } }, "string of"},
		"part of a model":     {func(p *parts) { p.extra = key("split.count", typeUint16, uint16(3)) }, "parts"},
		"unknown tensor type": {func(p *parts) { p.kind = 4 }, "tensor type 4"},
		"half a block":        {func(p *parts) { p.dims = []uint64{48, 4} }, "multiple"},
		"no dimensions":       {func(p *parts) { p.dims = nil }, "dimensions"},
		"five dimensions":     {func(p *parts) { p.dims = []uint64{64, 1, 1, 1, 3} }, "dimensions"},
		"dimension 0":         {func(p *parts) { p.dims = []uint64{64, 0} }, "dimension of 0"},
		"dimension negative":  {func(p *parts) { p.dims = []uint64{64, 1 << 63} }, "dimension of"},
		"dimensions overflow": {func(p *parts) { p.dims = []uint64{1 << 32, 1 << 32, 1 << 32} }, "dimension of"},
		"tensor twice":        {func(p *parts) { p.second = "a" }, `"a"`},
		"tensor without name": {func(p *parts) { p.second = "" }, "empty"},
		"tensor name long":    {func(p *parts) { p.second = strings.Repeat("n", 64) }, "longer"},
		"tensor out of place": {func(p *parts) { p.offset = 512 }, "expected 256"},
		"tensor off the end":  {func(p *parts) { p.offset = 1 << 63 }, "offset"},
		"last byte missing":   {func(p *parts) { p.short = 1 }, "cut short"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := whole()
			tt.change(&p)
			_, err := parse(p.build().Bytes())
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("got %v, want ErrFormat that says %q", err, tt.say)
			}
		})
	}
}

func TestTruncatedAnywhere(t *testing.T) {
	b := whole().build().Bytes()
	for n := range b {
		if f, err := parse(b[:n]); err == nil {
			t.Fatalf("cut at %d of %d bytes: accepted %+v", n, len(b), f)
		}
	}
}

// A file may shrink after its size was asked.
func TestShrinksWhileRead(t *testing.T) {
	s := whole().build()
	for _, n := range s.bounds {
		if n > s.Len()-256-20-64 {
			break
		}
		if f, err := read(bytes.NewReader(s.Bytes()[:n]), int64(s.Len())); err == nil {
			t.Fatalf("cut at %d: accepted %+v", n, f)
		}
	}
}

func TestInspectNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Inspect(filepath.Join(dir, "absent.gguf")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if _, err := Inspect(dir); !errors.Is(err, ErrFormat) {
		t.Errorf("got %v for a directory, want ErrFormat", err)
	}
	path := filepath.Join(dir, "empty.gguf")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(path); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want ErrFormat that names %s", err, path)
	}
	if err := os.WriteFile(path, whole().build().Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err := Inspect(path); err != nil || f.Path != path {
		t.Errorf("got %v, %v", f, err)
	}
}

// FuzzRead: whatever the bytes, an accepted file keeps the package's promises.
func FuzzRead(f *testing.F) {
	s := whole().build()
	for _, n := range s.bounds {
		f.Add(n, uint8(0xff), uint8(0x80))
	}
	f.Add(0, uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, at int, flip, flip2 uint8) {
		b := bytes.Clone(s.Bytes())
		if at >= 0 && at < len(b) {
			b[at] ^= flip
			b[(at+7)%len(b)] ^= flip2
		}
		audit(t, b)
	})
}

// FuzzBytes is for the fuzzer's own inventions.
func FuzzBytes(f *testing.F) {
	f.Add(whole().build().Bytes())
	f.Fuzz(audit)
}

func audit(t *testing.T, b []byte) {
	f, err := parse(b)
	if err != nil {
		return
	}
	names := map[string]bool{}
	end := f.DataOffset
	for _, x := range f.Tensors {
		if names[x.Name] {
			t.Errorf("tensor %q twice", x.Name)
		}
		names[x.Name] = true
		if x.Offset < end || x.Size < 1 || x.Offset+x.Size > int64(len(b)) || len(x.Dims) < 1 || len(x.Dims) > 4 {
			t.Errorf("tensor %+v in a file of %d bytes, the one before ends at %d", x, len(b), end)
		}
		end = x.Offset + x.Size
	}
}

func TestFlippedBytes(t *testing.T) {
	b := whole().build().Bytes()
	for at := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[at] ^= 1 << bit
			audit(t, c)
		}
	}
}

func TestBlocksAreTheLibrarys(t *testing.T) {
	lib := fixture.Libraries(t)
	for kind := range ggml.Type(43) {
		b := blocks[kind]
		if e, n := lib.BlockSize(kind), int64(lib.TypeSize(kind)); e != b.elements || n != b.bytes {
			t.Errorf("type %d: blocks of %d elements in %d bytes, the library has %d in %d", kind, b.elements, b.bytes, e, n)
		}
	}
}
