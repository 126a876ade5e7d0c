package synth

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// container collects the parts of a GGUF file. The first error stays.
type container struct {
	keys, tensors int
	meta          bytes.Buffer
	infos         bytes.Buffer
	data          bytes.Buffer
	err           error
}

func (c *container) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// The numbers of enum gguf_type.
const (
	typeUint32  uint32 = 4
	typeInt32   uint32 = 5
	typeFloat32 uint32 = 6
	typeBool    uint32 = 7
	typeString  uint32 = 8
	typeArray   uint32 = 9
)

// key adds a metadata value.
func (c *container) key(key string, value any) {
	c.keys++
	text(&c.meta, key)
	switch v := value.(type) {
	case uint32:
		put(&c.meta, typeUint32, v)
	case float32:
		put(&c.meta, typeFloat32, v)
	case bool:
		put(&c.meta, typeBool, v)
	case string:
		put(&c.meta, typeString)
		text(&c.meta, v)
	case []int32:
		put(&c.meta, typeArray, typeInt32, uint64(len(v)), v)
	case []float32:
		put(&c.meta, typeArray, typeFloat32, uint64(len(v)), v)
	case []string:
		put(&c.meta, typeArray, typeString, uint64(len(v)))
		for _, s := range v {
			text(&c.meta, s)
		}
	default:
		c.fail(fmt.Errorf("metadata %s of type %T", key, value))
	}
}

const alignment = 32

// tensor adds a tensor; dims are the fastest first.
func (c *container) tensor(name string, kind ggml.Type, data []byte, dims ...int) {
	c.tensors++
	text(&c.infos, name)
	put(&c.infos, uint32(len(dims)))
	for _, d := range dims {
		put(&c.infos, uint64(d))
	}
	put(&c.infos, uint32(kind), uint64(c.data.Len()))
	c.data.Write(data)
	pad(&c.data)
}

// bytes is the whole file.
func (c *container) bytes() []byte {
	var b bytes.Buffer
	b.WriteString("GGUF")
	put(&b, uint32(3), uint64(c.tensors), uint64(c.keys))
	b.Write(c.meta.Bytes())
	b.Write(c.infos.Bytes())
	pad(&b)
	b.Write(c.data.Bytes())
	return b.Bytes()
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		binary.Write(b, binary.LittleEndian, v) // to memory, of fixed-size values: does not fail
	}
}

func text(b *bytes.Buffer, s string) {
	put(b, uint64(len(s)))
	b.WriteString(s)
}

func pad(b *bytes.Buffer) {
	for b.Len()%alignment != 0 {
		b.WriteByte(0)
	}
}
