package sim

import (
	"slices"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// Result is what came of a simulation.
type Result struct {
	Programs int
	Turns    int
	Makespan programs.Duration // from the first arrival to the last departure
	Steps    int
	Busy     programs.Duration // of the engine
	Digest   uint64            // of the decisions; equal runs have equal ones

	JCT  []programs.Duration // of each program without a parent, in the order of Config.Programs
	TTFT []programs.Duration // of each turn, sorted
	New  []programs.Duration // the same of first turns

	Promised int // turns that were promised their first token by the guard's bound, see sched.Guard
	Broken   int // of these, those that had it later

	Groups map[string]*Group // of programs, by Config.Groups

	Prompt      programs.Tokens // of all turns
	Reusable    programs.Tokens // of it, what an endless cache would have
	Reused      programs.Tokens // of it, what was found on the device
	Restored    programs.Tokens // and brought back from lower tiers
	Prefilled   programs.Tokens
	Generated   programs.Tokens
	Preemptions int
	Evictions   int
	Restores    int               // turns that waited for cells from lower tiers, once admitted
	Restoring   programs.Duration // that they did so in all
	Ahead       programs.Bytes    // of what was moved, ahead of a turn
	MovedHost   programs.Bytes
	MovedDisk   programs.Bytes
}

// Group is what came of some of the programs.
type Group struct {
	JCT  []programs.Duration // of those without a parent, sorted
	TTFT []programs.Duration // sorted
}

// MeanJCT is the mean time from a program's first arrival to its last departure.
func (r *Result) MeanJCT() float64 { return mean(r.JCT) }

// HitRate is the part of the reusable prompt tokens that were not computed again. A turn
// that was preempted may have had some of them brought back twice; it is at most 1.
func (r *Result) HitRate() float64 {
	if r.Reusable == 0 {
		return 1
	}
	return min(1, float64(r.Reused+r.Restored)/float64(r.Reusable))
}

// Throughput is programs a second.
func (r *Result) Throughput() float64 { return float64(r.Programs) / r.Makespan.Seconds() }

// Quantile is the value below which the part q of the values lies, by nearest
// rank.
func Quantile(values []programs.Duration, q float64) programs.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := values
	if !slices.IsSorted(values) {
		sorted = slices.Sorted(slices.Values(values))
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func mean(ds []programs.Duration) float64 {
	sum := 0.0
	for _, d := range ds {
		sum += d.Seconds()
	}
	return sum / float64(max(1, len(ds)))
}

// tally is a result in the making.
type tally struct {
	result      Result
	jct         map[programs.ProgramID]programs.Duration
	preemptions int
	evictions   int
	moved       [2]programs.Bytes
}

// prompt counts what a turn asks for, of which so much could be there already.
func (t *tally) prompt(turn *workload.Turn, reusable programs.Tokens) {
	t.result.Prompt += turn.Prefix + turn.Input
	t.result.Reusable += reusable
}

func (t *tally) step(took programs.Duration, items int) {
	t.result.Steps++
	t.result.Busy += took
}

// group is the group of that name, or nil for programs that have none.
func (t *tally) group(name string) *Group {
	if name == "" {
		return nil
	}
	if t.result.Groups == nil {
		t.result.Groups = map[string]*Group{}
	}
	if t.result.Groups[name] == nil {
		t.result.Groups[name] = &Group{}
	}
	return t.result.Groups[name]
}

func (t *tally) turn(e *core.Effect, group string, bound programs.Duration) {
	r := &t.result
	r.Turns++
	wait := e.Timing.First.Sub(e.Timing.Arrived)
	r.TTFT = append(r.TTFT, wait)
	if by := e.Timing.Promised; by != 0 && by <= e.Timing.Arrived.Add(bound) {
		r.Promised++
		if e.Timing.First > by {
			r.Broken++
		}
	}
	if g := t.group(group); g != nil {
		g.TTFT = append(g.TTFT, wait)
	}
	if e.Turn.Turn == 1 {
		r.New = append(r.New, wait)
	}
	if e.Timing.Restoring > 0 {
		r.Restores++
		r.Restoring += e.Timing.Restoring
	}
	r.Reused += e.Usage.Reused
	r.Restored += e.Usage.Restored
	r.Prefilled += e.Usage.Prefilled
	r.Generated += e.Usage.Generated
}

func (t *tally) program(a *agent, group string, now programs.Time) {
	if g := t.group(group); g != nil && a.program.Parent < 0 {
		g.JCT = append(g.JCT, now.Sub(a.arrived))
	}
	if t.jct == nil {
		t.jct = map[programs.ProgramID]programs.Duration{}
	}
	t.jct[a.id] = now.Sub(a.arrived)
}

func (s *simulation) result() *Result {
	r := s.tally.result
	r.Programs = len(s.cfg.Programs)
	r.Makespan = s.now.Sub(slices.Min(s.cfg.Arrivals))
	r.Digest = s.digest.h
	for i, a := range s.of {
		if s.cfg.Programs[i].Parent < 0 {
			r.JCT = append(r.JCT, s.tally.jct[a.id])
		}
	}
	slices.Sort(r.TTFT)
	slices.Sort(r.New)
	for _, g := range r.Groups {
		slices.Sort(g.JCT)
		slices.Sort(g.TTFT)
	}
	r.Preemptions, r.Evictions = s.tally.preemptions, s.tally.evictions
	r.MovedHost, r.MovedDisk = s.tally.moved[0], s.tally.moved[1]
	return &r
}
