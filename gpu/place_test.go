package gpu

import (
	"slices"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/fixture"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// Cells that lie beyond 2³¹ values of the pool are moved like others. The memory
// before them is mapped and never touched.
func TestCellsBeyond32Bits(t *testing.T) {
	lib := fixture.Libraries(t)
	const before = 1<<26 + 32 // cells of 32 values
	o := Options{
		Libraries: lib.Dir, Device: "cpu", Threads: 1, Weights: "file", MaxStep: 64, Context: 512,
		Model: synth.File(t, lib, synth.Options{Layers: 1}),
	}
	cell, err := CellBytes(o)
	if err != nil {
		t.Fatal(err)
	}
	o.KVBytes = cell * (before + 4096)
	e, err := Open(o)
	if err != nil {
		t.Skipf("this machine cannot map %d bytes: %v", o.KVBytes, err)
	}
	defer e.Close()
	if e.geo.KVHeads*e.geo.HeadDim*before <= 1<<31 {
		t.Fatal("the cells before are too few")
	}
	var kv [2][]float32
	for i := range kv {
		if i == 1 {
			if _, _, ok := e.cache.arena.Alloc(before); !ok {
				t.Fatal("no room for a test")
			}
		}
		src, dst := engine.Seq(10*i+1), engine.Seq(10*i+2)
		must(e.New(src) == nil && e.Reserve(src, 100) == nil && e.New(dst) == nil && e.Reserve(dst, 100) == nil, "no room for a test")
		if err := e.Step([]engine.Item{{Seq: src, Tokens: prompt(60, 1)}}, make([]engine.Output, 1)); err != nil {
			t.Fatal(err)
		}
		values := make([]float32, e.geo.KVHeads*e.geo.HeadDim*20)
		for j := range values {
			values[j] = float32(j % 5)
		}
		for _, p := range []engine.Placement{{Src: src, From: 3, N: 25, Dst: dst}, {Src: src, From: 28, N: 20, Dst: dst, At: 30, Delta: &engine.KV{K: values, V: values}}} {
			if err := e.Place(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Step([]engine.Item{{Seq: dst, Tokens: prompt(3, 3), At: []int{1, 26, 40}}}, make([]engine.Output, 1)); err != nil {
			t.Fatal(err)
		}
		var cells []int
		for c := range 50 {
			cells = append(cells, c)
		}
		read, err := e.Read(dst, cells)
		if err != nil {
			t.Fatal(err)
		}
		kv[i] = append(read.K, read.V...)
		must(e.Release(src) == nil && e.Release(dst) == nil, "sequences of a test are gone")
	}
	if !slices.Equal(kv[0], kv[1]) {
		t.Error("cells at the end of the pool are not those at its beginning")
	}
}
