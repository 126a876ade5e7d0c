package gpu

import (
	"fmt"
	"unsafe"

	"github.com/interlude-run/interlude/gpu/engine"
)

// Read returns the K and V of cells in the clear, of the layers that are named, or of
// all: see package gpu/engine. It touches no other layer.
func (e *Engine) Read(seq engine.Seq, cells []int, layers ...int) (engine.KV, error) {
	s, err := e.get("read", seq)
	if err != nil {
		return engine.KV{}, err
	}
	for _, p := range cells {
		if p < 0 || p >= s.len {
			return engine.KV{}, engine.Wrap("read", seq, fmt.Errorf("%w: cell %d of %d", engine.ErrRange, p, s.len))
		}
	}
	for _, l := range layers {
		if l < 0 || l >= e.geo.Layers {
			return engine.KV{}, engine.Wrap("read", seq, fmt.Errorf("%w: layer %d of %d", engine.ErrRange, l, e.geo.Layers))
		}
	}
	if len(layers) == 0 {
		for l := range e.geo.Layers {
			layers = append(layers, l)
		}
	}
	l := &e.cache.layout
	perLayer := l.heads * len(cells) * l.dim
	kv := engine.KV{K: make([]float32, len(layers)*perLayer), V: make([]float32, len(layers)*perLayer)}
	if len(cells) == 0 {
		return kv, nil
	}
	k, v := make([]byte, len(cells)*l.kCell), make([]uint16, perLayer)
	for i, layer := range layers {
		e.cache.gather(s, layer, cells, k, v)
		if err := e.weights.toFloat(l.kType, k, kv.K[i*perLayer:(i+1)*perLayer]); err != nil {
			return engine.KV{}, engine.Wrap("read", seq, err)
		}
		e.lib.HalvesToFloats(unsafe.Pointer(&v[0]), unsafe.Pointer(&kv.V[i*perLayer]), int64(perLayer))
	}
	return kv, nil
}

// gather copies K and V of cells, of one layer, as [heads][cells] rows: those that follow
// one another at once.
func (c *cache) gather(s *sequence, layer int, cells []int, k []byte, v []uint16) {
	l := &c.layout
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 2*len(v))
	column := make([]byte, 2*len(cells))
	for at := 0; at < len(cells); {
		n, span := 1, c.spanAt(cells[at])
		for at+n < len(cells) && cells[at+n] == cells[at]+n && cells[at+n] < c.spanEnd(span) {
			n++
		}
		x, first := s.spans[span], cells[at]-c.spanStart(span)
		for h := range l.heads {
			to := h*len(cells) + at
			c.k[layer].read(k[to*l.kRow:(to+n)*l.kRow], c.at(x, l.rows()[0], h, first))
			if !l.transposed {
				c.v[layer].read(bytes[to*l.vRow:(to+n)*l.vRow], c.at(x, l.rows()[1], h, first))
				continue
			}
			for d := range l.dim {
				c.v[layer].read(column[:2*n], c.at(x, l.rows()[1], h*l.dim+d, first))
				for i, value := range elements[uint16](column[:2*n]) {
					v[(to+i)*l.dim+d] = value
				}
			}
		}
		at += n
	}
}
