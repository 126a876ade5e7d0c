package node

import (
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin"
)

// disk keeps copies of cells in a file of its own, which has no name and so is gone
// with the process, however that ends. It has a goroutine; the loop orders and never
// waits.
//
// The file is divided into blocks; a copy is a list of pieces as they came, each in
// blocks of its own. A checksum of each block is kept in memory: what was changed behind
// the process's back, or cannot be read, is a failed move and not a wrong answer.
type disk struct {
	file   *os.File
	packer packer
	moved  chan<- *move
	quit   <-chan struct{} // closed when nobody takes moves back any more
	log    *slog.Logger

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

// diskCopy is the first cells of a context.
type diskCopy struct{ pieces []diskPiece }

// diskPiece is an engine.Saved whose Data is in the file.
type diskPiece struct {
	saved  engine.Saved // without Data
	size   int          // of Data
	blocks []int64
	sums   []uint32 // of what is in the blocks
}

// blockCells is how many cells a block can have.
const blockCells = 32

// openDisk makes the file in the folder; "" is the one for temporary files.
func openDisk(dir string, p packer, log *slog.Logger) (*disk, error) {
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
	d := &disk{file: file, packer: p, log: log, copies: map[kvpin.Owner]*diskCopy{}}
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

// write appends the move's cells to the owner's copy. After an error the copy has the
// cells that it had before those.
func (d *disk) write(m *move) error {
	d.cut(m.owner, m.first)
	c := d.copies[m.owner]
	if c == nil {
		c = &diskCopy{}
		d.copies[m.owner] = c
	}
	for _, saved := range m.pieces {
		piece, err := d.put(d.packer.trim(saved))
		if err != nil {
			d.cut(m.owner, m.first)
			return fmt.Errorf("write %d cells: %w", saved.Cells, err)
		}
		c.pieces = append(c.pieces, piece)
	}
	m.pieces = nil
	return nil
}

// put writes a piece.
func (d *disk) put(s engine.Saved) (diskPiece, error) {
	p := diskPiece{saved: engine.Saved{From: s.From, Cells: s.Cells}, size: len(s.Data)}
	for data := range slices.Chunk(s.Data, d.blockBytes()) {
		b := d.block()
		p.blocks = append(p.blocks, b)
		p.sums = append(p.sums, crc32.Checksum(data, castagnoli))
		if _, err := d.file.WriteAt(data, b*int64(d.blockBytes())); err != nil {
			d.free = append(d.free, p.blocks...)
			return diskPiece{}, err
		}
	}
	return p, nil
}

// get reads a piece.
func (d *disk) get(p *diskPiece) (engine.Saved, error) {
	s := p.saved
	s.Data = make([]byte, p.size)
	i := 0
	for data := range slices.Chunk(s.Data, d.blockBytes()) {
		if _, err := d.file.ReadAt(data, p.blocks[i]*int64(d.blockBytes())); err != nil {
			return engine.Saved{}, err
		}
		if crc32.Checksum(data, castagnoli) != p.sums[i] {
			return engine.Saved{}, errors.New("it is not what was written")
		}
		i++
	}
	return s, nil
}

// read gives the move the cells that it is to bring back.
func (d *disk) read(m *move) error {
	at := 0
	if c := d.copies[m.owner]; c != nil {
		for i := range c.pieces {
			p := &c.pieces[i]
			if from, to := max(m.first-at, 0), min(m.last-at, p.saved.Cells); from < to {
				s, err := d.get(p)
				if err != nil {
					return fmt.Errorf("read cells [%d,%d): %w", at, at+p.saved.Cells, err)
				}
				m.pieces = append(m.pieces, s.Part(from, to-from))
			}
			at += p.saved.Cells
		}
	}
	if at < m.last {
		return fmt.Errorf("there is no copy of %d cells, but of %d", m.last, at)
	}
	return nil
}

// cut leaves the owner's copy its first n cells.
func (d *disk) cut(owner kvpin.Owner, n int) {
	c := d.copies[owner]
	if c == nil {
		return
	}
	if n == 0 {
		delete(d.copies, owner)
	}
	kept := c.pieces[:0]
	for _, p := range c.pieces {
		if n <= 0 {
			d.free = append(d.free, p.blocks...)
			continue
		}
		if n < p.saved.Cells {
			p = d.shorten(p, n)
		}
		n -= p.saved.Cells
		kept = append(kept, p)
	}
	clear(c.pieces[len(kept):])
	c.pieces = kept
}

// shorten leaves a piece its first n cells, and writes it anew when that saves more than
// half of its blocks. When it cannot be read, or written, it stays where it is: who wants
// it back will see.
func (d *disk) shorten(p diskPiece, n int) diskPiece {
	p.saved = p.saved.Part(0, n)
	if 2*n*d.packer.cell >= p.size {
		return p
	}
	s, err := d.get(&p)
	if err != nil {
		return p
	}
	packed, err := d.put(d.packer.pack(s))
	if err != nil {
		return p
	}
	d.free = append(d.free, p.blocks...)
	return packed
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

func (d *disk) blockBytes() int { return blockCells * d.packer.cell }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
