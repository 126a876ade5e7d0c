package core_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestScenarios plays the scripts of testdata/scenarios. A script is a list of commands,
// each with the effects that it had; go test -rewrite writes them anew.
//
//	machine    a new machine (pool=, host=, disk= and context= in cells, step=, running=, waiting=, forget=, policy=;
//	           host-rate= and disk-rate= in cells a second, before any is measured;
//	           max-wait= and max-wait-background= that are promised, shed;
//	           weights=(x,3,y,1) and quotas=(z,100) of tenants, in cells)
//	turn a/1   a turn arrives (context= keep= new= deadline= parent= inherits= opening= opens= last uncached absent background tenant=; tool= expected= of what it will call;
//	           approximate; check; runs=(b,300,200,100,8) are 100 tokens from 200 on that b has from 300 on, 8 of them to be mended, and more such;
//	           past= tokens of earlier turns, of which it begins with same=, or all of keep=, changed= and lost= why)
//	fetched a/1     the prompt of an absent turn is at hand
//	tool a ls  the call of a has begun (expected=, exact, human)
//	progress a 5s   it will take so much longer
//	compacted a keep=5   the context of a is rewritten behind its first tokens (context=: so many tokens of the new one are known)
//	moved      the first of the moves between tiers that are under way is done, 5 ms later (in=10ms: so much later; failed)
//	step       the running step is done, 10 ms later (end=(a,b): they sample their last token; fail=(a); strayed=(0.1): of the moved cells that are checked)
//	steps n    n such steps, or as many as there are; with quiet, plain decodes are not shown
//	interrupted, failed   the running step did not happen, or cannot
//	cancel a/1, ended a, wait 5s, wait deadline (until the machine wants a tick)
//	memory     the pool, in cells
//	seat a     what the memory of a is worth while its tool runs
//	promise a  by when the turn of a is promised its first token, and whether it is hurried
//
// A cell is one byte, granules have 16 cells and the first span 64.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.out.Reset()
			s.play(t, d)
			return s.out.String()
		})
	})
}

// script is a machine under a script's control.
type script struct {
	machine *core.Machine
	now     programs.Time
	running []core.Item // of the step under way
	moves   []core.MoveID
	quiet   bool
	out     strings.Builder
}

const stepTime = 10 * programs.Millisecond

