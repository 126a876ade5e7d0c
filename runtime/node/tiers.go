package node

import (
	"fmt"

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
	packer packer
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

	pieces []engine.Saved // the cells in order, each of at most atOnce bytes
	loaded int            // pieces that the engine has
	failed bool           // the copy cannot be had, or made
	err    error          // the engine refused: nothing can follow
}

// PieceBytes is how much is moved between two steps of the engine: a millisecond or
// so, that running turns wait for.
const PieceBytes = 4 << 20

// AheadBytes is the same of what no turn waits for: nobody who runs is to notice.
const AheadBytes = 512 << 10

// atOnce is how much of the move goes between two steps.
func (m *move) atOnce() int {
	if m.ahead {
		return AheadBytes
	}
	return PieceBytes
}

// packer keeps copies in about as much memory as their cells take.
type packer struct {
	cell int // bytes
	pack func(engine.Saved) engine.Saved
}

func packerOf(e Engine) packer { return packer{int(e.Geometry().CellBytes), e.Pack} }

// trim packs what has lost more than half of its cells.
func (p packer) trim(s engine.Saved) engine.Saved {
	if 2*s.Cells*p.cell >= len(s.Data) {
		return s
	}
	return p.pack(s)
}

func newTiers(p packer, d *disk) *tiers {
	return &tiers{
		packer: p, disk: d, host: map[kvpin.Owner]*hostCopy{}, moves: map[core.MoveID]*move{},
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
		m.pieces = l.tiers.host[m.owner].slice(m.first, m.last)
	}
	switch {
	case m.from == kvpin.Disk || m.to == kvpin.Disk:
		l.tiers.disk.order(diskJob{move: m})
	default:
		l.toEngine(m)
	}
}

// toEngine hands a move on to the engine, a little at once.
func (l *loop) toEngine(m *move) {
	if m.to == kvpin.Device {
		m.pieces = split(m.pieces, max(1, m.atOnce()/l.tiers.packer.cell))
	}
	l.order(call{kind: core.MoveCells, move: m})
}

// landed takes a move back. What was read from disk goes on to the engine.
func (l *loop) landed(m *move) error {
	if m.err != nil {
		return fmt.Errorf("the engine cannot go on: %w", m.err)
	}
	if m.from == kvpin.Disk && m.to == kvpin.Device && !m.failed && m.loaded < len(m.pieces) {
		l.toEngine(m)
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
		for _, p := range m.pieces {
			t.host[m.owner].pieces = append(t.host[m.owner].pieces, t.packer.trim(p))
		}
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
		t.host[e.Owner].cut(int(e.Cells), t.packer)
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
type hostCopy struct{ pieces []engine.Saved }

// cut leaves the first n cells.
func (h *hostCopy) cut(n int, by packer) {
	for i, p := range h.pieces {
		if n < p.Cells {
			if n > 0 {
				h.pieces[i] = by.trim(p.Part(0, n))
				i++
			}
			clear(h.pieces[i:])
			h.pieces = h.pieces[:i]
			return
		}
		n -= p.Cells
	}
}

// slice gives the cells [first, last).
func (h *hostCopy) slice(first, last int) (pieces []engine.Saved) {
	for _, p := range h.pieces {
		if from, to := max(first, 0), min(last, p.Cells); from < to {
			pieces = append(pieces, p.Part(from, to-from))
		}
		first, last = first-p.Cells, last-p.Cells
	}
	return pieces
}

// split parts pieces into such of at most so many cells.
func split(pieces []engine.Saved, most int) (parts []engine.Saved) {
	for _, p := range pieces {
		for at := 0; at < p.Cells; at += most {
			parts = append(parts, p.Part(at, min(most, p.Cells-at)))
		}
	}
	return parts
}
