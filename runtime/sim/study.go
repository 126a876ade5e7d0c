package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// Study compares arms under the same loads: the same programs arrive at the same
// times at all of them.
//
// Load 1 is what the engine can do at most: the rate at which the working set with
// full steps gets through as many programs, drawn with seed 0, when all are there
// from the beginning, with the engine's own steps and in the world of the zero World.
type Study struct {
	Name     string // of the workload; "" is the set's
	Set      *workload.Set
	Engine   *cost.Engine
	Pool     programs.Tokens // 0 is the engine's
	Host     programs.Tokens
	Disk     programs.Tokens
	Tokens   float64 // token counts of the set are multiplied by it; 0 is 1
	Programs int
	Seeds    int
	Loads    []Load
	Arms     []Arm
	Families bool   // subagents come with their parents
	Sustain  bool   // find the sustainable load of each arm
	World    World  // limits of the node, and what clients say
	Rules    *Rules // nil is DefaultRules

	// Scene, where it is set, gives the programs of a seed and when they come, in place of
	// Set, Programs and Loads.
	Scene func(seed uint64) *workload.Scene

	// Progress, where it is set, hears of every simulation that has ended. Calls do
	// not overlap.
	Progress func(done, of int)
}

// name is the workload's.
func (s *Study) name() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Set.Name
}

// source is where the programs come from.
func (s *Study) source() string {
	if s.Scene != nil {
		return "a scene"
	}
	return s.Set.Source
}

// Sustainable is the most that programs may be slowed down under a sustainable load:
// the mean of their time, without tools, over what it is for a program alone.
const Sustainable = 3