func (s *script) play(t *testing.T, d *datadriven.TestData) {
	switch d.Cmd {
	case "machine":
		s.start(t, d)
	case "turn":
		s.step(t, s.turn(t, d))
	case "step":
		s.done(t, d)
	case "steps":
		var n int
		fmt.Sscan(d.CmdArgs[0].Key, &n)
		s.quiet = d.HasArg("quiet")
		for i := 0; i < n && s.running != nil; i++ {
			s.done(t, d)
		}
		s.quiet = false
	case "interrupted":
		s.report(t, &core.StepDone{Status: core.StepInterrupted})
	case "failed":
		s.report(t, &core.StepDone{Status: core.StepFailed})
	case "fetched":
		s.step(t, &core.TurnFetched{Turn: turnID(t, d)})
	case "cancel":
		s.step(t, &core.TurnCancelled{Turn: turnID(t, d)})
	case "ended":
		s.step(t, &core.ProgramEnded{Program: program(d)})
	case "wait":
		if at, ok := s.machine.NextDeadline(); ok && d.CmdArgs[0].Key == "deadline" {
			s.now = at
		} else {
			s.now = s.now.Add(duration(t, d, d.CmdArgs[0].Key))
		}
		s.step(t, &core.Tick{})
	case "tool":
		s.step(t, &core.ToolStarted{Program: program(d), Call: core.Call{
			Tool: d.CmdArgs[1].Key, Expected: optionalDuration(t, d, "expected"), Exact: d.HasArg("exact"), Human: d.HasArg("human"),
		}})
	case "progress":
		s.step(t, &core.ToolProgress{Program: program(d), Expected: duration(t, d, d.CmdArgs[1].Key)})
	case "compacted":
		s.step(t, &core.ContextRewritten{
			Program: program(d), Keep: programs.Tokens(integer(t, d, "keep", 0)), Context: programs.Tokens(integer(t, d, "context", 0)),
		})
	case "moved":
		s.moved(t, cmp.Or(optionalDuration(t, d, "in"), stepTime/2), d.HasArg("failed"))
	case "seat":
		v, known := s.machine.Look(s.now, program(d))
		if !known || v.Phase != programs.Interlude {
			fmt.Fprintln(&s.out, "it has none")
			return
		}
		fmt.Fprintf(&s.out, "worth %.2g; it comes back with %.2g %%, and then in %v on average\n", v.Seat.Worth, 100*v.Seat.Returns, time.Duration(v.Seat.Left).Round(time.Millisecond))
	case "promise":
		switch v, _ := s.machine.Look(s.now, program(d)); {
		case v.Promised == 0:
			fmt.Fprintln(&s.out, "nothing is promised")
		case v.Hurried:
			fmt.Fprintf(&s.out, "by %v, and hurried\n", v.Promised)
		default:
			fmt.Fprintf(&s.out, "by %v\n", v.Promised)
		}
	case "memory":
		u := s.machine.Memory()
		fmt.Fprintf(&s.out, "free %d, parked %d, held %d, shared %d\n", u.Free(), u.Parked, u.Held, u.Shared)
		for tier := kvpin.Host; tier <= kvpin.Disk; tier++ {
			if size, used := s.machine.Tier(tier); size > 0 {
				fmt.Fprintf(&s.out, "%v %d of %d\n", tier, used, size)
			}
		}
		if at, ok := s.machine.NextDeadline(); ok {
			fmt.Fprintf(&s.out, "next deadline %v\n", at)
		}
	default:
		d.Fatalf(t, "no command %s", d.Cmd)
	}
}

func (s *script) start(t *testing.T, d *datadriven.TestData) {
	cfg := core.Config{
		Geometry:    kvpin.Geometry{CellBytes: 1, Granule: 16, Span: 64, PoolBytes: programs.Bytes(integer(t, d, "pool", 4096))},
		MaxContext:  programs.Tokens(integer(t, d, "context", 2048)),
		StepTokens:  programs.Tokens(integer(t, d, "step", 512)),
		MaxRunning:  int(integer(t, d, "running", 8)),
		MaxWaiting:  int(integer(t, d, "waiting", 0)),
		ForgetAfter: optionalDuration(t, d, "forget"),
		Host:        programs.Bytes(integer(t, d, "host", 0)),
		Disk:        programs.Bytes(integer(t, d, "disk", 0)),
		Rates: core.Rates{
			HostBytes: float64(integer(t, d, "host-rate", 0)),
			DiskBytes: float64(integer(t, d, "disk-rate", 0)),
		},
	}
	cfg.Guard = sched.DefaultGuard
	cfg.Guard.Room, cfg.Guard.Full = 1, 0 // of 1,000 cells, every turn is small, or half of what may be promised
	cfg.Guard.Bound = [programs.Classes]programs.Duration{
		programs.Interactive: optionalDuration(t, d, "max-wait"), programs.Background: optionalDuration(t, d, "max-wait-background"),
	}
	cfg.Guard.Shed = d.HasArg("shed")
	cfg.Shares = map[programs.TenantID]sched.Share{}
	pairs(t, d, "weights", func(tenant programs.TenantID, x float64) { cfg.Shares[tenant] = sched.Share{Weight: x} })
	pairs(t, d, "quotas", func(tenant programs.TenantID, x float64) {
		share := cfg.Shares[tenant]
		share.Quota = programs.Tokens(x)
		cfg.Shares[tenant] = share
	})
	if name := sched.Default; d.MaybeScanArgs(t, "policy", &name) {
		policy, err := sched.ByName(name)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		cfg.Policy = policy.New
	}
	m, err := core.New(cfg)
	if err != nil {
		fmt.Fprintln(&s.out, err)
		return
	}
	s.machine, s.now, s.running, s.moves = m, 0, nil, nil
}

