package node

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestHostCopy holds a copy of pieces against one of bytes.
func TestHostCopy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const cell = 4
		var c hostCopy
		var plain []byte
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			cells := len(plain) / cell
			switch rapid.SampledFrom([]string{"add", "add", "cut", "slice"}).Draw(t, "operation") {
			case "add":
				piece := rapid.SliceOfN(rapid.Byte(), cell, cell*rapid.IntRange(1, 5).Draw(t, "cells")).Draw(t, "data")
				piece = piece[:len(piece)/cell*cell]
				c.pieces = append(c.pieces, piece)
				plain = append(plain[:len(plain):len(plain)], piece...)
			case "cut":
				n := rapid.IntRange(0, cells).Draw(t, "to")
				c.cut(n * cell)
				plain = plain[:n*cell]
			case "slice":
				first := rapid.IntRange(0, cells).Draw(t, "first")
				last := rapid.IntRange(first, cells).Draw(t, "last")
				if got := bytes.Join(c.slice(first, last, cell), nil); !bytes.Equal(got, plain[first*cell:last*cell]) {
					t.Fatalf("[%d,%d) is %v, want %v", first, last, got, plain[first*cell:last*cell])
				}
			}
			if got := bytes.Join(c.pieces, nil); !bytes.Equal(got, plain) {
				t.Fatalf("the copy is %v, want %v", got, plain)
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
	const cell = 1000
	data := [][]byte{make([]byte, 3000*cell), make([]byte, 10*cell)}
	for _, ahead := range []bool{false, true} {
		most := (&move{ahead: ahead}).atOnce()
		pieces := split(data, most, cell)
		for _, p := range pieces {
			if len(p) > most || len(p)%cell != 0 || len(p) == 0 {
				t.Errorf("ahead %v: a piece of %d bytes, of at most %d", ahead, len(p), most)
			}
		}
		if got := len(bytes.Join(pieces, nil)); got != 3010*cell {
			t.Errorf("ahead %v: %d bytes of %d are left", ahead, got, 3010*cell)
		}
	}
	if got := split(data[1:], 10, cell); len(got) != 10 {
		t.Errorf("pieces smaller than a cell: %d of them", len(got))
	}
}

// TestDisk holds copies on disk against copies in memory.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		const cell = 8
		d, err := openDisk(dir, cell, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		defer d.file.Close()
		plain := map[kvpin.Owner][]byte{}
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			owner := kvpin.Owner(rapid.IntRange(1, 4).Draw(t, "owner"))
			cells := len(plain[owner]) / cell
			switch rapid.SampledFrom([]string{"write", "write", "read", "cut"}).Draw(t, "operation") {
			case "write":
				first := rapid.IntRange(0, cells).Draw(t, "first")
				n := rapid.IntRange(1, 100).Draw(t, "cells")
				data := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, n*cell)
				cutAt := n / 2 * cell
				m := &move{owner: owner, to: kvpin.Disk, first: first, last: first + n, pieces: [][]byte{data[:cutAt], data[cutAt:]}}
				if err := d.carryOut(m); err != nil {
					t.Fatal(err)
				}
				plain[owner] = append(plain[owner][:first*cell:first*cell], data...)
			case "read":
				first := rapid.IntRange(0, cells).Draw(t, "from")
				m := &move{owner: owner, from: kvpin.Disk, first: first, last: cells}
				if cells == 0 {
					continue
				}
				if err := d.carryOut(m); err != nil {
					t.Fatal(err)
				}
				if got := bytes.Join(m.pieces, nil); !bytes.Equal(got, plain[owner][first*cell:]) {
					t.Fatalf("cells [%d,%d) of %d are not what was written", first, cells, owner)
				}
			case "cut":
				n := rapid.IntRange(0, cells).Draw(t, "to")
				d.cut(owner, n)
				plain[owner] = plain[owner][:n*cell]
			}
			used := int64(0)
			for _, c := range d.copies {
				used += int64(len(c.blocks))
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
	d, err := openDisk(t.TempDir(), 8, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	write := func(first, n int) error {
		return d.carryOut(&move{owner: 1, to: kvpin.Disk, first: first, last: first + n, pieces: [][]byte{bytes.Repeat([]byte{7}, 8*n)}})
	}
	read := func(first, last int) error {
		return d.carryOut(&move{owner: 1, from: kvpin.Disk, first: first, last: last})
	}
	if err := write(0, 40); err != nil {
		t.Fatal(err)
	}
	if _, err := d.file.WriteAt([]byte{8}, 20*8); err != nil {
		t.Fatal(err)
	}
	if err := read(0, 40); err == nil {
		t.Error("a cell that was changed is read")
	}
	if err := read(21, 40); err != nil {
		t.Errorf("the cells behind it: %v", err)
	}
	if err := read(0, 41); err == nil {
		t.Error("a cell that was never written is read")
	}
	d.file.Close()
	if err := write(40, 10); err == nil {
		t.Error("a file that is closed is written to")
	}
	if got := len(d.copies[1].sums); got != 40 {
		t.Errorf("after a write that failed the copy has %d cells, want 40", got)
	}
	if _, err := openDisk("/dev/null/none", 8, nil); err == nil {
		t.Error("a file is made where none can be")
	}
}
