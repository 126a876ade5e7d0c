package node

import (
	"fmt"
	"slices"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// tiers is the loop's part in moving cells between the engine and what is below: the
// copies on the host, and who has copies at all. The engine's part is the device's, the
// file's the disk's; data is handed on and not changed by anybody, so that nobody
// copies it.
type tiers struct {
	cell   int // bytes
	host   map[kvpin.Owner]*hostCopy
	disk   *disk // nil when there is none
	moves  map[core.MoveID]*move
	copies map[programs.ProgramID]int // how many copies are kept of its context, of all tiers
	held   map[place]programs.ProgramID
}

// place is where a copy is.
type place struct {
	tier  kvpin.Tier
	owner kvpin.Owner
}

// move is a MoveCells under way. It belongs to the loop, to the device or the disk
// while they work on it, and to the loop again.
type move struct {
	id          core.MoveID
	program     programs.ProgramID
	owner       kvpin.Owner
	seq         engine.Seq
	from, to    kvpin.Tier
	first, last int
	ahead       bool // no turn waits for it

	pieces [][]byte // the cells in order, each piece whole cells and at most atOnce bytes
	loaded int      // pieces that the engine has
	failed bool     // the copy cannot be had, or made
	err    error    // the engine refused: nothing can follow
}

// pieceBytes is how much is moved between two steps of the engine: a millisecond or
// so, that running turns wait for.
const pieceBytes = 4 << 20

// aheadBytes is the same of what no turn waits for: nobody who runs is to notice.
const aheadBytes = 512 << 10

// atOnce is how much of the move goes between two steps.
func (m *move) atOnce() int {
	if m.ahead {
		return aheadBytes
	}
	return pieceBytes
}

func newTiers(cell int, d *disk) *tiers {
	return &tiers{
		cell: cell, disk: d, host: map[kvpin.Owner]*hostCopy{}, moves: map[core.MoveID]*move{},
		copies: map[programs.ProgramID]int{}, held: map[place]programs.ProgramID{},
	}
}

// move begins what a MoveCells asks for.
func (l *loop) move(e *core.Effect) {
	m := &move{
		id: e.Move, program: e.Turn.Program, owner: e.Owner, seq: engine.Seq(e.Seq),
		from: e.Source, to: e.Tier, first: int(e.First), last: int(e.Cells), ahead: e.Ahead,
	}
	l.tiers.moves[m.id] = m
	if m.from == kvpin.Host {
		m.pieces = split(l.tiers.host[m.owner].slice(m.first, m.last, l.tiers.cell), m.atOnce(), l.tiers.cell)
	}
	switch {
	case m.from == kvpin.Disk || m.to == kvpin.Disk:
		l.tiers.disk.order(diskJob{move: m})
	default:
		l.order(call{kind: core.MoveCells, move: m})
	}
}

// landed takes a move back. What was read from disk goes on to the engine.
func (l *loop) landed(m *move) error {
	if m.err != nil {
		return fmt.Errorf("the engine cannot go on: %w", m.err)
	}
	if m.from == kvpin.Disk && m.to == kvpin.Device && !m.failed && m.loaded < len(m.pieces) {
		l.order(call{kind: core.MoveCells, move: m})
		l.submit()
		return nil
	}
	delete(l.tiers.moves, m.id)
	switch {
	case m.failed:
	case m.to == kvpin.Device:
		l.node.stats.restored.Add(int64(m.last - m.first))
		if m.ahead {
			l.node.stats.ahead.Add(int64(m.last - m.first))
		}
	default:
		l.tiers.keep(m)
	}
	l.step(&core.MoveDone{Move: m.id, Failed: m.failed})
	return nil
}

// keep notes a copy that was made.
func (t *tiers) keep(m *move) {
	at := place{m.to, m.owner}
	if _, known := t.held[at]; !known {
		t.held[at] = m.program
		t.copies[m.program]++
	}
	if m.to == kvpin.Host {
		if t.host[m.owner] == nil {
			t.host[m.owner] = &hostCopy{}
		}
		t.host[m.owner].pieces = append(t.host[m.owner].pieces, m.pieces...)
	}
}

// drop leaves a copy its first cells, and tells whether that was the last that was kept
// of the program.
func (t *tiers) drop(e *core.Effect) (last bool) {
	at := place{e.Tier, e.Owner}
	program, known := t.held[at]
	switch {
	case !known: // it was never completed
		return false
	case e.Tier == kvpin.Host:
		t.host[e.Owner].cut(int(e.Cells) * t.cell)
	default:
		t.disk.order(diskJob{owner: e.Owner, cells: int(e.Cells)})
	}
	if e.Cells > 0 {
		return false
	}
	delete(t.held, at)
	if e.Tier == kvpin.Host {
		delete(t.host, e.Owner)
	}
	if t.copies[program]--; t.copies[program] > 0 {
		return false
	}
	delete(t.copies, program)
	return true
}

// hostCopy is the first cells of a context.
type hostCopy struct{ pieces [][]byte }

// cut leaves the first bytes.
func (h *hostCopy) cut(bytes int) {
	for i, p := range h.pieces {
		if bytes < len(p) {
			if bytes > 0 {
				h.pieces[i] = p[:bytes:bytes]
				i++
			}
			clear(h.pieces[i:])
			h.pieces = h.pieces[:i]
			return
		}
		bytes -= len(p)
	}
}

// slice gives the cells [first, last).
func (h *hostCopy) slice(first, last, cell int) (pieces [][]byte) {
	from, to := first*cell, last*cell
	for _, p := range h.pieces {
		if from < len(p) && to > 0 {
			pieces = append(pieces, p[max(from, 0):min(to, len(p))])
		}
		from, to = from-len(p), to-len(p)
	}
	return pieces
}

// split cuts pieces to at most so many bytes, but for one cell at least.
func split(pieces [][]byte, most, cell int) (cut [][]byte) {
	for _, p := range pieces {
		cut = slices.AppendSeq(cut, slices.Chunk(p, max(cell, most/cell*cell)))
	}
	return cut
}