// pairs reads a list of names and numbers.
func pairs(t *testing.T, d *datadriven.TestData, key string, each func(programs.TenantID, float64)) {
	for _, arg := range d.CmdArgs {
		for i := 0; arg.Key == key && i < len(arg.Vals); i += 2 {
			x, err := strconv.ParseFloat(arg.Vals[i+1], 64)
			if err != nil {
				d.Fatalf(t, "%s: %v", key, err)
			}
			each(programs.TenantID(arg.Vals[i]), x)
		}
	}
}

func (s *script) turn(t *testing.T, d *datadriven.TestData) *core.TurnArrived {
	ev := &core.TurnArrived{
		Turn:     turnID(t, d),
		Arrived:  s.now,
		Context:  programs.Tokens(integer(t, d, "context", 0)),
		Keep:     programs.Tokens(integer(t, d, "keep", 0)),
		MaxNew:   programs.Tokens(integer(t, d, "new", 0)),
		Inherits: programs.Tokens(integer(t, d, "inherits", 0)),
		Last:     d.HasArg("last"),
		Uncached: d.HasArg("uncached"),
		Absent:   d.HasArg("absent"),
	}
	ev.Runs = runs(t, d)
	ev.Approximate = ev.Runs != nil || d.HasArg("approximate")
	if d.HasArg("background") {
		ev.Class = programs.Background
	}
	ev.Past.Tokens = programs.Tokens(integer(t, d, "past", 0))
	ev.Past.Same = min(ev.Past.Tokens, programs.Tokens(integer(t, d, "same", int64(ev.Keep))))
	ev.Past.Changed, ev.Past.Absent = miss(t, d, "changed"), miss(t, d, "lost")
	ev.Past.KeepUnknown = d.HasArg("keep-unknown")
	var parent, opening string
	d.MaybeScanArgs(t, "parent", &parent)
	d.MaybeScanArgs(t, "opening", &opening)
	ev.Parent, ev.Opening = programs.ProgramID(parent), programs.ProgramID(opening)
	ev.Opens = programs.Tokens(integer(t, d, "opens", 0))
	var tenant string
	d.MaybeScanArgs(t, "tenant", &tenant)
	ev.Tenant = programs.TenantID(tenant)
	d.MaybeScanArgs(t, "tool", &ev.Next.Tool)
	ev.Next.Expected = optionalDuration(t, d, "expected")
	if d.HasArg("deadline") {
		ev.Deadline = s.now.Add(optionalDuration(t, d, "deadline"))
	}
	return ev
}

// runs reads the parts of a context that others have: for each its source and from where, its
// place in the context, its length, and how much of it is mended; they are checked where
// the command says so.
func runs(t *testing.T, d *datadriven.TestData) (runs []core.Run) {
	for _, arg := range d.CmdArgs {
		for i := 0; arg.Key == "runs" && i < len(arg.Vals); i += 5 {
			n := make([]programs.Tokens, 4)
			for j := range n {
				if _, err := fmt.Sscan(arg.Vals[i+1+j], &n[j]); err != nil {
					d.Fatalf(t, "runs: %v", err)
				}
			}
			runs = append(runs, core.Run{Source: programs.ProgramID(arg.Vals[i]), From: n[0], At: n[1], Count: n[2], Mend: n[3], Check: d.HasArg("check")})
		}
	}
	return runs
}

