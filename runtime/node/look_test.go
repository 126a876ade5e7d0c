package node_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestPrograms are told of as they are: at work, waiting, with a tool, and of whose tenant.
func TestPrograms(t *testing.T) {
	play(t, func(s *stage) { s.MaxRunning, s.geometry.PoolBytes = 1, 1<<40 }, func(r *rig) {
		r.replies(map[string]string{"hi": "hello", "long": "well"})
		r.engine.Pace(func(items []engine.Item) time.Duration { return 10 * time.Millisecond })
		r.finished(r.ask("tool", 1, "hi"))
		if ack, err := r.signalled("tool", 1, wire.Signal{Calls: []wire.ToolHint{{Name: "pytest", ExpectedMS: 500}}}); err != nil || ack.Pin.TTLMS == 0 {
			r.Fatal(ack.Pin, err)
		}
		r.finished(r.ask("person", 1, "hi"))
		if _, err := r.signalled("person", 1, wire.Signal{Calls: []wire.ToolHint{{Human: true}}}); err != nil {
			r.Fatal(err)
		}
		r.finished(r.ask("over", 1, "hi", func(w *wire.Turn) { w.Lifecycle.Last = true }))
		time.Sleep(time.Second)

		r.engine.Pace(func([]engine.Item) time.Duration { return time.Minute })
		runs := r.ask("runs", 1, "long")
		synctest.Wait()
		waits := r.ask("waits", 1, "long", func(w *wire.Turn) { w.Tenant = "other" })
		synctest.Wait()

		states, told := map[string]wire.ProgramState{}, r.told("")
		for _, p := range told.Programs {
			states[p.Tenant+"/"+p.Program] = p
		}
		if told.Total != 4 || len(states) != 4 || told.Node != "node-a" {
			r.Fatalf("%s tells of %d programs: %+v", told.Node, told.Total, states)
		}
		if told.Memory == nil || told.Memory.Used == 0 || told.Memory.Pool == 0 {
			r.Errorf("the node's memory is %+v", told.Memory)
		}
		if told.Programs[0].Program != "waits" || told.Programs[1].Program != "runs" {
			r.Errorf("those at work are not the first: %+v", told.Programs)
		}
		if s := states["t/runs"]; s.State != wire.StatePrefilling || s.Cached != 0 || s.Before != nil || s.KV.Device == 0 || s.Keep != nil || s.Gap != nil {
			r.Errorf("a turn whose prompt runs: %+v", s)
		}
		if s := states["other/waits"]; s.State != wire.StateWaiting || s.Why != "place" || s.Before == nil || *s.Before != 0 || s.KV.Device != 0 {
			r.Errorf("a turn that waits: %+v", s)
		}
		s := states["t/tool"]
		if s.State != wire.StateTool || s.Tool != "pytest" || s.Turn != 1 || s.KV.Device == 0 || s.Context == 0 {
			r.Errorf("a program whose tool runs: %+v", s)
		}
		if s.Gap == nil || s.Gap.SinceMS < 1000 || s.Gap.ExpectedMS <= 0 || s.Gap.Returns <= 0 {
			r.Errorf("its wait: %+v", s.Gap)
		}
		if s.Keep == nil || s.Keep.Rule != wire.KeepPinned || s.Keep.LeftMS <= 0 || s.Keep.Worth <= 0 {
			r.Errorf("its memory: %+v", s.Keep)
		}
		if s := states["t/person"]; s.State != wire.StatePerson {
			r.Errorf("a program that waits for a person: %+v", s)
		}
		before := states["t/tool"].Keep.LeftMS
		time.Sleep(time.Second)
		for _, p := range r.told("t").Programs {
			switch {
			case p.Tenant != "t":
				r.Errorf("the tenant is told of %s/%s", p.Tenant, p.Program)
			case p.Program == "tool" && p.Keep.LeftMS != before-1000:
				r.Errorf("a second later %d ms of the pin are left, not 1000 less than %d", p.Keep.LeftMS, before)
			}
		}
		if own := r.told("t"); own.Total != 3 || own.Memory != nil {
			r.Errorf("a tenant is told of %d programs, and of the node's memory: %+v", own.Total, own.Memory)
		}
		r.engine.Pace(func([]engine.Item) time.Duration { return time.Millisecond })
		r.finished(runs)
		r.finished(waits)
	})
}

// TestManyPrograms: no more are told of than fit an answer, and how many there are.
func TestManyPrograms(t *testing.T) {
	play(t, func(s *stage) { s.geometry.PoolBytes = 1 << 40 }, func(r *rig) {
		const more = wire.MaxPrograms + 3
		for i := range more {
			r.finished(r.ask(fmt.Sprintf("p%d", i), 1, "hi"))
		}
		if told := r.told("t"); told.Total != more || len(told.Programs) != wire.MaxPrograms {
			r.Errorf("told of %d of %d programs", len(told.Programs), told.Total)
		}
	})
}

// TestLookAtNoNode: who asks is not kept waiting.
func TestLookAtNoNode(t *testing.T) {
	var n *node.Node
	play(t, nil, func(r *rig) {
		n = r.node
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		if _, err := n.Programs(ctx, ""); err != nil && !errors.Is(err, context.Canceled) {
			r.Errorf("a caller who is gone: %v", err)
		}
		r.shutDown()
		if told, err := n.Programs(r.Context(), ""); err == nil {
			r.Errorf("a node that has stopped tells of %+v", told)
		}
	})
}

// told is what the node says of a tenant's programs.
func (r *rig) told(tenant string) *wire.Programs {
	r.Helper()
	told, err := r.node.Programs(r.Context(), tenant)
	if err != nil {
		r.Fatal(err)
	}
	return told
}
