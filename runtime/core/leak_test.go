package core_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/toolpredict"
)

// TestProgramsThatNeverSayGoodbye: a machine that a million programs come to, each for one
// turn, has no more memory in the end than after the first of them, when the tables are full
// that are kept up to a size. Programs, tenants, tools, openings and parents have names that
// there were not before, so that whatever is kept by any of these names would show: eight bytes
// of each program are six times the margin.
func TestProgramsThatNeverSayGoodbye(t *testing.T) {
	count := 1_000_000
	if testing.Short() {
		count /= 5
	}
	c := newCrowd(t, sched.Default, 2_000_000, 0)
	c.ofTenant = 25
	c.grows(t, 150_000, count, 1<<20)
}

// TestTightMemoryForgets: the same where the pool holds a third of those who are known, and the
// tiers below not all of the rest.
func TestTightMemoryForgets(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred thousand programs")
	}
	c := newCrowd(t, sched.Default, 100_000, 50_000)
	c.grows(t, 60_000, 100_000, 1<<19)
	if c.evictions < 10_000 {
		t.Errorf("%d evictions; the pool was to be short", c.evictions)
	}
}

// TestEveryPolicyForgets: nor does any policy keep something of each program.
func TestEveryPolicyForgets(t *testing.T) {
	if testing.Short() {
		t.Skip("twenty thousand programs for each policy")
	}
	for _, p := range sched.Policies {
		t.Run(p.Name, func(t *testing.T) {
			c := newCrowd(t, p.Name, 100_000, 50_000)
			c.grows(t, 10_000, 20_000, 1<<19)
		})
	}
}

// crowd is a machine that strangers come to, each for one turn.
type crowd struct {
	busyMachine
	came     int
	ofTenant int // how many are of each tenant
}

// A stranger comes every millisecond, so that about a thousand are known.
const (
	strangerEvery   = programs.Millisecond
	strangerStays   = programs.Second
	strangersAtOnce = 64 // whose turns are before the machine at once
)

func newCrowd(t *testing.T, name string, pool, below programs.Bytes) *crowd {
	t.Helper()
	policy, err := sched.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := core.New(core.Config{
		Geometry:   kvpin.Geometry{CellBytes: 1, Granule: 32, Span: 64, PoolBytes: pool},
		MaxContext: 1 << 20, StepTokens: 8192, MaxRunning: strangersAtOnce,
		Host: below, Disk: below,
		ForgetAfter: strangerStays, Policy: policy.New, Guard: sched.DefaultGuard,
		Tools: toolpredict.Config{Nodes: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &crowd{busyMachine: busyMachine{machine: m}, ofTenant: 100}
}

// grows has so many strangers come in all, and holds the machine to a margin of bytes that it
// may have more then than after the first of them.
func (c *crowd) grows(t *testing.T, first, all int, margin int64) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	c.come(t, first)
	before := heap()
	c.come(t, all)
	more := heap() - before
	t.Logf("%d bytes after %d programs, and %d more after %d", before, first, more, all)
	if more > margin {
		t.Errorf("after %d programs there are %d bytes more than after %d", all, more, first)
	}
	if err := c.machine.Check(); err != nil {
		t.Error(err)
	}
}

// come has strangers come until there were so many.
func (c *crowd) come(t *testing.T, until int) {
	t.Helper()
	for ; c.came < until; c.came++ {
		c.step(c.turn(c.came))
		switch c.came % 50 {
		case 0:
			c.step(&core.TurnCancelled{Turn: programs.TurnID{Program: stranger(c.came), Turn: 1}})
		case 1:
			c.step(&core.ToolStarted{Program: stranger(max(0, c.came-100)), Call: core.Call{
				Tool: fmt.Sprint("late-", c.came), Expected: programs.Second,
			}})
		}
		if c.came%strangersAtOnce == strangersAtOnce-1 {
			for len(c.flight) > 0 {
				c.done()
			}
		}
		c.now = c.now.Add(strangerEvery)
	}
}

// turn is that of a stranger.
func (c *crowd) turn(i int) *core.TurnArrived {
	ev := &core.TurnArrived{
		Turn:    programs.TurnID{Program: stranger(i), Turn: 1},
		Tenant:  programs.TenantID(fmt.Sprint("tenant-", i/c.ofTenant)),
		Arrived: c.now, Context: programs.Tokens(200 + i%97), MaxNew: 1,
		Opening: programs.ProgramID(fmt.Sprint("opening-", i/2)), Opens: 64,
	}
	switch i % 8 {
	case 0:
		ev.Next = core.Call{Tool: fmt.Sprint("tool-", i), Class: fmt.Sprint("class-", i), Expected: programs.Second}
	case 1:
		ev.Next = core.Call{Human: true}
	case 2:
		ev.Parent, ev.Inherits = stranger(i-1), 128
	case 3:
		ev.Left.Turns = 3
	case 4:
		ev.Deadline = c.now.Add(programs.Minute)
	case 5, 6, 7:
		ev.Next = core.Call{Tool: "sleep", Expected: programs.Minute, Exact: true}
	}
	return ev
}

func stranger(i int) programs.ProgramID { return programs.ProgramID(fmt.Sprint("stranger-", i)) }

// heap is what is in use after everything else was collected.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