// done reports that the running step went well, or as the command says.
func (s *script) done(t *testing.T, d *datadriven.TestData) {
	ev := &core.StepDone{}
	for _, item := range s.running {
		result := core.ItemOK
		switch {
		case names(d, "end", item):
			result = core.ItemEnded
		case names(d, "fail", item):
			result = core.ItemFailed
		}
		ev.Results = append(ev.Results, result)
	}
	for _, arg := range d.CmdArgs { // strayed=(0.1,0.3): the checks of the step, in their order
		for i := 0; arg.Key == "strayed" && i < len(arg.Vals); i++ {
			by, err := strconv.ParseFloat(arg.Vals[i], 64)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			n := i
			for k := range s.running {
				if n < len(s.running[k].Checks) {
					ev.Strayed = append(ev.Strayed, core.Strayed{Item: k, Span: s.running[k].Checks[n], By: by})
					break
				}
				n -= len(s.running[k].Checks)
			}
		}
	}
	s.report(t, ev)
}

func (s *script) report(t *testing.T, ev *core.StepDone) {
	if s.running == nil {
		fmt.Fprintln(&s.out, "no step runs")
		return
	}
	s.now = s.now.Add(stepTime)
	s.running = nil
	s.step(t, ev)
}

func (s *script) moved(t *testing.T, took programs.Duration, failed bool) {
	if len(s.moves) == 0 {
		fmt.Fprintln(&s.out, "nothing is moved")
		return
	}
	id := s.moves[0]
	s.moves = s.moves[1:]
	s.now = s.now.Add(took)
	s.step(t, &core.MoveDone{Move: id, Failed: failed})
}

// step takes an event to the machine and writes what it answers.
func (s *script) step(t *testing.T, ev core.Event) {
	at := s.now.String()
	for _, e := range s.machine.Step(s.now, ev) {
		if e.Kind == core.MoveCells {
			s.moves = append(s.moves, e.Move)
		}
		if e.Kind == core.RunStep {
			s.running = e.Items
			if s.quiet && decodes(e.Items) {
				continue
			}
		}
		fmt.Fprintf(&s.out, "%-7s %v\n", at, e)
		at = ""
	}
	if err := s.machine.Check(); err != nil {
		t.Fatal(err)
	}
}

func decodes(items []core.Item) bool {
	return !slices.ContainsFunc(items, func(i core.Item) bool { return i.Count > 1 || i.Spans != nil })
}

func program(d *datadriven.TestData) programs.ProgramID { return programs.ProgramID(d.CmdArgs[0].Key) }

func turnID(t *testing.T, d *datadriven.TestData) programs.TurnID {
	program, number, ok := strings.Cut(d.CmdArgs[0].Key, "/")
	var n int64
	if _, err := fmt.Sscan(number, &n); !ok || err != nil {
		d.Fatalf(t, "want program/turn")
	}
	return programs.TurnID{Program: programs.ProgramID(program), Turn: programs.TurnNumber(n)}
}

func miss(t *testing.T, d *datadriven.TestData, arg string) programs.Miss {
	text := programs.NoMiss.String()
	d.MaybeScanArgs(t, arg, &text)
	at := slices.IndexFunc(programs.Misses, func(m programs.Miss) bool { return m.String() == text })
	if at < 0 {
		d.Fatalf(t, "no miss is named %s", text)
	}
	return programs.Misses[at]
}

func integer(t *testing.T, d *datadriven.TestData, arg string, otherwise int64) int64 {
	d.MaybeScanArgs(t, arg, &otherwise)
	return otherwise
}

func optionalDuration(t *testing.T, d *datadriven.TestData, arg string) programs.Duration {
	var text string
	if !d.MaybeScanArgs(t, arg, &text) {
		return 0
	}
	return duration(t, d, text)
}

func duration(t *testing.T, d *datadriven.TestData, text string) programs.Duration {
	v, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return programs.Duration(v)
}

// names tells whether the argument lists the item's program.
func names(d *datadriven.TestData, arg string, item core.Item) bool {
	for _, a := range d.CmdArgs {
		if a.Key != arg {
			continue
		}
		for _, v := range a.Vals {
			if v == string(item.Turn.Program) {
				return true
			}
		}
	}
	return false
}