// Run simulates everything, on all processors, and sums it up. The same study gives
// the same report, byte by byte.
func (s *Study) Run(ctx context.Context) (*Report, error) {
	st := *s
	if err := st.complete(); err != nil {
		return nil, err
	}
	rate, err := st.reference(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := st.simulate(ctx, rate)
	if err != nil {
		return nil, err
	}
	return st.report(rate, runs)
}

func (s *Study) complete() error {
	if s.Pool == 0 {
		s.Pool = s.Engine.Pool
	}
	if s.Tokens == 0 {
		s.Tokens = 1
	}
	if s.Rules == nil {
		r := DefaultRules()
		s.Rules = &r
	}
	if s.Scene != nil {
		s.Loads, s.Programs = []Load{{Level: 1}}, len(s.Scene(0).Programs)
	}
	switch {
	case s.Programs < 2:
		return fmt.Errorf("a study of %d programs: it takes 2 at least", s.Programs)
	case s.Seeds < 1:
		return errors.New("a study without seeds")
	case len(s.Arms) == 0 || s.Arms[0].Kind != Ours:
		return errors.New("a study without our own arm in front")
	case len(s.Loads) == 0:
		return errors.New("a study without loads")
	}
	for _, l := range s.Loads {
		if !(l.Level > 0 && l.Level <= 10) {
			return fmt.Errorf("a load of %v: it is more than 0 and at most 10", l.Level)
		}
	}
	if s.Scene == nil && len(s.draw(0)) == 0 {
		return fmt.Errorf("no program of %s fits a pool of %d tokens: ask for a larger one", s.Set.Name, s.Pool)
	}
	return nil
}

// draw gives the programs of a seed: those whose contexts, at their longest, take no
// more than half of the pool, so that two fit.
func (s *Study) draw(seed uint64) []workload.Program {
	limit := programs.Tokens(float64(min(s.Pool/2, s.Engine.MaxContext)) / s.Tokens)
	draw := s.Set.Draw
	if s.Families {
		draw = s.Set.DrawFamilies
	}
	ps := draw(seed, s.Programs, limit)
	if s.Tokens != 1 {
		ps = workload.Scale(ps, s.Tokens, 1)
	}
	return ps
}

func (s *Study) config(ps []workload.Program, arrivals []programs.Time) Config {
	c := Config{Engine: s.Engine, Pool: s.Pool, Host: s.Host, Disk: s.Disk, World: s.World, Programs: ps, Arrivals: arrivals}
	if s.World.Hinting == HalfHonest {
		for i := range ps {
			c.Groups = append(c.Groups, [...]string{"honest", "silent"}[i%2])
		}
	}
	return c
}

// scenario is a simulation of a load with a seed, without an arm's own.
func (s *Study) scenario(rate float64, l Load, seed int) Config {
	if s.Scene != nil {
		scene := s.Scene(uint64(seed))
		c := s.config(scene.Programs, scene.Arrivals)
		c.Groups = scene.Groups
		return c
	}
	ps := s.draw(uint64(seed))
	return s.config(ps, s.arrive(ps, seed, rate, l))
}

// reference is load 1, in programs a second; 0 where programs come at times of their
// own.
func (s *Study) reference(ctx context.Context) (float64, error) {
	if s.Scene != nil {
		return 0, nil
	}
	ps := s.draw(0)
	at, rules := Arm{policy: always(sched.NewWorkingSet)}, DefaultRules()
	c := s.config(ps, make([]programs.Time, roots(ps)))
	c.World, c.Groups = World{}, nil
	r, err := Run(ctx, at.config(c, rules))
	if err != nil {
		return 0, fmt.Errorf("find what the engine can do at most: %w", err)
	}
	return r.Throughput(), nil
}

func roots(ps []workload.Program) (n int) {
	for i := range ps {
		if ps[i].Parent < 0 {
			n++
		}
	}
	return n
}

// run is one simulation of a study, and what came of it.
type run struct {
	arms       []int // indexes; all of one way
	load, seed int   // indexes, seed from 1
	result     *Result
	bound      programs.Duration // of the mean time, for our arm
	sustains   float64           // for load −1
}

// simulate runs each arm under each load with each seed, and finds sustainable loads
// with seed 1. Arms that decide the same are simulated once.
func (s *Study) simulate(ctx context.Context, rate float64) ([]run, error) {
	var runs []run
	for _, arms := range s.ways() {
		for l := range s.Loads {
			for seed := range s.Seeds {
				runs = append(runs, run{arms: arms, load: l, seed: seed + 1})
			}
		}
		if s.Sustain && s.Scene == nil {
			runs = append(runs, run{arms: arms, load: -1, seed: 1})
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		done    int
		queue   = make(chan *run)
	)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for r := range queue {
				if err := s.one(ctx, rate, r); err != nil {
					cancel(fmt.Errorf("%s: %w", s.Arms[r.arms[0]].Name, err))
				}
				mu.Lock()
				if done++; s.Progress != nil {
					s.Progress(done, len(runs))
				}
				mu.Unlock()
			}
		})
	}
	for i := range runs {
		select {
		case queue <- &runs[i]:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
	return runs, context.Cause(ctx)
}

// ways puts arms together that decide the same, ours first.
func (s *Study) ways() (ways [][]int) {
	at := map[way]int{}
	for i := range s.Arms {
		w := s.Arms[i].way(s.config(nil, nil), *s.Rules)
		k, known := at[w]
		if !known {
			k = len(ways)
			at[w] = k
			ways = append(ways, nil)
		}
		ways[k] = append(ways[k], i)
	}
	return ways
}

// one carries a run out.
func (s *Study) one(ctx context.Context, rate float64, r *run) (err error) {
	arm := &s.Arms[r.arms[0]]
	if r.load < 0 {
		r.sustains, err = s.sustainable(ctx, arm, s.draw(uint64(r.seed)), rate)
		return err
	}
	base := s.scenario(rate, s.Loads[r.load], r.seed)
	c := arm.config(base, *s.Rules)
	if arm.Kind == Ours && !s.Families && s.Scene == nil {
		e, limits := *s.Engine, CoreConfig(c)
		e.StepTokens = limits.StepTokens
		r.bound = cost.LowerBound(&e, jobs(base), cost.Limits{Batch: limits.MaxRunning, Pool: s.Pool})
	}
	r.result, err = Run(ctx, c)
	return err
}

// arrive is when the programs come. The same seed gives the same pattern at all
// rates.
func (s *Study) arrive(ps []workload.Program, seed int, rate float64, l Load) []programs.Time {
	if l.CV > 1 {
		return workload.Bursty(uint64(seed), roots(ps), rate*l.Level, l.CV)
	}
	return workload.Poisson(uint64(seed), roots(ps), rate*l.Level)
}

// sustainable is the largest load, to a sixty-fourth, under which programs are slowed
// down by no more than Sustainable.
func (s *Study) sustainable(ctx context.Context, arm *Arm, ps []workload.Program, rate float64) (float64, error) {
	low, high := 0.0, 2.0
	for high-low > 1.0/64 {
		mid := (low + high) / 2
		r, err := Run(ctx, arm.config(s.config(ps, s.arrive(ps, 1, rate, Load{Level: mid})), *s.Rules))
		if err != nil {
			return 0, err
		}
		if s.slowdown(ps, r) <= Sustainable {
			low = mid
		} else {
			high = mid
		}
	}
	return low, nil
}

// slowdown is the mean time that programs took without their gaps, over the mean that
// they would take alone.
func (s *Study) slowdown(ps []workload.Program, r *Result) float64 {
	var took, alone float64
	for i, jct := range r.JCT {
		took += jct.Seconds()
		for t := range ps[i].Turns {
			turn := &ps[i].Turns[t]
			took -= turn.Gap.Seconds()
			alone += s.Engine.Prefill(turn.Prefix, turn.Input).Seconds() +
				float64(turn.Output)*s.Engine.Decode(turn.Context()+turn.Output/2).Seconds()
		}
	}
	return took / alone
}

// jobs are the programs as the bound sees them.
func jobs(c Config) []cost.Job {
	all := make([]cost.Job, len(c.Programs))
	for i := range c.Programs {
		p := &c.Programs[i]
		j := cost.Job{Arrive: c.Arrivals[i], Turns: make([]cost.Turn, len(p.Turns))}
		for t := range p.Turns {
			turn := &p.Turns[t]
			j.Turns[t] = cost.Turn{
				Prefix: turn.Prefix, Shared: min(p.SharedPrefix, turn.Prefix),
				Input: turn.Input, Output: turn.Output, Gap: turn.Gap,
			}
			if t == 0 { // what programs share may be there already
				shared := min(p.SharedPrefix, turn.Input-1)
				j.Turns[t].Prefix, j.Turns[t].Shared, j.Turns[t].Input = shared, shared, turn.Input-shared
			}
		}
		all[i] = j
	}
	return all
}
