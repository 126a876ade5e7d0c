package gpu

import (
	"bytes"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// TestSpareCells: what a sequence gives back stays beside it until another needs it, and is
// free all the while.
func TestSpareCells(t *testing.T) {
	e := openSmall(t, synth.Options{}, Options{})
	defer e.Close()
	granule, pool := e.geo.Granule, e.cache.free()
	few, many := 2*e.geo.Span+granule, 3*e.geo.Span // cells, of which the last are in one extent
	check := func(what string, reserved int) {
		t.Helper()
		if err := e.Check(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if m := e.Memory(); m.Used != int64(reserved)*e.geo.CellBytes || m.Free != int64(pool-reserved)*e.geo.CellBytes {
			t.Fatalf("%s: %d bytes used and %d free, want %d cells of %d reserved", what, m.Used, m.Free, reserved, pool)
		}
	}
	fill := func(seq engine.Seq, cells int) {
		t.Helper()
		if err := e.Reserve(seq, cells); err != nil {
			t.Fatal(err)
		}
		tokens := prompt(cells, int(seq))
		for len(tokens) > 0 {
			n := min(len(tokens), e.geo.MaxStep)
			if err := e.Step([]engine.Item{{Seq: seq, Tokens: tokens[:n]}}, make([]engine.Output, 1)); err != nil {
				t.Fatal(err)
			}
			tokens = tokens[n:]
		}
	}
	must(e.New(1) == nil && e.New(2) == nil, "no room for a test")
	fill(1, many)
	check("filled", many)
	extent := e.cache.seqs[1].spans[len(e.cache.seqs[1].spans)-1]
	width := extent.width
	if err := e.Truncate(1, few+1); err != nil {
		t.Fatal(err)
	}
	check("cut within a granule", few+granule)
	if err := e.Truncate(1, few); err != nil {
		t.Fatal(err)
	}
	check("cut", few)
	if extent := e.cache.seqs[1].spans[len(e.cache.seqs[1].spans)-1]; extent.width != width || extent.cap >= width {
		t.Fatalf("the last extent has %d cells in room for %d, was for %d", extent.cap, extent.width, width)
	}
	if err := e.Reserve(1, many); err != nil {
		t.Fatal(err)
	}
	check("reserved again", many)
	if extent.width != width {
		t.Fatalf("its room is for %d cells, was for %d", extent.width, width)
	}
	if err := e.Truncate(1, few); err != nil {
		t.Fatal(err)
	}
	before, err := e.Save(1, 0, few)
	if err != nil {
		t.Fatal(err)
	}

	// All that is free goes to others.
	seq := engine.Seq(2)
	for left := pool - few; left > 0; seq++ {
		n := min(left, e.geo.MaxContext)
		if err := e.New(seq); seq > 2 && err != nil {
			t.Fatal(err)
		}
		if err := e.Reserve(seq, n); err != nil {
			t.Fatalf("%d cells of %d that are free: %v", n, left, err)
		}
		left -= n
	}
	check("all taken", pool)
	if len(e.cache.spare) != 0 {
		t.Errorf("%d extents have spare cells", len(e.cache.spare))
	}
	after, err := e.Save(1, 0, few)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before.Data, after.Data) {
		t.Error("cells have changed where spare ones were taken back")
	}
	for ; seq > 1; seq-- {
		if err := e.Release(seq - 1); err != nil {
			t.Fatal(err)
		}
	}
	check("all released", 0)
}

// TestSpareCellsOfTheOneThatGrows: an extent that grows beyond its spare cells is given those
// of others, and keeps its own.
func TestSpareCellsOfTheOneThatGrows(t *testing.T) {
	e := openSmall(t, synth.Options{}, Options{})
	defer e.Close()
	granule, span := e.geo.Granule, e.geo.Span
	reserve := func(seq engine.Seq, cells int) {
		t.Helper()
		if err := e.Reserve(seq, cells); err != nil {
			t.Fatal(err)
		}
	}
	few, more, many := 2*span+granule, 2*span+2*granule, 3*span // cells, of which the last are in one extent
	for seq := engine.Seq(3); e.cache.free() > many+more; seq++ {
		must(e.New(seq) == nil, "no room for a test")
		reserve(seq, min(e.cache.free()-many-more, e.geo.MaxContext))
	}
	for i, cells := range []int{many, more} {
		seq := engine.Seq(1 + i)
		must(e.New(seq) == nil, "no room for a test")
		reserve(seq, cells)
		for at := 0; at < few; at += granule {
			if err := e.Step([]engine.Item{{Seq: seq, Tokens: prompt(granule, at)}}, make([]engine.Output, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if free := e.cache.free(); free != 0 {
		t.Fatalf("%d cells are free", free)
	}
	for seq := engine.Seq(1); seq <= 2; seq++ {
		if err := e.Truncate(seq, few); err != nil {
			t.Fatal(err)
		}
	}
	reserve(1, many+granule)
	if err := e.Check(); err != nil {
		t.Fatal(err)
	}
}
