package gguf

import (
	"bytes"
	"encoding/binary"
	"math"
)

// sample writes a small file that has every value type, and remembers where its
// pieces begin.
type sample struct {
	bytes.Buffer
	bounds []int
}

func (s *sample) put(v any) {
	s.bounds = append(s.bounds, s.Len())
	if text, ok := v.(string); ok {
		s.put(uint64(len(text)))
		s.WriteString(text)
		return
	}
	if err := binary.Write(s, binary.LittleEndian, v); err != nil {
		panic(err)
	}
}

func (s *sample) key(key string, t valueType, v any) {
	s.put(key)
	s.put(uint32(t))
	s.put(v)
}

func (s *sample) array(key string, t valueType, values ...any) {
	s.put(key)
	s.put(uint32(typeArray))
	s.put(uint32(t))
	s.put(uint64(len(values)))
	for _, v := range values {
		s.put(v)
	}
}

func (s *sample) tensor(name string, kind uint32, offset uint64, dims ...uint64) {
	s.put(name)
	s.put(uint32(len(dims)))
	for _, d := range dims {
		s.put(d)
	}
	s.put(kind)
	s.put(offset)
}

// A field of parts changes one thing of the sample.
type parts struct {
	magic         string
	version       uint32
	tensors, keys uint64
	alignment     any
	extra         func(*sample) // one more key
	kind          uint32        // of the first tensor
	dims          []uint64
	second        string // name of the second tensor
	offset        uint64 // of the second tensor
	short         int    // bytes cut off at the end
}

func whole() parts {
	return parts{magic: "GGUF", version: 3, tensors: 2, keys: 17, alignment: uint32(64),
		extra: func(s *sample) { s.key("extra", typeBool, true) },
		kind:  8, dims: []uint64{64, 3}, second: "b", offset: 256}
}

func (p parts) build() *sample {
	s := &sample{}
	s.WriteString(p.magic)
	s.put(p.version)
	s.put(p.tensors)
	s.put(p.keys)
	s.key("general.alignment", map[bool]valueType{true: typeUint32, false: typeInt32}[is[uint32](p.alignment)], p.alignment)
	s.key("u8", typeUint8, uint8(250))
	s.key("i8", typeInt8, int8(-2))
	s.key("u16", typeUint16, uint16(65000))
	s.key("i16", typeInt16, int16(-300))
	s.key("u32", typeUint32, uint32(1<<31))
	s.key("i32", typeInt32, int32(-70000))
	s.key("u64", typeUint64, uint64(1<<63))
	s.key("i64", typeInt64, int64(-1<<40))
	s.key("f32", typeFloat32, float32(0.5))
	s.key("f64", typeFloat64, math.Pi)
	s.key("bool", typeBool, true)
	s.key("text", typeString, "grüße")
	s.array("texts", typeString, "a", "", "ccc")
	s.array("floats", typeFloat32, float32(1), float32(-2))
	s.array("none", typeInt32)
	p.extra(s)
	s.tensor("a", p.kind, 0, p.dims...) // 3 rows of 2 blocks of 34 bytes: 204
	s.tensor(p.second, 0, p.offset, 5)
	for s.Len()%64 != 0 {
		s.WriteByte(0)
	}
	s.bounds = append(s.bounds, s.Len(), s.Len()+204, s.Len()+256)
	s.Write(make([]byte, 256+20))
	s.Truncate(s.Len() - p.short)
	return s
}

func is[T any](v any) bool {
	_, ok := v.(T)
	return ok
}
