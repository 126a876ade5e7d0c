package node

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/runtime/core"
)

// cell is the size of the cells that these tests save, in planes: the first bytes of all
// cells, then their second bytes, as engines do not put a cell into one piece either.
const cell = 8

var planesPacker = packer{cell, func(s engine.Saved) engine.Saved { return planes(plain(s)) }}

func planes(cells []byte) engine.Saved {
	n := len(cells) / cell
	s := engine.Saved{Data: make([]byte, len(cells)), Cells: n}
	for at, b := range cells {
		s.Data[at%cell*n+at/cell] = b
	}
	return s
}

// plain gives the cells, one behind the other.
func plain(pieces ...engine.Saved) (cells []byte) {
	for _, s := range pieces {
		n := len(s.Data) / cell
		for i := s.From; i < s.From+s.Cells; i++ {
			for b := range cell {
				cells = append(cells, s.Data[b*n+i])
			}
		}
	}
	return cells
}

// drawCells gives some cells that differ.
func drawCells(t *rapid.T, most int) []byte {
	data := make([]byte, cell*rapid.IntRange(1, most).Draw(t, "cells"))
	for i, b := 0, rapid.Byte().Draw(t, "first byte"); i < len(data); i, b = i+1, b*5+3 {
		data[i] = b
	}
	return data
}

// TestHostCopy holds a copy of pieces against one of bytes.
func TestHostCopy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c hostCopy
		var want []byte
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			cells := len(want) / cell
			switch rapid.SampledFrom([]string{"add", "add", "cut", "slice"}).Draw(t, "operation") {
			case "add":
				data := drawCells(t, 5)
				c.pieces = append(c.pieces, planes(data))
				want = append(want[:len(want):len(want)], data...)
			case "cut":
				n := rapid.IntRange(0, cells).Draw(t, "to")
				c.cut(n, planesPacker)
				want = want[:n*cell]
			case "slice":
				first := rapid.IntRange(0, cells).Draw(t, "first")
				last := rapid.IntRange(first, cells).Draw(t, "last")
				if got := plain(c.slice(first, last)...); !bytes.Equal(got, want[first*cell:last*cell]) {
					t.Fatalf("[%d,%d) is %v, want %v", first, last, got, want[first*cell:last*cell])
				}
			}
			if got := plain(c.pieces...); !bytes.Equal(got, want) {
				t.Fatalf("the copy is %v, want %v", got, want)
			}
			memory := 0
			for _, p := range c.pieces {
				memory += len(p.Data)
			}
			if memory > 2*len(want) {
				t.Fatalf("%d bytes of cells are kept in %d", len(want), memory)
			}
		}
	})
}

// TestWhatIsAheadYields has moves that a turn waits for go before those that none does,
// which go in smaller pieces.
func TestWhatIsAheadYields(t *testing.T) {
	d := newDevice(nil)
	for _, m := range []*move{{id: 1}, {id: 2, ahead: true}, {id: 3, ahead: true}, {id: 4}} {
		if err := d.call(&call{kind: core.MoveCells, move: m}); err != nil {
			t.Fatal(err)
		}
	}
	var order []core.MoveID
	for _, m := range d.moves {
		order = append(order, m.id)
	}
	if want := []core.MoveID{1, 4, 2, 3}; !slices.Equal(order, want) {
		t.Errorf("moves go in the order %v, want %v", order, want)
	}
	if urgent, ahead := (&move{}).atOnce(), (&move{ahead: true}).atOnce(); ahead*4 > urgent {
		t.Errorf("%d bytes go at once where nobody waits, %d where somebody does", ahead, urgent)
	}
}

// TestSplit parts pieces and loses nothing.
func TestSplit(t *testing.T) {
	cells := bytes.Repeat([]byte("abcdefgh"), 30)
	for i := range cells {
		cells[i] += byte(i / cell)
	}
	pieces := []engine.Saved{planes(cells[:20*cell]).Part(3, 17), planes(cells[20*cell:])}
	for most, want := range map[int]int{1: 27, 4: 5 + 3, 17: 2, 100: 2} {
		parts := split(pieces, most)
		for _, p := range parts {
			if p.Cells < 1 || p.Cells > most {
				t.Errorf("a part of %d cells, of at most %d", p.Cells, most)
			}
		}
		if len(parts) != want || !bytes.Equal(plain(parts...), cells[3*cell:]) {
			t.Errorf("%d parts of at most %d cells, want %d; or other cells", len(parts), most, want)
		}
	}
}

