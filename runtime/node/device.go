package node

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/runtime/core"
)

// device owns the engine while the node runs: it does the work that the loop
// orders, one piece after the other, and gives each piece back when it is done.
type device struct {
	engine Engine
	work   chan *work // to the device; closed when there is no more
	done   chan *work // back to the loop, in the same order; closed when the device is gone
	moved  chan *move // moves back to the loop, or to nobody after quit
	quit   chan struct{}
	closed atomic.Bool

	moves []*move // under way, the device's own
}

// work is what the effects of one Step of the core ask of the engine: calls on
// sequences, and then a step, if there are items. It belongs to the loop, to the
// device from work to done, and to the loop again, which fills it anew.
type work struct {
	calls   []call
	items   []engine.Item
	turns   []*turn // of the items
	checks  []check
	aborted atomic.Bool

	status  core.StepStatus
	outputs []engine.Output
	failure error // why the step failed, which concerns its turns alone
	err     error // the engine is out of step with the ledger, or broken: nothing can follow
}

// call is one call on a sequence.
type call struct {
	kind      core.EffectKind
	seq, from engine.Seq
	cells     int
	first, at int             // PlaceCells
	turn      *turn           // StartTurn
	move      *move           // MoveCells
	sampling  engine.Sampling // StartTurn
	history   []engine.Token  // StartTurn
	refused   error           // StartTurn, by the device: the sampling cannot be had
}

func newDevice(e Engine) *device {
	return &device{
		engine: e, work: make(chan *work, 1), done: make(chan *work, 1),
		moved: make(chan *move), quit: make(chan struct{}),
	}
}

// run does the work until there is no more, and moves cells in between: a piece after
// each step, and one after the other while there is nothing else to do. A panic of the
// engine is the end of its work, and an error to whoever ordered it.
func (d *device) run() {
	runtime.LockOSThread() // and never unlocked: the engine has raised the thread's priority, which ends with it
	defer close(d.done)
	for {
		w, more := d.next()
		if !more {
			return
		}
		if w != nil {
			if !d.closed.Load() {
				d.do(w)
			}
			broken := w.err != nil
			d.done <- w // from here on it is the loop's
			if broken {
				return
			}
		}
		d.movePiece()
	}
}

// next waits for work, or gives none when there are cells to move instead.
func (d *device) next() (w *work, more bool) {
	if len(d.moves) == 0 {
		w, more = <-d.work
		return w, more
	}
	select {
	case w, more = <-d.work:
		return w, more
	default:
		return nil, true
	}
}

// movePiece goes on with the first move, and gives it back when it is done.
func (d *device) movePiece() {
	if len(d.moves) == 0 {
		return
	}
	m := d.moves[0]
	if m.err = d.piece(m); m.err == nil && !m.done() {
		return
	}
	d.moves = d.moves[1:]
	select {
	case d.moved <- m:
	case <-d.quit:
	}
}

// piece moves a piece. The core has accounted for it: an engine that refuses has
// another idea of its memory than the ledger.
func (d *device) piece(m *move) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the engine panicked: %v\n%s", p, debug.Stack())
		}
	}()
	if m.to == kvpin.Device {
		err = d.engine.Load(m.seq, m.pieces[m.loaded])
		m.loaded++
		return err
	}
	from := m.first + m.saved()
	saved, err := d.engine.Save(m.seq, from, min(m.last-from, max(1, m.atOnce()/int(d.engine.Geometry().CellBytes))))
	m.pieces = append(m.pieces, saved)
	return err
}

// saved is how many cells the move has in hand.
func (m *move) saved() (cells int) {
	for _, p := range m.pieces {
		cells += p.Cells
	}
	return cells
}

// done tells whether the engine's part of the move is done.
func (m *move) done() bool {
	if m.to == kvpin.Device {
		return m.loaded == len(m.pieces)
	}
	return m.saved() == m.last-m.first
}

func (d *device) do(w *work) {
	defer func() {
		if p := recover(); p != nil {
			w.err = fmt.Errorf("the engine panicked: %v\n%s", p, debug.Stack())
		}
	}()
	for i := range w.calls {
		if w.err = d.call(&w.calls[i]); w.err != nil {
			return
		}
	}
	if len(w.items) > 0 {
		w.status, w.err = d.step(w)
	}
}

// call makes one call. The core has accounted for it, so an engine that refuses
// it has another idea of its memory than the ledger; that a sampling is refused
// concerns its turn alone.
func (d *device) call(c *call) error {
	switch c.kind {
	case core.OpenSeq:
		return d.engine.New(c.seq)
	case core.ForkSeq:
		return d.engine.Fork(c.from, c.seq, c.cells)
	case core.ReserveSeq:
		return d.engine.Reserve(c.seq, c.cells)
	case core.TruncateSeq:
		return d.engine.Truncate(c.seq, c.cells)
	case core.ReleaseSeq:
		return d.engine.Release(c.seq)
	case core.PlaceCells:
		return d.engine.Place(engine.Placement{Src: c.from, From: c.first, N: c.cells, Dst: c.seq, At: c.at})
	case core.MoveCells:
		d.enqueue(c.move)
		return nil
	case core.StartTurn:
		c.refused = d.engine.SetSampling(c.seq, c.sampling, c.history)
		if errors.Is(c.refused, engine.ErrBroken) {
			return c.refused
		}
		return nil
	}
	panic(fmt.Sprintf("node: %v is no call on a sequence", c.kind))
}

// enqueue lets a move that a turn waits for go before those that none does.
func (d *device) enqueue(m *move) {
	at := len(d.moves)
	if !m.ahead {
		if i := slices.IndexFunc(d.moves, func(o *move) bool { return o.ahead }); i >= 0 {
			at = i
		}
	}
	d.moves = slices.Insert(d.moves, at, m)
}

func (d *device) step(w *work) (core.StepStatus, error) {
	if w.aborted.Load() {
		return core.StepInterrupted, nil
	}
	if err := d.before(w); err != nil {
		return core.StepFailed, err
	}
	switch err := d.engine.Step(w.items, w.outputs); {
	case err == nil:
		return core.StepRan, d.after(w)
	case errors.Is(err, engine.ErrInterrupted):
		return core.StepInterrupted, nil
	case errors.Is(err, engine.ErrBroken):
		return core.StepFailed, err
	default:
		w.failure = err
		return core.StepFailed, nil
	}
}

// abort ends the step of w early if it has not ended. Any goroutine may call it.
// A step that begins at this very moment runs on: nobody wants its results, and
// nothing else depends on it.
func (d *device) abort(w *work) {
	w.aborted.Store(true)
	d.engine.Interrupt()
}

// reset empties the work to be filled anew.
func (w *work) reset() {
	clear(w.calls)
	clear(w.items)
	clear(w.turns)
	w.calls, w.items, w.turns, w.checks = w.calls[:0], w.items[:0], w.turns[:0], nil
	w.aborted.Store(false)
	w.status, w.failure, w.err = core.StepRan, nil, nil
}

// stop ends the device's work, once the loop is no more.
func (d *device) stop() {
	d.closed.Store(true)
	close(d.quit)
	close(d.work)
	d.engine.Interrupt()
	for range d.done {
	}
}
