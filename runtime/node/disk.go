package node

import (
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"sync"

	"github.com/interlude-run/interlude/kvpin"
)

// disk keeps copies of cells in a file of its own, which has no name and so is gone
// with the process, however that ends. It has a goroutine; the loop orders and never
// waits.
//
// The file is divided into blocks of some cells; a copy is a list of blocks. A checksum
// of each cell is kept in memory: what was changed behind the process's back, or cannot
// be read, is a failed move and not a wrong answer.
type disk struct {
	file  *os.File
	cell  int // bytes
	moved chan<- *move
	quit  <-chan struct{} // closed when nobody takes moves back any more
	log   *slog.Logger

	mu     sync.Mutex
	wake   *sync.Cond
	queue  []diskJob
	closed bool

	// ───── the goroutine's own

	copies map[kvpin.Owner]*diskCopy
	free   []int64 // blocks that were used before
	blocks int64   // that the file has
}

// diskJob is a move to carry out, or a copy of which so many cells stay.
type diskJob struct {
	move  *move
	owner kvpin.Owner
	cells int
}

type diskCopy struct {
	blocks []int64
	sums   []uint32 // of the cells
}

// blockCells is how many cells a block has.
const blockCells = 32

// openDisk makes the file in the folder; "" is the one for temporary files.
func openDisk(dir string, cell int, log *slog.Logger) (*disk, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("disk tier: %w", err)
		}
	}
	file, err := os.CreateTemp(dir, "interlude-kv-")
	if err != nil {
		return nil, fmt.Errorf("disk tier: %w; name a folder that can be written to", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("disk tier: %w", err), file.Close())
	}
	d := &disk{file: file, cell: cell, log: log, copies: map[kvpin.Owner]*diskCopy{}}
	d.wake = sync.NewCond(&d.mu)
	return d, nil
}

// order has a job done after those that were ordered before.
func (d *disk) order(j diskJob) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = append(d.queue, j)
	d.wake.Signal()
}

// stop ends run once the job at hand is done.
func (d *disk) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.wake.Signal()
}

// run does what is ordered until stop.
func (d *disk) run() {
	defer d.file.Close() // it has no name: there is nothing to be lost
	for {
		j, ok := d.next()
		if !ok {
			return
		}
		if j.move == nil {
			d.cut(j.owner, j.cells)
			continue
		}
		if err := d.carryOut(j.move); err != nil {
			d.log.Warn("cells cannot be moved to or from disk; they are computed again when they are wanted",
				"program", string(j.move.program), "error", err)
			j.move.failed = true
		}
		select {
		case d.moved <- j.move:
		case <-d.quit:
		}
	}
}

func (d *disk) next() (diskJob, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.queue) == 0 && !d.closed {
		d.wake.Wait()
	}
	if d.closed {
		return diskJob{}, false
	}
	j := d.queue[0]
	d.queue = d.queue[1:]
	return j, true
}

func (d *disk) carryOut(m *move) error {
	if m.to == kvpin.Disk {
		return d.write(m)
	}
	return d.read(m)
}

// write appends the move's cells to the owner's copy. After an error the copy is as it
// was.
func (d *disk) write(m *move) error {
	d.cut(m.owner, m.first)
	c := d.copies[m.owner]
	if c == nil {
		c = &diskCopy{}
		d.copies[m.owner] = c
	}
	for _, piece := range m.pieces {
		for ; len(piece) > 0; piece = piece[d.cell:] {
			if err := d.append(c, piece[:d.cell]); err != nil {
				n := len(c.sums)
				d.cut(m.owner, m.first)
				return fmt.Errorf("write cell %d: %w", n, err)
			}
		}
	}
	m.pieces = nil
	return nil
}

func (d *disk) append(c *diskCopy, cell []byte) error {
	n := len(c.sums)
	if n == len(c.blocks)*blockCells {
		c.blocks = append(c.blocks, d.block())
	}
	if _, err := d.file.WriteAt(cell, d.at(c, n)); err != nil {
		return err
	}
	c.sums = append(c.sums, crc32.Checksum(cell, castagnoli))
	return nil
}

// read gives the move the cells that it is to bring back.
func (d *disk) read(m *move) error {
	c := d.copies[m.owner]
	if c == nil || len(c.sums) < m.last {
		return fmt.Errorf("there is no copy of %d cells", m.last)
	}
	most := max(1, pieceBytes/d.cell)
	for n := m.first; n < m.last; {
		count := min(most, m.last-n)
		piece := make([]byte, count*d.cell)
		for i := range count {
			cell := piece[i*d.cell : (i+1)*d.cell]
			if _, err := d.file.ReadAt(cell, d.at(c, n+i)); err != nil {
				return fmt.Errorf("read cell %d: %w", n+i, err)
			}
			if crc32.Checksum(cell, castagnoli) != c.sums[n+i] {
				return fmt.Errorf("read cell %d: it is not what was written", n+i)
			}
		}
		m.pieces = append(m.pieces, piece)
		n += count
	}
	return nil
}

// cut leaves the owner's copy its first n cells.
func (d *disk) cut(owner kvpin.Owner, n int) {
	c := d.copies[owner]
	if c == nil || len(c.sums) < n {
		return
	}
	c.sums = c.sums[:n]
	for len(c.blocks)*blockCells >= n+blockCells {
		last := len(c.blocks) - 1
		d.free = append(d.free, c.blocks[last])
		c.blocks = c.blocks[:last]
	}
	if n == 0 {
		delete(d.copies, owner)
	}
}

// block is one that is free.
func (d *disk) block() int64 {
	if last := len(d.free) - 1; last >= 0 {
		b := d.free[last]
		d.free = d.free[:last]
		return b
	}
	d.blocks++
	return d.blocks - 1
}

// at is where a cell of a copy is in the file.
func (d *disk) at(c *diskCopy, n int) int64 {
	return (c.blocks[n/blockCells]*blockCells + int64(n%blockCells)) * int64(d.cell)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
