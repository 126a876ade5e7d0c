package node

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/sdk/wire"
)

// Programs tells of the programs that the node has in hand; of all tenants' where tenant is
// "". It asks the loop for a few of them at a time, so that a step does not wait for it, and
// may be called by any number at once. An error says that ctx has ended, or the node.
func (n *Node) Programs(ctx context.Context, tenant string) (*wire.Programs, error) {
	all := look{tenant: tenant}
	if err := n.look(ctx, &all); err != nil {
		return nil, err
	}
	slices.SortFunc(all.found, func(a, b sighting) int {
		switch {
		case a.busy == b.busy:
			return strings.Compare(string(a.id), string(b.id))
		case a.busy:
			return -1
		}
		return 1
	})
	told := &wire.Programs{Node: n.cfg.Name, Total: len(all.found), Programs: []wire.ProgramState{}}
	for chunk := range slices.Chunk(all.found[:min(len(all.found), wire.MaxPrograms)], atOneLook) {
		some := look{closer: chunk}
		if err := n.look(ctx, &some); err != nil {
			return nil, err
		}
		told.Programs = append(told.Programs, some.states...)
	}
	if tenant == "" {
		s := n.Stats()
		told.Memory = &wire.NodeMemory{Used: s.KVUsed, Pool: s.KVPool, Host: s.KVHost, Disk: s.KVDisk}
	}
	return told, nil
}

// atOneLook is how many programs are looked at before the loop does something else: some tens
// of microseconds' worth.
const atOneLook = 32

// mostCounted bounds the turns of a node for which those before another one are counted, for each
// that is told of.
const mostCounted = 1000

var errStopped = errors.New("the node has stopped")

// look is a question to the loop: which programs there are, or how some of them are.
type look struct {
	tenant string     // whose there are; "": everybody's
	closer []sighting // how these are; nil: which there are

	found  []sighting
	states []wire.ProgramState
	done   chan struct{}
}

// sighting is a program that was seen.
type sighting struct {
	id   programs.ProgramID
	busy bool // a turn of it waits or runs
}

// look has the loop answer.
func (n *Node) look(ctx context.Context, l *look) error {
	l.done = make(chan struct{})
	select {
	case n.inbox <- message{look: l}:
	case <-n.stopped:
		return errStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-l.done:
		return nil
	case <-n.stopped:
		return errStopped
	}
}

// look answers, and changes nothing.
func (l *loop) look(at *look) {
	defer close(at.done)
	if at.closer == nil {
		for id, k := range l.contexts {
			if tenant, _, _ := strings.Cut(string(id), "/"); at.tenant == "" || tenant == at.tenant {
				at.found = append(at.found, sighting{id, k.turn != nil})
			}
		}
		return
	}
	now := l.clock.now()
	for _, s := range at.closer {
		if k := l.contexts[s.id]; k != nil {
			if v, ok := l.machine.Look(now, s.id); ok {
				at.states = append(at.states, l.stateOf(now, s.id, k, &v))
			}
		}
	}
}

// stateOf puts what is known of a program into the words of the wire.
func (l *loop) stateOf(now programs.Time, id programs.ProgramID, k *known, v *core.View) wire.ProgramState {
	tenant, program, _ := strings.Cut(string(id), "/")
	bytes := func(cells programs.Tokens) int64 { return int64(cells) * l.node.cfg.Engine.Geometry().CellBytes }
	s := wire.ProgramState{
		Tenant: tenant, Program: program, Turn: int64(v.Turn.Turn), State: wire.State(v.Stage.String()), Context: int64(v.Context), Cached: int64(v.Cells),
		KV: wire.TierBytes{
			Device: bytes(v.Capacity), Shared: bytes(v.Shared), Host: bytes(v.Copied[kvpin.Host]), Disk: bytes(v.Copied[kvpin.Disk]),
		},
	}
	if v.Phase != programs.Interlude {
		if w, waits := l.machine.Waits(now, id); waits {
			s.Why = w.Reason.String()
		}
		if s.State == wire.StateWaiting && len(l.turns) <= mostCounted {
			before := len(l.machine.Ahead(id))
			s.Before = &before
		}
		return s
	}
	s.State, s.Tool = wire.StateIdle, v.Gap.Tool
	switch {
	case v.Gap.Human:
		s.State = wire.StatePerson
	case v.Gap.Tool != "":
		s.State = wire.StateTool
	}
	s.Gap = &wire.Gap{SinceMS: milliseconds(now.Sub(v.Gap.Since)), ExpectedMS: milliseconds(v.Seat.Left), Returns: v.Seat.Returns}
	if v.Capacity > 0 {
		s.Keep = keepOf(now, k, v)
	}
	return s
}

// keepOf says how long an idle program's memory stays.
func keepOf(now programs.Time, k *known, v *core.View) *wire.Keep {
	keep := &wire.Keep{Rule: wire.KeepLent, Worth: v.Seat.Worth}
	left := k.pinned.Add(k.pin.TTL).Sub(now)
	switch {
	case v.Retention == sched.Hold:
		keep.Rule = wire.KeepHeld
	case left > 0:
		keep.Rule, keep.LeftMS = wire.KeepPinned, milliseconds(left)
	}
	return keep
}