// TestDisk holds copies on disk against copies in memory.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		d, err := openDisk(dir, planesPacker, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		defer d.file.Close()
		want := map[kvpin.Owner][]byte{}
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			owner := kvpin.Owner(rapid.IntRange(1, 4).Draw(t, "owner"))
			cells := len(want[owner]) / cell
			switch rapid.SampledFrom([]string{"write", "write", "read", "cut"}).Draw(t, "operation") {
			case "write":
				first := rapid.IntRange(0, cells).Draw(t, "first")
				data := drawCells(t, 100)
				n := len(data) / cell
				m := &move{owner: owner, to: kvpin.Disk, first: first, last: first + n,
					pieces: []engine.Saved{planes(data).Part(0, n/2), planes(data[n/2*cell:])}}
				if err := d.carryOut(m); err != nil {
					t.Fatal(err)
				}
				want[owner] = append(want[owner][:first*cell:first*cell], data...)
			case "read":
				if cells == 0 {
					continue
				}
				first := rapid.IntRange(0, cells-1).Draw(t, "from")
				last := rapid.IntRange(first+1, cells).Draw(t, "to")
				m := &move{owner: owner, from: kvpin.Disk, first: first, last: last}
				if err := d.carryOut(m); err != nil {
					t.Fatal(err)
				}
				if got := plain(m.pieces...); !bytes.Equal(got, want[owner][first*cell:last*cell]) {
					t.Fatalf("cells [%d,%d) of %d are not what was written", first, last, owner)
				}
			case "cut":
				n := rapid.IntRange(0, cells).Draw(t, "to")
				d.cut(owner, n)
				want[owner] = want[owner][:n*cell]
			}
			used := int64(0)
			for _, c := range d.copies {
				for _, p := range c.pieces {
					used += int64(len(p.blocks))
					if p.size > 2*p.saved.Cells*cell {
						t.Fatalf("%d cells are kept in %d bytes", p.saved.Cells, p.size)
					}
				}
			}
			if used+int64(len(d.free)) != d.blocks {
				t.Fatalf("%d blocks are used and %d free of %d", used, len(d.free), d.blocks)
			}
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestDiskTrouble has the file be changed, and fail: moves fail, and nothing that was
// there before is lost.
func TestDiskTrouble(t *testing.T) {
	d, err := openDisk(t.TempDir(), planesPacker, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	write := func(first, n int) error {
		return d.carryOut(&move{owner: 1, to: kvpin.Disk, first: first, last: first + n,
			pieces: []engine.Saved{planes(bytes.Repeat([]byte{7}, cell*n))}})
	}
	read := func(first, last int) error {
		return d.carryOut(&move{owner: 1, from: kvpin.Disk, first: first, last: last})
	}
	if err := errors.Join(write(0, 30), write(30, 40)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.file.WriteAt([]byte{8}, 20*cell); err != nil {
		t.Fatal(err)
	}
	if err := read(0, 40); err == nil {
		t.Error("a cell that was changed is read")
	}
	if err := read(30, 70); err != nil {
		t.Errorf("the cells behind it: %v", err)
	}
	if err := read(30, 71); err == nil {
		t.Error("a cell that was never written is read")
	}
	d.cut(1, 10) // the piece cannot be read, so it is not written anew
	if err := read(0, 10); err == nil {
		t.Error("after a cut, a cell that was changed is read")
	}
	d.file.Close()
	if err := write(10, 10); err == nil {
		t.Error("a file that is closed is written to")
	}
	if got := d.copies[1].pieces; len(got) != 1 || got[0].saved.Cells != 10 {
		t.Errorf("after a write that failed the copy is %v, want 10 cells", got)
	}
	if _, err := openDisk("/dev/null/none", planesPacker, nil); err == nil {
		t.Error("a file is made where none can be")
	}
}
