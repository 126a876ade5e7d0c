package node_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestProgramsThatNeverSayGoodbye: programs come for one turn each, and are forgotten with all
// that the node kept of them. (What the core has learnt of tenants and tools is bounded on its
// own, and tested there.)
func TestProgramsThatNeverSayGoodbye(t *testing.T) {
	const first, all, margin = 2000, 8000, 1 << 17 // 22 bytes of each: its name in any table takes more
	if testing.Short() {
		t.Skip("eight thousand programs")
	}
	set := func(s *stage) {
		s.geometry.PoolBytes = 4096 * 64
		s.HostBytes, s.DiskBytes, s.DiskDir = 4096*64, 8192*64, t.TempDir()
		s.ForgetAfter, s.TalkBytes = time.Second, 64<<10
	}
	play(t, set, func(r *rig) {
		r.engine.Pace(func([]engine.Item) time.Duration { return time.Millisecond })
		come := func(from, to int) {
			for i := from; i < to; i++ {
				r.stranger(i)
				r.broker.results = map[string][]exchange{}
			}
			synctest.Wait()
		}
		come(0, first)
		before := heap()
		come(first, all)
		if more := heap() - before; more > margin {
			t.Errorf("after %d programs there are %d bytes more than after %d", all, more, first)
		} else {
			t.Logf("%d bytes after %d programs, and %d more after %d", before, first, more, all)
		}
		if s := r.node.Stats(); s.Contexts == 0 || s.KVHost == 0 || s.KVDisk == 0 {
			t.Errorf("the last ones are known still, with their copies: %+v", s)
		}
		time.Sleep(2 * time.Second)
		if s := r.node.Stats(); s.Contexts != 0 || s.Turns != 0 || s.Ready != 0 || s.KVUsed != 0 || s.KVHost != 0 || s.KVDisk != 0 {
			t.Errorf("all are forgotten, and there is %+v", s)
		}
	})
}

// stranger has the only turn of a program served: of some it is cancelled, fails, begins as
// another's does, or ends in a call.
func (r *rig) stranger(i int) {
	name := func(i int) string { return fmt.Sprint("stranger-", i) }
	j := r.ask(name(i), 1, strings.Repeat("x", 20+i%50), func(w *wire.Turn) {
		w.Tenant = fmt.Sprint("tenant-", i%3)
		w.Sampling.MaxTokens = 2
		switch i % 8 {
		case 0:
			w.Lifecycle.ToolHint = &wire.ToolHint{Name: fmt.Sprint("tool-", i%10), ExpectedMS: 1000}
		case 1:
			w.Lifecycle.Parent = name(i - 1)
		case 2:
			w.TimeoutMS = 1
		case 3:
			w.Messages = nil // it cannot be served
		case 4:
			w.Lifecycle.RemainingTurns = 3
		}
	})
	if i%8 == 5 {
		close(j.cancelled)
	}
	r.finished(j)
}

// heap is what is in use after everything else was collected.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
